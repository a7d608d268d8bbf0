"""What happened: one type per fact. The state's writer takes these and nothing else."""

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from osfsync.domain.model import DataFile, Device, Failure, Held, ListingSource, TimeWindow


class RunOutcome(StrEnum):
    """How a run ended."""

    COMPLETE = "complete"
    PARTIAL = "partial"
    INTERRUPTED = "interrupted"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class DeviceSeen:
    """The tenant's device list names this device. `folder` is fixed when the device is first seen."""

    device: Device
    folder: str
    at: datetime


@dataclass(frozen=True, slots=True)
class SeenFile:
    """A file with the archive path that it was given at first sight."""

    file: DataFile
    path: str


@dataclass(frozen=True, slots=True)
class FilesSeen:
    """Files of one device that are new to the state, or that the list now tells otherwise."""

    device_id: str
    window: TimeWindow
    at: datetime
    files: tuple[SeenFile, ...]


@dataclass(frozen=True, slots=True)
class Listed:
    """One window of one device was listed to its end.

    `source` is the list that served; `files` how many it named. `backfill` is the id of the backfill that
    asked for the window, None in a plain sync.
    """

    device_id: str
    window: TimeWindow
    source: ListingSource
    files: int
    at: datetime
    backfill: str | None = None


@dataclass(frozen=True, slots=True)
class ListingFailed:
    """A device's list could not be had."""

    device_id: str
    window: TimeWindow
    slug: str
    explanation: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Fetched:
    """A file is in place in the archive; `adopted` where it lay there already, whole."""

    device_id: str
    name: str
    held: Held
    adopted: bool


@dataclass(frozen=True, slots=True)
class FetchFailed:
    """A file could not be fetched in this run."""

    device_id: str
    name: str
    failure: Failure


@dataclass(frozen=True, slots=True)
class Ordered:
    """A command was queued for a device: list and deliver the files of this window."""

    device_id: str
    window: TimeWindow
    tag: str
    names: tuple[str, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class OrderRefused:
    """The platform did not take a command."""

    device_id: str
    window: TimeWindow
    tag: str
    slug: str
    explanation: str
    at: datetime


@dataclass(frozen=True, slots=True)
class WindowSettled:
    """Every file of the backfill's window that could be had from this device is in place."""

    backfill: str
    device_id: str
    window: TimeWindow
    at: datetime


Fact = (
    DeviceSeen
    | FilesSeen
    | Listed
    | ListingFailed
    | Fetched
    | FetchFailed
    | Ordered
    | OrderRefused
    | WindowSettled
)
