"""What travels between the stages: pages, never single files."""

from dataclasses import dataclass
from datetime import datetime

import anyio

from osfsync.domain.model import DataFile, Device, ListingSource, TimeWindow
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


@dataclass(frozen=True, slots=True)
class Facts:
    """Facts for the state, in order. `committed` is set when they are durable."""

    facts: tuple[Fact, ...]
    committed: anyio.Event | None = None


@dataclass(slots=True)
class FetchJob:
    """One file to fetch.

    It may only get its final name after `known` is set: the state knows its path then. `present` tells
    that something lies at its path already; `damaged` counts bodies that were refused.
    """

    device: Device
    file: DataFile
    path: str
    known: anyio.Event
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
