"""XML with characters that no parser takes, made readable: one bad record must not cost a list. Sans-IO."""

import codecs
import re
from collections.abc import Generator, Iterable
from itertools import chain

from osfsync.cloud.fields import ILLEGAL

_BYTES = bytes(code for code in range(32) if code not in b"\t\n\r")
_REFERENCE = re.compile(rb"&#(?:x([0-9a-fA-F]{1,8})|([0-9]{1,10}));")
_LONGEST_REFERENCE = 16
_LONGEST_DECLARATION = 200
_CHARACTERS = ((9, 10), (13, 13), (0x20, 0xD7FF), (0xE000, 0xFFFD), (0x10000, 0x10FFFF))  # XML 1.0, 2.2
_MARK = ILLEGAL.encode()
_TABLE = str.maketrans(dict.fromkeys(_BYTES, ILLEGAL))
_DECLARED = re.compile(rb"<\?xml[^>]*encoding\s*=\s*[\"']([^\"']*)", re.IGNORECASE)


def readable(chunks: Iterable[bytes]) -> Generator[bytes, None, None]:
    """The same text with illegal characters and references replaced by `ILLEGAL`.

    A byte that is no UTF-8 is read as Windows-1252, which fits Latin-1 too. Other declared encodings, and
    UTF-16, are left to the parser.
    """
    source = iter(chunks)
    first = b""
    while len(first) < _LONGEST_DECLARATION and b">" not in first:  # the encoding may stand in a declaration
        more = next(source, b"")
        first += more
        if not more:
            break
    if not _is_utf8(first):
        yield first
        yield from source
        return
    decoder = codecs.getincrementaldecoder("utf-8")("windows-1252-byte")
    rest = b""
    for chunk in chain((first,), source):
        whole, rest = _split(rest + chunk)
        if whole:
            yield _clean(whole, decoder)
    if last := _clean(rest, decoder, final=True):
        yield last


def _is_utf8(head: bytes) -> bool:
    declared = _DECLARED.search(head[:_LONGEST_DECLARATION])
    name = declared[1].lower() if declared is not None else b"utf-8"
    return (
        b"\x00" not in head[:4]
        and not head.startswith((b"\xff\xfe", b"\xfe\xff"))
        and name in {b"utf-8", b"us-ascii"}
    )


def _split(text: bytes) -> tuple[bytes, bytes]:
    """The text up to a reference that may go on in the next chunk."""
    at = text.rfind(b"&", max(0, len(text) - _LONGEST_REFERENCE))
    if at < 0 or b";" in text[at:]:
        return text, b""
    return text[:at], text[at:]


def _clean(chunk: bytes, decoder: codecs.IncrementalDecoder, *, final: bool = False) -> bytes:
    if b"&#" in chunk:
        chunk = _REFERENCE.sub(_legal, chunk)
    plain = chunk.isascii() and not decoder.getstate()[0]  # nearly always
    if plain and len(chunk.translate(None, _BYTES)) == len(chunk):
        return chunk
    return decoder.decode(chunk, final).translate(_TABLE).encode()


def _replace(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeDecodeError):
        raise error
    wrong = error.object[error.start : error.end]
    return wrong.decode("windows-1252", "replace"), error.end


codecs.register_error("windows-1252-byte", _replace)


def _legal(found: re.Match[bytes]) -> bytes:
    code = int(found[1], 16) if found[1] is not None else int(found[2])
    return found[0] if any(first <= code <= last for first, last in _CHARACTERS) else _MARK
