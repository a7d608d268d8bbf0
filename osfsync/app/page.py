"""`report`: one page about the whole fleet, collected from the state."""

from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path

from anyio import to_thread

from osfsync.app.choice import standpoint_of
from osfsync.app.gaps import attendance_of
from osfsync.app.known import device_of, status_of
from osfsync.app.prospects import Prospects
from osfsync.app.targets import refuse_as_target
from osfsync.archive.beside import put_beside
from osfsync.config import Settings
from osfsync.domain.coverage import Period, Standing
from osfsync.domain.model import utc_now
from osfsync.domain.rows import DeviceRow, OrderRow
from osfsync.reports.models import SCHEMA, GapModel
from osfsync.reports.page import (
    DAYS,
    MOST_GAPS,
    MOST_ORDERS,
    REASONS,
    RUNS,
    DevicePageModel,
    MissingCollector,
    PageModel,
    device_page,
)
from osfsync.reports.page_tables import orders_page, problems_page, run_page
from osfsync.state.database import View, open_view


async def page(settings: Settings, version: str, *, clock: Callable[[], datetime] = utc_now) -> PageModel:
    """All that the page tells, as of `clock`'s time."""
    now = clock()
    period = Period.until(now, DAYS)
    async with open_view(settings.state) as view:
        rows = await view.overview.devices()
        missing = MissingCollector({row.device.id: place for place, row in enumerate(rows)}, period)
        prospects = await Prospects.of(view, standpoint_of(settings, now))
        async for chunk in view.overview.unheld():
            missing.add(await prospects.cases(chunk))
        devices: list[DevicePageModel] = []
        gaps: list[GapModel] = []
        for row in rows:
            told, found = await _device(view, row, missing, now)
            devices.append(told)
            gaps += found
        runs = await view.overview.runs(RUNS)
        status = await status_of(view)
        orders, german = orders_page(await _newest_orders(view))
    return PageModel(
        schema=SCHEMA,
        version=version,
        generated=now,
        tenants=tuple(sorted({run.tenant for run in runs})),
        status=status,
        first_day=period.first,
        reasons=REASONS,
        missing=dict(missing.counts()),
        outdated=missing.outdated,
        devices=tuple(devices),
        files=missing.columns,
        gaps=tuple(sorted(gaps, key=lambda gap: gap.end, reverse=True)[:MOST_GAPS]),
        orders=orders,
        german=german | problems_page(rows),
        runs=tuple(map(run_page, runs)),
    )


async def _device(
    view: View, row: DeviceRow, missing: MissingCollector, now: datetime
) -> tuple[DevicePageModel, list[GapModel]]:
    attendance = await attendance_of(view, row, now)
    collected = missing.of(row.device.id)
    since = datetime.combine(missing.period.first, datetime.min.time(), UTC)
    for first, last, files in await view.chronicle.held_days(row.device.id, since):
        collected.calendar.add(first, last, Standing.HELD, files)
    return device_page(row, await device_of(view, row, attendance.contacts, now), collected, attendance, now)


async def _newest_orders(view: View) -> list[OrderRow]:
    found: list[OrderRow] = []
    async for chunk in view.ledger.orders():
        found += chunk
        if len(found) >= MOST_ORDERS:
            break
    return found[:MOST_ORDERS]


async def report(
    settings: Settings,
    target: Path,
    version: str,
    configuration: Iterable[Path] = (),
    *,
    clock: Callable[[], datetime] = utc_now,
) -> int:
    """Write the page to `target`, over what lies there, whole or not at all; answers its size in bytes.

    Raises ConfigError, see `refuse_as_target`; ArchiveError where it can't be written, DiskFullError.
    """
    from osfsync.reports.renderers.html import html  # noqa: PLC0415 - Jinja2 is for this command alone

    refuse_as_target(target, settings, configuration)
    return await put_beside(
        target, await to_thread.run_sync(html, await page(settings, version, clock=clock))
    )
