"""Runs: `sync` and `backfill`, from the lock to the summary."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from uuid import uuid4

import anyio

from osfsync.app.rooms import Clock, OpenRooms, Password, opened
from osfsync.config import Settings
from osfsync.domain.errors import ExitCode, OsfsyncError
from osfsync.domain.model import TimeWindow, utc_now
from osfsync.domain.summary import OrderCounts, RunSummary
from osfsync.pipeline.nightly import Run
from osfsync.pipeline.perform import Ending, Observe, perform
from osfsync.pipeline.tally import Tally
from osfsync.reports.build import summary_model
from osfsync.reports.renderers.json import document
from osfsync.state.writer import NewRun, Writer


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncRequest:
    """What one `sync` is asked for, beyond the settings.

    Attributes:
        since: list this period only, not the lookback window and what is missing. Likewise `until`.
        max_transfer: bytes after which no download starts.
        max_duration: the time after which the run ends.
    """

    since: datetime | None = None
    until: datetime | None = None
    max_transfer: int | None = None
    max_duration: timedelta | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillRequest:
    """What one `backfill` is asked for. `until` None means: up to now, also where it is resumed later."""

    since: datetime
    until: datetime | None = None
    max_transfer: int | None = None
    max_duration: timedelta | None = None


async def ignore_progress(_: Tally) -> None:
    """Observe nothing."""


@dataclass(frozen=True, slots=True)
class _Session:
    """A run that the state knows of: what it works with, and how its end is recorded."""

    rooms: OpenRooms
    writer: Writer
    run: Run
    command: str
    started: datetime

    async def perform(
        self, work: Callable[[], Awaitable[None]], observe: Observe, max_duration: timedelta | None
    ) -> RunSummary:
        """Do the work and record how it ended, also when the caller cancels it."""
        ending = Ending(ExitCode.INTERRUPTED, "The run was cancelled; the next one goes on from here.")
        try:
            ending = await perform(
                self.run.stop, self.run.tally, work, observe=observe, max_duration=max_duration
            )
        except Exception as error:
            ending = Ending(ExitCode.UNEXPECTED, f"An unexpected error, {type(error).__name__}.")
            raise
        finally:
            with anyio.CancelScope(shield=True):
                summary = await self._end(ending)
        return summary

    async def _end(self, ending: Ending) -> RunSummary:
        sent = self.run.tally.orders_sent
        open_orders = await self.rooms.open_orders()
        summary = summarize(
            self.run.tally,
            ending,
            self.writer.run_id,
            self.command,
            self.started,
            OrderCounts(sent, open_orders),
        )
        text = document(summary_model(summary))
        await self.writer.finish_run(summary.outcome, summary.exit_code, self.rooms.clock(), text)
        return summary


def summarize(  # noqa: PLR0913, PLR0917 — the parts of one summary
    tally: Tally, ending: Ending, run: str, command: str, started: datetime, orders: OrderCounts
) -> RunSummary:
    """What a tally says when its run has ended."""
    return RunSummary(
        run=run,
        command=command,
        outcome=ending.outcome,
        exit_code=ending.exit_code,
        started=started,
        finished=utc_now(),
        devices=tally.device_counts(),
        files=tally.file_counts(),
        orders=orders,
        bytes=tally.bytes,
        problems=tuple(tally.problems),
        error=ending.error,
    )


async def sync(
    settings: Settings,
    password: Password,
    request: SyncRequest,
    *,
    observe: Observe = ignore_progress,
    clock: Clock = utc_now,
) -> RunSummary:
    """One pass: enumerate, list, order, fetch, record.

    What ends it is in the summary; only defects are raised, and the caller's own cancellation. `clock`
    is what planning calls now; a simulated platform has its own.
    """
    started = utc_now()
    try:
        async with opened(settings, password, clock) as rooms:
            new = NewRun(
                tenant=rooms.tenant,
                url=settings.cloud.url,
                command="sync",
                since=request.since,
                until=request.until,
            )
            session = await _begin(rooms, new, started, request.max_transfer)

            async def work() -> None:
                await session.run.sync(request.since, request.until)

            return await session.perform(work, observe, request.max_duration)
    except OsfsyncError as error:
        return _not_begun("sync", started, error)


async def backfill(
    settings: Settings,
    password: Password,
    request: BackfillRequest,
    *,
    observe: Observe = ignore_progress,
    clock: Clock = utc_now,
) -> RunSummary:
    """The same over an archive period in windows; goes on where the last backfill of this period stopped."""
    started = utc_now()
    try:
        async with opened(settings, password, clock) as rooms:
            begun = await rooms.database.reader.resumable_backfill(
                rooms.tenant.id, request.since, request.until
            )
            name = begun or str(uuid4())
            new = NewRun(
                tenant=rooms.tenant,
                url=settings.cloud.url,
                command="backfill",
                since=request.since,
                until=request.until,
                backfill=name,
            )
            session = await _begin(rooms, new, started, request.max_transfer)
            period = TimeWindow(request.since, request.until or clock())

            async def work() -> None:
                await session.run.backfill(name, period)

            return await session.perform(work, observe, request.max_duration)
    except OsfsyncError as error:
        return _not_begun("backfill", started, error)


async def rehearse(
    settings: Settings,
    password: Password,
    request: SyncRequest,
    *,
    observe: Observe = ignore_progress,
    clock: Clock = utc_now,
) -> RunSummary:
    """`sync --dry-run`: lists and plans for real; orders, fetches and records nothing.

    `files.left` is what would be fetched, `orders.sent` the commands that would be sent.
    """
    started = utc_now()
    try:
        async with opened(settings, password, clock) as rooms:
            rehearsal = rooms.rehearsal()

            async def work() -> None:
                await rehearsal.run(request.since, request.until)

            ending = await perform(
                rehearsal.stop, rehearsal.tally, work, observe=observe, max_duration=request.max_duration
            )
            orders = OrderCounts(rehearsal.tally.orders_sent, await rooms.open_orders())
            summary = summarize(rehearsal.tally, ending, "", "sync", started, orders)
    except OsfsyncError as error:
        summary = _not_begun("sync", started, error)
    return replace(summary, dry_run=True)


async def _begin(rooms: OpenRooms, new: NewRun, started: datetime, max_transfer: int | None) -> _Session:
    writer = await rooms.database.start_run(new, rooms.clock())
    return _Session(rooms, writer, rooms.run(writer, max_transfer), new.command, started)


def _not_begun(command: str, started: datetime, error: OsfsyncError) -> RunSummary:
    """A run that ended before the platform and the state were open."""
    ending = Ending(error.exit_code, str(error))
    return summarize(Tally(), ending, str(uuid4()), command, started, OrderCounts())
