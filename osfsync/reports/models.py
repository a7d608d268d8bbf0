"""What reports are made of: flat, typed rows with the contract's field names.

Times are UTC; sizes are bytes. `None` means: not known, or does not apply.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Literal

SCHEMA = 1
"""Version of the machine-readable forms; additions keep it, changes raise it."""


@dataclass(frozen=True, slots=True)
class FileModel:
    """One known file. `path` is relative to the archive, `/`-separated."""

    device: str
    device_id: str
    name: str
    storage_status: int
    state: Literal["held", "missing"]
    path: str
    size: int | None
    sha256: str | None
    fetched_at: datetime | None
    verification: str | None


@dataclass(frozen=True, slots=True)
class MissingModel:
    """One file that is known and not held.

    `since` is when it was first seen; `attempts` counts commands for a file on the device, failed
    downloads for one on the server; `expected` is when it may come, None while there is no estimate.
    """

    device: str
    device_id: str
    name: str
    storage_status: int
    reason: str
    explanation: str
    next_action: str
    since: datetime
    attempts: int
    expected: datetime | None


@dataclass(frozen=True, slots=True)
class DeviceModel:
    """One known device. `problem` tells why its last listing failed or what could not be seen."""

    device: str
    device_id: str
    folder: str
    held: int
    held_bytes: int
    device_only: int
    requested: int
    on_server: int
    listed_at: datetime | None
    source: str | None
    problem: str | None


@dataclass(frozen=True, slots=True)
class RunModel:
    """One run, most of it None while the run works and for ever if it was killed."""

    run: str
    command: str
    tenant: str
    started: datetime
    finished: datetime | None
    outcome: str | None
    exit_code: int | None


@dataclass(frozen=True, slots=True)
class GapModel:
    """The file that has been missing longest."""

    device: str
    name: str
    since: datetime


@dataclass(frozen=True, slots=True)
class StatusModel:
    """The state in a few numbers. `last_success` is when a run last ended with all that could be had."""

    schema: int
    devices: int
    held: int
    held_bytes: int
    device_only: int
    requested: int
    on_server: int
    failing: int
    last_success: datetime | None
    oldest_gap: GapModel | None
    runs: tuple[RunModel, ...]


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
    problems: tuple[ProblemModel, ...]
    error: str | None
