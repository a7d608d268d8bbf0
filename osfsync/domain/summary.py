"""How a run went: the numbers behind `sync --json`, the summary table and the state's run row."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum

from osfsync.domain.errors import ExitCode


class RunOutcome(StrEnum):
    """How a run ended."""

    COMPLETE = "complete"
    PARTIAL = "partial"
    INTERRUPTED = "interrupted"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Problem:
    """Something a person should know. `file` is None where the whole device is meant."""

    device: str
    file: str | None
    reason: str
    explanation: str


@dataclass(frozen=True, slots=True)
class DeviceCounts:
    """Devices of the selection: in the tenant's list, listed to the end, failed."""

    seen: int = 0
    listed: int = 0
    failed: int = 0


@dataclass(frozen=True, slots=True)
class FileCounts:
    """Files of one run; a file is counted once.

    `held` were in place before the run, `fetched` were put in place by it. `left` could be had but were
    not tried (order-only mode, a limit, an interruption).
    """

    listed: int = 0
    held: int = 0
    fetched: int = 0
    failed: int = 0
    device_only: int = 0
    requested: int = 0
    lost: int = 0
    quarantined: int = 0
    filtered: int = 0
    left: int = 0


@dataclass(frozen=True, slots=True)
class OrderCounts:
    """Commands to devices: sent by this run, and open after it."""

    sent: int = 0
    open: int = 0


@dataclass(frozen=True, slots=True)
class RunSummary:
    """One run from its start to its end.

    `bytes` counts what was downloaded into the archive, `at_once` how many downloads the platform bore at the
    same time in the end; 0 where nothing was downloaded. `requests` counts answers by HTTP status.
    """

    run: str
    command: str
    outcome: RunOutcome
    exit_code: ExitCode
    started: datetime
    finished: datetime
    devices: DeviceCounts
    files: FileCounts
    orders: OrderCounts
    bytes: int
    problems: tuple[Problem, ...]
    at_once: int = 0
    requests: Mapping[int, int] = field(default_factory=dict)
    dry_run: bool = False
    error: str = ""

    @property
    def seconds(self) -> float:
        """How long it took."""
        return (self.finished - self.started).total_seconds()
