"""What travels between the stages: pages, never single files."""

from dataclasses import dataclass
from datetime import datetime

import anyio

from osfsync.domain.model import DataFile, Device, Held, ListingSource, TimeWindow
from osfsync.domain.outcomes import Fact


@dataclass(frozen=True, slots=True)
class ListedPage:
    """Some files of one device's list, at most a few hundred."""

    device: Device
    window: TimeWindow
    source: ListingSource
    files: list[DataFile]


@dataclass(frozen=True, slots=True)
class WindowListed:
    """The list of this window was read to its end; its pages went before."""

    device: Device
    window: TimeWindow
    source: ListingSource
    files: int
    at: datetime


@dataclass(frozen=True, slots=True)
class WindowFailed:
    """The list of this window could not be had, or broke off."""

    device: Device
    window: TimeWindow
    slug: str
    explanation: str
    at: datetime


@dataclass(frozen=True, slots=True)
class DeviceDone:
    """Nothing more comes for this device in this round."""

    device: Device


Listing = ListedPage | WindowListed | WindowFailed | DeviceDone


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
    that something lies at its path already; `damaged` counts bodies that were refused. `replaces` is the
    older version that is held.
    """

    device: Device
    file: DataFile
    path: str
    known: Receipt
    replaces: Held | None = None
    present: bool = False
    damaged: int = 0


@dataclass(frozen=True, slots=True)
class Wanted:
    """A device-only file that is to be asked for. `span` is its recording, or where it was listed."""

    name: str
    tag: str | None
    span: TimeWindow


@dataclass(frozen=True, slots=True)
class OrderJob:
    """Device-only files of one device that are to be asked for."""

    device: Device
    wanted: tuple[Wanted, ...]
