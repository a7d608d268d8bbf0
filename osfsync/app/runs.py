"""Runs: `sync` and `backfill`, from the lock to the summary."""

from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import partial
from uuid import uuid4

import anyio
import structlog
from msgspec.structs import replace as replace_field

from osfsync.app.locks import locked
from osfsync.app.notices import Notices
from osfsync.app.remote import steered
from osfsync.app.rooms import Clock, OpenRooms, Password, Terms, opened
from osfsync.archive.local import LocalArchive
from osfsync.config import Settings
from osfsync.domain.errors import ArchiveError, DiskFullError, ExitCode, OsfsyncError
from osfsync.domain.model import utc_now
from osfsync.domain.summary import DeviceCounts, FileCounts, OrderCounts, RunSummary
from osfsync.pipeline.nightly import NO_WAIT, Run
from osfsync.pipeline.perform import Ending, FailOn, Observe, ending_of, perform
from osfsync.pipeline.stock import take_stock
from osfsync.pipeline.stop import stopped_by_signals
from osfsync.pipeline.tally import Tally
from osfsync.pipeline.wishes import by_platform, period_of
from osfsync.reports.build import summary_model
from osfsync.reports.renderers.json import document
from osfsync.state.reader import ADRIFT, is_moment, step_of
from osfsync.state.share import network_share
from osfsync.state.writer import NewRun, Writer

log = structlog.get_logger(__name__)

SHARE = (
    "The state database lies on a network share ({}), where locks and the order of writes can't be trusted: "
    "it may be damaged by a second run or a lost connection. Set state.url to a local disk."
)


@dataclass(frozen=True, slots=True, kw_only=True)
class SyncRequest:
    """What one `sync` is asked for, beyond the settings.

    Attributes:
        since: list this period only, not the lookback window and what is missing. Likewise `until`.
        max_transfer: bytes after which no download starts.
        max_duration: the time after which the run ends.
        wait: how long to wait for what was ordered, and fetch what comes.
        fail_on: what else ends the run with exit code 4.
        wait_lock: how long to wait for another run to end.
    """

    since: datetime | None = None
    until: datetime | None = None
    max_transfer: int | None = None
    max_duration: timedelta | None = None
    wait: timedelta = NO_WAIT
    fail_on: frozenset[FailOn] = frozenset()
    wait_lock: timedelta = NO_WAIT


@dataclass(frozen=True, slots=True, kw_only=True)
class BackfillRequest:
    """What one `backfill` is asked for. `until` None means: up to now, also where it is resumed later."""

    since: datetime
    until: datetime | None = None
    max_transfer: int | None = None
    max_duration: timedelta | None = None
    fail_on: frozenset[FailOn] = frozenset()
    wait_lock: timedelta = NO_WAIT


async def ignore_progress(_: Tally) -> None:
    """Observe nothing."""


@dataclass(slots=True)
class Conduct:
    """One run from its first moment, before anything is open, to its summary.

    `in_step` says that the archive is as the state knows it, as far as both tell of runs.
    """

    command: str
    settings: Settings
    clock: Clock
    terms: Terms = field(default_factory=Terms)
    started: datetime = field(default_factory=utc_now)
    writer: Writer | None = None
    in_step: bool = False
    answers: Mapping[int, int] = field(default_factory=dict)

    async def told(
        self,
        password: Password,
        work: Callable[[OpenRooms], Awaitable[None]],
        observe: Observe,
        max_duration: timedelta | None,
    ) -> RunSummary:
        """As `perform`; whoever the settings name is told of it, and a device of the user's may steer it."""

        async def perform(settings: Settings) -> RunSummary:
            self.settings = settings
            return await self.perform(password, work, observe, max_duration)

        return await Notices(self.settings).around(partial(steered, self.settings, self.terms, perform))

    async def perform(
        self,
        password: Password,
        work: Callable[[OpenRooms], Awaitable[None]],
        observe: Observe,
        max_duration: timedelta | None,
    ) -> RunSummary:
        """Open the rooms, do the work, and tell and record how it ended, also when the caller cancels it."""
        try:
            async with AsyncExitStack() as stack:
                archive = await self._locked(stack)
                if archive is None:
                    return self._summary(ending_of(self.terms.stop, self.terms.tally, None), OrderCounts())
                rooms = await stack.enter_async_context(
                    opened(self.settings, archive, password, self.clock, self.terms.ceiling)
                )
                self.answers = rooms.client.answers
                return await self._perform(rooms, partial(work, rooms), observe, max_duration)
        except OsfsyncError as error:
            return self._summary(Ending(error.exit_code, str(error)), OrderCounts())

    async def _locked(self, stack: AsyncExitStack) -> LocalArchive | None:
        """The archive, once no other run works on it or the state; None where the run is to end meanwhile."""
        archive = None
        with stopped_by_signals(self.terms.stop), self.terms.stop.scope():
            archive = await stack.enter_async_context(locked(self.settings, self.terms.wait_lock))
        return None if self.terms.stop.code is not None else archive

    async def _perform(
        self,
        rooms: OpenRooms,
        work: Callable[[], Awaitable[None]],
        observe: Observe,
        max_duration: timedelta | None,
    ) -> RunSummary:
        ending = Ending(ExitCode.INTERRUPTED, "The run was cancelled; the next one goes on from here.")
        try:
            ending = await perform(
                self.terms.stop,
                self.terms.tally,
                work,
                observe=observe,
                max_duration=max_duration,
                fail_on=self.terms.fail_on,
            )
        except Exception as error:
            ending = Ending(ExitCode.UNEXPECTED, f"An unexpected error, {type(error).__name__}.")
            raise
        finally:
            with anyio.CancelScope(shield=True):
                summary = await self._end(rooms, ending)
        return summary

    async def begin_mirroring(self, rooms: OpenRooms, new: NewRun) -> Run:
        """Record that the run works; where the archive is not as the last run left it, see what is in place.

        Without room for the mark, what is on devices can be ordered all the same. Raises ArchiveError where
        it can't be written otherwise: a state that is put back afterwards would not notice.
        """
        run, writer = await self._begin(rooms, new)
        await self._mark(rooms, self._step_of(writer))
        if not self.in_step:
            await take_stock(rooms.database.holdings, rooms.archive, writer, self.terms.tally, self.clock)
            self.in_step = True
            await self._mark(rooms, self._step_of(writer))
        return run

    async def begin_repairing(self, rooms: OpenRooms, new: NewRun) -> Writer:
        """Record that the run works. Nothing may be moved before the archive tells of it.

        Raises ArchiveError, DiskFullError where that can't be: a state that is put back would not notice.
        """
        _, writer = await self._begin(rooms, new)
        await rooms.archive.note_step(self._step_of(writer))
        return writer

    async def _begin(self, rooms: OpenRooms, new: NewRun) -> tuple[Run, Writer]:
        share = network_share(rooms.database.path)
        if share:
            self.terms.tally.problem("(this computer)", None, "network-share", SHARE.format(share))
        reader = rooms.database.reader
        last = await reader.last_step()
        self.writer = writer = await rooms.database.start_run(new, self.clock())
        await rooms.archive.prepare(await reader.identity(), known=await reader.knows_archive())
        self.in_step = is_moment(last) and await rooms.archive.last_step() == last
        return rooms.run(new.tenant, writer, self.terms), writer

    def _step_of(self, writer: Writer) -> str:
        return step_of(writer.run_id, ended=False) if self.in_step else ADRIFT

    async def _mark(
        self, rooms: OpenRooms, step: str, tolerated: tuple[type[OsfsyncError], ...] = (DiskFullError,)
    ) -> None:
        try:
            await rooms.archive.note_step(step)
        except tolerated as error:
            log.warning("the run is not noted in the archive", error=str(error))

    async def _end(self, rooms: OpenRooms, ending: Ending) -> RunSummary:
        """The summary, and its place in the state; where that fails, the numbers are told all the same."""
        try:
            ending = await self._with_its_archive(rooms, ending)
            orders = OrderCounts(self.terms.tally.orders_sent, await rooms.open_orders())
            summary = self._summary(ending, orders)
            if self.writer is not None:
                text = document(summary_model(summary))
                await self.writer.finish_run(summary.outcome, summary.exit_code, self.clock(), text)
                if self.in_step:
                    step = step_of(self.writer.run_id, ended=True)
                    await self._mark(rooms, step, (ArchiveError, DiskFullError))  # else the next takes stock
        except OsfsyncError as error:
            ending = Ending(error.exit_code, str(error))
            return self._summary(ending, OrderCounts(self.terms.tally.orders_sent))
        return summary

    async def _with_its_archive(self, rooms: OpenRooms, ending: Ending) -> Ending:
        """The same ending, unless the archive lost its mark while the run worked: the next one needs it."""
        if self.writer is None or ending.exit_code is not ExitCode.COMPLETE:
            return ending
        try:
            await rooms.archive.confirm()
        except ArchiveError as error:
            return Ending(error.exit_code, str(error))
        return ending

    def _summary(self, ending: Ending, orders: OrderCounts) -> RunSummary:
        return RunSummary(
            run=str(uuid4()) if self.writer is None else self.writer.run_id,
            command=self.command,
            outcome=ending.outcome,
            exit_code=ending.exit_code,
            started=self.started,
            finished=utc_now(),
            devices=self.terms.tally.device_counts(),
            files=self.terms.tally.file_counts(),
            orders=orders,
            bytes=self.terms.tally.bytes,
            problems=self.terms.tally.told_problems(),
            at_once=self.terms.tally.at_once,
            requests=dict(self.answers),
            error=ending.error,
        )


def never_begun(command: str, error: OsfsyncError) -> RunSummary:
    """The summary of a run whose settings can't be used."""
    now, ending = utc_now(), Ending(error.exit_code, str(error))
    return RunSummary(
        run=str(uuid4()),
        command=command,
        outcome=ending.outcome,
        exit_code=ending.exit_code,
        started=now,
        finished=now,
        devices=DeviceCounts(),
        files=FileCounts(),
        orders=OrderCounts(),
        bytes=0,
        problems=(),
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
    conduct = Conduct(
        "sync", settings, clock, Terms(request.max_transfer, request.fail_on, request.wait_lock)
    )

    async def work(rooms: OpenRooms) -> None:
        tenant = await rooms.client.tenant()
        new = NewRun(
            tenant=tenant, url=settings.cloud.url, command="sync", since=request.since, until=request.until
        )
        await (await conduct.begin_mirroring(rooms, new)).sync(request.since, request.until, request.wait)

    return await conduct.told(password, work, observe, request.max_duration)


async def backfill(
    settings: Settings,
    password: Password,
    request: BackfillRequest,
    *,
    observe: Observe = ignore_progress,
    clock: Clock = utc_now,
) -> RunSummary:
    """The same over an archive period in windows; goes on where the last backfill of this period stopped."""
    terms = Terms(request.max_transfer, request.fail_on, request.wait_lock)
    conduct = Conduct("backfill", settings, clock, terms)

    async def work(rooms: OpenRooms) -> None:
        tenant = await rooms.client.tenant()
        period = period_of(request.since, request.until or by_platform(clock(), rooms.client.clock_offset))
        begun = await rooms.database.reader.resumable_backfill(tenant.id, request.since, request.until)
        name = begun or str(uuid4())
        new = NewRun(
            tenant=tenant,
            url=settings.cloud.url,
            command="backfill",
            since=request.since,
            until=request.until,
            backfill=name,
        )
        await (await conduct.begin_mirroring(rooms, new)).backfill(name, period)

    return await conduct.told(password, work, observe, request.max_duration)


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
    cloud = replace_field(settings.cloud, outage_patience=timedelta(0))
    settings = replace_field(settings, cloud=cloud)
    conduct = Conduct("sync", settings, clock, Terms(wait_lock=request.wait_lock))

    async def work(rooms: OpenRooms) -> None:
        reader = rooms.database.reader
        await rooms.archive.judge(await reader.identity(), known=await reader.knows_archive())
        rehearsal = rooms.rehearsal(await rooms.client.tenant(), conduct.terms)
        await rehearsal.run(request.since, request.until)

    summary = await conduct.perform(password, work, observe, request.max_duration)
    return replace(summary, dry_run=True)
