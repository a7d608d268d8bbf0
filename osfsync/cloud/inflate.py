"""Text that came compressed, though nobody asked for that: gateways do so. Sans-IO."""

import zlib
from collections.abc import Iterator
from typing import Final

_GZIP = b"\x1f\x8b"
_ZLIB = frozenset({0x78, 0x58, 0x38, 0x18})  # first bytes of a zlib stream, by its window
_TEXT = frozenset(b'{[<"\xef\xfe\xff \t\r\n')  # how a text begins, whatever its label
_PIECE: Final = 65_536
_AUTO, _RAW = 47, -15  # zlib's codes for: gzip or zlib, told from the head; deflate without a head

CODINGS: Final = frozenset({"gzip", "x-gzip", "deflate"})


class Inflater:
    """Unpacks the pieces of one body. What only has the label of a coding is passed on as it is."""

    def __init__(self) -> None:
        self._unpack: zlib._Decompress | None = None
        self._plain = False

    def feed(self, piece: bytes) -> Iterator[bytes]:
        """The unpacked bytes, in pieces of a bounded size. Raises zlib.error."""
        if self._unpack is None and not self._plain:
            self._begin(piece)
        if self._unpack is None:
            yield piece
            return
        while piece:
            if unpacked := self._unpack.decompress(piece, _PIECE):
                yield unpacked
            piece = self._unpack.unconsumed_tail

    @property
    def whole(self) -> bool:
        """Whether the body may end here."""
        return self._unpack is None or self._unpack.eof

    def _begin(self, piece: bytes) -> None:
        if piece[:2] == _GZIP or piece[0] in _ZLIB:
            self._unpack = zlib.decompressobj(_AUTO)
        elif piece[0] in _TEXT or piece[:2] == b"PK":
            self._plain = True
        else:
            self._unpack = zlib.decompressobj(_RAW)
