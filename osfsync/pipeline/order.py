"""Order: asks devices for files; the platform only queues the commands."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import datetime

import anyio
import structlog
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from osfsync.cloud.client import CloudClient
from osfsync.cloud.refusals import certainly_untaken
from osfsync.domain.errors import BusyError, CloudError, LoginRefusedError, TenantError
from osfsync.domain.model import Device
from osfsync.domain.outcomes import OrderPrepared, OrderRefused, OrderTaken
from osfsync.pipeline.lifeline import Lifeline
from osfsync.pipeline.listen import Listener
from osfsync.pipeline.merge import Command, MergeTerms, commands_for
from osfsync.pipeline.messages import Facts, OrderJob, Receipt
from osfsync.pipeline.tally import Tally
from osfsync.reports.text import amount

log = structlog.get_logger(__name__)

WORKERS = 16
"""Each command waits until the ledger has it; together they share the ledger's transactions."""

BUSY_DEVICES = 3
"""Once commands to so many devices were put off, the platform wants fewer of them: the next run goes on."""

Out = MemoryObjectSendStream[Facts]


@dataclass(slots=True)
class Orderer:
    """Sends commands; several workers share one orderer. `numbers` gives each order its own."""

    client: CloudClient
    terms: MergeTerms
    numbers: Iterator[int]
    listener: Listener
    tally: Tally
    lifeline: Lifeline
    clock: Callable[[], datetime]
    _busy: set[str] = field(default_factory=set)

    async def order(self, job: OrderJob, out: Out) -> None:
        """Send the commands of one device, as many as may wait for it. A refusal never ends the run."""
        commands = commands_for(job.wanted, job.waiting, self.terms)[: job.room]
        before = self.tally.orders_sent
        for ahead, command in enumerate(commands, start=job.queued):
            if len(self._busy) >= BUSY_DEVICES or not await self._order(job.device, command, ahead, out):
                break
        if self.tally.orders_sent > before:
            await self.listener.hear_once(job.device, out)  # tells when it may be in contact next

    async def _order(self, device: Device, command: Command, ahead: int, out: Out) -> bool:
        """One command. False where the device's others need not be tried in this run."""
        order = OrderPrepared(
            next(self.numbers), device.id, command.window, command.tag, command.names, ahead, self.clock()
        )
        # Known to the ledger before the platform knows it: killed in between, it is never sent twice.
        receipt = Receipt()
        await out.send(Facts((order,), receipt))
        if not await receipt.wait():
            return False
        try:
            await self.client.order(device, command.window, command.tag)
        except CloudError as error:
            return await self._not_taken(device, order, error, out)
        await self._tell(OrderTaken(order, certain=True), out)
        self.lifeline.answered(device)
        self.tally.orders_sent += 1
        log.info("command sent", device=device.name, window=str(command.window), files=len(command.names))
        return True

    async def _not_taken(self, device: Device, order: OrderPrepared, error: CloudError, out: Out) -> bool:
        log.warning("command was not taken", device=device.name, reason=error.slug, error=str(error))
        files = f"{amount(len(order.names), 'file')} of {order.window}"
        if certainly_untaken(error):
            await self._tell(OrderRefused(order, error.slug, str(error)), out)
            text = f"No command was taken for {files}: {error}"
        else:
            await self._tell(OrderTaken(order, certain=False), out)
            text = f"Whether a command was taken for {files} is not known, and counts as yes: {error}"
        if isinstance(error, LoginRefusedError | TenantError):
            raise error
        self.tally.problem(device.name, None, error.slug, text)
        if isinstance(error, BusyError):
            self._busy.add(device.id)
        else:
            await self.lifeline.failed(device, error)
        return False

    async def _tell(self, fact: OrderTaken | OrderRefused, out: Out) -> None:
        # What the platform said must be remembered, also by a run that is told to stop.
        with anyio.CancelScope(shield=True):
            await out.send(Facts((fact,)))


async def order(orderer: Orderer, jobs: MemoryObjectReceiveStream[OrderJob], out: Out) -> None:
    """Run until the jobs end; closes its ends of the streams."""
    async with jobs, out, anyio.create_task_group() as group:
        for _ in range(WORKERS):
            group.start_soon(_work, orderer, jobs.clone(), out.clone())


async def _work(orderer: Orderer, jobs: MemoryObjectReceiveStream[OrderJob], out: Out) -> None:
    async with jobs, out:
        async for job in jobs:
            await orderer.order(job, out)
