"""What the world is made of: tenants, devices, files, commands and communication events."""

from collections import deque
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from random import Random
from typing import Any

from osfsync.domain.model import StorageStatus, TimeWindow
from osfsync.simulator.behaviour import STILL, Behaviour

DEFAULT_TAG = "preview"
_MOST_EVENTS = 5_000
_MOST_COMMANDS = 1_000
_MOST_READINGS = 1_000


@dataclass(frozen=True, slots=True)
class SimTenant:
    """A customer's space. `authority_id` is what the login wants."""

    id: str
    name: str
    authority_id: str


class ListedBy(StrEnum):
    """Which of the platform's two lists know a file."""

    BOTH = "both"
    DEVICE_LIST = "device-list"
    SERVER_LIST = "server-list"


@dataclass(slots=True)
class SimFile:
    """One file of a device.

    Attributes:
        content: bytes set by hand; None means that they are made from the seed when asked for.
        version: counts what was put in its place under the same name.
        announced: whether the device has told the platform that it exists.
        listed_by: the list with storage status (XML), the server's own (JSON), or both.
    """

    name: str
    status: StorageStatus
    start: datetime
    end: datetime
    size: int
    tag: str = DEFAULT_TAG
    content: bytes | None = field(default=None, repr=False)
    version: int = 0
    announced: bool = True
    listed_by: ListedBy = ListedBy.BOTH

    @property
    def on_device(self) -> bool:
        """Whether it takes room on the device."""
        return self.status is not StorageStatus.SERVER_ONLY

    def within(self, window: TimeWindow) -> bool:
        """Whether its recording touches `window`, ends included."""
        return self.start <= window.end and self.end >= window.start


class EventKind(StrEnum):
    """What a device and the platform say to each other."""

    PING = "PING"
    ATTN = "ATTN"
    RETURN_LIST = "RETURN_LIST"
    RETURN_FILE = "RETURN_FILE"


@dataclass(frozen=True, slots=True)
class Event:
    """One line of a device's communication log."""

    at: datetime
    kind: EventKind
    detail: str = ""


@dataclass(frozen=True, slots=True)
class Command:
    """A request-list command: list, and deliver, the files of a window that carry a tag."""

    device_id: str
    window: TimeWindow
    tag: str
    at: datetime


@dataclass(slots=True)
class SimDevice:
    """A data logger and what the platform knows of it.

    Attributes:
        serial: the creator that its files name.
        access_token: what the platform calls `credentialsId`; a secret.
        readable: whether the account may read the device's credentials.
        refusal: the HTTP status with which the platform refuses commands for it, None where it takes them.
        queue: commands that wait for the next contact, oldest first.
        recorded_until: recordings up to this moment exist as files.
        telemetry: what it sent over MQTT, as (Unix milliseconds, values).
        client_attributes: what it told of itself there. `shared_attributes` are set for it on the platform.
    """

    id: str
    name: str
    tenant_id: str
    serial: str
    access_token: str = field(repr=False)
    created: datetime
    recorded_until: datetime
    rng: Random = field(repr=False)
    readable: bool = True
    refusal: int | None = None
    behaviour: Behaviour = STILL
    last_contact: datetime | None = None
    files: dict[str, SimFile] = field(default_factory=dict, repr=False)
    queue: deque[Command] = field(default_factory=lambda: deque(maxlen=_MOST_COMMANDS), repr=False)
    events: deque[Event] = field(default_factory=lambda: deque(maxlen=_MOST_EVENTS), repr=False)
    telemetry: deque[tuple[int, dict[str, Any]]] = field(
        default_factory=lambda: deque(maxlen=_MOST_READINGS), repr=False
    )
    client_attributes: dict[str, Any] = field(default_factory=dict, repr=False)
    shared_attributes: dict[str, Any] = field(default_factory=dict, repr=False)
