"""Transfer: one file's two-step download, as far as memory (small) or a part file (large)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field

import anyio

from osfsync.archive.base import Archive
from osfsync.cloud.client import Body, CloudClient
from osfsync.content import check_for
from osfsync.domain.errors import DamagedError
from osfsync.domain.model import Held
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
    share: int


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
        async with self.client.download(job.device, job.file.name) as body:
            size = _agreed_size(job, body.length)
            share = await self.budget.take(SMALL if size is None else min(size, SMALL))
            try:
                head, rest = await self._collect(body, size)
                if not rest:
                    small = SmallBody(job, b"".join(head), size, share)
                    share = 0
                    return small
                await self._receive(job, body, head, size, placed)
                return None
            finally:
                self.budget.give(share)

    async def _collect(self, body: Body, size: int | None) -> tuple[list[bytes], bool]:
        """The first bytes, up to SMALL, and whether more may follow."""
        head: list[bytes] = []
        length = 0
        if size is not None and size > SMALL:
            return head, True
        async for piece in body.pieces():
            head.append(piece)
            length += len(piece)
            self.tally.received += len(piece)
            if size is not None and length > size:
                raise DamagedError("length", f"More bytes came than the {size} that were announced.")
            if length > SMALL:
                return head, True
        return head, False

    async def _receive(
        self, job: FetchJob, body: Body, head: list[bytes], size: int | None, placed: Placed
    ) -> None:
        check = check_for(job.file.name)
        async with self.archive.receive(job.path, size, check) as receiver:
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


def _agreed_size(job: FetchJob, length: int | None) -> int | None:
    """The size that the body must have. Raises DamagedError where list and answer contradict each other."""
    listed = job.file.size
    if listed is not None and length is not None and listed != length:
        raise DamagedError(
            "listed-size", f"The list tells {listed} bytes, the download announces {length} bytes."
        )
    return length if length is not None else listed
