"""How one run went, as `sync --json` tells it: the contract's field names.

Times are UTC; sizes are bytes. `None` means: not known, or does not apply.
"""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class ProblemModel:
    """Something a person should know about a device or one of its files."""

    device: str
    file: str | None
    reason: str
    explanation: str


@dataclass(frozen=True, slots=True)
class DeviceCountsModel:
    """Devices of a run."""

    seen: int
    listed: int
    failed: int


@dataclass(frozen=True, slots=True)
class FileCountsModel:
    """Files of a run; a file is counted once."""

    listed: int
    held: int
    fetched: int
    failed: int
    device_only: int
    requested: int
    lost: int
    quarantined: int
    filtered: int
    left: int


@dataclass(frozen=True, slots=True)
class OrderCountsModel:
    """Commands of a run."""

    sent: int
    open: int


@dataclass(frozen=True, slots=True)
class SummaryModel:
    """`sync --json`: one run."""

    schema: int
    run: str
    command: str
    dry_run: bool
    outcome: str
    exit_code: int
    started: datetime
    finished: datetime
    seconds: float
    devices: DeviceCountsModel
    files: FileCountsModel
    orders: OrderCountsModel
    bytes: int
    at_once: int
    requests: dict[str, int]
    problems: tuple[ProblemModel, ...]
    error: str | None
