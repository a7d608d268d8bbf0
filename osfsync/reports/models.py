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
    downloads for one on the server.

    Attributes:
        expected: when it may reach the server, in half of all cases; None while there is no estimate.
        expected_by: the same, in nine of ten cases.
        loss_due: when the device may drop it, by what it lost before.
        ordered_at: when a command was last sent for it.
        last_contact: of its device.
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
    expected_by: datetime | None
    loss_due: datetime | None
    ordered_at: datetime | None
    last_contact: datetime | None


@dataclass(frozen=True, slots=True)
class EventModel:
    """One thing that happened to a file, in a sentence."""

    at: datetime
    what: str


@dataclass(frozen=True, slots=True)
class StoryModel:
    """One file's whole story: what happened, in order of time, then how it stands and what comes next.

    `reason` and `next_action` are None for a file that is held; `path` is relative to the archive.
    """

    device: str
    device_id: str
    name: str
    path: str
    recorded_from: datetime | None
    recorded_to: datetime | None
    size: int | None
    state: Literal["held", "missing"]
    reason: str | None
    explanation: str
    next_action: str | None
    expected: datetime | None
    expected_by: datetime | None
    events: tuple[EventModel, ...]


@dataclass(frozen=True, slots=True)
class StoriesModel:
    """`why --json`: the files that go by a name. `more` of them are left out, at least."""

    schema: int
    files: tuple[StoryModel, ...]
    more: int


@dataclass(frozen=True, slots=True)
class OrderModel:
    """One command to a device.

    Attributes:
        order: its number.
        files: how many it was sent for; `awaited`, of which are neither held nor lost nor asked for again.
        requested: of the awaited, those that the platform has requested; `delivered`, those on the server.
        open: whether it may still bring files.
        contacted_at: the first contact of the device since. Likewise `answered_at`: its list.
        ended_at: when it was refused, cancelled or given up.
    """

    order: int
    device: str
    device_id: str
    run: str
    window_start: datetime
    window_end: datetime
    tag: str
    files: int
    awaited: int
    requested: int
    delivered: int
    held: int
    lost: int
    sent_at: datetime
    state: str
    fate: str
    open: bool
    contacted_at: datetime | None
    answered_at: datetime | None
    ended_at: datetime | None
    explanation: str


@dataclass(frozen=True, slots=True)
class DeviceModel:
    """One known device. `problem` tells why its last listing failed or what could not be seen.

    Attributes:
        open_orders: commands that may still bring files.
        lost: files that vanished from its list before they were held.
        expected_contact: when it connects next, in half of all cases; `expected_contact_by`, in nine of ten.
        horizon_days: how long it keeps files before it drops them, learned from lost ones.
        unseen: its own list can't be had, so that what lies only on it can't be seen.
    """

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
    last_contact: datetime | None
    expected_contact: datetime | None
    expected_contact_by: datetime | None
    open_orders: int
    lost: int
    horizon_days: float | None
    unseen: bool


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
class ChannelModel:
    """One channel of a file."""

    name: str
    unit: str
    data_type: str
    samples: int


@dataclass(frozen=True, slots=True)
class FoundModel:
    """A held file that has what was looked for. `path` is relative to the archive, `/`-separated.

    Attributes:
        begin: of its samples by its own account, `end` likewise; None where it has none.
        channels: names of those that were looked for and have samples; `samples` of these together.
    """

    device: str
    device_id: str
    name: str
    path: str
    begin: datetime | None
    end: datetime | None
    channels: tuple[str, ...]
    samples: int


@dataclass(frozen=True, slots=True)
class InfoModel:
    """What is in one file. `head` is what it tells of itself, by its own words."""

    schema: int
    file: str
    begin: datetime | None
    end: datetime | None
    samples: int
    head: dict[str, str]
    channels: tuple[ChannelModel, ...]


@dataclass(frozen=True, slots=True)
class FindingModel:
    """What one check of `doctor` found. `grade` is ok, warning or error."""

    grade: str
    subject: str
    text: str


@dataclass(frozen=True, slots=True)
class SettingModel:
    """One setting in force, as sync.toml would hold it, and where it comes from."""

    key: str
    value: str
    origin: str


@dataclass(frozen=True, slots=True)
class OldestModel:
    """The file that has been missing longest."""

    device: str
    name: str
    since: datetime


@dataclass(frozen=True, slots=True)
class GapModel:
    """An interval in which a device was in contact, but from which no file is known.

    Attributes:
        start: the end of the recording before; `end` is the begin of the next one, or where it is `open`, the
            last contact.
        contacts: how many there were meanwhile, from `first_contact` to `last_contact`.
        usual_hours: the longest pause of the device that recurs, at least once a fortnight.
    """

    device: str
    device_id: str
    start: datetime
    end: datetime
    hours: float
    open: bool
    contacts: int
    first_contact: datetime
    last_contact: datetime
    usual_hours: float


@dataclass(frozen=True, slots=True)
class StatusModel:
    """The state in a few numbers.

    Attributes:
        lost: files that vanished before they were held; they are not among the missing.
        unseen_devices: whose own lists can't be had, so that what lies only on them can't be seen.
        last_success: when a run last ended with all that could be had.
    """

    schema: int
    devices: int
    held: int
    held_bytes: int
    device_only: int
    requested: int
    on_server: int
    failing: int
    lost: int
    open_orders: int
    unseen_devices: int
    last_success: datetime | None
    oldest_gap: OldestModel | None
    runs: tuple[RunModel, ...]
