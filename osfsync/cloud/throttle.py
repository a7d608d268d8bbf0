"""How hard the platform and the line are driven: one throttle for all workers."""

import math
import time
from datetime import timedelta
from typing import ClassVar, Final

import anyio

from osfsync.cloud.pace import OWN_PAUSE, Pace
from osfsync.domain.errors import BusyError

LONGEST_PAUSE = timedelta(minutes=15)
"""A platform that asks for more patience is given up for this run."""

_CATCH_UP: Final = 0.1
"""Seconds that may be made up for; counted from its beginning, a rate is never more than was set.

No second has more than a tenth above the rate: a platform that counts by the second may refuse what is more.
"""

_LATE: Final = 0.01
"""Seconds that a timer may be late without slowing down what the platform bears."""


class PauseTooLongError(BusyError):
    """The platform asks for more patience than a run has."""

    retryable: ClassVar[bool] = False


class _Rate:
    """Hands out moments no closer than a rate allows, counted from the first."""

    def __init__(self, per_second: float) -> None:
        self.gap = 1 / per_second if per_second else 0.0
        self._next = -math.inf

    def next(self, now: float) -> float:
        """When the next units may begin."""
        return self._next if self._next >= now - _CATCH_UP else now

    def moment(self, now: float, units: float = 1) -> float:
        """When these units begin; those after them begin as much later as they take."""
        begin = self.next(now)
        self._next = begin + units * self.gap
        return begin


class Throttle:
    """The pauses that the platform asked for, the pace of requests, the rate of bytes.

    One worker after the other waits for its turn, so that no burst can gather, and what is learned meanwhile
    holds for the next. Requests go at the user's rate, or at what the platform bears if that is less. The
    second step of a download goes before first steps: its token may run out.

    Args:
        requests_per_second: 0 means no limit.
        bandwidth: bytes per second; 0 means no limit.
        longest_pause: who asks for more patience is given up for this run.

    Attributes:
        received: bytes of all bodies so far.
        bandwidth: as given.
    """

    def __init__(
        self, requests_per_second: float, bandwidth: int, longest_pause: timedelta = LONGEST_PAUSE
    ) -> None:
        self._longest_pause = longest_pause
        self._requests = _Rate(requests_per_second)
        self._bytes = _Rate(bandwidth)
        self.bandwidth = bandwidth
        self._pace = Pace()
        self._learned = -math.inf  # earliest next request by what the platform bears
        self._pause_began = self._paused_until = -math.inf
        self._line = anyio.Lock()
        self._first_steps = anyio.Lock()  # one of them stands in line, so that second steps need not wait
        self._urgent = 0  # second steps that wait
        self.received = 0

    def pause(self, length: timedelta, sent: float | None = None) -> None:
        """No request of any worker starts for so long. A running pause is never shortened.

        Answers to requests that were `sent` before a pause began do not add to it: it counts from the first.
        """
        now = time.monotonic()
        together = sent is not None and sent < self._pause_began and now < self._paused_until
        begin = self._pause_began if together else now
        until = begin + length.total_seconds()
        if until > self._paused_until:
            self._paused_until = until
            if not together and now >= self._pause_began:
                self._pause_began = now

    def granted(self, sent: float | None = None) -> None:
        """A request was answered, whatever the answer was, but not put off; it was sent at `sent`."""
        self._pace.grant(time.monotonic(), sent)

    def refused(self, sent: float, pause: timedelta | None) -> None:
        """A request was put off (429), which was sent at `sent` of the monotonic clock."""
        length = timedelta(seconds=OWN_PAUSE) if pause is None else pause
        self._pace.refuse(sent, time.monotonic(), length.total_seconds())
        self.pause(length, sent)

    def rate(self) -> float | None:
        """Requests a second that the platform bears, as far as that was learned."""
        return self._pace.rate(time.monotonic())

    def hold(self, pause: float) -> None:
        """Try after a pause in seconds whether requests are refused for their rate; see `Pace.hold`."""
        self._pace.hold(time.monotonic())
        self.pause(timedelta(seconds=pause))

    def stop_trying(self) -> None:
        """That changed nothing."""
        self._pace.stop_trying()

    def settle(self) -> None:
        """They were."""
        self._pace.settle(time.monotonic())

    def release(self) -> None:
        """They were not."""
        self._pace.release()

    async def turn(self, *, urgent: bool = False) -> None:
        """Wait until one request may be sent; an `urgent` one goes before others.

        Raises:
            PauseTooLongError: the platform asked for a longer pause than a run has patience for.
        """
        if not self._requests.gap and not self._line.locked():
            now = time.monotonic()
            if now >= self._paused_until and self._pace.rate(now) is None:
                return
        if urgent:
            self._urgent += 1
            try:
                async with self._line:
                    await self._wait_for_moment()
            finally:
                self._urgent -= 1
            return
        async with self._first_steps:
            while True:
                async with self._line:
                    if not self._urgent and await self._wait_for_moment(give_way=True):
                        return
                await anyio.lowlevel.checkpoint()

    async def _wait_for_moment(self, *, give_way: bool = False) -> bool:
        """Wait for the next moment and take it; False where somebody urgent came meanwhile."""
        while True:
            await self._wait_out_pause()
            now = time.monotonic()
            await _sleep_until(max(self._learned, self._requests.next(now)))
            if give_way and self._urgent:
                return False
            now = time.monotonic()
            if now >= self._paused_until:
                self._requests.moment(now)
                self._space_out(now)
                return True

    def _space_out(self, now: float) -> None:
        if (rate := self._pace.rate(now)) is not None:
            self._learned = max(now - _LATE, self._paused_until, self._learned) + 1 / rate

    def is_spent(self, now: float) -> bool:
        """Whether bytes that came in wait for the bandwidth that the user allows."""
        return bool(self._bytes.gap) and self._bytes.next(now) > now

    async def spend(self, length: int) -> None:
        """Wait until `length` bytes that came in are paid for."""
        self.received += length
        if self._bytes.gap:
            begin = self._bytes.moment(time.monotonic(), length)
            await _sleep_until(begin + length * self._bytes.gap)

    async def _wait_out_pause(self) -> None:
        while (left := self._paused_until - time.monotonic()) > 0:
            if left > self._longest_pause.total_seconds():
                raise PauseTooLongError(
                    f"The platform asks to be left alone for {math.ceil(left / 60)} minutes.",
                    hint="Run again later; what was fetched so far is kept.",
                )
            await anyio.sleep(left)


async def _sleep_until(moment: float) -> None:
    # A timer may fire a little early.
    while (left := moment - time.monotonic()) > 0:  # noqa: ASYNC110 - it is time itself that is awaited
        await anyio.sleep(left)
