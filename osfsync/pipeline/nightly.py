"""One run: the stages wired together, in rounds, from the device list to the summary's numbers.

Only here is the order of the stages known.
"""

import itertools
from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

import anyio
import structlog
from anyio.streams.memory import MemoryObjectSendStream

from osfsync.archive.base import Archive
from osfsync.archive.paths import names_have_paths_of_their_own
from osfsync.cloud.client import CloudClient
from osfsync.domain.errors import DiskFullError
from osfsync.domain.list_fields import FieldChoice
from osfsync.domain.model import Device, Tenant, TimeWindow, utc_now
from osfsync.domain.outcomes import DeviceLeftOut, DeviceSeen, WindowSettled
from osfsync.domain.reach import lag_for
from osfsync.pipeline.batch import Batches
from osfsync.pipeline.counting import Count, count, recount
from osfsync.pipeline.decide import Decider, Outputs, decide
from osfsync.pipeline.fetch import FetchRoom, fetch
from osfsync.pipeline.lifeline import Lifeline
from osfsync.pipeline.listen import Listener
from osfsync.pipeline.messages import Facts, FetchJob, Listing, OrderJob
from osfsync.pipeline.order import Orderer, order
from osfsync.pipeline.pathbook import PathBook
from osfsync.pipeline.reaching import Reaching
from osfsync.pipeline.record import record
from osfsync.pipeline.stop import Stop, TransferLimit
from osfsync.pipeline.survey import Surveyor, survey
from osfsync.pipeline.tally import Tally
from osfsync.pipeline.transfer import Transfer
from osfsync.pipeline.wishes import (
    WindowsOf,
    Wishes,
    by_platform,
    choose_devices,
    folders_of,
    in_turn,
    known_folders,
    pieces_of,
    settler_of,
    unsure_of,
    windows_to_list,
)
from osfsync.state.ledger import Ledger
from osfsync.state.reader import Reader
from osfsync.state.writer import Writer

log = structlog.get_logger(__name__)


PAGES = 4
"""Pages of files between two stages."""

FACTS = 64

POLL_FIRST = timedelta(seconds=30)
POLL_GROWTH = 1.5
POLL_LONGEST = timedelta(minutes=10)
"""How often devices are looked after while a run waits for them: sparingly, the log first."""

NO_WAIT = timedelta(0)


@dataclass(frozen=True, slots=True)
class Rooms:
    """The rooms that a run walks through."""

    client: CloudClient
    archive: Archive
    reader: Reader
    ledger: Ledger
    writer: Writer


@dataclass(slots=True)
class Run:
    """One run over a tenant: what it may do, and what it counted so far."""

    rooms: Rooms
    tenant: Tenant
    wishes: Wishes
    stop: Stop
    tally: Tally = field(default_factory=Tally)
    clock: Callable[[], datetime] = utc_now
    folders: dict[str, str] = field(default_factory=dict)
    unsure: set[str] = field(default_factory=set)
    new: set[str] = field(default_factory=set)
    lifeline: Lifeline = field(init=False)
    listener: Listener = field(init=False)
    transfer: Transfer = field(init=False)
    batches: Batches = field(init=False)
    _numbers: Iterator[int] = field(init=False)
    _offset: timedelta | None = None

    def __post_init__(self) -> None:
        client, ledger = self.rooms.client, self.rooms.ledger
        self.lifeline = Lifeline(client.devices)
        self.listener = Listener(client, ledger, self.tally, self.now)
        self.transfer = Transfer(client, self.rooms.archive, self.tally)
        self.batches = Batches(client, self.tally, self.transfer.budget)

    def now(self) -> datetime:
        """See `by_platform`; one clock for the whole run, from its first answer on."""
        return by_platform(self.clock(), self._offset)

    async def meet_devices(self) -> list[Device]:
        """The tenant's devices of the selection; each is known to the state and has its folder then."""
        log.info("run begins", tenant=self.tenant.name)
        self._offset = self.rooms.client.clock_offset
        self.rooms.client.expect_fields(await self.rooms.reader.list_fields(self.tenant.id))
        known = await self.rooms.reader.devices_known(self.tenant.id)
        met = await choose_devices(self.rooms.client, self.wishes, self.tally, known)
        devices = in_turn(met.chosen, self.now())
        noted = await self.rooms.archive.folders()
        folders = known_folders(await self.rooms.reader.folders(), noted)
        self.folders = folders_of(devices, folders)
        self.unsure = unsure_of(met.listed, folders)
        self.new = {device.id for device in devices if device.id not in folders}
        if not self.folders.items() <= noted.items():
            try:
                await self.rooms.archive.note_folders({**folders, **self.folders})
            except DiskFullError as error:  # what is on devices can be ordered all the same
                log.warning("folders are not noted in the archive", error=str(error))
        self._numbers = itertools.count(await self.rooms.ledger.next_order_id())
        await self.rooms.writer.commit(
            [
                *(DeviceSeen(device, self.folders[device.id], self.now()) for device in devices),
                *(DeviceLeftOut(device.id, why, self.now()) for device, why in met.left_out.items()),
            ]
        )
        return devices

    async def sync(
        self, since: datetime | None = None, until: datetime | None = None, wait: timedelta = NO_WAIT
    ) -> None:
        """One pass over what `windows_to_list` tells; then up to `wait` for what was ordered."""
        if wait > NO_WAIT:
            self.tally.pending = set()
        devices = await self.meet_devices()
        windows_of = windows_to_list(self.rooms.reader, self.wishes, self.now(), since, until)
        reaching = Reaching(self.rooms.reader, self.tally, lag_for(self.wishes.lookback))
        decider = self._decider(None, reaching=reaching if since is None and until is None else None)
        await self._round(devices, windows_of, decider)
        await self._wait_for_deliveries(devices, windows_of, wait)

    async def sync_windows(self, windows_of: WindowsOf) -> None:
        """One pass over these windows."""
        await self._round(await self.meet_devices(), windows_of, self._decider(None))

    async def _wait_for_deliveries(
        self, devices: Sequence[Device], windows_of: WindowsOf, wait: timedelta
    ) -> None:
        """Look again after devices that owe files, less and less often while nothing comes."""
        deadline = anyio.current_time() + wait.total_seconds()
        decider = self._decider(None, recount)
        pause = POLL_FIRST

        async def windows_with_news(device: Device) -> Sequence[TimeWindow]:
            if not self.listener.has_news(device):
                return []
            self.tally.devices_failed.discard(device.id)  # whether it fails is told by the new list
            return await windows_of(device)

        while (left := deadline - anyio.current_time()) > 0:
            awaiting = await self.rooms.ledger.awaiting()
            owing = [device for device in devices if device.id in awaiting]
            if not owing or self.tally.transfer_limit_reached:
                return
            with self.stop.scope():
                await anyio.sleep(min(pause.total_seconds(), left))
            if self.stop.code is not None:
                return
            fetched = self.tally.fetched
            self.listener.ask_again()
            await self._round(owing, windows_with_news, decider)
            pause = next_pause(pause, something_came=self.tally.fetched > fetched)

    async def backfill(self, backfill: str, period: TimeWindow) -> None:
        """An archive period in windows, oldest first; windows that this backfill settled are passed over.

        `backfill` names the backfill over all runs that it takes.
        """
        devices = await self.meet_devices()
        settled = await self.rooms.reader.settled(backfill)
        decider = self._decider(backfill)
        for window in pieces_of(period):
            left = [device for device in devices if (device.id, window) not in settled]
            if not left:
                continue

            async def windows_of(_: Device, window: TimeWindow = window) -> Sequence[TimeWindow]:
                return [window]

            self.tally.unsettled.clear()
            await self._round(left, windows_of, decider)
            self.tally.devices_suspect |= self.tally.doubtful  # no sync lists these days again
            if self.stop.code is not None or self.tally.transfer_limit_reached:
                return
            await self.rooms.writer.commit(
                [
                    WindowSettled(backfill, device.id, window, self.now())
                    for device in left
                    if device.id not in self.tally.unsettled
                ]
            )

    async def _round(self, devices: Sequence[Device], windows_of: WindowsOf, decider: Decider) -> None:
        """All stages once, over `devices`. Ends when they are done or when the run is stopped.

        The writer ends last, whatever happens to the others: what they told is in the state then.
        """
        await self.listener.begin_round()
        orderer = Orderer(
            self.rooms.client,
            self.wishes.merging,
            self._numbers,
            self.listener,
            self.tally,
            self.lifeline,
            self.now,
        )
        downloads = FetchRoom(
            self.transfer,
            self.wishes.downloads,
            self.lifeline,
            TransferLimit(self.wishes.max_transfer),
            self.now,
            self.unsure,
            self.new,
            names_have_paths_of_their_own(self.wishes.layout),
            self.batches if self.wishes.batch else None,
        )
        to_decide, listings = anyio.create_memory_object_stream[Listing](PAGES)
        to_order, order_jobs = anyio.create_memory_object_stream[OrderJob](PAGES)
        to_fetch, fetch_jobs = anyio.create_memory_object_stream[Sequence[FetchJob]](PAGES)
        async with self._recording() as facts:
            surveyor = Surveyor(
                self.rooms.client,
                windows_of,
                partial(self.listener.dialogue_with, out=facts),
                None if decider.reaching is None else partial(self.listener.last_contact, out=facts),
                self.tally,
                self.lifeline,
                self.now,
            )
            with self.stop.scope():
                async with anyio.create_task_group() as stages:
                    stages.start_soon(survey, devices, surveyor, self.wishes.listings, to_decide)
                    stages.start_soon(decide, decider, listings, Outputs(facts.clone(), to_order, to_fetch))
                    stages.start_soon(order, orderer, order_jobs, facts.clone())
                    stages.start_soon(fetch, downloads, fetch_jobs, facts.clone())
        await self._keep_fields()

    async def _keep_fields(self) -> None:
        """Record the fields of the lists for later runs, where they changed."""
        client, reader = self.rooms.client, self.rooms.reader
        known = await reader.list_fields(self.tenant.id)
        chosen = [choice for book in client.field_books for choice in book.choices]
        if new := [choice for choice in chosen if not any(_alike(choice, kept) for kept in known)]:
            await self.rooms.writer.choose_fields(new)

    @asynccontextmanager
    async def _recording(self) -> AsyncIterator[MemoryObjectSendStream[Facts]]:
        """A stream into the state. Leaving waits until all that was sent is written."""
        send, receive = anyio.create_memory_object_stream[Facts](FACTS)
        async with anyio.create_task_group() as group:
            group.start_soon(record, receive, self.rooms.writer)
            async with send:
                yield send

    def _decider(
        self, backfill: str | None, counting: Count = count, reaching: Reaching | None = None
    ) -> Decider:
        paths = PathBook(self.rooms.reader, self.wishes.layout, self.tenant, self.folders)
        return Decider(
            self.rooms.reader,
            paths,
            self.wishes.selection,
            self.wishes.policy,
            self.tally,
            self.now,
            settler_of(
                self.rooms.ledger,
                self.wishes,
                self.tally,
                finds_losses=counting is count,
                whole_period=backfill is not None,
            ),
            backfill,
            reaching,
            counting,
        )


def _alike(choice: FieldChoice, kept: FieldChoice) -> bool:
    """The same field; how many records spoke for it differs from run to run."""
    return (choice.source, choice.meaning, choice.path) == (kept.source, kept.meaning, kept.path)


def next_pause(pause: timedelta, *, something_came: bool) -> timedelta:
    """How long to wait before devices are looked after again: longer and longer while nothing comes."""
    return POLL_FIRST if something_came else min(pause * POLL_GROWTH, POLL_LONGEST)
