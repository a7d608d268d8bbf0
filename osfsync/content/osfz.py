"""Judges compressed OSF while it streams by."""

import zlib

from osfsync.content.metablock import refuse_page
from osfsync.content.osf import OsfCheck
from osfsync.domain.errors import DamagedError
from osfsync.domain.model import ContentCheck, Verification

_IN = 256 * 1024  # at once: zlib copies what it did not use of its input
_IN_LATER = 8 * 1024  # likewise, after the first gzip member: the next ones may be tiny
_OUT = 1024 * 1024  # at once, however well the bytes are packed
_GZIP = b"\x1f\x8b"
_GZIP_BITS, _ZLIB_BITS = 31, 15
_HEAD = 2  # bytes that tell gzip from zlib
_MOST_BLANKS = 64  # in front of a page that arrived in place of the file

MOST_PLAIN = 100_000_000_000
"""Bytes that one file may unpack to.

No ratio is refused: a dead sensor's zeros may be packed as well as a bomb's. Deflate packs 1,032 bytes into
one at best, and what comes out is dropped, so that a byte that came costs no memory and 3 µs at most
(measured: 400 MB of zeros a second). This bounds the whole at some minutes, whatever the platform sends.
"""


class OsfzCheck:
    """Inflates to the end marker and its checksum; what comes out goes through `inner`, else an `OsfCheck`.

    A stream that ends well around OSF that ends early is a file of a device that lost power: kept, as
    TAIL_CUT. More gzip members may follow a gzip stream (RFC 1952: they unpack to one text), and zeros may
    follow any stream: padding. Other bytes after it are damage.

    DamagedError's checks, besides those of `OsfCheck`: `compression` (neither gzip nor zlib),
    `gzip-data` / `zlib-data` (corrupt, or the checksum is wrong), `gzip-end` / `zlib-end` (ends too early),
    `trailing-data`, `unpacked-size` (more than `MOST_PLAIN` bytes come out).
    """

    def __init__(self, inner: ContentCheck | None = None) -> None:
        self._osf = inner or OsfCheck()
        self._head = b""
        self._kind = ""
        self._stream = zlib.decompressobj()
        self._padded = False
        self._left = MOST_PLAIN

    def update(self, piece: bytes | bytearray | memoryview) -> None:
        """Take the next bytes."""
        rest = memoryview(piece)
        while rest and not self._kind:
            self._head += rest[:1]
            rest = rest[1:]
            if len(self._head) >= _HEAD:
                self._open()
        for at in range(0, len(rest), _IN):
            self._inflate(rest[at : at + _IN])

    def finish(self) -> Verification:
        """Judge the end."""
        if not self._head:
            raise DamagedError("empty", "The file is empty.")
        if not self._kind:
            raise DamagedError("compression", "The file is neither gzip nor zlib.")
        if not self._stream.eof:
            raise DamagedError(f"{self._kind}-end", f"The {self._kind} stream ends before its end marker.")
        return self._osf.finish()

    def _open(self) -> None:
        """Tell gzip from zlib by the first bytes."""
        if self._head == _GZIP:
            self._kind, self._stream = "gzip", zlib.decompressobj(_GZIP_BITS)
        elif _opens_zlib(self._head):
            self._kind, self._stream = "zlib", zlib.decompressobj(_ZLIB_BITS)
        elif refuse_page(self._head) or len(self._head) >= _MOST_BLANKS:
            raise DamagedError("compression", "The file is neither gzip nor zlib.")
        else:
            return
        self._inflate(self._head)

    def _inflate(self, packed: bytes | memoryview) -> None:
        """Take packed bytes; what comes out is judged and dropped, at most `_OUT` bytes at once."""
        rest, most = memoryview(packed), _IN
        while rest:
            if self._stream.eof:
                most = _IN_LATER
                if not self._opens_member(rest):
                    return
            piece = rest[:most]
            size = self._inflate_some(piece)
            while not self._stream.eof and (self._stream.unconsumed_tail or size == _OUT):
                size = self._inflate_some(self._stream.unconsumed_tail)
            rest = rest[len(piece) - len(self._stream.unused_data) :]

    def _opens_member(self, rest: memoryview) -> bool:
        """Whether another gzip member follows an ended stream; otherwise only zeros may (padding)."""
        if self._kind == "gzip" and not self._padded and rest[0] == _GZIP[0]:
            self._stream = zlib.decompressobj(_GZIP_BITS)
            return True
        self._padded = True
        if bytes(rest).strip(b"\0"):
            raise DamagedError("trailing-data", f"Bytes follow the end of the {self._kind} stream.")
        return False

    def _inflate_some(self, packed: bytes | memoryview) -> int:
        try:
            plain = self._stream.decompress(packed, _OUT)
        except zlib.error as error:
            raise DamagedError(f"{self._kind}-data", f"The {self._kind} stream is corrupt.") from error
        self._left -= len(plain)
        if self._left < 0:
            raise DamagedError("unpacked-size", f"The file unpacks to more than {MOST_PLAIN:,} bytes.")
        self._osf.update(plain)
        return len(plain)


def _opens_zlib(head: bytes) -> bool:
    """RFC 1950: a window of at most 32 kB, method "deflate", and 31 divides the whole."""
    return len(head) == _HEAD and head[0] & 0x8F == zlib.DEFLATED and int.from_bytes(head, "big") % 31 == 0
