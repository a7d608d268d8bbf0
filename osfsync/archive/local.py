"""An archive on a local disk: part file, hash and check while writing, durable, then its name."""

import shutil
import stat
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import partial
from pathlib import Path

from anyio import CapacityLimiter, to_thread

from osfsync.archive.base import Body
from osfsync.archive.durable import find_syncfs
from osfsync.archive.failures import translate
from osfsync.archive.group import place_group
from osfsync.archive.intake import Intake
from osfsync.archive.owner import judge
from osfsync.archive.streams import Inspection, LocalReceiver
from osfsync.archive.tree import Tree
from osfsync.domain.errors import DamagedError, OsfsyncError
from osfsync.domain.model import ContentCheck, Held

_STREAMS = 4  # threads for large files: more of them only fight over the interpreter


class LocalArchive:
    """Files below `root`. All disk work and all checks run in worker threads.

    One run at a time uses an archive: `prepare` removes the part files of all others, whose files then fail.
    """

    def __init__(self, root: Path) -> None:
        self._root = root.absolute()
        self._tree = Tree(root)
        self._sync_all: Callable[[], None] | None = None
        self._groups = CapacityLimiter(1)  # one thread writes small files faster than two
        self._streams = CapacityLimiter(_STREAMS)

    async def check(self) -> None:
        """See `Archive.check`. Makes the folder where it is missing."""
        await to_thread.run_sync(self._tree.check, limiter=self._groups)

    async def prepare(self, state: str, *, holds: bool) -> None:
        """See `Archive.prepare`."""

        def work() -> None:
            self._tree.check()
            self._tree.claim(state, holds=holds)
            self._tree.remove_parts()
            self._sync_all = find_syncfs(self._root)

        await to_thread.run_sync(work, limiter=self._groups)

    async def judge(self, state: str, *, holds: bool) -> None:
        """See `Archive.judge`."""
        await to_thread.run_sync(partial(judge, self._root, state, holds=holds), limiter=self._groups)

    async def set_aside(self, path: str) -> str:
        """See `Archive.set_aside`. It lies in the hidden folder then, and stays there."""
        return await to_thread.run_sync(self._tree.set_aside, path, limiter=self._streams)

    async def sizes(self, paths: Sequence[str]) -> dict[str, int]:
        """See `Archive.sizes`."""

        def work() -> dict[str, int]:
            found = {}
            for path in paths:
                with suppress(OSError):  # what can't be seen is not there; writing it tells why
                    status = Path(self._tree.locate(path)).stat()
                    if stat.S_ISREG(status.st_mode):
                        found[path] = status.st_size
            return found

        return await to_thread.run_sync(work, limiter=self._streams)

    async def adopt(self, path: str, expected_size: int | None, check: ContentCheck) -> Held | None:
        """See `Archive.adopt`. A symbolic link is followed: reading does no harm."""
        inspection = Inspection(self._tree, path, Intake(expected_size, check), self._streams)
        try:
            return await inspection.judge() if await inspection.open() else None
        except DamagedError:
            return None
        finally:
            await inspection.close()

    async def place(self, bodies: Sequence[Body]) -> list[Held | OsfsyncError]:
        """See `Archive.place`. Once it runs, cancellation waits for its end."""

        def work() -> list[Held | OsfsyncError]:
            return place_group(self._tree, self._sync_all, bodies)

        return await to_thread.run_sync(work, limiter=self._groups)

    @asynccontextmanager
    async def receive(
        self, path: str, expected_size: int | None, check: ContentCheck
    ) -> AsyncIterator[LocalReceiver]:
        """See `Archive.receive`."""
        receiver = LocalReceiver(self._tree, path, Intake(expected_size, check), self._streams)
        try:
            yield receiver
        finally:
            await receiver.discard()

    async def free_space(self) -> int:
        """See `Archive.free_space`. Raises ArchiveError where the folder is gone."""

        def work() -> int:
            try:
                return shutil.disk_usage(self._root).free
            except OSError as error:
                raise translate(error, "asking for its free space", self._root) from error

        return await to_thread.run_sync(work, limiter=self._streams)
