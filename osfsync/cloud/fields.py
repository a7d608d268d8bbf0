"""Records of undocumented shape → DataFile, by the layout that the evidence shows. Sans-IO.

The API page names no field inside `<GeoLogFile>` beyond a name and the status, and none of the JSON list.
`recognition` decides which field means what; this module applies the decision, record by record.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import TypeVar

import msgspec

from osfsync.cloud.field_book import CHECKED, FieldBook
from osfsync.cloud.field_values import moment_of, number_of, scalar_of, status_of
from osfsync.cloud.field_words import Meaning
from osfsync.cloud.layout import Layout, ServerNames, shown, spelling
from osfsync.cloud.recognition import SAMPLE
from osfsync.domain.errors import ProtocolError
from osfsync.domain.model import DataFile, StorageStatus, TimeWindow
from osfsync.domain.recording_name import plain_name

LONGEST_NAME = 4_096
"""Characters of a file's name, beyond what any file system takes."""

ILLEGAL = "\ufdd0"
"""Stands for a character that XML does not allow. A name that holds it is unreadable."""

MOST_SKIPPED = 0.5
"""Share of a list's records that may be unreadable; with more, the list is no list of files."""

_SKIPS_KEPT = 5
_EXTRA_FIELDS = 32
_EXTRA_TEXT = 256
_SHAPES = 256
_FIELDS_OF_A_SHAPE = 256
_NAMES_OF_SERVER = 2_000

_STATUSES: Mapping[str, StorageStatus] = {str(status.value): status for status in StorageStatus}

Get = Callable[[Mapping[str, object]], object]
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class _Columns:
    """Where the fields stand in records of one shape; `others` are in order of their names."""

    name: Get | None
    status: Get | None
    size: Get | None
    start: Get | None
    end: Get | None
    tag: Get | None
    keys: Mapping[Meaning, str]  # top-level fields that hold them
    others: tuple[str, ...]


class RecordReader:
    """Reads the records of one answer.

    Args:
        device_id: whose files they are.
        what: the answer, in the words of a message.
        book: what is known of such lists.
        window: the period that was asked for.
        server: what the server's own list has said before.
        needs_status: whether records must say where a file lies.

    Attributes:
        skipped: descriptions of the first unreadable records; `skips` counts all.
        differs: the records have other fields than those of other lists.
        names: of the server's list, as evidence for the device's list.
    """

    def __init__(  # noqa: PLR0913 - keyword-only
        self,
        device_id: str,
        what: str,
        book: FieldBook,
        *,
        window: TimeWindow | None = None,
        server: ServerNames | None = None,
        needs_status: bool = True,
    ) -> None:
        self._device_id = device_id
        self._what = what
        self._book = book
        self._window = window
        self._server = server
        self._needs_status = needs_status
        self._layout: Layout | None = None
        self._shapes: dict[tuple[str, ...], _Columns] = {}
        self.skipped: list[str] = []
        self.skips = 0
        self.read = 0
        self._last: ProtocolError | None = None
        self.differs = False
        self._names: dict[str, datetime | None] = {}
        self._names_complete = True

    @property
    def sample(self) -> int:
        """How many records `settle` wants to see before the first is read; 0 once it was called."""
        if self._layout is not None:
            return 0
        return SAMPLE if self._book.layout is None else CHECKED

    @property
    def names(self) -> ServerNames:
        """The names read so far."""
        return ServerNames(self._names, self._names_complete)

    def settle(self, records: Sequence[object]) -> None:
        """Decide what the fields of this list mean. Raises ProtocolError."""
        before = self._book.changes
        self._layout = self._book.settle(
            records, self._what, window=self._window, server=self._server, needs_status=self._needs_status
        )
        self.differs = self._book.changes > before

    def files(self, records: Iterable[object]) -> list[DataFile]:
        """Records as files; unreadable ones are skipped and counted.

        Raises ProtocolError where most are unreadable.
        """
        return self._all(records, self.file if self._needs_status else self.server_file)

    def entries(self, records: Iterable[object]) -> list[tuple[str, int | None]]:
        """Of a server's list: name and size of the files that the server has."""
        return [entry for entry in self._all(records, self.server_entry) if entry is not None]

    def _all(self, records: Iterable[object], read: Callable[[object], _T]) -> list[_T]:
        found = []
        for record in records:
            try:
                found.append(read(record))
            except ProtocolError as error:
                self._skip(error)
        self.read += len(found)
        return found

    def _skip(self, error: ProtocolError) -> None:
        self.skips += 1
        if len(self.skipped) < _SKIPS_KEPT:
            self.skipped.append(error.message)
        self._last = error

    def check_skips(self) -> None:
        """Raise the last record's error where most of the list is unreadable."""
        if self._last is not None and self.skips > MOST_SKIPPED * (self.read + self.skips):
            raise self._last

    def file(self, record: object) -> DataFile:
        """A record with a storage status. Raises ProtocolError where it or the name is unreadable."""
        fields, columns = self._open(record)
        status = None
        if columns.status is not None:
            value = columns.status(fields)
            status = _STATUSES.get(value) if isinstance(value, str) else None  # nearly always
            status = status_of(value, self._words) if status is None else status
        if status is None:
            raise self._unreadable("storage status (0 to 3)", fields)
        file = self._build(fields, columns, status, columns.others)
        return file._replace(name=_without_indent(file.name)) if "\n" in file.name else file

    def server_file(self, record: object) -> DataFile:
        """A record of the server's own list: what it names, the server has, unless it says otherwise."""
        fields, columns = self._open(record)
        status = None if columns.status is None else status_of(columns.status(fields), self._words)
        others = columns.others
        if status is None:
            status = StorageStatus.SERVER_ONLY
            if Meaning.STATUS in columns.keys:
                others = (*others, columns.keys[Meaning.STATUS])
        return self._build(fields, columns, status, others)

    def server_entry(self, record: object) -> tuple[str, int | None] | None:
        """The name and the size alone of such a record; None where it says that the server lacks the file."""
        fields, columns = self._open(record)
        name = self._name(fields, columns)
        if columns.status is not None:
            status = status_of(columns.status(fields), self._words)
            if status is not None and not status.on_server:
                return None
        if len(self._names) < _NAMES_OF_SERVER:
            start = None if columns.start is None else self._moment(columns.start(fields))
            self._names[plain_name(name)] = start
        else:
            self._names_complete = False
        return name, number_of(columns.size(fields)) if columns.size is not None else None

    @property
    def _words(self) -> Mapping[str, StorageStatus]:
        assert self._layout is not None  # noqa: S101 - `_open` settled it
        return self._layout.words

    def _moment(self, value: object) -> datetime | None:
        assert self._layout is not None  # noqa: S101 - `_open` settled it
        return moment_of(value, self._layout.times)

    def _open(self, record: object) -> tuple[Mapping[str, object], _Columns]:
        fields: Mapping[str, object] = {} if record is None else {"#text": record}
        if isinstance(record, dict):
            fields = record
        if self._layout is None:
            self.settle([fields])
        shape = tuple(fields)
        columns = self._shapes.get(shape)
        if columns is None:
            if len(self._shapes) >= _SHAPES:
                self._shapes.clear()
            columns = self._columns(shape)
            if len(shape) <= _FIELDS_OF_A_SHAPE:
                self._shapes[shape] = columns
        return fields, columns

    def _columns(self, shape: tuple[str, ...]) -> _Columns:
        assert self._layout is not None  # noqa: S101 - `_open` settled it
        spelled = {spelling(key): key for key in reversed(shape)}
        getters: dict[str, Get | None] = {}
        keys: dict[Meaning, str] = {}
        for meaning in Meaning:
            path = self._layout.path(meaning)
            head, _, rest = ("", "", "") if path is None else path.partition("/")
            key = spelled.get(spelling(head))
            getters[meaning.value] = None if key is None else _getter(key, rest)
            if key is not None and not rest:
                keys[meaning] = key
        others = tuple(sorted(set(shape) - set(keys.values())))
        return _Columns(**getters, keys=keys, others=others)

    def _build(
        self,
        fields: Mapping[str, object],
        columns: _Columns,
        status: StorageStatus,
        others: tuple[str, ...],
    ) -> DataFile:
        name = self._name(fields, columns)
        unread: list[Meaning] = []  # fields that can't be read are kept as extra
        size = start = end = None
        if columns.size is not None and (size := number_of(columns.size(fields))) is None:
            unread.append(Meaning.SIZE)
        if columns.start is not None and (start := self._moment(columns.start(fields))) is None:
            unread.append(Meaning.START)
        if columns.end is not None and (end := self._moment(columns.end(fields))) is None:
            unread.append(Meaning.END)
        if start is not None and end is not None and end < start:
            unread.append(Meaning.END)
            end = None
        tag = scalar_of(columns.tag(fields)) if columns.tag is not None else None
        if tag is not None and len(tag) > _EXTRA_TEXT:
            unread.append(Meaning.TAG)
            tag = None
        kept = (columns.keys[meaning] for meaning in unread if meaning in columns.keys)
        extra = extra_of(fields, (*others, *kept)) if others or unread else ()
        return DataFile(self._device_id, name, status, size, start, end, tag, extra)

    def _name(self, fields: Mapping[str, object], columns: _Columns) -> str:
        name = _name_of(columns.name(fields)) if columns.name is not None else None
        if name is None or len(name) > LONGEST_NAME or ILLEGAL in name:
            raise self._unreadable("file name", fields)
        return name

    def _unreadable(self, missing: str, fields: Mapping[str, object]) -> ProtocolError:
        return ProtocolError(
            f"The {self._what} has a record without a readable {missing}; "
            f"it holds these fields: {shown(fields)}.",
            hint=f"Name the right fields under [{self._book.section}] in the configuration.",
        )


def _getter(key: str, rest: str) -> Get:
    if not rest:
        return lambda fields: fields[key]
    path = [spelling(part) for part in rest.split("/")]

    def get(fields: Mapping[str, object]) -> object:
        value: object = fields[key]
        for part in path:
            if not isinstance(value, dict):
                return None
            found = next((inner for inner in value if spelling(inner) == part), None)
            value = None if found is None else value[found]
        return value

    return get


def _name_of(value: object) -> str | None:
    """A file's name to the letter: the platform knows the file by no other."""
    text = scalar_of(value)
    return value if text is not None and isinstance(value, str) else text


def _without_indent(name: str) -> str:
    """A name without the blanks around it, if these break the line: they are an indented XML list's."""
    text = name.strip()
    before, _, after = name.partition(text)
    return text if "\n" in before + after else name


def extra_of(fields: Mapping[str, object], chosen: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """What else a record has, bounded in number and length; empty fields are left out."""
    pairs: list[tuple[str, str]] = []
    for name in chosen:
        text = _whole_text(fields[name])
        if text is not None and len(pairs) < _EXTRA_FIELDS:
            pairs.append((name.lstrip("@")[:_EXTRA_TEXT], text[:_EXTRA_TEXT]))
    return tuple(pairs)


def _whole_text(value: object) -> str | None:
    if not isinstance(value, dict | list):
        return scalar_of(value)
    try:
        return msgspec.json.encode(value).decode() if value else None
    except RecursionError:
        return "(nested too deeply)"


@dataclass(slots=True)
class ListNotes:
    """What a list holds beside its files.

    Attributes:
        skipped: descriptions of the first unreadable records.
        skips: number of all unreadable records.
        differs: the records have other fields than those of other lists of the tenant.
    """

    skipped: list[str] = field(default_factory=list)
    skips: int = 0
    differs: bool = False

    def take(self, reader: RecordReader) -> None:
        """Add the notes of a list that was read."""
        self.skipped += reader.skipped
        self.skips += reader.skips
        self.differs = self.differs or reader.differs
