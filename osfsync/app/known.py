"""What is known, read from the state and told as models, a chunk at a time."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable, Sequence
from datetime import datetime

from osfsync.app.choice import chosen_devices, standpoint_of
from osfsync.app.prospects import Prospects
from osfsync.config import Settings
from osfsync.domain.errors import ConfigError
from osfsync.domain.forecast import foreseen_contact
from osfsync.domain.model import Device, utc_now
from osfsync.domain.rows import DeviceRow, FileRow
from osfsync.reports import build
from osfsync.reports.contents import ProvenanceModel, provenance_model
from osfsync.reports.models import DeviceModel, FileModel, MissingModel, StatusModel
from osfsync.reports.wanted import ALL_MISSING, Wanted
from osfsync.state.database import View, open_view

RUNS_SHOWN = 10


async def devices(
    settings: Settings, *, clock: Callable[[], datetime] = utc_now
) -> AsyncGenerator[Sequence[DeviceModel]]:
    """All known devices."""
    now = clock()
    async with open_view(settings.state) as view:
        rows = await view.overview.devices()
        yield [await device_of(view, row, await view.overview.contacts(row.device.id), now) for row in rows]


async def device_of(view: View, row: DeviceRow, contacts: Sequence[datetime], now: datetime) -> DeviceModel:
    """One known device, and when it connects next by its `contacts`."""
    seen = row.last_contact is not None and not row.mute
    horizon = await view.ledger.horizon(row.device.id) if row.lost else None
    return build.device_model(row, foreseen_contact(contacts if seen else (), row.heard_until, now), horizon)


async def files(settings: Settings, device: str | None) -> AsyncGenerator[Sequence[FileModel]]:
    """All known files, or those of one device, given by name or id."""
    async with open_view(settings.state) as view:
        ids: list[str | None] = [None]
        if device is not None:
            ids = [
                known.device.id
                for known in await view.overview.glances()
                if device in {known.device.name, known.device.id}
            ]
            if not ids:
                raise ConfigError(f"No device {device!r} is known.", hint="`osfsync devices` lists them.")
        for device_id in ids:
            async for chunk in view.overview.files(device_id):
                yield [build.file_model(row) for row in chunk]


async def provenance(settings: Settings) -> AsyncGenerator[Sequence[ProvenanceModel]]:
    """Where every held file came from."""
    async with open_view(settings.state) as view:
        async for page in view.holdings.provenance():
            yield [provenance_model(row) for row in page]


async def unseen_devices(settings: Settings, devices: Sequence[str] = ()) -> list[str]:
    """Names of the devices, of those that fit the globs, whose own list can't be had."""
    async with open_view(settings.state) as view:
        glances = await view.overview.glances()
    chosen = {device.id for device in chosen_devices([known.device for known in glances], devices)}
    return [known.device.name for known in glances if known.unseen and known.device.id in chosen]


async def unseen_among(settings: Settings, device: str | None) -> list[str]:
    """The same of all devices, or of the one of this name or id."""
    async with open_view(settings.state) as view:
        glances = await view.overview.glances()
    return [
        known.device.name
        for known in glances
        if known.unseen and device in {None, known.device.name, known.device.id}
    ]


async def missing(
    settings: Settings,
    devices: Sequence[str] = (),
    wanted: Wanted = ALL_MISSING,
    *,
    clock: Callable[[], datetime] = utc_now,
) -> AsyncGenerator[Sequence[MissingModel]]:
    """Every file that is known and not held, with its reason as of `clock`'s time.

    Of the devices that fit the globs, and of these what is `wanted`.
    """
    standpoint = standpoint_of(settings, clock())
    async with open_view(settings.state) as view:
        prospects = await Prospects.of(view, standpoint)
        known = [glance.device for glance in prospects.glances.values()]
        async for chunk in _unheld(view, known, devices):
            cases = await prospects.cases(chunk)
            yield [build.missing_model(row, case) for row, case in cases if wanted.wants(case)]


async def _unheld(
    view: View, known: Sequence[Device], globs: Sequence[str]
) -> AsyncIterator[Sequence[FileRow]]:
    ids: list[str | None] = [None]
    if globs:
        ids = [device.id for device in chosen_devices(known, globs)]
    for device_id in ids:
        async for chunk in view.overview.unheld(device_id):
            yield chunk


async def status(settings: Settings) -> StatusModel:
    """The state in a few numbers."""
    async with open_view(settings.state) as view:
        return await status_of(view)


async def status_of(view: View) -> StatusModel:
    """The same, of an open state."""
    return build.status_model(
        await view.overview.totals(),
        await view.overview.runs(RUNS_SHOWN),
        await view.overview.last_complete(),
        await view.overview.oldest_gap(),
    )
