"""Blocking work on one file, step by step, in worker threads."""

from collections.abc import Callable
from threading import Lock
from typing import TypeVar

from anyio import CancelScope, CapacityLimiter, to_thread

READ = 1024 * 1024
"""Bytes read at once."""

READS_A_STEP = 16
"""Then a cancelled caller is heard."""

T = TypeVar("T")


class Steps:
    """Never two steps at once.

    A task that asyncio itself cancels (Ctrl-C) leaves its thread running: the lock makes the clean-up wait.
    """

    def __init__(self, limiter: CapacityLimiter) -> None:
        self._limiter = limiter
        self._lock = Lock()
        self._over = False

    async def run(self, work: Callable[[], T]) -> T:
        """Do one step."""

        def alone() -> T:
            with self._lock:
                if self._over:
                    raise RuntimeError("a step after the last one")
                return work()

        return await to_thread.run_sync(alone, limiter=self._limiter)

    async def last(self, work: Callable[[], None]) -> None:
        """Do the last step, which may be repeated. Not interrupted by cancellation."""

        def alone() -> None:
            with self._lock:
                self._over = True
                work()

        with CancelScope(shield=True):
            await to_thread.run_sync(alone, limiter=self._limiter)
