"""Reads an OSF file's head: the magic line and the metablock after it.

Sources: the vendor's format description and reader; real OSF3 and OSF4 files.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from xml.parsers import expat

import msgspec

from osfsync.domain.errors import DamagedError

MAX_MAGIC_LINE = 256  # bytes; the vendor's writers stay under 128, with integrity tokens
MAX_METABLOCK = 32 * 1024 * 1024  # bytes; an index is a u16, so 65,536 channels of 500 bytes
PARSED_METABLOCK = 4 * 1024 * 1024  # bytes; of thousands of channels

_MAGIC = re.compile(
    rb"(OSF|OCEAN_STREAM_FORMAT|OCEAN_STREAMING_FORMAT)([0-9]) ([0-9]{1,19})((?: [!-~]+)*) ?\r?"
)
_IDENTIFIERS = (b"OSF", b"OCEAN_STREAM_FORMAT", b"OCEAN_STREAMING_FORMAT")
_VERSIONS = (3, 4, 5)
_BLANKS = b"\xef\xbb\xbf \t\r\n"  # UTF-8's byte order mark too
_ENCODINGS = {"utf-8", "us-ascii", "iso-8859-1", "windows-1252"}
_SLICE = 64 * 1024
_LONGEST_TAG = 256 * 1024  # bytes; of a comment too
_DEEPEST = 256  # elements inside each other
_MOST_ELEMENTS = 100_000
_DEFAULT_WIDTH = 2
_WIDTHS = (2, 4)
_FIRST_KNOWN_LAYOUT = 4  # OSF3's channels tell no `sizeoflengthvalue`, and its blocks are not documented


@dataclass(frozen=True, slots=True)
class MagicLine:
    """The first line: which version, and how many bytes of metablock follow."""

    version: int
    metablock_size: int


def refuse_page(head: bytes | bytearray) -> bytes:
    """What is left of a file's first bytes without blanks.

    Raises DamagedError `not-osf` where they begin a page of HTML, XML or JSON. Messages about content never
    quote it: a wrong answer may carry a token.
    """
    told = bytes(head).lstrip(_BLANKS)
    if told[:1] in {b"<", b"{", b"[", b'"'}:
        raise DamagedError("not-osf", "An HTML, XML or JSON page arrived in place of the file.")
    return told


def parse_magic(head: bytes | bytearray) -> tuple[MagicLine, int] | None:
    """Read the magic line and where the metablock starts; None while more bytes are needed.

    Args:
        head: the file's first bytes, at most `MAX_MAGIC_LINE`.

    Raises DamagedError `not-osf` or `magic` as soon as no more bytes could make it right.
    """
    told = refuse_page(head)
    if told and not any(head.startswith(words[: len(head)]) for words in _IDENTIFIERS):
        raise DamagedError("magic", "The file does not begin with the magic line of OSF.")
    end = head.find(b"\n") if told else -1
    if end >= 0:
        return _parse_line(bytes(head[:end])), end + 1
    if len(head) >= MAX_MAGIC_LINE:
        raise DamagedError("magic", "The file does not begin with the magic line of OSF.")
    return None


def _parse_line(line: bytes) -> MagicLine:
    found = _MAGIC.fullmatch(line)
    if found is None:
        raise DamagedError("magic", "The file's magic line is malformed.")
    version, size = int(found[2]), int(found[3])
    if version not in _VERSIONS:
        raise DamagedError("magic", f"The file says that it is OSF version {version}, which is not known.")
    if size > MAX_METABLOCK:
        raise DamagedError("metablock", f"The file claims a metablock of {size} bytes.")
    return MagicLine(version, size)


def check_opening(metablock: bytes | bytearray) -> None:
    """Refuse a metablock, perhaps incomplete, that begins as neither XML nor JSON. Raises DamagedError."""
    told = bytes(metablock[:16]).lstrip(_BLANKS)
    if told and told[:1] not in {b"<", b"{"}:
        raise DamagedError("metablock", "The file's metablock is neither XML nor JSON.")


def channel_widths(magic: MagicLine, metablock: bytes | bytearray) -> Mapping[int, int] | None:
    """Parse a whole metablock: bytes of the length field (2 or 4) by channel index.

    None where it is sound but tells no channels in a way that is known, and where it is too long to be read:
    a few packed kB of it would keep us busy for seconds. XML or JSON is told by the first character, as the
    vendor's reader does. Raises DamagedError where it can't be parsed.
    """
    if len(metablock) > PARSED_METABLOCK:
        return None
    told = bytes(metablock).lstrip(_BLANKS)
    channels = _json_channels(told) if told.startswith(b"{") else _xml_channels(bytes(metablock))
    if magic.version < _FIRST_KNOWN_LAYOUT:
        return None
    try:
        widths = {int(index): int(width) for index, width in channels}
    except ValueError:
        return None
    return widths if widths and all(width in _WIDTHS for width in widths.values()) else None


@dataclass(slots=True)
class _Elements:
    """Collects (index, width) of each `<channel>`, and refuses what describes no file."""

    channels: list[tuple[str, str]] = field(default_factory=list)
    seen: int = 0
    depth: int = 0

    def start(self, tag: str, attributes: dict[str, str]) -> None:
        self.seen += 1
        self.depth += 1
        if self.depth > _DEEPEST or self.seen > _MOST_ELEMENTS:
            raise DamagedError("metablock", "The file's metablock has more elements than describe a file.")
        if tag == "channel":
            width = attributes.get("sizeoflengthvalue", str(_DEFAULT_WIDTH))
            self.channels.append((attributes.get("index", ""), width))

    def end(self, _: str) -> None:
        self.depth -= 1


def _refuse_doctype(*_: object) -> None:
    """Without a DOCTYPE there are no entities."""
    raise DamagedError("metablock", "The file's metablock holds a DOCTYPE, which is refused.")


def _refuse_encoding(_version: str, encoding: str | None, _standalone: int) -> None:
    """The parser would ask Python's codecs for any other, and some of these do odd things."""
    if encoding is not None and encoding.casefold() not in _ENCODINGS:
        raise DamagedError("metablock", "The file's metablock is in an unknown encoding.")


def _xml_channels(metablock: bytes) -> list[tuple[str, str]]:
    """(index, width) of each `<channel>`."""
    elements = _Elements()
    parser = expat.ParserCreate()
    parser.XmlDeclHandler = _refuse_encoding
    parser.StartDoctypeDeclHandler = _refuse_doctype
    parser.StartElementHandler = elements.start
    parser.EndElementHandler = elements.end
    try:
        # In slices: the parser holds the interpreter lock while it works on one.
        for at in range(0, len(metablock), _SLICE):
            parser.Parse(metablock[at : at + _SLICE], False)
            # Until a tag ends, it is held, and looked at again from its start.
            if at - parser.CurrentByteIndex > _LONGEST_TAG:
                raise DamagedError("metablock", "The file's metablock has a tag without an end.")
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise DamagedError("metablock", "The file's metablock is not well-formed XML.") from error
    return elements.channels


class _Channel(msgspec.Struct):
    index: int
    sizeoflengthvalue: int = _DEFAULT_WIDTH


class _Osf(msgspec.Struct):
    channels: list[_Channel]


class _Envelope(msgspec.Struct):
    osf: _Osf


def _json_channels(metablock: bytes) -> list[tuple[int, int]]:
    """(index, width) of each channel, none where they are told in another way.

    Only what is asked for becomes Python objects.
    """
    try:
        msgspec.json.decode(metablock, type=msgspec.Raw)
        envelope = msgspec.json.decode(metablock, type=_Envelope, strict=False)
    except msgspec.ValidationError:
        return []
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        raise DamagedError("metablock", "The file's metablock is not JSON.") from error
    return [(channel.index, channel.sizeoflengthvalue) for channel in envelope.osf.channels]
