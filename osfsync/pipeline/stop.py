"""Ending a run before its time: signals and limits."""

import asyncio
import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType

import anyio

from osfsync.domain.errors import ExitCode

_HANGUPS = [signal.Signals[name] for name in ("SIGHUP", "SIGBREAK") if name in signal.Signals.__members__]
"""Sent when a terminal or an ssh session ends; SIGBREAK is Windows' counterpart."""


@dataclass(slots=True)
class TransferLimit:
    """`--max-transfer`: no download starts once so many bytes were received. None means no limit."""

    most: int | None

    def reached(self, received: int) -> bool:
        """Whether no other download may start."""
        return self.most is not None and received >= self.most

    def left(self, received: int) -> int:
        """Bytes that may still come."""
        return sys.maxsize if self.most is None else max(0, self.most - received)


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
    """SIGINT, SIGTERM and SIGHUP ask the run to end; a second SIGINT or SIGTERM meets the system's default.

    A shell and the system may both send SIGHUP: after the first it is ignored. Where it is ignored already
    (nohup), it stays so. Outside the main thread signals can't be had, and stay with whoever owns them.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    loop = asyncio.get_running_loop()
    codes = _codes()
    restore = {number: signal.getsignal(number) for number in codes}

    def on_signal(number: signal.Signals, code: ExitCode) -> None:
        if number in _HANGUPS:
            restore.pop(number, None)
        signal.signal(number, _after(number))
        loop.call_soon_threadsafe(stop.request, code)

    for number, code in codes.items():
        _install(loop, number, code, on_signal)
    try:
        yield
    finally:
        for number, handler in restore.items():
            signal.signal(number, handler)


def _codes() -> dict[signal.Signals, ExitCode]:
    hangups = [number for number in _HANGUPS if signal.getsignal(number) is not signal.SIG_IGN]
    return {
        signal.SIGINT: ExitCode.INTERRUPTED,
        **dict.fromkeys([signal.SIGTERM, *hangups], ExitCode.TERMINATED),
    }


def _after(number: signal.Signals) -> "Callable[[int, FrameType | None], object] | signal.Handlers":
    """What handles a signal once it was received."""
    if number in _HANGUPS:
        return signal.SIG_IGN
    return signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL


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
