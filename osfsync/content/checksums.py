"""The checksums that an OSF5 file may carry in itself: of its metablock, and of each of its blocks.

The vendor's integrity profile of OSF5: a token of the magic line, `crc32c:` and eight digits, tells the
CRC32C of the metablock, and then each block ends with the CRC32C of all before it in the block, counted in
its length [vendor's specification; files of the vendor's writer]. Signatures, which a token `ed25519:`
announces, are not verified: their certificates are vouched for by a root that is not at hand.
"""

import re
from collections.abc import Callable, Mapping
from struct import Struct

from osfsync.content.metablock import MAX_MAGIC_LINE, MagicLine, channel_widths, parse_magic
from osfsync.domain.errors import DamagedError

_TOKEN = re.compile(rb" crc32c:([0-9A-F]{8})(?: |\r|\Z)")
_FIRST_WITH_SUMS = 5
_NARROW, _WIDE = Struct("<HH"), Struct("<HI")
_SIGNATURE = 0xFFFE
_START = 0xFFFFFFFF
_OVER_BLOCK = 0xB798B438  # what is left of any bytes that are followed by their own CRC32C
_KEPT = 1024 * 1024  # a longer block is taken as it comes
_MOST = 256 * 1024 * 1024  # bytes of one recording; a few packed MB may hold many more


def _table() -> tuple[int, ...]:
    rows = []
    for row in range(256):
        value = row
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
        rows.append(value)
    return tuple(rows)


_TABLE = _table()


def _crc32c(piece: bytes | bytearray | memoryview, value: int = _START) -> int:
    """CRC32C going on from `value`, without its last inversion. Ten megabytes a second: few files have it."""
    table = _TABLE
    for byte in piece:
        value = table[(value ^ byte) & 0xFF] ^ (value >> 8)
    return value


class Checksums:
    """Follows a plain OSF stream that another check judges as such.

    Raises DamagedError, check `crc32c-metablock` or `crc32c-block`, where the bytes are not those that were
    written. What carries no checksums passes by, and what is too long to be summed up. `carried` tells, from
    the metablock on, whether any were checked.
    """

    _step: Callable[[memoryview], memoryview]
    _widths: Mapping[int, int]

    def __init__(self) -> None:
        self.carried = False
        self._step = self._take_magic
        self._held = bytearray()
        self._told = ""
        self._magic = MagicLine(version=0, metablock_size=0)
        self._widths = {}
        self._number, self._seen = 0, 0
        self._left, self._value = 0, _START  # of a long block that is taken as it comes

    def update(self, piece: bytes | bytearray | memoryview) -> None:
        """Take the next bytes."""
        rest = memoryview(piece)
        while rest:
            rest = self._step(rest)

    def _take_magic(self, piece: memoryview) -> memoryview:
        before = len(self._held)
        self._held += piece[: MAX_MAGIC_LINE - before]
        parsed = parse_magic(self._held)
        if parsed is None:
            return piece[len(self._held) - before :]
        self._magic, used = parsed
        token = _TOKEN.search(self._held[: used - 1])
        self._held = bytearray()
        if token is None or self._magic.version < _FIRST_WITH_SUMS or not self._magic.metablock_size:
            self._step = _pass
        else:
            self._told = token[1].decode()
            self._step = self._take_metablock
        return piece[used - before :]

    def _take_metablock(self, piece: memoryview) -> memoryview:
        missing = self._magic.metablock_size - len(self._held)
        self._held += piece[:missing]
        if len(self._held) == self._magic.metablock_size:
            self.carried = True
            found = f"{_crc32c(self._held) ^ _START:08X}"
            if found != self._told:
                raise DamagedError(
                    "crc32c-metablock",
                    f"The metablock's own checksum is {self._told}, its bytes give {found}.",
                )
            widths = channel_widths(self._magic, self._held)
            self._held = bytearray()
            self._widths = {**(widths or {}), _SIGNATURE: 4}
            self._step = _pass if widths is None else self._take_blocks
        return piece[missing:]

    def _take_blocks(self, piece: memoryview) -> memoryview:
        """Check the blocks that are complete; of the last one keep what is there, or take it as it comes."""
        self._seen += len(piece)
        if self._seen > _MOST:
            return self._give_up(piece)
        data = memoryview(bytes(self._held) + piece) if self._held else piece
        at = 0
        while (end := self._end_of(data, at)) is not None:
            if end > len(data):
                if self._seen + end - len(data) > _MOST:
                    return self._give_up(piece)
                if end - at > _KEPT:
                    self._value, self._left = _crc32c(data[at:]), end - len(data)
                    at, self._step = len(data), self._take_long
                break
            self._judge(_crc32c(data[at:end]))
            at = end
        self._held = bytearray(data[at:])
        return piece[len(piece) :]

    def _give_up(self, piece: memoryview) -> memoryview:
        self.carried, self._held, self._step = False, bytearray(), _pass
        return piece[len(piece) :]

    def _take_long(self, piece: memoryview) -> memoryview:
        taken = piece[: self._left]
        self._seen += len(taken)
        self._value = _crc32c(taken, self._value)
        self._left -= len(taken)
        if not self._left:
            self._judge(self._value)
            self._step = self._take_blocks
        return piece[len(taken) :]

    def _end_of(self, data: memoryview, at: int) -> int | None:
        """Where the block that begins at `at` ends; None where too little of it is there to tell."""
        if at + _NARROW.size > len(data):
            return None
        index, length = _NARROW.unpack_from(data, at)
        width = self._widths.get(index)
        if width is None:
            raise self._damaged(f"is of channel {index}, which the metablock does not name")
        if width == 2:  # noqa: PLR2004 - bytes of the length field
            return at + _NARROW.size + int(length)
        if at + _WIDE.size > len(data):
            return None
        return at + _WIDE.size + int(_WIDE.unpack_from(data, at)[1])

    def _judge(self, value: int) -> None:
        if value != _OVER_BLOCK:
            raise self._damaged("does not fit its own checksum")
        self._number += 1

    def _damaged(self, what: str) -> DamagedError:
        return DamagedError("crc32c-block", f"Block {self._number + 1} of the recording {what}.")


def _pass(piece: memoryview) -> memoryview:
    return piece[len(piece) :]
