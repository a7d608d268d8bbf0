"""Fetch: jobs → files in the archive and their outcomes; small files are placed in groups."""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import assert_never

import anyio
import structlog
from anyio.streams.memory import MemoryObjectReceiveStream, MemoryObjectSendStream

from osfsync.archive.base import Body, Placed, Unplaced
from osfsync.cloud.client import Tries
from osfsync.domain.absence import NOT_ON_SERVER
from osfsync.domain.errors import (
    ArchiveError,
    CloudError,
    DamagedError,
    LoginRefusedError,
    NotFoundError,
    OsfsyncError,
    TenantError,
    TokenGoneError,
)
from osfsync.domain.model import Failure, Verification
from osfsync.domain.outcomes import Fetched, FetchFailed
from osfsync.pipeline.batch import TRIES, Batches
from osfsync.pipeline.checks import check_of
from osfsync.pipeline.lifeline import Lifeline
from osfsync.pipeline.messages import Facts, FetchJob
from osfsync.pipeline.stop import TransferLimit
from osfsync.pipeline.streams import Feed
from osfsync.pipeline.tally import Tally
from osfsync.pipeline.transfer import SmallBody, Transfer

log = structlog.get_logger(__name__)

GROUP_FILES = 256
GROUP_BYTES = 8_000_000

SOMETHING_ELSE = "Something else lay at {path} in the archive; it is kept as {kept}."
MAY_HOLD_MORE = "What lay at {path} in the archive may hold more than the new version; it is kept as {kept}."

DAMAGED_AT_SOURCE = (
    "The file is damaged at the source (check {check}): the platform gave the same bytes of the listed size "
    "twice. They are archived at {path}; they are downloaded again only if the list changes."
)

FEWEST_WAITING = 16
"""Files that wait for another try at least, before no new one is begun."""

ABSENT_FROM_SERVER = (
    "The server's own list names files that the server does not have, such as {name}: they count as on the "
    "device. With the permission to view device credentials, their storage status is read instead."
)

DAMAGED_TRIES = 3
"""Bodies of one file that are refused in one run before it is left to the next run."""


@dataclass(slots=True)
class Fetcher:
    """What the download workers and the placing of groups share in one round."""

    transfer: Transfer
    feed: Feed[FetchJob]
    facts: MemoryObjectSendStream[Facts]
    tally: Tally
    lifeline: Lifeline
    limit: TransferLimit
    clock: Callable[[], datetime]
    unsure: Collection[str]  # ids of devices whose files in the archive may be another one's
    batches: Batches | None

    async def handle_next(self, job: FetchJob, small: MemoryObjectSendStream[SmallBody]) -> None:
        """One file, or a batch with those that come next. Only what concerns the whole run is raised."""
        if self.batches is not None and self.batches.work and self.batches.takes(job):
            left = self.limit.left(self.tally.received + self.batches.under_way)
            batch = [job, *self.feed.more(self.batches.company_of(job, left))]
            if len(batch) > 1:
                await self._handle_batch(self.batches, batch, small)
                return
        await self.handle(job, small)

    async def _handle_batch(
        self, batches: Batches, jobs: Sequence[FetchJob], small: MemoryObjectSendStream[SmallBody]
    ) -> None:
        if self._must_leave(jobs[0]):
            for job in jobs:
                self._leave(job)
            return
        batch = await batches.fetch(jobs)
        if batch.bodies:
            self.lifeline.answered(jobs[0].device)
        here = {body.job.file.name for body in batch.bodies}
        self._try_again([job for job in jobs if job.file.name not in here], batch.error)
        for body in batch.bodies:
            await small.send(body)

    def _try_again(self, jobs: Sequence[FetchJob], error: CloudError | DamagedError | None) -> None:
        """Together where a batch failed for a passing reason, else each by itself."""
        wait = None
        if jobs and isinstance(error, CloudError) and jobs[0].batches + 1 < TRIES:
            wait = self.transfer.client.wait_before_retry(Tries(jobs[0].batches), error)
        for job in jobs:
            job.batches += 1
            job.alone = wait is None
            self.feed.give_back(job, wait or 0.0)

    async def handle(self, job: FetchJob, small: MemoryObjectSendStream[SmallBody]) -> None:
        """Adopt or download one file. Only what concerns the whole run is raised."""
        try:
            if job.present and await self._adopt(job):
                return
            if self._must_leave(job):
                self._leave(job)
                return
            body = await self.transfer.run(job, self.placed)
        except (LoginRefusedError, TenantError):
            raise
        except DamagedError as error:
            await self.damaged(job, error)
        except ArchiveError as error:
            await self.transfer.archive.confirm()  # where the disk is gone, no file can be placed
            await self.failed(job, error)
        except CloudError as error:
            wait = self.transfer.client.wait_before_retry(job.tries, error)
            if wait is not None:  # the worker is free meanwhile
                log.info("download is retried", device=job.device.name, file=job.file.name, reason=error.slug)
                self.feed.give_back(job, wait)
                return
            await self.refused(job, error)
        else:
            self.lifeline.answered(job.device)
            if body is not None:
                await small.send(body)

    def _must_leave(self, job: FetchJob) -> bool:
        """Whether no download of this device may start any more in this run."""
        if self.limit.reached(self.tally.received):
            self.tally.transfer_limit_reached = True
            return True
        return self.lifeline.is_suspended(job.device)

    def _leave(self, job: FetchJob) -> None:
        self.tally.unsettled.add(job.device.id)
        self.feed.settle()

    async def _adopt(self, job: FetchJob) -> bool:
        """Take what lies at the path already, where it is whole: a killed run may have put it there.

        Only a listed size can confirm that it is this file, and only where no other device of the same name,
        and no other name of this device, may have put it there.
        """
        job.present = False
        if job.file.size is None or job.device.id in self.unsure:
            return False
        held = await self.transfer.archive.adopt(job.path, job.file.size, check_of(job))
        if held is None:
            return False
        if await job.known.wait():
            await self._tell(Fetched(job.device.id, job.file.name, held, adopted=True))
            self.tally.file_fetched(job.device.id, job.file.name)
        self.feed.settle()
        return True

    async def placed(self, job: FetchJob, placed: Placed) -> None:
        """A file is in place."""
        await self._tell(_fetched(job, placed))
        self.note_placed(job, placed)

    def note_placed(self, job: FetchJob, placed: Placed) -> None:
        """A file is in place, and told to the state."""
        self.tally.at_once = self.transfer.client.open_lanes
        self.tally.file_fetched(job.device.id, job.file.name, job.replaces)
        self.tally.bytes += placed.held.size
        if placed.kept is not None:
            lay = SOMETHING_ELSE if job.replaces is None else MAY_HOLD_MORE
            text = lay.format(path=job.path, kept=placed.kept)
            self.tally.problem(job.device.name, job.file.name, "set-aside", text)
        if placed.held.verification is Verification.DAMAGED_AT_SOURCE:
            text = DAMAGED_AT_SOURCE.format(check=placed.held.check, path=job.path)
            self.tally.problem(job.device.name, job.file.name, placed.held.verification.value, text)
        self.feed.settle()

    async def damaged(self, job: FetchJob, error: DamagedError) -> None:
        """A body was refused: once more, until this run has had enough of it."""
        job.damaged += 1
        job.refused = error.sha256
        log.info("file arrived damaged", device=job.device.name, file=job.file.name, check=error.check)
        if job.damaged < DAMAGED_TRIES:
            self.feed.give_back(job)
            return
        self.tally.damaged_files.add((job.device.id, job.file.name))
        await self._give_up(job, error, error.check)

    async def failed(self, job: FetchJob, error: OsfsyncError) -> None:
        """A file can't be had in this run."""
        self.tally.failed_files.add((job.device.id, job.file.name))
        await self._give_up(job, error, None)

    async def refused(self, job: FetchJob, error: CloudError) -> None:
        """The platform did not give a file."""
        unknown = isinstance(error, NotFoundError) and not isinstance(error, TokenGoneError)
        if unknown and job.presumed and job.replaces is None:
            await self.absent(job, error)
            self.lifeline.answered(job.device)
        else:
            await self.failed(job, error)
            await self.lifeline.failed(job.device, error)

    async def absent(self, job: FetchJob, error: CloudError) -> None:
        """The server does not have a file that its own list names: the file is on the device."""
        log.info("file is not on the server", device=job.device.name, file=job.file.name, error=str(error))
        self.tally.file_absent(job.device.id, job.file.name)
        if job.device.id not in self.tally.devices_knowing:
            self.tally.devices_knowing.add(job.device.id)
            self.tally.problem(
                job.device.name, None, NOT_ON_SERVER, ABSENT_FROM_SERVER.format(name=job.file.name)
            )
        failure = Failure(NOT_ON_SERVER, str(error), self.clock())
        await self._tell(FetchFailed(job.device.id, job.file.name, failure, absent=True))
        self.feed.settle()

    async def _give_up(self, job: FetchJob, error: OsfsyncError, check: str | None) -> None:
        log.warning(
            "file could not be fetched",
            device=job.device.name,
            file=job.file.name,
            reason=error.slug,
            error=str(error),
        )
        self.tally.unsettled.add(job.device.id)
        self.tally.problem(job.device.name, job.file.name, error.slug, str(error))
        failure = Failure(error.slug, str(error), self.clock(), check)
        await self._tell(FetchFailed(job.device.id, job.file.name, failure))
        self.feed.settle()

    async def _tell(self, fact: Fetched | FetchFailed) -> None:
        await self.facts.send(Facts((fact,)))


def _fetched(job: FetchJob, placed: Placed) -> Fetched:
    return Fetched(job.device.id, job.file.name, placed.held, adopted=False)


async def _work(fetcher: Fetcher, small: MemoryObjectSendStream[SmallBody]) -> None:
    async with small:
        while True:
            try:
                job = await fetcher.feed.take()
            except anyio.EndOfStream:
                return
            await fetcher.handle_next(job, small)


async def _place_groups(fetcher: Fetcher, small: MemoryObjectReceiveStream[SmallBody]) -> None:
    """Place what has gathered while the last group was placed.

    Cancellation does not end it: it ends the workers, and what they brought whole before is placed and told.
    """
    with anyio.CancelScope(shield=True):
        async with small:
            async for first in small:
                group, size = [first], len(first.data)
                while len(group) < GROUP_FILES and size < GROUP_BYTES:
                    try:
                        group.append(small.receive_nowait())
                    except (anyio.WouldBlock, anyio.EndOfStream):
                        break
                    size += len(group[-1].data)
                await _place(fetcher, [member for member in group if await member.job.known.wait()])


async def _place(fetcher: Fetcher, group: Sequence[SmallBody]) -> None:
    """Raises what ends the run, once the state was told of what is in place."""
    failure: OsfsyncError | None = None
    bodies = [Body(m.job.path, m.data, m.size, m.check, m.job.replaces, m.complete) for m in group]
    results = await fetcher.transfer.archive.place(bodies)
    done = [(m.job, result) for m, result in zip(group, results, strict=True) if isinstance(result, Placed)]
    if done:
        await fetcher.facts.send(Facts(tuple(_fetched(job, placed) for job, placed in done)))
    for member, result in zip(group, results, strict=True):
        fetcher.transfer.budget.give(member.share)
        match result:
            case Placed():
                fetcher.note_placed(member.job, result)
            case DamagedError():
                await fetcher.damaged(member.job, result)
            case Unplaced():
                failure = result.failure
            case OsfsyncError():
                await fetcher.failed(member.job, result)
            case _:
                assert_never(result)
    if failure is not None:
        raise failure


@dataclass(frozen=True, slots=True)
class FetchRoom:
    """What one round's downloads work with.

    Attributes:
        unsure: ids of devices whose files in the archive may be another one's.
        new: ids of devices of which nobody knew a folder.
        adopts: no two names share a path, so that what lies at a file's path may be that file.
    """

    transfer: Transfer
    workers: int
    lifeline: Lifeline
    limit: TransferLimit
    clock: Callable[[], datetime]
    unsure: Collection[str]
    new: Collection[str]
    adopts: bool
    batches: Batches | None = None


async def fetch(
    room: FetchRoom,
    jobs: MemoryObjectReceiveStream[Sequence[FetchJob]],
    facts: MemoryObjectSendStream[Facts],
) -> None:
    """Run until the jobs end; closes its ends of the streams."""
    transfer = room.transfer

    async def look_for_present(page: Sequence[FetchJob]) -> None:
        if not room.adopts:
            return
        present = await transfer.archive.sizes([job.path for job in page])
        unknown = [job.path for job in page if job.path in present and job.replaces is None]
        doubtful = await transfer.archive.doubtful(unknown) if unknown else set()
        if of_new := [job.path for job in page if job.path in present and job.device.id in room.new]:
            doubtful |= await transfer.archive.beside_told_apart(of_new)
        for job in page:
            job.present = job.path in present and job.path not in doubtful

    feed = Feed(jobs, look_for_present, max(FEWEST_WAITING, room.workers))
    tally = transfer.tally
    fetcher = Fetcher(
        transfer, feed, facts, tally, room.lifeline, room.limit, room.clock, room.unsure, room.batches
    )
    send, receive = anyio.create_memory_object_stream[SmallBody](GROUP_FILES)
    async with jobs, facts, anyio.create_task_group() as group:
        group.start_soon(_place_groups, fetcher, receive)
        async with send:
            for _ in range(room.workers):
                group.start_soon(_work, fetcher, send.clone())
