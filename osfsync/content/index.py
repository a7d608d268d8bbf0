"""Reads what is in a file, by the vendor's own reader (`osfdata`, the extra `content`). Blocking.

That reader takes a whole file into memory, and is silent on most damage: it tells what is in a file, and
proves nothing. Imported only by commands that need it.
"""

import zlib
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING
from xml.parsers import expat

import msgspec

from osfsync.content.metablock import MAX_MAGIC_LINE, PARSED_METABLOCK, parse_magic
from osfsync.domain.contents import Channel, Content
from osfsync.domain.errors import DamagedError, OsfsyncError

if TYPE_CHECKING:
    import osf

MOST_UNPACKED = 512_000_000
"""Bytes of a recording: a larger one is not read, since all of it would lie in memory."""

MOST_CHANNELS = 20_000
LONGEST_NAME = 1_000

_PIECE = 1_000_000
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_FIRST, _LAST = datetime(1970, 1, 1, tzinfo=UTC), datetime(2262, 1, 1, tzinfo=UTC)
_HEAD_FIELDS = ("creator", "created_utc", "tag", "reason", "total_seq_no", "triggered_seq_no", "namespacesep")


class UnreadableContentError(OsfsyncError):
    """What is in a file can't be told; the message is a sentence."""


def available() -> bool:
    """Whether the vendor's reader is installed."""
    try:
        import osf  # noqa: F401, PLC0415 - an extra
    except ImportError:
        return False
    return True


def read_content(path: Path) -> Content:
    """What is in a file. Raises UnreadableContentError, OSError."""
    import osf  # noqa: PLC0415 - an extra

    head = _head_of(_first_bytes(path))
    try:
        manager = osf.load(str(path))
    except osf.OsfError as error:
        if "(os error " in str(error):  # as the reader tells the system's errors
            raise OSError(str(error)) from error
        raise UnreadableContentError(f"The vendor's reader does not take it: {error}.") from error
    if len(manager.channels) > MOST_CHANNELS:
        raise UnreadableContentError(f"It has {len(manager.channels)} channels, more than are kept in mind.")
    spans = [span for channel in manager.channels if (span := _span(channel)) is not None]
    return Content(
        begin=min((begin for begin, _ in spans), default=None),
        end=max((end for _, end in spans), default=None),
        channels=[(_described(channel), channel.sample_count) for channel in manager.channels],
        head=head,
    )


def _described(channel: "osf.Channel") -> Channel:
    unit = (channel.physical_unit or "").strip()
    return Channel(channel.name[:LONGEST_NAME], unit[:LONGEST_NAME], channel.data_type)


def _span(channel: "osf.Channel") -> tuple[datetime, datetime] | None:
    """From the first to the last sample; None where there is none, or its clock was wrong beyond bounds."""
    if channel.is_empty:
        return None
    if channel.segments:
        ends = [
            segment.start_timestamp_ns + round(1e9 * (segment.sample_count - 1) / segment.sample_rate_hz)
            for segment in channel.segments
            if segment.sample_count and segment.sample_rate_hz > 0
        ]
        begins = [segment.start_timestamp_ns for segment in channel.segments]
        span = (min(begins), max(ends, default=max(begins)))
    else:
        stamps = channel.timestamps_ns()
        span = (int(stamps.min()), int(stamps.max()))
    begin, end = (_EPOCH + timedelta(microseconds=stamp // 1000) for stamp in span)
    return (begin, end) if _FIRST < begin <= end < _LAST else None


def _first_bytes(path: Path) -> bytes:
    """Up to the end of the metablock; refuses what unpacks to too much."""
    first, size = bytearray(), 0
    for piece in _unpacked(path):
        size += len(piece)
        if size > MOST_UNPACKED:
            raise UnreadableContentError(
                f"It has more than {MOST_UNPACKED:,} bytes of recording, and all would lie in memory."
            )
        if len(first) < PARSED_METABLOCK + MAX_MAGIC_LINE:
            first += piece
    return bytes(first)


def _unpacked(path: Path) -> Iterator[bytes]:
    with path.open("rb") as file:
        head = file.read(2)
        file.seek(0)
        if head[:1] not in {b"\x1f", b"\x78"}:
            while piece := file.read(_PIECE):
                yield piece
            return
        stream = zlib.decompressobj(47)  # gzip or zlib, by its own head
        try:
            while not stream.eof and (packed := stream.unconsumed_tail or file.read(_PIECE)):
                yield stream.decompress(packed, _PIECE)
        except zlib.error as error:
            raise UnreadableContentError("It does not unpack.") from error


def _head_of(first: bytes) -> list[tuple[str, str]]:
    """What the metablock tells of the file, of the fields that are known; nothing where it can't be read."""
    try:
        parsed = parse_magic(first[:MAX_MAGIC_LINE])
    except DamagedError as error:
        raise UnreadableContentError(str(error)) from error
    if parsed is None:
        raise UnreadableContentError("It ends inside its magic line.")
    magic, start = parsed
    told = _fields(first[start : start + magic.metablock_size])
    return [(name, str(told[name])[:LONGEST_NAME]) for name in _HEAD_FIELDS if name in told]


def _fields(metablock: bytes) -> dict[str, object]:
    if metablock.lstrip().startswith(b"{"):
        try:
            told = msgspec.json.decode(metablock)
        except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
            return {}
        inner = told.get("osf", told) if isinstance(told, dict) else {}
        return {k: v for k, v in inner.items() if isinstance(v, str | int)} if isinstance(inner, dict) else {}
    found: dict[str, object] = {}

    def start(_: str, attributes: dict[str, str]) -> None:
        found.update(attributes)
        parser.StartElementHandler = None  # of the outermost element only

    def refuse(*_: object) -> None:
        raise UnreadableContentError("Its metablock holds a DOCTYPE.")

    parser = expat.ParserCreate()
    parser.StartElementHandler = start
    parser.StartDoctypeDeclHandler = refuse
    try:
        parser.Parse(metablock, True)
    except (expat.ExpatError, ValueError, LookupError):
        return found
    return found
