"""Records of undocumented shape → DataFile, by known aliases of their fields. Sans-IO.

The API page names no field inside `<GeoLogFile>` beyond a name and the status, and none of the JSON list.
"""

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

import msgspec

from osfsync.cloud.calls import from_epoch, plausible
from osfsync.cloud.settings import FieldNames
from osfsync.domain.errors import ProtocolError
from osfsync.domain.model import DataFile, StorageStatus

ALIASES: Mapping[str, tuple[str, ...]] = {
    "name": ("filename", "name"),
    "status": ("storagestatus", "status", "state"),
    "size": ("filesize", "size"),
    "start": ("starttime", "start", "from"),
    "end": ("endtime", "end", "to"),
    "tag": ("tag",),
}
"""Spellings by preference, compared without case, `@`, `_` and `-`."""

LONGEST_NAME = 4_096
"""Characters of a file's name, beyond what any file system takes."""

_EXTRA_FIELDS = 32
_EXTRA_TEXT = 256
_SHOWN_FIELDS = 20
_SHOWN_TEXT = 40
_SHAPES = 256
_FIELDS_OF_A_SHAPE = 256
_LARGEST = 2**63 - 1
_STATUSES = {status.value: status for status in StorageStatus}
_MOST_DIGITS = 20
_NUMBER = re.compile(r"[0-9]{1,20}(\.[0-9]*)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where the fields stand in records of one shape; `others` are in order of their names."""

    name: str | None
    status: str | None
    size: str | None
    start: str | None
    end: str | None
    tag: str | None
    others: tuple[str, ...]


class RecordReader:
    """Reads the records of one answer.

    Args:
        device_id: whose files they are.
        what: the answer, in the words of a message.
        names: the user's word on which field is which.
    """

    def __init__(self, device_id: str, what: str, names: FieldNames) -> None:
        self._device_id = device_id
        self._what = what
        self._names = names
        self._shapes: dict[tuple[str, ...], _Columns] = {}

    def file(self, record: object) -> DataFile:
        """A record that tells a storage status. Raises ProtocolError where it or the name is not found."""
        fields, columns = self._open(record)
        told = number_of(fields[columns.status]) if columns.status is not None else None
        status = None if told is None else _STATUSES.get(told)
        if status is None:
            raise self._unreadable("storage status (0 to 3)", fields)
        file = self._build(fields, columns, status, columns.others)
        return file._replace(name=_without_indent(file.name)) if "\n" in file.name else file

    def server_file(self, record: object) -> DataFile:
        """A record of the server's own list: what it names, the server has."""
        fields, columns = self._open(record)
        others = columns.others if columns.status is None else (*columns.others, columns.status)
        return self._build(fields, columns, StorageStatus.SERVER_ONLY, others)

    def server_entry(self, record: object) -> tuple[str, int | None]:
        """The name and the size alone of such a record: all that is needed of most."""
        fields, columns = self._open(record)
        size = number_of(fields[columns.size]) if columns.size is not None else None
        return self._name(fields, columns), size

    def _open(self, record: object) -> tuple[Mapping[str, object], _Columns]:
        fields = record if isinstance(record, dict) else {}
        shape = tuple(fields)
        columns = self._shapes.get(shape)
        if columns is None:
            if len(self._shapes) >= _SHAPES:
                self._shapes.clear()
            columns = _columns(shape, self._names)
            if len(shape) <= _FIELDS_OF_A_SHAPE:
                self._shapes[shape] = columns
        return fields, columns

    def _build(
        self,
        fields: Mapping[str, object],
        columns: _Columns,
        status: StorageStatus,
        others: tuple[str, ...],
    ) -> DataFile:
        name = self._name(fields, columns)
        unread: list[str] = []  # fields that can't be read are kept as extra
        size = start = end = None
        if columns.size is not None and (size := number_of(fields[columns.size])) is None:
            unread.append(columns.size)
        if columns.start is not None and (start := moment_of(fields[columns.start])) is None:
            unread.append(columns.start)
        if columns.end is not None and (end := moment_of(fields[columns.end])) is None:
            unread.append(columns.end)
        if start is not None and end is not None and end < start and columns.end is not None:
            unread.append(columns.end)
            end = None
        tag = scalar_of(fields[columns.tag]) if columns.tag is not None else None
        if tag is not None and len(tag) > _EXTRA_TEXT and columns.tag is not None:
            unread.append(columns.tag)
            tag = None
        extra = extra_of(fields, (*others, *unread)) if others or unread else ()
        return DataFile(self._device_id, name, status, size, start, end, tag, extra)

    def _name(self, fields: Mapping[str, object], columns: _Columns) -> str:
        name = _name_of(fields[columns.name]) if columns.name is not None else None
        if name is None or len(name) > LONGEST_NAME:
            raise self._unreadable("file name", fields)
        return name

    def _unreadable(self, missing: str, fields: Mapping[str, object]) -> ProtocolError:
        return ProtocolError(
            f"The {self._what} has a record without a readable {missing}; "
            f"it holds these fields: {shown(fields)}.",
            hint="Name the right fields under [cloud.fields] in the configuration.",
        )


def _columns(shape: tuple[str, ...], names: FieldNames) -> _Columns:
    spelled = {spelling(field): field for field in reversed(shape)}

    def find(role: str, override: str | None) -> str | None:
        wanted = ALIASES[role] if override is None else (spelling(override),)
        return next((spelled[alias] for alias in wanted if alias in spelled), None)

    found = {role: find(role, getattr(names, role)) for role in ALIASES}
    others = tuple(sorted(set(shape) - set(found.values())))
    return _Columns(**found, others=others)


def spelling(field: str) -> str:
    """A field's name without prefix, case and separators."""
    return field.rpartition(":")[2].lstrip("@").replace("_", "").replace("-", "").lower()


def scalar_of(value: object) -> str | None:
    """The text of a field: of an element with attributes its text, of a repeated one the first."""
    if isinstance(value, str):  # nearly always
        return value.strip() or None
    if isinstance(value, list):
        value = value[0] if value else None
    if isinstance(value, dict):
        value = value.get("#text", value.get("id"))
    match value:
        case str():
            return value.strip() or None
        case bool():
            return str(value).lower()
        case int() | float():
            return str(value)
        case _:
            return None


def _name_of(value: object) -> str | None:
    """A file's name to the letter: the platform knows the file by no other."""
    text = scalar_of(value)
    return value if text is not None and isinstance(value, str) else text


def _without_indent(name: str) -> str:
    """A name without the blanks around it, if these break the line: they are an indented XML list's."""
    text = name.strip()
    before, _, after = name.partition(text)
    return text if "\n" in before + after else name


def number_of(value: object) -> int | None:
    """A whole number from 0 up; None where it is none."""
    if type(value) is int:  # nearly always in JSON
        return value if 0 <= value <= _LARGEST else None
    text = scalar_of(value)
    if text is None:
        return None
    if _is_whole(text):
        number = int(text)
        return number if number <= _LARGEST else None
    if _NUMBER.fullmatch(text) is None:
        return None
    whole, _, fraction = text.partition(".")
    number = int(whole)
    return number if number <= _LARGEST and not fraction.strip("0") else None


def moment_of(value: object) -> datetime | None:
    """A time from seconds, milliseconds or ISO-8601 text (without a zone: UTC); None where it is none.

    None too where it is implausible.
    """
    if type(value) is str and _is_whole(value):  # nearly always in XML
        value = int(value)
    if type(value) is int:
        return from_epoch(value) if value <= _LARGEST else None
    text = scalar_of(value)
    if text is None:
        return None
    if _is_whole(text):
        return from_epoch(int(text))
    if _NUMBER.fullmatch(text) is not None:
        return from_epoch(float(text))
    try:
        moment = datetime.fromisoformat(text)
        return plausible(moment.replace(tzinfo=UTC) if moment.tzinfo is None else moment.astimezone(UTC))
    except (ValueError, OverflowError):
        return None


def _is_whole(text: str) -> bool:
    """Whether it is a number of digits alone, as nearly all are: found out faster than by a pattern."""
    return text.isdigit() and text.isascii() and len(text) <= _MOST_DIGITS


def extra_of(fields: Mapping[str, object], chosen: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """What else a record told, bounded in number and length; empty fields are left out."""
    pairs: list[tuple[str, str]] = []
    for field in chosen:
        text = _whole_text(fields[field])
        if text is not None and len(pairs) < _EXTRA_FIELDS:
            pairs.append((field.lstrip("@")[:_EXTRA_TEXT], text[:_EXTRA_TEXT]))
    return tuple(pairs)


def shown(fields: Iterable[str]) -> str:
    """The names of fields for a message, bounded, control characters made visible."""
    names = [repr(field[:_SHOWN_TEXT]) for field in fields]
    more = len(names) - _SHOWN_FIELDS
    listed = ", ".join(names[:_SHOWN_FIELDS]) or "none"
    return f"{listed} and {more} more" if more > 0 else listed


def _whole_text(value: object) -> str | None:
    if not isinstance(value, dict | list):
        return scalar_of(value)
    try:
        return msgspec.json.encode(value).decode() if value else None
    except RecursionError:
        return "(nested too deeply)"
