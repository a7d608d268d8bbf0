"""Performing a run: signals, the time limit, progress, and what its end means."""

from collections.abc import Awaitable, Callable, Collection, Coroutine
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from typing import Any

import anyio

from osfsync.domain.errors import ExitCode, OsfsyncError, leaves
from osfsync.domain.summary import RunOutcome
from osfsync.pipeline.stop import Stop, stopped_by_signals
from osfsync.pipeline.tally import Tally

Observe = Callable[[Tally], Coroutine[Any, Any, None]]
"""Shows progress while a run works; it is cancelled when the run ends."""


@dataclass(frozen=True, slots=True)
class Ending:
    """How a run ended. `error` is empty where nothing ended it before its time."""

    exit_code: ExitCode
    error: str = ""

    @property
    def outcome(self) -> RunOutcome:
        """The contract's word for the exit code."""
        match self.exit_code:
            case ExitCode.COMPLETE | ExitCode.PENDING:
                return RunOutcome.COMPLETE
            case ExitCode.PARTIAL:
                return RunOutcome.PARTIAL
            case (
                ExitCode.INTERRUPTED
                | ExitCode.TERMINATED
                | ExitCode.MAX_DURATION
                | ExitCode.MAX_TRANSFER
                | ExitCode.PAUSED
            ):
                return RunOutcome.INTERRUPTED
            case _:
                return RunOutcome.FAILED


class FailOn(StrEnum):
    """What else is worth an exit code of its own to the user."""

    PENDING = "pending"  # files that are still on devices, or on their way from them
    LOST = "lost"  # files that vanished in this run before they were held


async def perform(  # noqa: PLR0913 - what a run is given
    stop: Stop,
    tally: Tally,
    work: Callable[[], Awaitable[None]],
    *,
    observe: Observe,
    max_duration: timedelta | None,
    fail_on: Collection[FailOn] = (),
) -> Ending:
    """Do `work` until it is done, fails for good, or is asked to stop by `stop`, a signal or the time.

    Errors that osfsync does not know are raised: they are defects, not endings.
    """
    error: OsfsyncError | None = None
    with stopped_by_signals(stop):
        async with anyio.create_task_group() as group:
            group.start_soon(observe, tally)
            if max_duration is not None:
                group.start_soon(_stop_after, max_duration, stop)
            try:
                with stop.scope():
                    await work()
            except (OsfsyncError, BaseExceptionGroup) as raised:
                error = _known(raised)
            group.cancel_scope.cancel()
    return ending_of(stop, tally, error, fail_on)


def _known(raised: OsfsyncError | BaseExceptionGroup[BaseException]) -> OsfsyncError:
    """The error that ended the run; raises what came where a defect is among it.

    A stage that finds its stream broken suffers from another's error, and has none of its own.
    """
    found = list(leaves(raised))
    known = [error for error in found if isinstance(error, OsfsyncError)]
    if not known or not all(isinstance(error, OsfsyncError | anyio.BrokenResourceError) for error in found):
        raise raised
    return known[0]


async def _stop_after(span: timedelta, stop: Stop) -> None:
    await anyio.sleep(span.total_seconds())
    stop.request(ExitCode.MAX_DURATION)


def ending_of(
    stop: Stop, tally: Tally, error: OsfsyncError | None, fail_on: Collection[FailOn] = ()
) -> Ending:
    """What ended the run counts first, then what it left undone."""
    if error is not None:
        return Ending(error.exit_code, str(error))
    if stop.code is not None:
        return Ending(stop.code, _STOPPED.get(stop.code, ""))
    if tally.transfer_limit_reached:
        return Ending(ExitCode.MAX_TRANSFER, "The limit of --max-transfer was reached.")
    if tally.failed or tally.quarantined or tally.device_counts().failed:
        return Ending(ExitCode.PARTIAL)
    pending = FailOn.PENDING in fail_on and tally.device_only + tally.requested > 0
    if pending or (FailOn.LOST in fail_on and tally.lost > 0):
        return Ending(ExitCode.PENDING)
    return Ending(ExitCode.COMPLETE)


_STOPPED = {
    ExitCode.INTERRUPTED: "Interrupted; the state is consistent, the next run goes on from here.",
    ExitCode.TERMINATED: "Terminated; the state is consistent, the next run goes on from here.",
    ExitCode.PAUSED: "Paused on the platform, by a shared attribute; the next run goes on from here.",
    ExitCode.MAX_DURATION: "The limit of --max-duration was reached; the next run goes on from here.",
}
