"""Reads files of the archive once more, from the disk itself, whatever is found there. Changes nothing."""

import os
import stat
import time
from collections.abc import Callable, Generator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from anyio import CapacityLimiter

from osfsync.archive.steps import READ, READS_A_STEP, Steps
from osfsync.archive.tree import Tree
from osfsync.domain.errors import DamagedError
from osfsync.domain.model import ContentCheck, Verification
from osfsync.domain.verdict import Absent, Damage, Examined, Odd, Sight, Unreadable

WORKERS = 4
"""Threads that read: hashing and inflating let go of the interpreter, and a disk likes a few at once."""

_STEP = READ * READS_A_STEP
_AN_OPEN = 20_000  # what opening a file costs, in bytes of reading: many small ones fill a step too
_JUST_NOW = 60.0
# A pipe that took a file's place since it was looked at must not block.
_OPEN = (
    os.O_RDONLY
    | getattr(os, "O_BINARY", 0)
    | getattr(os, "O_CLOEXEC", 0)
    | getattr(os, "O_NONBLOCK", 0)
    | getattr(os, "O_NOCTTY", 0)
)


@dataclass(frozen=True, slots=True)
class Exam:
    """A file to be read; `check` is fresh, and judges these bytes and no others."""

    path: str
    check: ContentCheck


class Examiner:
    """Files below `root`. A symbolic link is followed: reading does no harm.

    Args:
        read: told now and then how many more bytes were read.
    """

    def __init__(self, root: Path, read: Callable[[int], None]) -> None:
        self._tree = Tree(root)
        self._read = read
        self._limiter = CapacityLimiter(WORKERS)

    async def examine(self, exams: Sequence[Exam]) -> list[Sight]:
        """What there is of each file, in order; files given together are read one after the other."""
        reading = _Reading(self._tree, exams)
        steps = Steps(self._limiter)
        try:
            more = True
            while more:
                before = reading.bytes
                more = await steps.run(reading.step)
                self._read(reading.bytes - before)
        finally:
            await steps.last(reading.close)
        return reading.sights


class _Reading:
    def __init__(self, tree: Tree, exams: Sequence[Exam]) -> None:
        self.sights: list[Sight] = []
        self.bytes = 0
        self._tree = tree
        self._exams = exams
        self._going_on = self._read_all()

    def step(self) -> bool:
        """Read some more; whether there may be more to read."""
        left = _STEP
        for cost in self._going_on:
            left -= cost
            if left <= 0:
                return True
        return False

    def close(self) -> None:
        """Let go of the file that was being read."""
        self._going_on.close()

    def _read_all(self) -> "Generator[int]":
        for exam in self._exams:
            yield _AN_OPEN
            file = Path(self._tree.locate(exam.path))
            try:
                yield from self._read(file, exam.check)
            except (FileNotFoundError, NotADirectoryError):
                self.sights.append(_without(file))
            except OSError as error:
                self.sights.append(Unreadable(error.strerror or str(error)))

    def _read(self, file: Path, check: ContentCheck) -> "Generator[int]":
        odd = kind_of(file.stat().st_mode)
        if odd != FILE:  # not even opened: what a device does then is its own
            self.sights.append(Odd(odd))
            return
        descriptor = os.open(file, _OPEN)
        try:
            status = os.fstat(descriptor)
            _forget_cached(descriptor)
            judged = _Judged(check)
            most = min(READ, status.st_size + 1)  # no megabyte is set aside for a small file
            while piece := os.read(descriptor, most):
                judged.take(piece)
                self.bytes += len(piece)
                yield len(piece)
        finally:
            os.close(descriptor)
        touched = max(status.st_mtime, status.st_ctime)
        self.sights.append(Examined(judged.size, judged.hash.hexdigest(), touched, judged.finish()))


class _Judged:
    """Takes all bytes for the hash, and as many as it wants for the check."""

    def __init__(self, check: ContentCheck) -> None:
        self.size = 0
        self.hash = sha256()
        self._check = check
        self._damage: Damage | None = None

    def take(self, piece: bytes) -> None:
        self.size += len(piece)
        self.hash.update(piece)
        if self._damage is None:
            try:
                self._check.update(piece)
            except DamagedError as error:
                self._damage = Damage(error.check, error.message)

    def finish(self) -> Verification | Damage:
        if self._damage is not None:
            return self._damage
        try:
            return self._check.finish()
        except DamagedError as error:
            return Damage(error.check, error.message)


FILE = "a file"


def kind_of(mode: int) -> str:
    """What lies there, by its mode, in words."""
    for is_kind, words in (
        (stat.S_ISREG, FILE),
        (stat.S_ISDIR, "a folder"),
        (stat.S_ISLNK, "a symbolic link"),
    ):
        if is_kind(mode):
            return words
    return "no file but a pipe, a socket or a device"


def is_recent(touched: float) -> bool:
    """Whether a run that is under way may have put it there, and not have told so yet."""
    return abs(time.time() - touched) < _JUST_NOW


def _without(file: Path) -> Sight:
    """What there is where no file is found: nothing, or a link into nowhere."""
    return Odd("a symbolic link that leads nowhere") if file.is_symlink() else Absent()


def _forget_cached(descriptor: int) -> None:
    """Read what the disk holds, not what memory still does; where the system takes that wish."""
    if hasattr(os, "posix_fadvise"):
        with suppress(OSError):
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
