"""The XML file list → pages of DataFile, while its bytes come in. Sans-IO; CPU-bound, made for a thread."""

import re
import time
from collections.abc import Callable, Generator, Iterable, Sequence
from dataclasses import dataclass, field
from xml.parsers import expat

import xmltodict

from osfsync.cloud.fields import RecordReader
from osfsync.cloud.layout import shown
from osfsync.cloud.parsing import html
from osfsync.cloud.xml_text import readable
from osfsync.domain.errors import ProtocolError
from osfsync.domain.model import DataFile

Emit = Callable[[list[DataFile]], None]

PAGE = 100
"""Files that travel together: the loop stands still while one is decided on (measured: 20 ms for 500)."""

MOST_RECORDS = 10_000_000
"""Files of one list."""

LARGEST_RECORD = 200_000
"""Bytes of XML without a whole record: no file of a list is described by so many."""

MOST_OTHERS = 10_000
"""Elements that are no records: a list of files has a handful."""

_MOST_NOTED = 100  # names of other elements, for a message
_LONGEST_NOTED = 100  # characters of such a name
_ENCODINGS = frozenset({"utf-8", "utf-16", "us-ascii", "iso-8859-1", "iso-8859-15", "windows-1252"})
_ROOT = "FileList"
_RECORD = "geologfile"
_TEXT = "#text"  # of a record: the blanks between its elements
_TROUBLE = re.compile("error|exception", re.IGNORECASE)
_NO_TROUBLE = frozenset({"", "0", "false", "no", "none", "ok"})
_GIL_TURN = 50  # records; measured: keeps the event loop's lag under 5 ms


@dataclass(slots=True)
class _Guard:
    """Looks at the bytes before the root element: refuses a DOCTYPE, and any root but FileList.

    Entities can only be declared in a DOCTYPE, which can only stand before the root.
    """

    what: str
    root: str | None = None
    seen: int = 0
    _parser: expat.XMLParserType = field(default_factory=expat.ParserCreate)

    def __post_init__(self) -> None:
        self._parser.XmlDeclHandler = self._declaration
        self._parser.StartDoctypeDeclHandler = self._doctype
        self._parser.StartElementHandler = self._start

    def look(self, chunk: bytes) -> None:
        if self.root is not None:
            return
        if self.seen == 0 and html(chunk):
            raise ProtocolError(
                f"The {self.what} came as a web page, not as XML.",
                hint="Check cloud.url, and whether a proxy or a login page stands in between.",
            )
        self.seen += len(chunk)
        if self.seen > LARGEST_RECORD:
            raise ProtocolError(f"The {self.what} has no root element in its first {LARGEST_RECORD} bytes.")
        self._parse(chunk, end=False)

    def finish(self) -> None:
        """Look at the end of the list: expat 2.6 and newer may keep what came in small chunks until then."""
        if self.root is None:
            self._parse(b"", end=True)

    def _parse(self, chunk: bytes, *, end: bool) -> None:
        try:
            self._parser.Parse(chunk, end)
        except (ValueError, LookupError):
            raise ProtocolError(f"The {self.what} is in an unknown text encoding.") from None

    def _declaration(self, _version: str, encoding: str | None, _standalone: int) -> None:
        # The parser would ask Python's codecs for any other, and some of these do odd things.
        if encoding is not None and encoding.lower() not in _ENCODINGS:
            raise ProtocolError(f"The {self.what} is in an unknown text encoding.")

    def _doctype(self, *_: object) -> None:
        raise ProtocolError(f"The {self.what} carries a DOCTYPE, which is refused for safety.")

    def _start(self, name: str, _: object) -> None:
        if self.root is None:
            self.root = name
            if _local(name) != _ROOT:
                raise ProtocolError(
                    f"The {self.what} is no file list: its root element is {name[:40]!r}, not {_ROOT!r}."
                )


@dataclass(slots=True)
class _Collector:
    """Takes xmltodict's items one by one, and hands them on as pages."""

    what: str
    reader: RecordReader
    emit: Emit
    records: list[object] = field(default_factory=list)
    seen: int = 0
    strangers: int = 0  # among them
    tag: str = ""  # of records, as it is spelled here
    others: set[str] = field(default_factory=set)
    fed: int = 0  # bytes since the last item

    def take(self, path: Sequence[tuple[str, object]], item: object) -> bool:
        self.fed = 0
        self.seen += 1
        if self.seen % _GIL_TURN == 0:
            self._pause()
        tag = path[-1][0]
        if tag != self.tag:
            if _local(tag).lower() != _RECORD:
                self._note(tag, item)
                return True
            self.tag = tag
        if isinstance(item, dict) and _TEXT in item and not item[_TEXT].strip():
            del item[_TEXT]
        self.records.append(item)
        if len(self.records) >= max(PAGE, self.reader.sample):
            self.flush()
        return True

    def _pause(self) -> None:
        time.sleep(0)
        if self.seen - self.strangers > MOST_RECORDS:
            raise ProtocolError(f"The {self.what} has more than {MOST_RECORDS:,} files.")

    def _note(self, tag: str, item: object) -> None:
        self.strangers += 1
        if self.strangers > MOST_OTHERS:
            raise ProtocolError(f"The {self.what} has more than {MOST_OTHERS} elements that are no files.")
        harmless = not item or (isinstance(item, str) and item.strip().lower() in _NO_TROUBLE)
        if not harmless and _TROUBLE.search(tag):
            told = tag[:_LONGEST_NOTED]
            raise ProtocolError(f"The {self.what} holds an element {told!r}: it may be incomplete.")
        if isinstance(item, dict) and len(self.others) < _MOST_NOTED:
            self.others.add(tag[:_LONGEST_NOTED])

    def flush(self) -> None:
        """Emit what is collected; the first records settle what the fields of all mean."""
        records, self.records = self.records, []
        if records and self.reader.sample:
            self.reader.settle(records)
        for start in range(0, len(records), PAGE):
            if page := self.reader.files(records[start : start + PAGE]):
                self.emit(page)


def read_file_list(chunks: Iterable[bytes], reader: RecordReader, what: str, emit: Emit) -> None:
    """Read a list to its end, calling `emit` with pages of at most `PAGE` files.

    Raises:
        ProtocolError: it is no file list, ends early, or most of its records are unreadable. Single
            unreadable records are skipped, see `RecordReader.skipped`.
    """
    collector, guard = _Collector(what, reader, emit), _Guard(what)
    try:
        xmltodict.parse(
            _watched(readable(chunks), guard, collector, what),
            item_depth=2,
            item_callback=collector.take,
            strip_whitespace=False,  # a name may begin or end with a blank
        )
    except expat.ExpatError as error:
        if guard.seen == 0:
            raise ProtocolError(f"The {what} came empty.") from None
        raise ProtocolError(f"The {what} is no complete XML: {error}.") from None
    collector.flush()
    reader.check_skips()
    if collector.seen == collector.strangers and collector.others:
        raise ProtocolError(
            f"The {what} holds no 'GeoLogFile', but these elements: {shown(sorted(collector.others))}."
        )


def _watched(
    chunks: Iterable[bytes], guard: _Guard, collector: _Collector, what: str
) -> Generator[bytes, None, None]:
    for chunk in chunks:
        guard.look(chunk)
        collector.fed += len(chunk)
        yield chunk
        if collector.fed > LARGEST_RECORD:
            raise ProtocolError(f"The {what} has a record of more than {LARGEST_RECORD} bytes.")
    guard.finish()


def _local(name: str) -> str:
    return name.rpartition(":")[2]
