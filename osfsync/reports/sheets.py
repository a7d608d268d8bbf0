"""Tables of one kind of row: their name, their columns, and how a person reads a cell."""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Generic, TypeVar

from osfsync.reports.models import DeviceModel, FileModel, MissingModel
from osfsync.reports.text import count, size

Row = TypeVar("Row")


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the table for people; machine-readable forms carry every field."""

    field: str
    heading: str
    show: Callable[[Any], str] = str
    right: bool = False
    readable: int = 12  # words up to this length are not broken


@dataclass(frozen=True, slots=True)
class Sheet(Generic[Row]):
    """`name` is the key of the rows in JSON; `fields` are those of the model, in the contract's order."""

    name: str
    model: type[Row]
    columns: tuple[Column, ...]


def _or_dash(value: object) -> str:
    return "–" if value is None else str(value)


def _when(value: datetime | None) -> str:
    return "–" if value is None else f"{value:%Y-%m-%d %H:%M}"


def _size(value: int | None) -> str:
    return "–" if value is None else size(value)


_STATUS = {0: "device", 1: "requested", 2: "server", 3: "both"}

FILES = Sheet(
    "files",
    FileModel,
    (
        Column("device", "Device"),
        Column("name", "File", readable=30),
        Column("storage_status", "Storage status", lambda value: _STATUS[value]),
        Column("state", "State"),
        Column("size", "Size", _size, right=True),
        Column("fetched_at", "Fetched (UTC)", _when),
        Column("verification", "Check", _or_dash),
    ),
)

MISSING = Sheet(
    "files",
    MissingModel,
    (
        Column("device", "Device"),
        Column("name", "File", readable=30),
        Column("reason", "Reason"),
        Column("explanation", "Explanation"),
        Column("next_action", "Next action"),
    ),
)

DEVICES = Sheet(
    "devices",
    DeviceModel,
    (
        Column("device", "Device"),
        Column("held", "Held", count, right=True),
        Column("held_bytes", "Size", _size, right=True),
        Column("on_server", "On server", count, right=True),
        Column("requested", "Requested", count, right=True),
        Column("device_only", "On device", count, right=True),
        Column("listed_at", "Listed (UTC)", _when),
        Column("problem", "Problem", _or_dash),
    ),
)
