"""How the platform writes its lists of files: XML with storage status, JSON of the server's own.

The API page names the elements `FileList` and `GeoLogFile` and the status values, and no more. What is
inside is spelled by a `Dialect`, so that a client can be tried against several.
"""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from xml.sax.saxutils import escape, quoteattr

from osfsync.simulator.fleet import SimFile

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_ILLEGAL = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_CARRIAGE_RETURN = {"\r": "&#13;"}  # else parsers read it as a line feed
_PIECE = 64_000  # characters of XML in one piece of a streamed list


class TimeSpelling(Enum):
    """How a moment is written inside a list."""

    SECONDS = "seconds"
    MILLISECONDS = "milliseconds"
    ISO = "ISO-8601"


@dataclass(frozen=True, slots=True)
class Dialect:
    """Names of the fields inside `<GeoLogFile>`; None leaves a field out.

    Attributes:
        attributes: fields are attributes, not elements.
        times: how `start` and `end` are written.
        bare_ids: ids in JSON are plain strings, not `{"entityType", "id"}`.
        json_sizes: whether the server's own list tells sizes.
        json_lists_known: the server's own list names all files that it knows, also those only on devices.
        json_status: field of the storage status in the server's own list; None where it has none.
    """

    name: str = "FileName"
    status: str = "Status"
    size: str | None = "FileSize"
    start: str | None = "StartTime"
    end: str | None = "EndTime"
    tag: str | None = "Tag"
    attributes: bool = False
    times: TimeSpelling = TimeSpelling.SECONDS
    bare_ids: bool = False
    json_sizes: bool = True
    json_lists_known: bool = False
    json_status: str | None = None


ATTRIBUTES = Dialect(
    "Name", "StorageStatus", "Size", "From", "To", "Tag", attributes=True, times=TimeSpelling.ISO
)
TERSE = Dialect(
    "Filename", "state", size=None, start=None, end=None, tag=None, bare_ids=True, json_sizes=False
)


def milliseconds(moment: datetime) -> int:
    """Unix time in ms."""
    return (moment - _EPOCH) // timedelta(milliseconds=1)


def xml_list(files: Iterable[SimFile], dialect: Dialect) -> Iterator[bytes]:
    """The whole XML document in pieces of about 64 kB."""
    parts = ['<?xml version="1.0" encoding="UTF-8"?>\n<FileList>\n']
    length = 0
    for file in files:
        text = _entry(file, dialect)
        parts.append(text)
        length += len(text)
        if length > _PIECE:
            yield "".join(parts).encode()
            parts, length = [], 0
    parts.append("</FileList>\n")
    yield "".join(parts).encode()


def json_entry(file: SimFile, dialect: Dialect) -> dict[str, object]:
    """One file of the server's own list; times in ms as everywhere in this part of the API."""
    return {
        "name": file.name,
        **({"size": file.size} if dialect.json_sizes else {}),
        **({dialect.json_status: int(file.status)} if dialect.json_status else {}),
        "startTime": milliseconds(file.start),
        "endTime": milliseconds(file.end),
        "tag": file.tag,
    }


def _entry(file: SimFile, dialect: Dialect) -> str:
    named = (
        (dialect.name, _ILLEGAL.sub("\ufffd", file.name)),
        (dialect.status, str(int(file.status))),
        (dialect.size, str(file.size)),
        (dialect.start, _spell(file.start, dialect.times)),
        (dialect.end, _spell(file.end, dialect.times)),
        (dialect.tag, _ILLEGAL.sub("\ufffd", file.tag)),
    )
    fields = [(name, text) for name, text in named if name is not None]
    if dialect.attributes:
        inside = " ".join(f"{name}={quoteattr(text)}" for name, text in fields)
        return f"  <GeoLogFile {inside}/>\n"
    inside = "".join(f"<{name}>{escape(text, _CARRIAGE_RETURN)}</{name}>" for name, text in fields)
    return f"  <GeoLogFile>{inside}</GeoLogFile>\n"


def _spell(moment: datetime, times: TimeSpelling) -> str:
    match times:
        case TimeSpelling.SECONDS:
            return str((moment - _EPOCH) // timedelta(seconds=1))
        case TimeSpelling.MILLISECONDS:
            return str(milliseconds(moment))
        case TimeSpelling.ISO:
            return f"{moment:%Y-%m-%dT%H:%M:%SZ}"
