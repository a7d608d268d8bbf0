"""What travels between the stages: pages, never single files."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime

import anyio

from osfsync.cloud.client import Tries
from osfsync.domain.dialogue import Dialogue
from osfsync.domain.model import DataFile, Device, Held, ListingSource, TimeWindow
from osfsync.domain.outcomes import Fact


@dataclass(frozen=True, slots=True)
class DeviceBegun:
    """The pages of a device follow.

    `dialogue` is what is known of it beside its files, `windows` how many are asked for.
    """

    device: Device
    dialogue: Dialogue
    windows: int


@dataclass(frozen=True, slots=True)
class ListedPage:
    """Some files of one device's list, at most a few hundred.

    `spellings` are names by which the platform's server has them, where those differ.
    `alone`: no other list could be read, so that the server's own may name files that it merely knows.
    """

    device: Device
    window: TimeWindow
    source: ListingSource
    files: list[DataFile]
    spellings: Mapping[str, str] = field(default_factory=dict)
    alone: bool = False


@dataclass(frozen=True, slots=True)
class WindowListed:
    """The list of this window was read to its end; its pages went before.

    `compared` tells whether the server's own list was read as well, where `source` is the device's.
    `missed` is the slug of why the other list was not, where that was tried.
    """

    device: Device
    window: TimeWindow
    source: ListingSource
    files: int
    at: datetime
    compared: bool = False
    missed: str = ""


@dataclass(frozen=True, slots=True)
class WindowFailed:
    """The list of this window could not be had, or broke off."""

    device: Device
    window: TimeWindow
    slug: str
    explanation: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Contradiction:
    """Both lists of this window were read to their end; files that only one of them knows."""

    device: Device
    window: TimeWindow
    only_device_list: tuple[str, ...]
    only_server_list: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class DeviceDone:
    """Nothing more comes for this device in this round.

    `contact` is its last one, where what is new may be others' news; see `Tellers`.
    """

    device: Device
    contact: datetime | None = None


Listing = DeviceBegun | ListedPage | Contradiction | WindowListed | WindowFailed | DeviceDone


class Receipt:
    """Tells whoever waits whether facts became durable: yes, or never, because the writer ended before."""

    def __init__(self) -> None:
        self._answered = anyio.Event()
        self.committed = False

    def confirm(self) -> None:
        """The facts are in the state."""
        self.committed = True
        self._answered.set()

    def refuse(self) -> None:
        """The facts will never be in the state."""
        self._answered.set()

    async def wait(self) -> bool:
        """Whether the facts are in the state, once that is known."""
        if not self.committed:  # an event that is set costs a turn of the loop
            await self._answered.wait()
        return self.committed


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts for the state, in order."""

    facts: tuple[Fact, ...]
    receipt: Receipt | None = None


@dataclass(slots=True)
class FetchJob:
    """One file to fetch.

    It may only get its final name once `known` confirms that the state knows its path. `present` tells
    that something lies at its path already; `damaged` counts bodies that were refused, and `refused` is the
    SHA-256 of the last one where it was complete. `replaces` is the
    older version that is held. `tries` counts failed downloads, `batches` failed ones of several files;
    `alone` says that it is fetched by itself from now on.
    `server_name` is how the server spells the name, where the device's list spells it differently.
    `presumed`: only its presence in the server's own list says that the server has it.
    """

    device: Device
    file: DataFile
    path: str
    known: Receipt
    replaces: Held | None = None
    present: bool = False
    damaged: int = 0
    refused: str | None = None
    alone: bool = False
    batches: int = 0
    tries: Tries = field(default_factory=Tries)
    server_name: str = ""
    presumed: bool = False

    @property
    def asked_name(self) -> str:
        """The name to ask the platform for."""
        return self.server_name or self.file.name


@dataclass(frozen=True, slots=True)
class Wanted:
    """A device-only file that is to be ordered.

    `span` is its recording, or where it was listed. `urgent`: the device is about to drop it.
    """

    name: str
    tag: str | None
    span: TimeWindow
    urgent: bool = False


@dataclass(frozen=True, slots=True)
class OrderJob:
    """Device-only files of one device that are to be ordered.

    Attributes:
        waiting: when recordings began that are ordered already, ascending Unix seconds by tag (None: not
            told); no command reaches over one of them.
        queued: commands of ours that wait for the device already.
        room: how many more may wait.
    """

    device: Device
    wanted: tuple[Wanted, ...]
    waiting: Mapping[str | None, Sequence[float]]
    queued: int
    room: int
