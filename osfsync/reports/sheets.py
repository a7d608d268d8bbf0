"""Tables of one kind of row: their name, their columns, and how a person reads a cell."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from operator import attrgetter
from typing import Any, Generic, TypeVar

from osfsync.reports.models import (
    DeviceModel,
    FileModel,
    FindingModel,
    FoundModel,
    GapModel,
    MissingModel,
    OrderModel,
    SettingModel,
)
from osfsync.reports.text import amount, count, size

Row = TypeVar("Row")

UNSEEN_NAMED = 10


@dataclass(frozen=True, slots=True)
class Column:
    """One column of the table for people; machine-readable forms carry every field.

    Attributes:
        cell: what a row shows here.
        right: numbers; a cell is never broken.
        folds: where room is short, words longer than this are broken; None keeps every word whole.
        prose: sentences, which keep this width until nothing else gives way.
        spare: left out where the terminal is too narrow for all, those further right first.
    """

    heading: str
    cell: Callable[[Any], str]
    right: bool = False
    folds: int | None = None
    prose: int = 0
    spare: bool = False


@dataclass(frozen=True, slots=True)
class Sheet(Generic[Row]):
    """One kind of row, of a device each.

    Attributes:
        name: the key of the rows in JSON.
        model: its fields, in the contract's order, are what machine-readable forms carry.
        columns: of the table for people.
        counted: the field whose values are counted at the end.
        thing: what one row is about.
    """

    name: str
    model: type[Row]
    columns: tuple[Column, ...]
    counted: str | None = None
    thing: str = "file"


@dataclass(frozen=True, slots=True)
class Tail:
    """What is told after the rows: more keys of the JSON object, and sentences below the table."""

    fields: Mapping[str, object] = field(default_factory=dict)
    lines: tuple[str, ...] = ()


NO_TAIL = Tail()


def unseen_tail(devices: Sequence[str]) -> Tail:
    """These devices refuse their credentials: no row can tell what lies only on them."""
    if not devices:
        return Tail({"unseen_devices": []})
    more = len(devices) - UNSEEN_NAMED
    named = ", ".join(devices[:UNSEEN_NAMED]) + (f" and {count(more)} more" if more > 0 else "")
    line = (
        f"What lies only on {amount(len(devices), 'device')} can't be seen, because the account may not read "
        f"their credentials: {named}."
    )
    return Tail({"unseen_devices": list(devices)}, (line,))


def _of(field: str, show: Callable[[Any], str] = str) -> Callable[[Any], str]:
    value = attrgetter(field)
    return lambda row: show(value(row))


def _or_dash(value: object) -> str:
    return "–" if value is None else str(value)


def _when(value: datetime | None) -> str:
    return "–" if value is None else f"{value:%Y-%m-%d %H:%M}"


def _window(row: OrderModel) -> str:
    return f"{row.window_start:%Y-%m-%d %H:%M} – {row.window_end:%Y-%m-%d %H:%M}"


def _size(value: int | None) -> str:
    return "–" if value is None else size(value)


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
        Column("Expected (UTC)", _of("expected", _when), spare=True),
    ),
    counted="reason",
)

DEVICES = Sheet(
    "devices",
    DeviceModel,
    (
        _DEVICE,
        Column("Held", _of("held", count), right=True),
        Column("Size", _of("held_bytes", _size), right=True, spare=True),
        Column("On server", _of("on_server", count), right=True),
        Column("Requested", _of("requested", count), right=True),
        Column("On device", _of("device_only", count), right=True),
        Column("Lost", _of("lost", count), right=True),
        Column("Open orders", _of("open_orders", count), right=True),
        Column("Last contact (UTC)", _of("last_contact", _when)),
        Column("Next contact (UTC)", _of("expected_contact", _when), spare=True),
        Column("Listed (UTC)", _of("listed_at", _when), spare=True),
        Column("Problem", _of("problem", _or_dash), folds=12, prose=16),
    ),
    thing="device",
)

GAPS = Sheet(
    "gaps",
    GapModel,
    (
        _DEVICE,
        Column("From (UTC)", _of("start", _when)),
        Column("To (UTC)", lambda row: "still" if row.open else _when(row.end)),
        Column("Hours", _of("hours", "{:,.1f}".format), right=True),
        Column("Usual", _of("usual_hours", "{:,.1f}".format), right=True),
        Column("Contacts", _of("contacts", count), right=True),
        Column("Last contact (UTC)", _of("last_contact", _when)),
    ),
    thing="gap",
)

FOUND = Sheet(
    "files",
    FoundModel,
    (
        _DEVICE,
        Column("Path", _of("path"), folds=30),
        Column("Begin (UTC)", _of("begin", _when)),
        Column("End (UTC)", _of("end", _when)),
        Column("Channels", _of("channels", ", ".join), folds=30),
        Column("Samples", _of("samples", count), right=True),
    ),
)

FINDINGS = Sheet(
    "findings",
    FindingModel,
    (
        Column("Grade", _of("grade")),
        Column("Subject", _of("subject")),
        Column("Finding", _of("text"), folds=12),
    ),
    thing="finding",
)

SETTINGS = Sheet(
    "settings",
    SettingModel,
    (Column("Key", _of("key")), Column("Value", _of("value"), folds=30), Column("Origin", _of("origin"))),
    thing="setting",
)

ORDERS = Sheet(
    "orders",
    OrderModel,
    (
        Column("No.", _of("order"), right=True),
        _DEVICE,
        Column("Window (UTC)", _window),
        Column("Tag", _of("tag"), folds=12, spare=True),
        Column("Files", _of("files", count), right=True),
        Column("Awaited", _of("awaited", count), right=True),
        Column("Sent (UTC)", _of("sent_at", _when)),
        Column("Fate", _of("fate")),
        Column("First contact (UTC)", _of("contacted_at", _when), spare=True),
        Column("List (UTC)", _of("answered_at", _when), spare=True),
        Column("Explanation", _of("explanation"), folds=12, prose=16),
    ),
    counted="fate",
    thing="order",
)
