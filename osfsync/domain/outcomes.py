"""What happened: one type per fact. The state's writer takes these and nothing else."""

from dataclasses import dataclass
from datetime import datetime

from osfsync.domain.model import (
    CommunicationEvent,
    DataFile,
    Device,
    Failure,
    Held,
    ListingSource,
    StorageStatus,
    TimeWindow,
)
from osfsync.domain.reach import Reach


@dataclass(frozen=True, slots=True)
class DeviceSeen:
    """The tenant's device list names this device. `folder` is fixed when the device is first seen."""

    device: Device
    folder: str
    at: datetime


@dataclass(frozen=True, slots=True)
class SeenFile:
    """A file with the archive path that it was given at first sight.

    `was` is the storage status that the state had for it; None for a new file.
    """

    file: DataFile
    path: str
    was: StorageStatus | None = None


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
    asked for the window, None in a plain sync. `compared`: the server's own list was read as well, where
    `source` is the device's.
    """

    device_id: str
    window: TimeWindow
    source: ListingSource
    files: int
    at: datetime
    backfill: str | None = None
    compared: bool = False


@dataclass(frozen=True, slots=True)
class ListingFailed:
    """A device's list could not be had."""

    device_id: str
    window: TimeWindow
    slug: str
    explanation: str
    at: datetime


@dataclass(frozen=True, slots=True)
class DeviceLeftOut:
    """A device was passed over by a run, and why; None where that is as the user wants it by now."""

    device_id: str
    explanation: str | None
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
    """A file could not be fetched in this run.

    `absent`: the server does not have it, though its own list names it; it is on the device.
    """

    device_id: str
    name: str
    failure: Failure
    absent: bool = False


@dataclass(frozen=True, slots=True)
class HeldRefuted:
    """A file that was held is not in place any more as it was: it counts as never fetched and never ordered.

    `failure` tells what was found, and where its bytes lie now.
    """

    device_id: str
    name: str
    failure: Failure


@dataclass(frozen=True, slots=True)
class FilesLost:
    """A list that was read to its end no longer names these files, and they were never held."""

    device_id: str
    names: tuple[str, ...]
    at: datetime


@dataclass(frozen=True, slots=True)
class ListsCompared:
    """Which files of a window only one of the platform's two lists knows; all others stand in both."""

    device_id: str
    window: TimeWindow
    only_device_list: tuple[str, ...]
    only_server_list: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Heard:
    """The communication log of a device was read over this window."""

    device_id: str
    window: TimeWindow
    events: tuple[CommunicationEvent, ...]


@dataclass(frozen=True, slots=True)
class HearingFailed:
    """The communication log of a device could not be read."""

    device_id: str
    explanation: str
    at: datetime


@dataclass(frozen=True, slots=True)
class OrderPrepared:
    """A command is about to be sent: list and deliver the files of this window.

    Told before the platform is, so that a run that is killed meanwhile never sends it twice. `id` is its
    number in the ledger; `ahead` counts our commands that wait for the device already.
    """

    id: int
    device_id: str
    window: TimeWindow
    tag: str
    names: tuple[str, ...]
    ahead: int
    at: datetime


@dataclass(frozen=True, slots=True)
class OrderTaken:
    """The platform took a prepared command; `certain` is False where its answer was not heard."""

    order: OrderPrepared
    certain: bool


@dataclass(frozen=True, slots=True)
class OrderRefused:
    """The platform did not take a prepared command."""

    order: OrderPrepared
    slug: str
    explanation: str


@dataclass(frozen=True, slots=True)
class OrderFollowed:
    """What the communication log showed of an order for the first time."""

    order_id: int
    contacted_at: datetime | None
    answered_at: datetime | None
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class OrderGivenUp:
    """An order was the last attempt for files that did not come."""

    order_id: int
    why: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Reached:
    """How far a list of a device is seen now."""

    device_id: str
    source: ListingSource
    reach: Reach


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
    | DeviceLeftOut
    | Fetched
    | FetchFailed
    | HeldRefuted
    | FilesLost
    | ListsCompared
    | Heard
    | HearingFailed
    | OrderPrepared
    | OrderTaken
    | OrderRefused
    | OrderFollowed
    | OrderGivenUp
    | Reached
    | WindowSettled
)
