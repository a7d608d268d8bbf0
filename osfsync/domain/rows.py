"""What the state tells a reader who asks for more than one file: rows for reports, tables and questions."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from osfsync.domain.dialogue import Order, OrderState
from osfsync.domain.model import Device, Failure, FileRecord, ListingSource, StorageStatus, TimeWindow
from osfsync.domain.summary import RunOutcome
from osfsync.domain.verdict import HeldFile


@dataclass(frozen=True, slots=True)
class FileRow:
    """One known file and the device it belongs to."""

    device: Device
    record: FileRecord


LEFT_OUT = "device-left-out"
"""The slug of a device that the user wants and that runs pass over."""

LEFT_OUT_TOLD = 20
"""Of these so many are told one by one."""


@dataclass(frozen=True, slots=True)
class KnownDevice:
    """A device that runs worked on.

    Attributes:
        device: as it was called when a run last met it.
        names: all that it was ever called when a run met it: a selection may be made by any of them.
        left_out: whether the last run passed over it, though the user wanted it.
    """

    device: Device
    names: tuple[str, ...]
    left_out: bool


@dataclass(frozen=True, slots=True)
class DeviceGlance:
    """One known device.

    Attributes:
        unseen: its own list can't be had, so that device-only files can't be seen.
        left_out: why the last run passed over it; None where it did not.
    """

    device: Device
    last_contact: datetime | None
    unseen: bool
    left_out: str | None = None


@dataclass(frozen=True, slots=True)
class DeviceProblem:
    """Why the last listing of a device failed, or there was none; gone with the next one that succeeds."""

    slug: str
    explanation: str
    at: datetime


@dataclass(frozen=True, slots=True)
class DeviceRow:
    """One known device and the sums over its files.

    Attributes:
        listed_at: when a list of it was last read to its end, and `source` which list that was.
        heard_until: up to when its communication log was read; `mute` tells why it can't be read.
        last_contact: as far as the log was read.
        open_orders: commands that may still bring files.
        held: files in place, `held_bytes` together.
        missing: known files that are neither held nor lost, by their storage status; each has a number.
        lost: files that vanished before they were held.
        contradicted: files that only one of the platform's two lists knows.
    """

    device: Device
    tenant_id: str
    folder: str
    first_seen: datetime
    last_seen: datetime
    listed_at: datetime | None
    source: ListingSource | None
    problem: DeviceProblem | None
    heard_until: datetime | None
    mute: str
    last_contact: datetime | None
    open_orders: int
    held: int
    held_bytes: int
    missing: Mapping[StorageStatus, int]
    lost: int
    contradicted: int


@dataclass(frozen=True, slots=True)
class Unlisted:
    """A file that a list should name.

    Attributes:
        span: of the recording, or where no list told it (not `timed`) the window that listed it.
        on_server: the server's own list may be the only one that names it.
    """

    name: str
    span: TimeWindow
    on_server: bool
    timed: bool


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


@dataclass(frozen=True, slots=True)
class Provenance:
    """Where a held file came from: the run that put it in place or adopted it, and what the list told."""

    file: HeldFile
    adopted: bool
    start: datetime | None
    end: datetime | None
    tag: str | None
    run: str | None
    command: str | None
    tenant: str | None
    platform: str | None


class Fate(StrEnum):
    """How far an order has come, or how it ended."""

    SENT = "sent"  # no contact of the device was seen since
    CONTACTED = "contacted"
    ANSWERED = "list-answered"
    REQUESTED = "requested"  # the platform shows storage status 1 for some of its files
    DELIVERED = "delivered"  # all that is left of it lies on the server
    FETCHED = "fetched"
    LOST = "lost"
    ASKED_AGAIN = "asked-again"
    GIVEN_UP = "given-up"
    CANCELLED = "cancelled"
    REFUSED = "refused"

    @property
    def is_open(self) -> bool:
        """Whether it may still bring files."""
        return self in {Fate.SENT, Fate.CONTACTED, Fate.ANSWERED, Fate.REQUESTED, Fate.DELIVERED}


@dataclass(frozen=True, slots=True)
class OrderRow:
    """One command to a device, and where its files are now.

    Attributes:
        run: that sent it.
        files: how many files it was sent for.
        awaited: how many of them were neither held, nor lost, nor ordered again since.
        requested: of the awaited, those of storage status 1; `delivered`: those on the server.
        held: files in place now; `lost`: files that vanished.
    """

    device: Device
    order: Order
    run: str
    files: int
    awaited: int
    requested: int
    delivered: int
    held: int
    lost: int

    @property
    def fate(self) -> Fate:  # noqa: PLR0911 - a table, a line a fate
        """How far it has come, or how it ended."""
        order = self.order
        if order.state is OrderState.REFUSED:
            return Fate.REFUSED
        if order.cancelled_at is not None:
            return Fate.CANCELLED
        if order.state is OrderState.SENDING:
            return Fate.SENT
        if self.awaited == 0:
            if self.held == self.files:
                return Fate.FETCHED
            return Fate.LOST if self.lost and self.held + self.lost == self.files else Fate.ASKED_AGAIN
        if order.given_up_at is not None:
            return Fate.GIVEN_UP
        if self.delivered == self.awaited:
            return Fate.DELIVERED
        if self.requested or self.delivered:
            return Fate.REQUESTED
        if order.answered_at is not None:
            return Fate.ANSWERED
        return Fate.SENT if order.contacted_at is None else Fate.CONTACTED


@dataclass(frozen=True, slots=True)
class StatusRow:
    """A change of a file's storage status, as the lists told it."""

    at: datetime
    was: StorageStatus
    became: StorageStatus


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
        missing: known files that are neither held nor lost, by their storage status; each has a number.
        failing: of the missing, those whose last try failed.
        lost: files that vanished before they were held.
        unseen: devices whose own lists can't be had, so that device-only files can't be seen.
        open_orders: commands that may still bring files.
    """

    devices: int
    held: int
    held_bytes: int
    missing: Mapping[StorageStatus, int]
    failing: int
    lost: int
    unseen: int
    open_orders: int
