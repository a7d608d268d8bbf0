"""A large file that lies in the archive already, read through hash and checks in steps."""

import os
import stat
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar

from anyio import CapacityLimiter

from osfsync.archive.durable import sync_folder
from osfsync.archive.failures import translate
from osfsync.archive.intake import Intake
from osfsync.archive.steps import READ, READS_A_STEP, Steps
from osfsync.archive.tree import Tree
from osfsync.domain.model import Held

_OPEN = os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)

T = TypeVar("T")


class Inspection:
    """A file of the archive, read through hash and checks."""

    def __init__(self, tree: Tree, path: str, intake: Intake, limiter: CapacityLimiter) -> None:
        self._tree = tree
        self._path = path
        self._intake = intake
        self._steps = Steps(limiter)
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
        for _ in range(READS_A_STEP):
            piece = os.read(self._opened(), READ)
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
