"""What the state tells a reader who asks for more than one file: rows for reports, tables and questions."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from osfsync.domain.model import Device, Failure, FileRecord, ListingSource, StorageStatus, TimeWindow
from osfsync.domain.outcomes import RunOutcome


@dataclass(frozen=True, slots=True)
class FileRow:
    """One known file and the device it belongs to."""

    device: Device
    record: FileRecord


@dataclass(frozen=True, slots=True)
class DeviceProblem:
    """Why the last listing of a device failed; gone with the next one that succeeds."""

    slug: str
    explanation: str
    at: datetime


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """One known device and the sums over its files.

    Attributes:
        listed_at: when a list of it was last read to its end, and `source` which list that was.
        held: files in place, `held_bytes` together.
        missing: known files that are not held, by their storage status; every status has a number.
    """

    device: Device
    tenant_id: str
    folder: str
    first_seen: datetime
    last_seen: datetime
    listed_at: datetime | None
    source: ListingSource | None
    problem: DeviceProblem | None
    held: int
    held_bytes: int
    missing: Mapping[StorageStatus, int]


@dataclass(frozen=True, slots=True)
class RunRow:
    """One run. `finished`, `outcome` and `exit_code` are None while it works, and for ever if it was killed.

    Attributes:
        arguments: of the command, JSON text. Likewise `summary`, its numbers.
        since: the period that was asked for, None where none was. Likewise `until`.
        backfill: id of the backfill that this run began or went on with.
    """

    id: str
    tenant_id: str
    tenant: str
    command: str
    arguments: str
    since: datetime | None
    until: datetime | None
    backfill: str | None
    started: datetime
    finished: datetime | None
    outcome: RunOutcome | None
    exit_code: int | None
    summary: str | None


class OrderState(StrEnum):
    """What the platform said to a command."""

    SENT = "sent"
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class OrderRow:
    """One command to a device.

    Attributes:
        files: how many files it was sent for.
        awaited: how many of them are neither held nor ordered again since; it is open while there are any.
        answer: what the platform said where it refused.
    """

    device: Device
    window: TimeWindow
    tag: str
    files: int
    awaited: int
    sent_at: datetime
    state: OrderState
    answer: str | None


@dataclass(frozen=True, slots=True)
class AttemptRow:
    """One try to fetch a file that failed, and the run that made it."""

    run_id: str
    failure: Failure


@dataclass(frozen=True, slots=True)
class Totals:
    """Sums over everything that is known.

    Attributes:
        held: files in place, `held_bytes` together.
        missing: known files that are not held, by their storage status; every status has a number.
        failing: of the missing, those whose last try failed.
    """

    devices: int
    held: int
    held_bytes: int
    missing: Mapping[StorageStatus, int]
    failing: int
