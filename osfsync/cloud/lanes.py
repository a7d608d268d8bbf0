"""The lanes on which requests go: how many are open is learned from what comes of it."""

import asyncio
import math
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Final, assert_never

import anyio
import structlog

from osfsync.cloud.concurrency import BEGIN, Concurrency, Totals
from osfsync.cloud.overload import Action, Failure, Overload
from osfsync.cloud.patience import Patience
from osfsync.cloud.settings import LimitSettings
from osfsync.cloud.throttle import Throttle

log = structlog.get_logger(__name__)

FEED: Final = 100_000
"""Bytes a second that a body under way should get of a limited bandwidth: servers end what stands still."""

_SPARE: Final = 1.5
"""Times as many at once as a rate needs that is kept (Little's law)."""

_STOP: Final = 1.0
"""Seconds without a request before a rate is tried: platforms count by the second, as a rule."""

_ACCEPTING: Final = 10.0
"""Seconds without an accepted request, after which refusals are no longer taken for a limit."""

_STUBBORN: Final = 3
"""Times that a request is put off, while as many others are accepted each time: then it is its own matter."""

_MOST_REFUSED: Final = 1_000
_MOST_LENT: Final = 16
"""Lanes that silent requests lend at most; so many connections are spare."""


@dataclass(slots=True)
class _Refused:
    """How often a request was put off, and how many were answered and put off before it."""

    times: int
    answers: int
    refusals: int


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
        patience: what is usual, and what may be repeated.
    """

    def __init__(self, limits: LimitSettings, throttle: Throttle, ceiling: Ceiling) -> None:
        now = time.monotonic()
        self._limits = limits
        self._throttle = throttle
        self._ceiling = ceiling
        self._fed = -(-throttle.bandwidth // FEED) if throttle.bandwidth else limits.downloads
        self._control = Concurrency(limits.downloads, now, min(BEGIN, self._fed))
        self._overload = Overload()
        self._answers, self._waited, self._lent = 0, 0.0, 0
        self._accepted = -math.inf  # when a request was accepted for the last time
        self._refused: dict[str, _Refused] = {}
        self._refusals = 0
        self.patience = Patience()
        self.parsing = anyio.CapacityLimiter(1)
        self.downloads = Lane(anyio.CapacityLimiter(limits.downloads))
        self.listings = Lane(anyio.CapacityLimiter(limits.listings))
        self._open()

    @property
    def open(self) -> int:
        """How many downloads may be under way at present."""
        return min(self._control.limit, self._ceiling.most)

    @property
    def received(self) -> int:
        """Bytes of all bodies so far."""
        return self._throttle.received

    @property
    def under_way(self) -> int:
        """How many downloads and lists are under way."""
        return self.downloads.limiter.borrowed_tokens + self.listings.limiter.borrowed_tokens

    @property
    def overloaded(self) -> bool:
        """Whether a refusal now probably comes from the load, while others are accepted."""
        return self._overload.suspected and time.monotonic() - self._accepted < _ACCEPTING

    def answered(self, kind: str, sent: float) -> None:
        """An answer began to a request of this kind that was sent at `sent` of the monotonic clock."""
        now = time.monotonic()
        self._answers += 1
        self._waited += now - sent
        self._accepted = now
        self.patience.answered(kind, now - sent)
        self._act(self._overload.accepted(sent, now), now)
        self._look(now)

    async def spend(self, length: int) -> None:
        """Bytes of a body came in: wait until they are paid for."""
        await self._throttle.spend(length)
        self._look(time.monotonic())

    def refused(self, sent: float, *, told_rate: bool = False) -> None:
        """The platform put a request off; `told_rate`: for its rate, which the throttle learns by itself."""
        if told_rate:
            return
        if self._overload.limits_rate:
            self._throttle.refused(sent, None)
        self.failed(sent, Failure.REFUSED)

    def failed(self, sent: float, failure: Failure = Failure.BROKEN) -> None:
        """A request failed for a reason that may be the load."""
        if self._overload.experimenting and self.downloads.limiter.borrowed_tokens > self.open:
            return  # more are still under way than the experiment allows
        now = time.monotonic()
        lowest = self._control.limit == 1
        self._act(self._overload.failed(sent, now, failure, lowest=lowest), now)

    def is_stubborn(self, what: str) -> bool:
        """Note that a request was put off; True where it is put off again and again while others are not.

        Then the pause is a matter of that request alone.
        """
        self._refusals += 1
        if (known := self._refused.get(what)) is None:
            if len(self._refused) < _MOST_REFUSED:
                self._refused[what] = _Refused(1, self._answers, self._refusals)
            return False
        known.times += 1
        others = self._answers - known.answers
        return known.times >= _STUBBORN and others >= _STUBBORN * (1 + self._refusals - known.refusals)

    def too_slow(self) -> None:
        """Too many share the line: fewer at once."""
        now = time.monotonic()
        self._control.lower(now, self._totals())
        self._control.confirm()
        self._open()

    @contextmanager
    def lending(self, after: float) -> Iterator[None]:
        """Let others have a lane while this request is silent for longer than `after` seconds."""
        lent = False

        def lend() -> None:
            nonlocal lent
            lent = self._lent < _MOST_LENT
            self._lend(lent)

        timer = asyncio.get_running_loop().call_later(after, lend)
        try:
            yield
        finally:
            timer.cancel()
            self._lend(-lent)

    def _lend(self, lanes: int) -> None:
        if lanes:
            self._lent += lanes
            self._open()

    def _act(self, action: Action | None, now: float) -> None:
        if action is None:
            return
        match action:
            case Action.FEWER | Action.ONE:
                self._control.lower(now, self._totals(), to_one=action is Action.ONE)
            case Action.SLOWER | Action.STOP_AND_SLOWER:
                self._throttle.hold(_STOP if action is Action.STOP_AND_SLOWER else 0.0)
            case Action.FEWER_FOUND:
                self._throttle.stop_trying()
                self._control.confirm()
            case Action.RATE_FOUND:
                self._throttle.settle()
                self._control.restore(now, self._totals())
            case Action.RESTORE:
                self._throttle.release()
                self._control.restore(now, self._totals())
            case _:
                assert_never(action)
        log.debug("load", action=action.name, at_once=self.open)
        self._open()

    def _look(self, now: float) -> None:
        if self._control.due(now, self._answers) and not self._overload.experimenting:
            wanted = any(lane.limiter.available_tokens <= 0 for lane in (self.downloads, self.listings))
            self._control.measure(now, self._totals(), wanted=wanted and not self._line_is_full(now))
            if (rate := self._throttle.rate()) is not None:
                self._control.allow(_SPARE * rate * self._waited / self._answers)
            self._open()

    def _line_is_full(self, now: float) -> bool:
        """Whether those under way take all that the user's bandwidth gives: more would starve each other."""
        return self.open >= self._fed and self._throttle.is_spent(now)

    def _totals(self) -> Totals:
        return Totals(self._answers, self._throttle.received, self._waited)

    def _open(self) -> None:
        self.downloads.limiter.total_tokens = self.open + self._lent
        self.listings.limiter.total_tokens = min(self.open, self._limits.listings) + self._lent
