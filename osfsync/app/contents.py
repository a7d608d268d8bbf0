"""`index`, `find`, `info`: what is in held files."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import AsyncExitStack, suppress
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import anyio

from osfsync.app.choice import chosen_devices
from osfsync.app.reading import ContentReader, NotReadError, content_reader
from osfsync.archive.local import LocalArchive
from osfsync.config import Settings
from osfsync.content.index import available
from osfsync.domain.contents import Channel, Content, Indexed
from osfsync.domain.errors import ConfigError
from osfsync.domain.model import utc_now
from osfsync.domain.planner import Choice
from osfsync.domain.selection import Globs
from osfsync.reports.contents import found_model, info_model
from osfsync.reports.models import FoundModel, InfoModel
from osfsync.state.contents import Unread, store_contents
from osfsync.state.database import open_state, open_view
from osfsync.state.location import database_path, require_database
from osfsync.state.lock import hold_lock

WORKERS = 2
"""Processes that read, a file each at a time."""


@dataclass(frozen=True, slots=True)
class IndexModel:
    """What came of one `index`: files read, of these those that could not be, and all that are known.

    Of the files read, `stored` are known now: what can't be read for now is not kept.
    """

    read: int
    stored: int
    unreadable: int
    known: int
    known_unreadable: int


def require_reader() -> None:
    """Raises ConfigError where the vendor's reader is not installed."""
    if not available():
        raise ConfigError(
            "What is in files is read by the vendor's reader, which is not installed.",
            hint="Install it: pip install 'osfsync[content]'.",
        )


async def index(settings: Settings, *, clock: Callable[[], datetime] = utc_now) -> IndexModel:
    """Read what is new in the archive; what was read before is not read again unless it changed.

    Raises LockedError while a run works on the state, ConfigError where the reader is missing, ArchiveError
    where the archive is not there.
    """
    require_reader()
    require_database(database_path(settings.state))
    read = stored = unreadable = 0
    with hold_lock(settings.state):
        async with open_state(settings.state) as database, AsyncExitStack() as stack:
            state, archive = database.reader, LocalArchive(settings.archive.path)
            await archive.judge(await state.identity(), known=await state.knows_archive())
            readers = [await stack.enter_async_context(content_reader()) for _ in range(WORKERS)]
            async for page in database.contents.unread():
                results: list[Indexed] = []
                async with anyio.create_task_group() as group:
                    for number, reader in enumerate(readers):
                        group.start_soon(_read, reader, settings.archive.path, page[number::WORKERS], results)
                await store_contents(database, results, clock())
                if len(results) < len(page):
                    await archive.confirm()  # or it is the disk that is gone
                read, stored = read + len(page), stored + len(results)
                unreadable += len(page) - sum(isinstance(each.result, Content) for each in results)
            known, known_unreadable = await database.contents.sums()
    return IndexModel(read, stored, unreadable, known, known_unreadable)


async def _read(reader: ContentReader, root: Path, files: Sequence[Unread], results: list[Indexed]) -> None:
    for file in files:
        with suppress(NotReadError):  # the next `index` tries again
            result = await reader.read(root / file.path)
            results.append(Indexed(file.device_id, file.name, file.sha256, result))


async def is_indexed(settings: Settings) -> bool:
    """Whether `index` has read any file that is held."""
    async with open_view(settings.state) as view:
        return await view.contents.sums() != (0, 0)


async def find(
    settings: Settings,
    channels: Sequence[str],
    devices: Sequence[str] = (),
    since: datetime | None = None,
    until: datetime | None = None,
) -> AsyncGenerator[Sequence[FoundModel]]:
    """Held files with samples of a channel that fits a glob, recorded in part within the period."""
    globs = Globs.of(channels)

    def wanted(channel: Channel) -> bool:
        return globs.choose(channel.name) is Choice.SELECTED

    async with open_view(settings.state) as view:
        known = [glance.device for glance in await view.overview.glances()]
        chosen = {device.id for device in chosen_devices(known, devices)}
        async for page in view.contents.find(wanted, since, until):
            yield [found_model(found) for found in page if found.device.id in chosen]


async def info(file: Path) -> InfoModel:
    """What is in one file, wherever it lies. Raises ConfigError where it can't be read."""
    require_reader()
    async with content_reader() as reader:
        try:
            content = await reader.read(file)
        except NotReadError as error:
            content = str(error)
    if isinstance(content, str):
        raise ConfigError(f"{file}: {content}")
    return info_model(str(file).encode(errors="backslashreplace").decode(), content)
