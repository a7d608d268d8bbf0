"""Tables of one kind of row: their name, their columns, and how a person reads a cell."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from operator import attrgetter
from typing import Any, Generic, TypeVar

from osfsync.domain.model import ListingSource
from osfsync.reports.models import DeviceModel, FileModel, MissingModel
from osfsync.reports.text import count, size

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the table for people; machine-readable forms carry every field.

    Attributes:
        cell: what a row shows here.
        right: numbers; a cell is never broken.
        folds: where room is short, words longer than this are broken; None keeps every word whole.
        prose: sentences, which keep this width until nothing else gives way.
    """

    heading: str
    cell: Callable[[Any], str]
    right: bool = False
    folds: int | None = None
    prose: int = 0


@dataclass(frozen=True, slots=True)
class Sheet(Generic[Row]):
    """One kind of row, of a device each.

    Attributes:
        name: the key of the rows in JSON.
        model: its fields, in the contract's order, are what machine-readable forms carry.
        columns: of the table for people.
        counted: the field whose values are counted under the table.
    """

    name: str
    model: type[Row]
    columns: tuple[Column, ...]
    counted: str | None = None


def _of(field: str, show: Callable[[Any], str] = str) -> Callable[[Any], str]:
    value = attrgetter(field)
    return lambda row: show(value(row))


def _or_dash(value: object) -> str:
    return "–" if value is None else str(value)


def _when(value: datetime | None) -> str:
    return "–" if value is None else f"{value:%Y-%m-%d %H:%M}"


def _size(value: int | None) -> str:
    return "–" if value is None else size(value)


def _problem(row: DeviceModel) -> str:
    if row.problem is None and row.source == ListingSource.SERVER_LIST:
        return "credentials refused: what lies only on the device can't be seen"
    return _or_dash(row.problem)


_STATUS = {0: "device", 1: "requested", 2: "server", 3: "both"}
_DEVICE = Column("Device", _of("device"), folds=12)
_NAME = Column("File", _of("name"), folds=30)

FILES = Sheet(
    "files",
    FileModel,
    (
        _DEVICE,
        _NAME,
        Column("Storage status", _of("storage_status", _STATUS.__getitem__)),
        Column("State", _of("state")),
        Column("Size", _of("size", _size), right=True),
        Column("Fetched (UTC)", _of("fetched_at", _when)),
        Column("Check", _of("verification", _or_dash)),
    ),
)

MISSING = Sheet(
    "files",
    MissingModel,
    (
        _DEVICE,
        _NAME,
        Column("Reason", _of("reason")),
        Column("Explanation", _of("explanation"), folds=12, prose=20),
        Column("Next action", _of("next_action"), folds=12, prose=16),
    ),
    counted="reason",
)

DEVICES = Sheet(
    "devices",
    DeviceModel,
    (
        _DEVICE,
        Column("Held", _of("held", count), right=True),
        Column("Size", _of("held_bytes", _size), right=True),
        Column("On server", _of("on_server", count), right=True),
        Column("Requested", _of("requested", count), right=True),
        Column("On device", _of("device_only", count), right=True),
        Column("Listed (UTC)", _of("listed_at", _when)),
        Column("Problem", _problem, folds=12, prose=16),
    ),
)
