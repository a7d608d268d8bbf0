"""One run: the stages wired together, in rounds, from the device list to the summary's numbers.

Only here is the order of the stages known.
"""

from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

import anyio
from anyio.streams.memory import MemoryObjectSendStream

from osfsync.archive.base import Archive
from osfsync.archive.paths import device_folder
from osfsync.cloud.client import CloudClient
from osfsync.domain.model import Device, Tenant, TimeWindow, merge_windows, split_window, utc_now
from osfsync.domain.outcomes import DeviceSeen, WindowSettled
from osfsync.domain.planner import Choice, Policy
from osfsync.domain.selection import Selection
from osfsync.pipeline.decide import Decider, Outputs, PathBook, decide
from osfsync.pipeline.fetch import TransferLimit, fetch
from osfsync.pipeline.messages import Facts, FetchJob, Listing, OrderJob
from osfsync.pipeline.order import Orderer, order
from osfsync.pipeline.record import record
from osfsync.pipeline.stop import Lifeline, Stop
from osfsync.pipeline.survey import Surveyor, WindowsOf, survey
from osfsync.pipeline.tally import Tally
from osfsync.pipeline.transfer import Transfer
from osfsync.state.reader import Reader
from osfsync.state.writer import Writer

CLOCKS_AHEAD = timedelta(days=1)
"""How far ahead of ours a logger's clock may run and its files still be listed."""

BACKFILL_WINDOW = timedelta(days=30)

PAGES = 8
"""Pages of files between two stages."""

FACTS = 256


@dataclass(frozen=True, slots=True)
class Rooms:
    """The rooms that a run walks through."""

    client: CloudClient
    archive: Archive
    reader: Reader
    writer: Writer


@dataclass(frozen=True, slots=True)
class Wishes:
    """What the user wants of a run.

    Attributes:
        layout: the archive's, see `[archive]`.
        tag: of commands for files whose own tag is not known.
        lookback: how far back a plain sync lists.
        max_transfer: bytes after which no download starts; None for no limit.
    """

    selection: Selection
    policy: Policy
    layout: str
    tag: str
    lookback: timedelta
    listings: int
    downloads: int
    max_transfer: int | None = None


@dataclass(slots=True)
class Run:
    """One run over a tenant: what it may do, and what it counted so far."""

    rooms: Rooms
    tenant: Tenant
    wishes: Wishes
    stop: Stop
    tally: Tally = field(default_factory=Tally)
    lifeline: Lifeline = field(default_factory=Lifeline)
    clock: Callable[[], datetime] = utc_now

    async def meet_devices(self) -> list[Device]:
        """The tenant's devices of the selection; each is known to the state and has its folder then."""
        listed = await self.rooms.client.devices()
        chosen = [d for d in listed if self.wishes.selection.device(d) is Choice.SELECTED]
        self.tally.devices_seen = len(chosen)
        folders = await self.rooms.reader.folders()
        await self.rooms.writer.commit(
            [
                DeviceSeen(device, folder, self.clock())
                for device, folder in zip(chosen, _folders(chosen, folders), strict=True)
            ]
        )
        return chosen

    async def sync(self, since: datetime | None = None, until: datetime | None = None) -> None:
        """One pass over the lookback window and over the windows of all that is known and not held.

        With `since` or `until`, over that period only.
        """
        devices = await self.meet_devices()
        now = self.clock()
        recent = TimeWindow(since or now - self.wishes.lookback, until or now + CLOCKS_AHEAD)

        async def windows_of(device: Device) -> Sequence[TimeWindow]:
            if since is not None or until is not None:
                return [recent]
            return merge_windows([recent, *await self.rooms.reader.unheld_windows(device.id)])

        await self._round(devices, windows_of, backfill=None)

    async def backfill(self, backfill: str, period: TimeWindow) -> None:
        """An archive period in windows, oldest first; windows that this backfill settled are passed over.

        `backfill` names the backfill over all runs that it takes.
        """
        devices = await self.meet_devices()
        settled = await self.rooms.reader.settled(backfill)
        for window in split_window(period, BACKFILL_WINDOW):
            left = [device for device in devices if (device.id, window) not in settled]
            if not left:
                continue

            async def windows_of(_: Device, window: TimeWindow = window) -> Sequence[TimeWindow]:
                return [window]

            await self._round(left, windows_of, backfill=backfill)
            if self.stop.code is not None or self.tally.transfer_limit_reached:
                return
            await self.rooms.writer.commit([WindowSettled(backfill, window, self.clock())])

    async def _round(self, devices: Sequence[Device], windows_of: WindowsOf, backfill: str | None) -> None:
        """All stages once, over `devices`. Ends when they are done or when the run is stopped.

        The writer ends last, whatever happens to the others: what they told is in the state then.
        """
        decider = await self._decider(backfill)
        surveyor = Surveyor(self.rooms.client, windows_of, self.tally, self.lifeline, self.clock)
        orderer = Orderer(self.rooms.client, self.wishes.tag, self.tally, self.lifeline, self.clock)
        run_fetch = partial(
            fetch,
            Transfer(self.rooms.client, self.rooms.archive, self.tally),
            workers=self.wishes.downloads,
            lifeline=self.lifeline,
            limit=TransferLimit(self.wishes.max_transfer),
            clock=self.clock,
        )
        to_decide, listings = anyio.create_memory_object_stream[Listing](PAGES)
        to_order, order_jobs = anyio.create_memory_object_stream[OrderJob](PAGES)
        to_fetch, fetch_jobs = anyio.create_memory_object_stream[Sequence[FetchJob]](PAGES)
        async with self._recording() as facts:
            with self.stop.scope():
                async with anyio.create_task_group() as stages:
                    stages.start_soon(survey, devices, surveyor, self.wishes.listings, to_decide)
                    stages.start_soon(decide, decider, listings, Outputs(facts.clone(), to_order, to_fetch))
                    stages.start_soon(order, orderer, order_jobs, facts.clone())
                    stages.start_soon(run_fetch, fetch_jobs, facts.clone())

    @asynccontextmanager
    async def _recording(self) -> AsyncIterator[MemoryObjectSendStream[Facts]]:
        """A stream into the state. Leaving waits until all that was sent is written."""
        send, receive = anyio.create_memory_object_stream[Facts](FACTS)
        async with anyio.create_task_group() as group:
            group.start_soon(record, receive, self.rooms.writer)
            async with send:
                yield send

    async def _decider(self, backfill: str | None) -> Decider:
        paths = PathBook(
            self.rooms.reader, self.wishes.layout, self.tenant, await self.rooms.reader.folders()
        )
        return Decider(
            self.rooms.reader,
            paths,
            self.wishes.selection,
            self.wishes.policy,
            self.tally,
            self.clock,
            backfill,
        )


def _folders(devices: Sequence[Device], known: dict[str, str]) -> list[str]:
    """A folder for each device: its own where it has one, else a new one that no other device has."""
    taken = set(known.values())
    folders = []
    for device in devices:
        folder = known.get(device.id) or device_folder(device.name, device.id, taken)
        taken.add(folder)
        folders.append(folder)
    return folders
