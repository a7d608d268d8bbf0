"""Tenants, devices, files and time windows, as the platform and the loggers speak of them.

All times are zone-aware datetimes in UTC.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import IntEnum, StrEnum
from typing import NamedTuple, Protocol


def utc_now() -> datetime:
    """The present moment, zone-aware, in UTC."""
    return datetime.now(UTC)


class StorageStatus(IntEnum):
    """Where a file lies (API page: "Possible status values")."""

    DEVICE_ONLY = 0
    REQUESTED = 1
    SERVER_ONLY = 2
    BOTH = 3

    @property
    def on_server(self) -> bool:
        """Whether the file can be downloaded."""
        return self >= StorageStatus.SERVER_ONLY  # asked for each file of a list: a set costs five times that


class ListingSource(StrEnum):
    """Which of the platform's two lists told us."""

    DEVICE_LIST = "device-list"  # the XML list with storage status; needs the device's credentials
    SERVER_LIST = "server-list"  # the JSON list of the server's own files


class OrderMode(StrEnum):
    """Whether device-only files are ordered, and whether anything else is done."""

    AUTO = "auto"
    NEVER = "never"
    ONLY = "only"


@dataclass(frozen=True, slots=True)
class Tenant:
    """A customer's space on the platform."""

    id: str
    name: str


@dataclass(frozen=True, slots=True)
class Device:
    """A data logger (its digital twin). `id` is a UUID; `name` may change and need not be unique."""

    id: str
    name: str


@dataclass(frozen=True, slots=True, order=True)
class TimeWindow:
    """A span of time from `start` to `end`, both included, UTC."""

    start: datetime
    end: datetime

    def __post_init__(self) -> None:
        if self.start.tzinfo is None or self.end.tzinfo is None:
            raise ValueError("a time window needs zone-aware times")
        if self.end < self.start:
            raise ValueError(f"a time window ends before it starts: {self.start} > {self.end}")

    def __str__(self) -> str:
        return f"{self.start:%Y-%m-%d %H:%M} – {self.end:%Y-%m-%d %H:%M} UTC"


def merge_windows(windows: Iterable[TimeWindow], gap: timedelta = timedelta(0)) -> list[TimeWindow]:
    """The fewest windows that cover all given ones; neighbours no further apart than `gap` become one."""
    merged: list[TimeWindow] = []
    for window in sorted(windows):
        if merged and window.start - merged[-1].end <= gap:
            merged[-1] = TimeWindow(merged[-1].start, max(merged[-1].end, window.end))
        else:
            merged.append(window)
    return merged


def split_window(window: TimeWindow, length: timedelta) -> Iterator[TimeWindow]:
    """Pieces of `window` of at most `length`, oldest first, on a grid fixed by the epoch.

    The grid makes the pieces the same whenever the window's ends move, but for the first and last.
    """
    if length <= timedelta(0):
        raise ValueError("windows need a length")
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    start = window.start
    while True:
        end = ((start - epoch) // length + 1) * length  # since the epoch: as a time it may lie beyond all
        if end >= window.end - epoch:
            yield TimeWindow(start, window.end)
            return
        yield TimeWindow(start, epoch + end)
        start = epoch + end


class DataFile(NamedTuple):
    """One OSF file of a device as a list tells it.

    A tuple, as `FileRecord`: a quiet night makes millions, and a frozen dataclass costs five times as much to
    make (measured).

    Attributes:
        name: as the platform spells it, folders included; hostile input.
        size: bytes, where the list tells it.
        start: of the recording, where the list tells it. Likewise `end`.
        tag: the file's category ("timeline"), where the list tells it.
        extra: what else the list said, as (field, text) pairs.
    """

    device_id: str
    name: str
    status: StorageStatus
    size: int | None = None
    start: datetime | None = None
    end: datetime | None = None
    tag: str | None = None
    extra: tuple[tuple[str, str], ...] = ()


class Verification(StrEnum):
    """What the content check could show of a file that was accepted."""

    WHOLE = "whole"  # compression and structure are right to the last byte
    TAIL_CUT = "tail-cut"  # ends inside a block: the device lost power; all there is
    HEADER = "header"  # compression to the end, magic line and metablock; the blocks were not walked
    LENGTH = "length"  # not an OSF file by its name; only its length was compared
    DAMAGED_AT_SOURCE = "damaged-at-source"  # the platform gave the same damaged bytes twice, complete


class ContentCheck(Protocol):
    """Judges a file's bytes while they stream by; CPU only, called off the event loop."""

    def update(self, piece: bytes | bytearray | memoryview) -> None:
        """Take the next bytes. Raises DamagedError as soon as they can't be the file."""

    def finish(self) -> Verification:
        """Judge the end. Raises DamagedError where something is missing."""


class Held(NamedTuple):
    """A file that is in place in the archive.

    `check` names the content check that failed where the file is damaged at the source.
    """

    size: int
    sha256: str  # hex
    fetched_at: datetime
    verification: Verification
    check: str | None = None


@dataclass(frozen=True, slots=True)
class Failure:
    """Why the last try to fetch a file failed. `check` names the content check where one refused it."""

    slug: str
    explanation: str
    at: datetime
    check: str | None = None


class FileRecord(NamedTuple):
    """What the state knows of one file.

    Attributes:
        path: where it lies or will lie, relative to the archive, `/`-separated; fixed at first sight.
        tries: fetches that failed since the file last changed in the list.
        orders: commands sent for it; `ordered_at` is when the last one was, `order` its number in the ledger.
        lost_at: when the list stopped naming it before it was held; `last_seen` is when it last did.
        listed_by: the one list that knows it, where the platform's two lists contradict each other.
    """

    file: DataFile
    path: str
    first_seen: datetime
    seen_in: TimeWindow
    held: Held | None = None
    tries: int = 0
    failure: Failure | None = None
    orders: int = 0
    ordered_at: datetime | None = None
    order: int | None = None
    lost_at: datetime | None = None
    last_seen: datetime | None = None
    listed_by: ListingSource | None = None


@dataclass(frozen=True, slots=True)
class CommunicationEvent:
    """One thing that device and platform said to each other.

    Attributes:
        kind: such as PING, ATTN or RETURN_LIST, upper-case; empty where no field tells it.
        at: UTC; None where no field tells it.
        extra: all that the platform told, as (field, text) pairs, bounded.
    """

    kind: str
    at: datetime | None
    extra: tuple[tuple[str, str], ...] = ()
