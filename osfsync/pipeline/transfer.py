"""Transfer: one file's two-step download, as far as memory (small) or a part file (large)."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field, replace

import anyio

from osfsync.archive.base import Archive, Complete, PartLabel, Placed, Receiver
from osfsync.cloud.client import Body, CloudClient, Reply
from osfsync.cloud.sender import retryable
from osfsync.content import check_for, only_whole, shows_its_end
from osfsync.domain.errors import DamagedError, InterruptedBodyError
from osfsync.domain.model import ContentCheck
from osfsync.pipeline.checks import ListedSizes, check_of, completeness, contradiction, has_grown
from osfsync.pipeline.messages import FetchJob
from osfsync.pipeline.part import LEAST_PROGRESS, Part
from osfsync.pipeline.resume import label_for, rest_after
from osfsync.pipeline.streams import ByteBudget
from osfsync.pipeline.tally import Tally

SMALL = 4_000_000
"""Bytes. Up to here a file is collected in memory and leaves the loop once, in a group (measured)."""

PIECE = 1_000_000
"""Bytes of a large file that leave the loop together."""

SIZES_UNUSABLE = (
    "The sizes in the file list are not those of the files' bytes: several whole files differ from them. "
    'They are not used. To silence this, add size_unit = "other" under [cloud.fields.xml] in sync.toml.'
)

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
    complete: Complete | None = None


@dataclass(frozen=True, slots=True)
class _Room:
    """Memory for one file: its share of the budget, and up to which size it is collected whole."""

    share: int
    most: int


def _room_for(listed: int | None) -> _Room:
    if listed is None:
        return _Room(PIECE, PIECE)
    return _Room(listed, SMALL) if listed <= SMALL else _Room(2 * PIECE, SMALL)


Tell = Callable[[FetchJob, Placed], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class Transfer:
    """Downloads single files; all workers share one."""

    client: CloudClient
    archive: Archive
    tally: Tally
    budget: ByteBudget = field(default_factory=lambda: ByteBudget(IN_FLIGHT))
    sizes: ListedSizes = field(default_factory=ListedSizes)

    async def run(self, job: FetchJob, placed: Tell) -> SmallBody | None:
        """Download a file; once a part of it is here, again where the line broke.

        A small file is handed back whole, to be placed in a group. A large one is in place when this
        returns None; `placed` was told, in one step with it that cancellation can't split. What came of a
        large one is gone on with, by the next try or the next run.

        Raises:
            DamagedError: bytes came that are not the file.
            OsfsyncError: it can't be had or put in place; where nothing of it is here, after one try.
        """
        damage: DamagedError | None = None
        result: SmallBody | None = None
        async with Part(self.archive, job) as part:

            def worth(error: Exception) -> bool:
                if part.advanced():
                    job.tries.failures = 0
                return part.begun and retryable(error)

            async for attempt in self.client.retrying(job.tries, worth):
                with attempt:
                    try:
                        result = await self._once(job, part, placed)
                    except DamagedError as error:
                        damage = error
        if damage is not None:
            raise damage
        return result

    async def _once(self, job: FetchJob, part: Part, placed: Tell) -> SmallBody | None:
        # Taken before the request: nobody waits for room with an answer open that another could read.
        plan = _room_for(job.file.size)
        share = await self.budget.take(plan.share)
        head: list[bytes] = []
        cut: InterruptedBodyError | None = None
        receiver: Receiver | None = None
        small: SmallBody | None = None
        label: PartLabel | None = None
        try:
            asked = self.client.download(job.device, job.asked_name, part.rest(), listed=job.file.size)
            async with asked as body:
                if body.reply is Reply.REST:
                    receiver = part.go_on()
                else:
                    await part.drop()
                    proven = await self._prove_size(job, body, head)
                    size, check = self.sizes.agreed(job, body.length), _check_of_body(job, body)
                    complete = completeness(job, size, framed=body.framed)
                    more = False
                    if not proven:
                        most = (
                            PIECE if has_grown(job, size) else plan.most
                        )  # more than the share is no room for
                        cut, more = await self._collect(body, size, most, head)
                    if more:
                        receiver = await part.begin(size, check, body.proof, complete)
                    else:
                        small, label = (
                            SmallBody(job, b"", size, check, share, complete),
                            label_for(job, size, body.proof),
                        )
                if receiver is not None:
                    await self._receive(receiver, body, head)
                    await self._place(job, receiver, placed)
            if small is None:
                return None
            if cut is not None:
                await self._complete(job, label, head, cut)
            share = 0
            return replace(small, data=b"".join(head))
        finally:
            self.budget.give(share)

    async def _prove_size(self, job: FetchJob, body: Body, pieces: list[bytes]) -> bool:
        """Read a small body of another size than listed: several that are whole show that the list is wrong.

        Returns whether `pieces` got a whole file that has grown since it was listed.

        Raises DamagedError: the file needs another try, whether or not it was whole.
        """
        listed, length = job.file.size, body.length
        if listed is None or length is None or listed == length or length > SMALL:
            return False
        if not self.sizes.may_deviate(job):
            return False
        cut, more = await self._collect(body, length, SMALL, pieces)
        if cut is not None:
            raise cut
        check = only_whole(check_for(job.file.name))
        for piece in pieces:
            check.update(piece)
        check.finish()
        if not more and self.sizes.deviates(job):
            self.client.distrust_sizes()
            self.tally.problem("(platform)", None, "sizes-unusable", SIZES_UNUSABLE)
        if not has_grown(job, length):
            raise contradiction(listed, length)
        return True

    async def _complete(
        self, job: FetchJob, label: PartLabel | None, head: list[bytes], cut: InterruptedBodyError
    ) -> None:
        """Ask for the rest of a small body that broke off, as long as each try brings enough of it.

        Raises the error of the last try where the rest is not available.
        """
        here = sum(map(len, head))
        while label is not None and (rest := rest_after(label, here)) is not None:
            before = here
            async with self.client.download(job.device, job.asked_name, rest, listed=job.file.size) as body:
                if body.reply is not Reply.REST:
                    raise cut
                again, _ = await self._collect(body, label.size - here, SMALL, head)
            if again is None:
                return
            here = sum(map(len, head))
            if here - before < LEAST_PROGRESS:
                raise again
            cut = again
        raise cut

    async def _collect(
        self, body: Body, size: int | None, most: int, head: list[bytes]
    ) -> tuple[InterruptedBodyError | None, bool]:
        """Add the first bytes to `head`, little more than `most`.

        Returns the error of a body that broke off, and whether more may follow.
        """
        length = 0
        if size is not None and size > most:
            return None, True
        try:
            while piece := await body.piece():
                head.append(piece)
                length += len(piece)
                self.tally.received += len(piece)
                if size is not None and length > size:
                    raise DamagedError("length", f"More bytes came than the {size} that were announced.")
                if length > most:
                    return None, True
        except InterruptedBodyError as cut:
            return cut, False
        return None, False

    async def _receive(self, receiver: Receiver, body: Body, head: list[bytes]) -> None:
        """All that comes; where the line breaks too, so that none of it is asked for again."""
        pieces, length = head, sum(map(len, head))
        try:
            while piece := await body.piece():
                pieces.append(piece)
                length += len(piece)
                self.tally.received += len(piece)
                if length >= PIECE:
                    full, pieces, length = pieces, [], 0
                    await receiver.write(full)
        except InterruptedBodyError:
            await receiver.write(pieces)
            raise
        await receiver.write(pieces)

    async def _place(self, job: FetchJob, receiver: Receiver, placed: Tell) -> None:
        if not await job.known.wait():
            return
        with anyio.CancelScope(shield=True):
            await placed(job, await receiver.commit(job.replaces))


def _check_of_body(job: FetchJob, body: Body) -> ContentCheck:
    check = check_of(job)
    if has_grown(job, body.length):
        return only_whole(check)
    if job.file.size is None and not body.framed:
        # Nothing but the content shows that the line did not break.
        if not shows_its_end(job.file.name):
            raise DamagedError(
                "length",
                "Neither list nor answer tells how long the file is: it may be cut, so it is not taken.",
            )
        return only_whole(check)
    return check
