"""How hard the platform and the line are driven: one throttle for all workers."""

import math
import time
from datetime import timedelta
from typing import ClassVar

import anyio

from osfsync.domain.errors import BusyError

LONGEST_PAUSE = timedelta(minutes=15)
"""A platform that asks for more patience is given up for this run."""


class PauseTooLongError(BusyError):
    """The platform asks for more patience than a run has."""

    retryable: ClassVar[bool] = False


class Throttle:
    """The pause that the platform asked for, the pace of requests, the pace of bytes.

    Paces are kept by handing out slots: the time of the next one is known before anyone waits for it, so
    that no burst can gather, however many workers there are.

    Args:
        requests_per_second: 0 means no limit.
        bandwidth: bytes per second; 0 means no limit.
        longest_pause: who asks for more patience is given up for this run.
    """

    def __init__(
        self, requests_per_second: float, bandwidth: int, longest_pause: timedelta = LONGEST_PAUSE
    ) -> None:
        self._longest_pause = longest_pause
        self._request_gap = 1 / requests_per_second if requests_per_second else 0.0
        self._byte_gap = 1 / bandwidth if bandwidth else 0.0
        self._paused_until = -math.inf
        self._next_request = -math.inf
        self._next_byte = -math.inf

    def pause(self, length: timedelta) -> None:
        """No request of any worker starts for so long. A running pause is never shortened."""
        self._paused_until = max(self._paused_until, time.monotonic() + length.total_seconds())

    async def turn(self) -> None:
        """Wait until one request may be sent.

        Raises:
            PauseTooLongError: the platform asked for a longer pause than a run has patience for.
        """
        while True:
            await self._wait_out_pause()
            if self._request_gap:
                slot = max(time.monotonic(), self._next_request)
                self._next_request = slot + self._request_gap
                await _sleep_until(slot)
            if time.monotonic() >= self._paused_until:
                return

    async def spend(self, length: int) -> None:
        """Wait until `length` bytes that came in are paid for."""
        if self._byte_gap:
            self._next_byte = max(time.monotonic(), self._next_byte) + length * self._byte_gap
            await _sleep_until(self._next_byte)

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
