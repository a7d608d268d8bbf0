"""The beginning of one large file that is here, over all tries of a run and from runs before."""

from contextlib import AsyncExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import structlog

from osfsync.archive.base import Archive, Complete, PartLabel, Receiver
from osfsync.cloud.client import Proof, Rest
from osfsync.domain.errors import DamagedError
from osfsync.domain.model import ContentCheck
from osfsync.pipeline.checks import check_of, completeness
from osfsync.pipeline.messages import FetchJob
from osfsync.pipeline.resume import fits, label_for, rest_after

log = structlog.get_logger(__name__)

BARREN_TRIES = 2
"""Tries for a rest that bring no byte of it; then the whole is asked for: parts may be what does not work."""


LEAST_PROGRESS = 16_000
"""Bytes that a try must bring, for the tries before it to count no longer."""


@dataclass(slots=True)
class Part:
    """What is here of a file: `async with`, all tries of a run share one.

    Nothing of it is in place at the end, unless it was committed; what is worth it is kept. A small file has
    no part, and costs nothing here.
    """

    _archive: Archive
    _job: FetchJob
    _stack: AsyncExitStack | None = None
    _receiver: Receiver | None = None
    _label: PartLabel | None = None
    _asked_at: int = 0
    _barren: int = 0
    _furthest: int = 0

    async def __aenter__(self) -> Self:
        await self._take_up()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if self._stack is not None:
            await self._stack.__aexit__(kind, error, traceback)

    def _opened(self) -> AsyncExitStack:
        if self._stack is None:
            self._stack = AsyncExitStack()
        return self._stack

    async def _take_up(self) -> None:
        """Go on with what an earlier run left, where it is of the listed file; else remove it."""
        path = self._job.path
        label = await self._archive.kept(path)
        if label is None:
            return
        if not fits(label, self._job):
            await self._archive.forget(path)
            return
        try:
            self._receiver = await self._opened().enter_async_context(
                self._archive.resume(
                    path, check_of(self._job), completeness(self._job, label.size, framed=True)
                )
            )
        except DamagedError as error:
            self._log("kept part is damaged", check=error.check)
        else:
            self._label = label

    @property
    def begun(self) -> bool:
        """Whether something of the file is here."""
        return self._receiver is not None

    def advanced(self) -> bool:
        """Whether more of the file is here than at the last call, by LEAST_PROGRESS at least.

        Bytes that came before, and come again because the whole is sent anew, are no progress.
        """
        here = 0 if self._receiver is None else self._receiver.size
        if here - self._furthest < LEAST_PROGRESS:
            return False
        self._furthest = here
        return True

    def rest(self) -> Rest | None:
        """What is to be asked for now; None for the whole."""
        if self._receiver is None or self._label is None:
            return None
        here = self._receiver.size
        self._barren = self._barren + 1 if here == self._asked_at else 0
        if self._barren >= BARREN_TRIES:
            return None
        self._asked_at = here
        return rest_after(self._label, here)

    def go_on(self) -> Receiver:
        """The platform gives the rest that was asked for."""
        if self._receiver is None:
            raise RuntimeError("a rest of nothing")
        self._log("download goes on where it stopped", at=self._receiver.size)
        return self._receiver

    async def begin(
        self, size: int | None, check: ContentCheck, proof: Proof | None, complete: Complete | None
    ) -> Receiver:
        """The platform gives the whole, and it is large."""
        self._label = label_for(self._job, size, proof)
        self._asked_at, self._barren = 0, 0
        self._receiver = await self._opened().enter_async_context(
            self._archive.receive(self._job.path, size, check, self._label, complete)
        )
        return self._receiver

    async def drop(self) -> None:
        """The platform gives the whole: what is here begins no file any more."""
        if self._receiver is not None:
            await self._receiver.discard()
        self._receiver, self._label = None, None

    def _log(self, event: str, **facts: object) -> None:
        log.info(event, device=self._job.device.name, file=self._job.file.name, **facts)
