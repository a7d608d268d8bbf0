"""Walks the blocks of an OSF file, without reading what they carry.

A block is: channel index (u16), length (u16 or u32, as the channel's `sizeoflengthvalue` says), then as many
bytes as the length tells, the control byte first; little-endian. Two indices are reserved, both with a u32
length: 0xFFFF for the trailer of OSF4, 0xFFFE for signatures of OSF5 [vendor's format description and reader;
real OSF4 files]. A length of 0 occurs, and the vendor's reader steps over it.
"""

from collections.abc import Mapping
from struct import Struct

from osfsync.domain.model import Verification

_NARROW = Struct("<HH")
_WIDE = Struct("<I")
_TRAILER = 0xFFFF
_SIGNATURE = 0xFFFE
_STREAM_ENDS = (b"OSF_STREAM_END ", b"OCEAN_STREAM_END ")
_STREAM_END_SIZE = 40


def walk(blocks: bytes | bytearray, widths: Mapping[int, int]) -> Verification:
    """How the blocks of a whole file end.

    Args:
        blocks: all that follows the metablock.
        widths: bytes of the length field (2 or 4) by channel index.

    Returns:
        WHOLE where the file ends with a block, TAIL_CUT where it ends inside one, HEADER where the blocks
        can't be followed: layouts vary, so that is no damage.
    """
    position, end = 0, len(blocks)
    narrow, width_of = _NARROW.unpack_from, widths.get
    while position <= end - _NARROW.size:
        index, length = narrow(blocks, position)
        width = width_of(index)
        if width == 2:  # noqa: PLR2004 - the usual width, ahead of all others: this loop is the check's cost
            position += 4 + length
            continue
        if width is None and index not in {_TRAILER, _SIGNATURE}:
            return Verification.HEADER
        if position + 6 > end:
            return Verification.TAIL_CUT
        position += 6 + _WIDE.unpack_from(blocks, position + 2)[0]
        if index == _TRAILER:
            return _after_trailer(blocks, position)
    return Verification.WHOLE if position == end else Verification.TAIL_CUT


def _after_trailer(blocks: bytes | bytearray, position: int) -> Verification:
    """The trailer may be followed by the 40 bytes of the stream's end, and by nothing else."""
    rest = bytes(blocks[position:])
    if position > len(blocks):
        return Verification.TAIL_CUT
    if not rest:
        return Verification.WHOLE
    known = any(rest.startswith(words[: len(rest)]) for words in _STREAM_ENDS)
    if not known or len(rest) > _STREAM_END_SIZE:
        return Verification.HEADER
    return Verification.WHOLE if len(rest) == _STREAM_END_SIZE else Verification.TAIL_CUT
