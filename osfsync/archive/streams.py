"""Large files, in steps: one that arrives, and one that lies in the archive already."""

import os
import stat
import sys
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path
from threading import Lock
from typing import TypeVar

from anyio import CancelScope, CapacityLimiter, to_thread

from osfsync.archive.durable import sync_folder
from osfsync.archive.failures import translate
from osfsync.archive.intake import Intake
from osfsync.archive.tree import Tree, open_part, remove_part, write_all
from osfsync.domain.model import Held

_READ = 1024 * 1024  # bytes at once
_READS_A_STEP = 16  # then a cancelled caller is heard
_OPEN = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)

T = TypeVar("T")


class _Steps:
    """Blocking steps in worker threads, never two at once.

    A task that asyncio itself cancels (Ctrl-C) leaves its thread running: the lock makes the clean-up wait.
    """

    def __init__(self, limiter: CapacityLimiter) -> None:
        self._limiter = limiter
        self._lock = Lock()
        self._over = False

    async def run(self, work: Callable[[], T]) -> T:
        def alone() -> T:
            with self._lock:
                if self._over:
                    raise RuntimeError("a step after the last one")
                return work()

        return await to_thread.run_sync(alone, limiter=self._limiter)

    async def last(self, work: Callable[[], None]) -> None:
        def alone() -> None:
            with self._lock:
                self._over = True
                work()

        with CancelScope(shield=True):
            await to_thread.run_sync(alone, limiter=self._limiter)


class LocalReceiver:
    """See `Receiver`. The part file is made by the first step; `discard` removes what is left of it."""

    _part: str | None

    def __init__(self, tree: Tree, path: str, intake: Intake, limiter: CapacityLimiter) -> None:
        self._tree = tree
        self._path = path
        self._intake = intake
        self._steps = _Steps(limiter)
        self._part = None
        self._descriptor: int | None = None

    async def write(self, pieces: Sequence[bytes]) -> None:
        """See `Receiver.write`."""
        await self._steps.run(lambda: self._write(pieces))

    async def commit(self) -> Held:
        """See `Receiver.commit`."""
        return await self._steps.run(self._commit)

    async def discard(self) -> None:
        """Close and remove. Not interrupted by cancellation."""
        await self._steps.last(self._discard)

    def _write(self, pieces: Sequence[bytes]) -> None:
        for piece in pieces:
            self._intake.take(piece)
            try:
                write_all(self._opened(), piece)
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

    def _commit(self) -> Held:
        held = self._intake.finish()
        changed: set[str] = set()
        try:
            os.fsync(self._opened())
            self._close()  # Windows renames no open file
            if self._part is not None:
                self._tree.move(self._part, self._path, changed)
                self._part = None
            for folder in changed:
                sync_folder(folder)
        except OSError as error:
            raise translate(error, f"making {self._path} durable", self._tree.root) from error
        return held

    def _discard(self) -> None:
        with suppress(OSError):  # the next run's `prepare` removes what could not be removed here
            self._close()
            if self._part is not None:
                remove_part(self._part)


class Inspection:
    """A file of the archive, read through hash and checks."""

    def __init__(self, tree: Tree, path: str, intake: Intake, limiter: CapacityLimiter) -> None:
        self._tree = tree
        self._path = path
        self._intake = intake
        self._steps = _Steps(limiter)
        self._descriptor: int | None = None

    async def open(self) -> bool:
        """Whether there is such a file. Raises DamagedError for a wrong length, ArchiveError."""
        return await self._steps.run(lambda: self._translated(self._open))

    async def judge(self) -> Held:
        """Read to the end. Raises DamagedError where it is not whole, ArchiveError."""
        while await self._steps.run(lambda: self._translated(self._read)):
            pass
        return await self._steps.run(lambda: self._translated(self._finish))

    async def close(self) -> None:
        """Not interrupted by cancellation."""
        await self._steps.last(self._close)

    def _translated(self, work: Callable[[], T]) -> T:
        try:
            return work()
        except OSError as error:
            raise translate(error, f"reading {self._path}", self._tree.root) from error

    def _open(self) -> bool:
        file = Path(self._tree.locate(self._path))
        try:
            status = file.stat()
            if not stat.S_ISREG(status.st_mode):
                return False
            self._intake.expect(status.st_size)
            self._descriptor = os.open(file, _OPEN)
        except (FileNotFoundError, NotADirectoryError):
            return False
        return True

    def _read(self) -> bool:
        for _ in range(_READS_A_STEP):
            piece = os.read(self._opened(), _READ)
            if not piece:
                return False
            self._intake.take(piece)
        return True

    def _finish(self) -> Held:
        held = self._intake.finish()
        if sys.platform != "win32":  # there, only a file opened for writing can be synced
            os.fsync(self._opened())
        sync_folder(Path(self._tree.locate(self._path)).parent)
        return held

    def _opened(self) -> int:
        if self._descriptor is None:
            raise RuntimeError("read before it was opened")
        return self._descriptor

    def _close(self) -> None:
        if self._descriptor is not None:
            descriptor, self._descriptor = self._descriptor, None
            os.close(descriptor)
