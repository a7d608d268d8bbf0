"""A large file that arrives in steps: hashed, checked, written; put in place, kept for later, or removed."""

import os
import stat
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TypeVar

from anyio import CapacityLimiter

from osfsync.archive.base import Complete, PartLabel, Placed
from osfsync.archive.durable import sync_folder
from osfsync.archive.failures import translate
from osfsync.archive.intake import Intake
from osfsync.archive.keeper import Keeper
from osfsync.archive.kept import KeptPart, Shelf, remove_kept, remove_note
from osfsync.archive.steps import READ, READS_A_STEP, Steps
from osfsync.archive.tree import Tree, open_part, open_part_again, write_all
from osfsync.domain.errors import DamagedError
from osfsync.domain.model import ContentCheck, Held

T = TypeVar("T")


@contextmanager
def _damage_instead(kept: KeptPart) -> Iterator[None]:
    """A kept part that can't be read is like one that is not what it was: the file is fetched anew."""
    try:
        yield
    except OSError as error:
        raise _changed(kept) from error


def _changed(kept: KeptPart) -> DamagedError:
    return DamagedError("kept-part", f"The part that was kept of {kept.note.path} is not what it was.")


@dataclass(frozen=True, slots=True)
class Workshop:
    """What all receivers of an archive share."""

    tree: Tree
    shelf: Shelf
    limiter: CapacityLimiter

    def receiver(
        self,
        path: str,
        expected_size: int | None,
        check: ContentCheck,
        label: PartLabel | None,
        complete: Complete | None,
    ) -> "LocalReceiver":
        """For a file that comes from its first byte; kept for later only with a label."""
        keeper = None if label is None else Keeper(self.shelf, path, label)
        return LocalReceiver(self, path, Intake(expected_size, check, complete), keeper)

    def receiver_again(
        self, kept: KeptPart, check: ContentCheck, complete: Complete | None
    ) -> "LocalReceiver":
        """For a file whose beginning was kept; `take_up` comes first."""
        note = kept.note
        keeper = Keeper(self.shelf, note.path, note.label, kept)
        return LocalReceiver(self, note.path, Intake(note.label.size, check, complete), keeper)


class LocalReceiver:
    """See `Receiver`. The part file is made by the first step; `leave` keeps or removes what is left."""

    _part: str | None

    def __init__(self, workshop: Workshop, path: str, intake: Intake, keeper: Keeper | None) -> None:
        self._tree = workshop.tree
        self._shelf = workshop.shelf
        self._steps = Steps(workshop.limiter)
        self._path = path
        self._intake = intake
        self._keeper = keeper
        self._part = None
        self._descriptor: int | None = None
        self._unread: KeptPart | None = None  # not taken up yet, and untouched until then
        self._sound = True

    @property
    def size(self) -> int:
        """See `Receiver.size`."""
        return self._intake.size

    async def take_up(self, kept: KeptPart) -> None:
        """Read a kept part through hash and check, and go on behind it. Raises DamagedError."""
        self._part, self._unread = kept.part, kept
        await self._run(lambda: self._reopen(kept))
        while await self._run(lambda: self._reread(kept)):
            pass
        await self._run(lambda: self._rejoin(kept))

    async def write(self, pieces: Sequence[bytes]) -> None:
        """See `Receiver.write`."""
        await self._run(lambda: self._write(pieces))

    async def commit(self, former: Held | None = None) -> Placed:
        """See `Receiver.commit`."""
        return await self._run(lambda: self._commit(former))

    async def discard(self) -> None:
        """See `Receiver.discard`."""
        await self._steps.last(self._discard)

    async def leave(self) -> None:
        """Close, and keep or remove what is not in place. Not interrupted by cancellation."""
        await self._steps.last(self._leave)

    async def _run(self, work: Callable[[], T]) -> T:
        """One step. What failed in the middle of one is not kept."""

        def alone() -> T:
            self._sound = False
            result = work()
            self._sound = True
            return result

        return await self._steps.run(alone)

    def _reopen(self, kept: KeptPart) -> None:
        with _damage_instead(kept):
            self._descriptor = open_part_again(kept.part)
            status = os.fstat(self._descriptor)
            if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1:  # never write what lies elsewhere too
                raise _changed(kept)

    def _reread(self, kept: KeptPart) -> bool:
        for _ in range(READS_A_STEP):
            missing = kept.note.durable - self._intake.size
            if missing == 0:
                return False
            with _damage_instead(kept):
                piece = os.read(self._opened(), min(READ, missing))
            if not piece:
                raise _changed(kept)
            self._intake.take(piece)
        return True

    def _rejoin(self, kept: KeptPart) -> None:
        if self._intake.digest() != kept.note.sha256:
            raise _changed(kept)
        with _damage_instead(kept):
            os.ftruncate(self._opened(), kept.note.durable)  # nothing vouches for what lies behind
        self._unread = None

    def _write(self, pieces: Sequence[bytes]) -> None:
        try:
            for piece in pieces:
                self._intake.take(piece)
                write_all(self._opened(), piece)
            if self._keeper is not None and self._part is not None:
                self._keeper.note_now_and_then(self._part, self._opened(), self._intake)
        except OSError as error:
            raise translate(error, f"writing {self._path}", self._tree.root) from error

    def _opened(self) -> int:
        if self._descriptor is None:
            self._part = self._tree.new_part()
            self._descriptor = open_part(self._part)
        return self._descriptor

    def _close(self) -> None:
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            os.close(descriptor)

    def _commit(self, former: Held | None) -> Placed:
        held = self._intake.finish()
        kept: str | None = None
        changed: set[str] = set()
        try:
            os.fsync(self._opened())
            self._close()  # Windows renames no open file
            try:
                if self._part is not None:
                    kept = self._tree.move(self._part, self._path, held.verification, former, changed)
                    part, self._part = self._part, None
                    with suppress(OSError):  # the next run's `prepare` removes it
                        remove_note(part)
                    self._shelf.drop([self._path])
            finally:  # folders that were made stay, and other files rely on them
                for folder in changed:
                    sync_folder(folder)
            self._tree.know(changed)
        except OSError as error:
            raise translate(error, f"making {self._path} durable", self._tree.root) from error
        return Placed(held, kept)

    def _discard(self) -> None:
        self._sound = False
        self._leave()

    def _leave(self) -> None:
        kept = self._worth_keeping()
        with suppress(OSError):
            self._close()
        part, self._part = self._part, None
        if kept is not None:
            self._shelf.put(kept)
        elif part is not None:
            with suppress(OSError):  # the next run's `prepare` removes what could not be removed here
                remove_kept(part)

    def _worth_keeping(self) -> KeptPart | None:
        if not self._sound or self._keeper is None or self._part is None:
            return None
        if self._unread is not None:
            return self._unread
        try:
            return self._keeper.keep(self._part, self._opened(), self._intake)
        except OSError:
            return None
