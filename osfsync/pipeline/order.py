"""Order: asks devices for files, in few time windows; the platform only queues the commands."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

import anyio
import structlog
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from osfsync.cloud.client import CloudClient
from osfsync.domain.errors import CloudError, LoginRefusedError, TenantError
from osfsync.domain.model import Device, TimeWindow, merge_windows
from osfsync.domain.outcomes import Ordered, OrderRefused
from osfsync.pipeline.lifeline import Lifeline
from osfsync.pipeline.messages import Facts, OrderJob, Wanted
from osfsync.pipeline.tally import Tally

log = structlog.get_logger(__name__)

MERGE_GAP = timedelta(hours=24)
"""Files no further apart than this go into one command: a device executes one a contact."""

WORKERS = 4


@dataclass(frozen=True, slots=True)
class Command:
    """One request-list: deliver the files of `window`; `names` are those it is meant for."""

    window: TimeWindow
    tag: str
    names: tuple[str, ...]


def commands_for(wanted: Sequence[Wanted], default_tag: str) -> Iterator[Command]:
    """The fewest commands that cover all files, a tag at a time, oldest first.

    A command carries the tag of its files where the list tells it. Its window reaches to the next full
    second, because the platform's lists know seconds only.
    """
    by_tag: dict[str, list[Wanted]] = {}
    for file in wanted:
        by_tag.setdefault(file.tag or default_tag, []).append(file)
    for tag, files in sorted(by_tag.items()):
        files.sort(key=lambda file: file.span)
        position = 0
        for window in merge_windows((file.span for file in files), MERGE_GAP):
            names: list[str] = []
            while position < len(files) and files[position].span.start <= window.end:
                names.append(files[position].name)
                position += 1
            yield Command(_full_seconds(window), tag, tuple(names))


def _full_seconds(window: TimeWindow) -> TimeWindow:
    end = window.end.replace(microsecond=0)
    return TimeWindow(window.start.replace(microsecond=0), end + timedelta(seconds=1))


@dataclass(slots=True)
class Orderer:
    """Sends commands; several workers share one orderer."""

    client: CloudClient
    default_tag: str
    tally: Tally
    lifeline: Lifeline
    clock: Callable[[], datetime]

    async def order(self, job: OrderJob, out: MemoryObjectSendStream[Facts]) -> None:
        """Send the commands of one device. A refused command never ends the run."""
        for command in commands_for(job.wanted, self.default_tag):
            try:
                await self.client.order(job.device, command.window, command.tag)
            except (LoginRefusedError, TenantError):
                raise
            except CloudError as error:
                await self._refused(job.device, command, error, out)
                await self.lifeline.failed(job.device, error)
            else:
                # A command that was taken must be remembered, or it would be sent again tomorrow.
                with anyio.CancelScope(shield=True):
                    await out.send(Facts((self._ordered(job.device, command),)))
                self.lifeline.answered(job.device)
                self.tally.orders_sent += 1
                log.info(
                    "command sent",
                    device=job.device.name,
                    window=str(command.window),
                    files=len(command.names),
                )

    def _ordered(self, device: Device, command: Command) -> Ordered:
        return Ordered(device.id, command.window, command.tag, command.names, self.clock())

    async def _refused(
        self, device: Device, command: Command, error: CloudError, out: MemoryObjectSendStream[Facts]
    ) -> None:
        log.warning("command was not taken", device=device.name, reason=error.slug, error=str(error))
        self.tally.problem(
            device.name,
            None,
            error.slug,
            f"{len(command.names)} files of {command.window} could not be asked for: {error}",
        )
        fact = OrderRefused(device.id, command.window, command.tag, error.slug, str(error), self.clock())
        await out.send(Facts((fact,)))


async def order(
    orderer: Orderer, jobs: MemoryObjectReceiveStream[OrderJob], out: MemoryObjectSendStream[Facts]
) -> None:
    """Run until the jobs end; closes its ends of the streams."""
    async with jobs, out, anyio.create_task_group() as group:
        for _ in range(WORKERS):
            group.start_soon(_work, orderer, jobs.clone(), out.clone())


async def _work(
    orderer: Orderer, jobs: MemoryObjectReceiveStream[OrderJob], out: MemoryObjectSendStream[Facts]
) -> None:
    async with jobs, out:
        async for job in jobs:
            await orderer.order(job, out)
