"""What is known, read from the state and told as models, a chunk at a time."""

from collections.abc import AsyncGenerator, Callable, Sequence
from datetime import datetime

from osfsync.app.choice import policy_of, selection_of
from osfsync.config import Settings
from osfsync.domain.errors import ConfigError
from osfsync.domain.model import utc_now
from osfsync.reports import build
from osfsync.reports.models import DeviceModel, FileModel, MissingModel, StatusModel
from osfsync.state.database import open_view

RUNS_SHOWN = 10


async def devices(settings: Settings) -> AsyncGenerator[Sequence[DeviceModel]]:
    """All known devices."""
    async with open_view(settings.state) as view:
        yield [build.device_model(row) for row in await view.overview.devices()]


async def files(settings: Settings, device: str | None) -> AsyncGenerator[Sequence[FileModel]]:
    """All known files, or those of one device, given by name or id."""
    async with open_view(settings.state) as view:
        ids: list[str | None] = [None]
        if device is not None:
            ids = [
                row.device.id
                for row in await view.overview.devices()
                if device in {row.device.name, row.device.id}
            ]
            if not ids:
                raise ConfigError(f"No device {device!r} is known.", hint="`osfsync devices` lists them.")
        for device_id in ids:
            async for chunk in view.overview.files(device_id):
                yield [build.file_model(row) for row in chunk]


async def missing(
    settings: Settings, *, clock: Callable[[], datetime] = utc_now
) -> AsyncGenerator[Sequence[MissingModel]]:
    """Every file that is known and not held, with its reason as of `clock`'s time."""
    policy, selection, now = policy_of(settings), selection_of(settings), clock()
    async with open_view(settings.state) as view:
        async for chunk in view.overview.unheld():
            yield [build.missing_model(row, policy, selection, now) for row in chunk]


async def status(settings: Settings) -> StatusModel:
    """The state in a few numbers."""
    async with open_view(settings.state) as view:
        return build.status_model(
            await view.overview.totals(),
            await view.overview.runs(RUNS_SHOWN),
            await view.overview.last_complete(),
            await view.overview.oldest_gap(),
        )
