"""The lanes on which requests go: how many are open is learned from what comes of it."""

import sys
import time
from dataclasses import dataclass

import anyio

from osfsync.cloud.concurrency import Concurrency, Totals
from osfsync.cloud.settings import LimitSettings
from osfsync.cloud.throttle import Throttle


@dataclass(frozen=True, slots=True)
class Lane:
    """`async with` it, one of as many as are open is held."""

    limiter: anyio.CapacityLimiter

    async def __aenter__(self) -> None:
        try:
            self.limiter.acquire_nowait()  # `acquire` costs a turn of the loop where one is free, too
        except anyio.WouldBlock:
            await self.limiter.acquire()

    async def __aexit__(self, *_: object) -> None:
        self.limiter.release()


@dataclass(slots=True)
class Ceiling:
    """No more downloads at once than this, whatever else is set; it may be moved while a run works."""

    most: int = sys.maxsize

    def lift(self) -> None:
        """As if it were not there."""
        self.most = sys.maxsize


class Lanes:
    """Whoever downloads or lists holds a lane from the request to the end of the answer.

    Lists have lanes of their own: they wait for downloads, where these are slower.

    Attributes:
        parsing: for threads that take XML lists apart. More of them at once are no faster in one interpreter,
            and keep the loop waiting (measured: up to 60 ms with eight, 7 ms with one).
    """

    def __init__(self, limits: LimitSettings, throttle: Throttle, ceiling: Ceiling) -> None:
        now = time.monotonic()
        self._limits = limits
        self._throttle = throttle
        self._ceiling = ceiling
        self._control = Concurrency(limits.downloads, now)
        self._answers, self._waited = 0, 0.0
        self.parsing = anyio.CapacityLimiter(1)
        self.downloads = Lane(anyio.CapacityLimiter(limits.downloads))
        self.listings = Lane(anyio.CapacityLimiter(limits.listings))
        self._open()

    @property
    def open(self) -> int:
        """How many downloads may be under way at present."""
        return min(self._control.limit, self._ceiling.most)

    def answered(self, sent: float) -> None:
        """An answer began to a request that was sent at `sent` of the monotonic clock."""
        now = time.monotonic()
        self._answers += 1
        self._waited += now - sent
        self._look(now)

    async def spend(self, length: int) -> None:
        """Bytes of a body came in: wait until they are paid for."""
        await self._throttle.spend(length)
        self._look(time.monotonic())

    def overloaded(self, sent: float) -> None:
        """The platform could not take a request, or gave no answer in time."""
        self._control.overloaded(sent, time.monotonic(), self._totals())
        self._open()

    def _look(self, now: float) -> None:
        if self._control.due(now, self._answers):
            wanted = any(lane.limiter.available_tokens <= 0 for lane in (self.downloads, self.listings))
            self._control.measure(now, self._totals(), wanted=wanted)
            self._open()

    def _totals(self) -> Totals:
        return Totals(self._answers, self._throttle.received, self._waited)

    def _open(self) -> None:
        self.downloads.limiter.total_tokens = self.open
        self.listings.limiter.total_tokens = min(self.open, self._limits.listings)
