"""Transfer: one file's two-step download, as far as memory (small) or a part file (large)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import anyio

from osfsync.archive.base import Archive
from osfsync.cloud.client import Body, CloudClient
from osfsync.content import LengthCheck, check_for, only_whole
from osfsync.domain.errors import DamagedError
from osfsync.domain.model import ContentCheck, Held
from osfsync.pipeline.messages import FetchJob
from osfsync.pipeline.streams import ByteBudget
from osfsync.pipeline.tally import Tally

SMALL = 4_000_000
"""Bytes. Up to here a file is collected in memory and leaves the loop once, in a group (measured)."""

PIECE = 1_000_000
"""Bytes of a large file that leave the loop together."""

IN_FLIGHT = 32_000_000
"""Bytes of bodies in memory at once."""


@dataclass(frozen=True, slots=True)
class SmallBody:
    """A whole body in memory; `share` of the budget is given back when it is placed."""

    job: FetchJob
    data: bytes
    size: int | None
    check: ContentCheck
    share: int


@dataclass(frozen=True, slots=True)
class _Incoming:
    """A large body of which `head` was read."""

    body: Body
    head: list[bytes]
    size: int | None
    check: ContentCheck


@dataclass(frozen=True, slots=True)
class _Room:
    """Memory for one file: its share of the budget, and up to which size it is collected whole."""

    share: int
    most: int


def _room_for(listed: int | None) -> _Room:
    if listed is None:
        return _Room(PIECE, PIECE)
    return _Room(listed, SMALL) if listed <= SMALL else _Room(2 * PIECE, SMALL)


Placed = Callable[[FetchJob, Held], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Transfer:
    """Downloads single files; all workers share one."""

    client: CloudClient
    archive: Archive
    tally: Tally
    budget: ByteBudget = field(default_factory=lambda: ByteBudget(IN_FLIGHT))

    async def run(self, job: FetchJob, placed: Placed) -> SmallBody | None:
        """Download a file, again where the line broke.

        A small file is handed back whole, to be placed in a group. A large one is in place when this
        returns None; `placed` was told, in one step with it that cancellation can't split.

        Raises:
            DamagedError: bytes came that are not the file.
            OsfsyncError: it can't be had or can't be put in place, after retries.
        """
        damage: DamagedError | None = None
        result: SmallBody | None = None
        async for attempt in self.client.retrying():
            with attempt:
                try:
                    result = await self._once(job, placed)
                except DamagedError as error:
                    damage = error
        if damage is not None:
            raise damage
        return result

    async def _once(self, job: FetchJob, placed: Placed) -> SmallBody | None:
        # Taken before the request: nobody waits for room with an answer open that another could read.
        plan = _room_for(job.file.size)
        share = await self.budget.take(plan.share)
        try:
            async with self.client.download(job.device, job.file.name) as body:
                size = _agreed_size(job, body.length)
                check = check_of(job)
                if job.file.size is None and not body.framed:
                    check = only_whole(check)  # nothing else shows that the line did not break
                head, rest = await self._collect(body, size, plan.most)
                if rest:
                    await self._receive(job, _Incoming(body, head, size, check), placed)
                    return None
                small = SmallBody(job, b"".join(head), size, check, share)
                share = 0
                return small
        finally:
            self.budget.give(share)

    async def _collect(self, body: Body, size: int | None, most: int) -> tuple[list[bytes], bool]:
        """The first bytes, little more than `most`, and whether more may follow."""
        head: list[bytes] = []
        length = 0
        if size is not None and size > most:
            return head, True
        async for piece in body.pieces():
            head.append(piece)
            length += len(piece)
            self.tally.received += len(piece)
            if size is not None and length > size:
                raise DamagedError("length", f"More bytes came than the {size} that were announced.")
            if length > most:
                return head, True
        return head, False

    async def _receive(self, job: FetchJob, incoming: _Incoming, placed: Placed) -> None:
        head, body = incoming.head, incoming.body
        async with self.archive.receive(job.path, incoming.size, incoming.check) as receiver:
            pieces, length = head, sum(map(len, head))
            async for piece in body.pieces():
                pieces.append(piece)
                length += len(piece)
                self.tally.received += len(piece)
                if length >= PIECE:
                    await receiver.write(pieces)
                    pieces, length = [], 0
            await receiver.write(pieces)
            if not await job.known.wait():
                return
            with anyio.CancelScope(shield=True):
                await placed(job, await receiver.commit())


def check_of(job: FetchJob) -> ContentCheck:
    """How to judge a file's bytes.

    A file that the list tells to be empty is empty. A version that is cut off must not replace a longer one.
    """
    held = job.replaces
    if held is None:
        return LengthCheck() if job.file.size == 0 else check_for(job.file.name)
    check = check_for(job.file.name)
    grew = job.file.size is not None and job.file.size >= held.size
    return check if grew else only_whole(check)


def _agreed_size(job: FetchJob, length: int | None) -> int | None:
    """The size that the body must have. Raises DamagedError where list and answer contradict each other."""
    listed = job.file.size
    if listed is not None and length is not None and listed != length:
        raise DamagedError(
            "listed-size", f"The list tells {listed} bytes, the download announces {length} bytes."
        )
    return length if length is not None else listed
