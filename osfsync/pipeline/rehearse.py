"""The dry run: survey and planner for real, and nothing after them: no order, no download, no record."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream

from osfsync.cloud.client import CloudClient
from osfsync.domain.dialogue import Dialogue
from osfsync.domain.model import Device, Tenant, utc_now
from osfsync.pipeline.decide import Decider, Outputs, decide
from osfsync.pipeline.lifeline import Lifeline
from osfsync.pipeline.merge import commands_for
from osfsync.pipeline.messages import Facts, FetchJob, Listing, OrderJob
from osfsync.pipeline.nightly import PAGES
from osfsync.pipeline.pathbook import PathBook
from osfsync.pipeline.stop import Stop
from osfsync.pipeline.survey import Surveyor, survey
from osfsync.pipeline.tally import Tally
from osfsync.pipeline.wishes import (
    Wishes,
    by_platform,
    choose_devices,
    folders_of,
    settler_of,
    windows_to_list,
)
from osfsync.state.ledger import Ledger
from osfsync.state.reader import Reader


@dataclass(slots=True)
class Rehearsal:
    """One dry run. The tally's files that are left are those that would be fetched."""

    client: CloudClient
    reader: Reader
    ledger: Ledger
    tenant: Tenant
    wishes: Wishes
    stop: Stop
    tally: Tally = field(default_factory=Tally)
    clock: Callable[[], datetime] = utc_now

    async def run(self, since: datetime | None = None, until: datetime | None = None) -> None:
        """List and decide as `Run.sync` does."""
        self.client.expect_fields(await self.reader.list_fields(self.tenant.id))
        known = await self.reader.devices_known(self.tenant.id)
        devices = (await choose_devices(self.client, self.wishes, self.tally, known)).chosen
        folders = folders_of(devices, await self.reader.folders())
        decider = Decider(
            self.reader,
            PathBook(self.reader, self.wishes.layout, self.tenant, folders),
            self.wishes.selection,
            self.wishes.policy,
            self.tally,
            self._now,
            settler_of(self.ledger, self.wishes, self.tally, finds_losses=True),
        )
        windows_of = windows_to_list(self.reader, self.wishes, self._now(), since, until)
        surveyor = Surveyor(
            self.client,
            windows_of,
            self._dialogue_with,
            None,
            self.tally,
            Lifeline(self.client.devices),
            self._now,
        )
        to_decide, listings = anyio.create_memory_object_stream[Listing](PAGES)
        to_record, facts = anyio.create_memory_object_stream[Facts](PAGES)
        to_order, orders = anyio.create_memory_object_stream[OrderJob](PAGES)
        to_fetch, fetches = anyio.create_memory_object_stream[Sequence[FetchJob]](PAGES)
        with self.stop.scope():
            async with anyio.create_task_group() as stages:
                stages.start_soon(survey, devices, surveyor, self.wishes.listings, to_decide)
                stages.start_soon(decide, decider, listings, Outputs(to_record, to_order, to_fetch))
                stages.start_soon(_forget, facts)
                stages.start_soon(self._count_commands, orders)
                stages.start_soon(_drop, fetches)

    def _now(self) -> datetime:
        return by_platform(self.clock(), self.client.clock_offset)

    async def _dialogue_with(self, device: Device) -> Dialogue:
        """As the last run left it."""
        return await self.ledger.dialogue(device.id, self.clock())

    async def _count_commands(self, orders: MemoryObjectReceiveStream[OrderJob]) -> None:
        async with orders:
            async for job in orders:
                commands = commands_for(job.wanted, job.waiting, self.wishes.merging)
                self.tally.orders_sent += min(len(commands), job.room)


async def _forget(facts: MemoryObjectReceiveStream[Facts]) -> None:
    """Let new files' paths be free again, as if they had been written."""
    async with facts:
        async for told in facts:
            if told.receipt is not None:
                told.receipt.confirm()


async def _drop(fetches: MemoryObjectReceiveStream[Sequence[FetchJob]]) -> None:
    async with fetches:
        async for _ in fetches:
            pass
