"""Ending a run before its time: signals, the time limit, and a platform that no longer answers."""

import asyncio
import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType

import anyio

from osfsync.domain.errors import (
    BusyError,
    CloudError,
    ExitCode,
    ProtocolError,
    UnauthorizedError,
    UnreachableError,
)

_SIGNALS = ((signal.SIGINT, ExitCode.INTERRUPTED), (signal.SIGTERM, ExitCode.TERMINATED))

GIVE_UP_AFTER = 16
"""Operations in a row that fail, each after its own retries, before a run gives up."""


class Stop:
    """Asks a run to end early. The first request counts; `code` tells what it was."""

    def __init__(self) -> None:
        self.code: ExitCode | None = None
        self._scopes: list[anyio.CancelScope] = []

    def request(self, code: ExitCode) -> None:
        """End what runs under `scope` now, and what comes later at once."""
        if self.code is None:
            self.code = code
        for scope in self._scopes:
            scope.cancel()

    @contextmanager
    def scope(self) -> Iterator[None]:
        """What runs in here is cancelled on request."""
        with anyio.CancelScope() as scope:
            self._scopes.append(scope)
            if self.code is not None:
                scope.cancel()
            try:
                yield
            finally:
                self._scopes.remove(scope)


@contextmanager
def stopped_by_signals(stop: Stop) -> Iterator[None]:
    """SIGINT and SIGTERM ask the run to end; a second one meets the system's default.

    Outside the main thread signals can't be had, and stay with whoever owns them.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    restore = {number: signal.getsignal(number) for number, _ in _SIGNALS}

    def on_signal(number: signal.Signals, code: ExitCode) -> None:
        signal.signal(number, signal.SIG_DFL if number == signal.SIGTERM else signal.default_int_handler)
        loop.call_soon_threadsafe(stop.request, code)

    for number, code in _SIGNALS:
        _install(loop, number, code, on_signal)
    try:
        yield
    finally:
        for number, handler in restore.items():
            signal.signal(number, handler)


def _install(
    loop: asyncio.AbstractEventLoop,
    number: signal.Signals,
    code: ExitCode,
    on_signal: Callable[[signal.Signals, ExitCode], None],
) -> None:
    def handle(_number: int, _frame: FrameType | None) -> None:
        on_signal(number, code)

    try:
        loop.add_signal_handler(number, on_signal, number, code)
    except NotImplementedError:  # Windows: its loop has no signal handlers, the interpreter has
        signal.signal(number, handle)


_NOT_SERVED = (UnreachableError, UnauthorizedError, ProtocolError)


class Lifeline:
    """Counts operations in a row that were not served; a dead platform must not be asked file by file."""

    def __init__(self) -> None:
        self._failures = 0

    def answered(self) -> None:
        """The platform did what it was asked, or said why it does not."""
        self._failures = 0

    def failed(self, error: CloudError) -> None:
        """An operation failed, after its retries.

        Raises:
            UnreachableError: nothing is served any more.
            UnauthorizedError: nothing is allowed any more, though the login is accepted.
            BusyError: the platform asks for more patience than a run has.
        """
        if isinstance(error, BusyError) and not error.retryable:
            raise error
        if not (error.retryable or isinstance(error, _NOT_SERVED)):  # a refusal is an answer
            self.answered()
            return
        self._failures += 1
        if self._failures < GIVE_UP_AFTER:
            return
        if isinstance(error, UnauthorizedError):
            raise error
        raise UnreachableError(
            f"The platform has failed {self._failures} operations in a row; the run was ended. "
            f"The last error: {error.message}",
            hint="What was fetched is safe; the next run goes on from here.",
        ) from error
