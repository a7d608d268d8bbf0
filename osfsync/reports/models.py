"""What reports are made of: flat, typed rows with the contract's field names.

Times are UTC; sizes are bytes. `None` means: not known, or does not apply. Each field of a printed document
is described in `descriptions`.
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
    """One file that is known and not archived."""

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
    """One command to a device."""

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
    """One known device."""

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
    """An archived file that contains wanted channels."""

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
    """An interval in which a device was in contact, but from which no file is known."""

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
    """The state in a few numbers."""

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
