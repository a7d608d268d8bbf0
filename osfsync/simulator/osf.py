"""Writes OSF4 files of an exact size, plain or compressed.

Layout as in the vendor's real files: a magic line with the length of the metablock, the metablock (XML),
then blocks of channel index (u16), length (u16 or u32 by the channel's `sizeoflengthvalue`), control byte,
time in ns (i64) and value. Nothing closes a file: it ends at the end of a block.

A size that is known before a byte is written is what makes a list of 20,000 files cheap. The numbers fill
most of a file, log lines fill the rest to the byte; in a compressed file those lie in stored blocks.
"""

import struct
import zlib
from binascii import hexlify
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from enum import Enum
from random import Random
from xml.sax.saxutils import quoteattr

MINIMUM_SIZE = 2_000
"""The smallest file, in bytes, that holds the metablock and a log line."""

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_VALUE_BLOCK = 0x08  # one absolute time, one value
_TEXT_BLOCK = 0x04  # one absolute time, one text
_MOST_ROUNDS = 500  # numbers cost far more time to make than log lines
_MOST_TEXT = 60_000  # fits a stored block of a compressed stream (65,535)
_PHRASE = 1_000  # random bytes that a log line repeats

_ROUND = struct.Struct("<HHBqf HHBqd HHBqi")  # one block each of the three numeric channels below
_TEXT_HEAD = struct.Struct("<HIBqI")
_MARGIN = 2 * _TEXT_HEAD.size + 32  # a log line, the compressed stream's frame, its stored block's head

LOG_CHANNEL = "System.Log"
VALUE_CHANNELS = ("Engine.Speed", "Battery.Voltage", "System.Modem.RSSI")
_CHANNELS = (
    (VALUE_CHANNELS[0], "float", 2, "1/min"),
    (VALUE_CHANNELS[1], "double", 2, "V"),
    (VALUE_CHANNELS[2], "int32", 2, "dBm"),
    (LOG_CHANNEL, "string", 4, ""),
)
_LOG_INDEX = 3


class Packing(Enum):
    """How the bytes are wrapped. Devices gzip; the vendor's text speaks of zlib: both are met."""

    PLAIN = "plain"
    GZIP = "gzip"
    ZLIB = "zlib"


@dataclass(frozen=True, slots=True)
class Recording:
    """What a file is about; with the seed of its generator this fixes every byte."""

    creator: str
    start: datetime
    end: datetime
    tag: str
    sequence: int


def write(recording: Recording, size: int, packing: Packing, rng: Random) -> bytes:
    """A whole file of exactly `size` bytes. Raises ValueError where `size` is below MINIMUM_SIZE."""
    if size < MINIMUM_SIZE:
        raise ValueError(f"an OSF file of {size} bytes is not possible, the least is {MINIMUM_SIZE}")
    head = _head(recording)
    rounds = min((size - len(head) - _MARGIN) // _ROUND.size, _MOST_ROUNDS)
    body = head + _numbers(recording, rounds, rng)
    match packing:
        case Packing.PLAIN:
            return body + b"".join(_log(recording, size - len(body), 0, rng))
        case Packing.GZIP:
            return _gzip(recording, body, size, rng)
        case Packing.ZLIB:
            return _zlib(recording, body, size, rng)


def rounds_of(recording: Recording, size: int) -> int:
    """How many samples each of VALUE_CHANNELS has in a file of `size` bytes."""
    return min((size - len(_head(recording)) - _MARGIN) // _ROUND.size, _MOST_ROUNDS)


def _head(recording: Recording) -> bytes:
    channels = "".join(
        f'        <channel datatype="{kind}" sizeoflengthvalue="{width}" index="{index}" '
        f'channeltype="scalar" name="{name}" physicalunit="{unit}"/>\n'
        for index, (name, kind, width, unit) in enumerate(_CHANNELS)
    )
    metablock = (
        '<?xml version="1.0" encoding="UTF-8"?>\n'
        f"<optimeas creator={quoteattr(recording.creator)} "
        f'created_utc="{recording.start:%Y-%m-%dT%H:%M:%SZ}" '
        'created_at_latitude="0" created_at_longitude="0" created_at_altitude="0" '
        f'tag={quoteattr(recording.tag)} namespacesep="." reason="SEQUENCE" '
        f'total_seq_no="{recording.sequence}" triggered_seq_no="{recording.sequence}">\n'
        f'    <channels count="{len(_CHANNELS)}">\n{channels}    </channels>\n'
        '    <infos>\n        <info name="smartcore" datatype="string" value="simulated"/>\n    </infos>\n'
        "</optimeas>\n"
    ).encode()
    return b"OCEAN_STREAM_FORMAT4 %d\n%b" % (len(metablock), metablock)


def _nanoseconds(moment: datetime) -> int:
    return (moment - _EPOCH) // timedelta(microseconds=1) * 1_000


def _numbers(recording: Recording, rounds: int, rng: Random) -> bytes:
    start = _nanoseconds(recording.start)
    step = max((_nanoseconds(recording.end) - start) // max(rounds, 1), 1)
    pack, draw = _ROUND.pack, rng.random
    return b"".join(
        [
            pack(
                *(0, 13, _VALUE_BLOCK, time, 800.0 + 1_400.0 * draw()),
                *(1, 17, _VALUE_BLOCK, time, 23.0 + 3.0 * draw()),
                *(2, 13, _VALUE_BLOCK, time, -110 + int(60 * draw())),
            )
            for time in range(start, start + rounds * step, step)
        ]
    )


def _log(recording: Recording, room: int, frame: int, rng: Random) -> Iterator[bytes]:
    """Log lines that fill `room` to the byte, when each is wrapped into `frame` bytes more."""
    time = _nanoseconds(recording.end)
    least = _TEXT_HEAD.size + frame
    phrase = hexlify(rng.randbytes(_PHRASE))
    while room:
        take = min(room, _MOST_TEXT)
        if 0 < room - take < least:
            take -= least
        length = take - least
        text = (phrase * (length // len(phrase) + 1))[:length]
        yield _TEXT_HEAD.pack(_LOG_INDEX, 13 + length, _TEXT_BLOCK, time, length) + text
        room -= take


def _deflate(recording: Recording, body: bytes, room: int, rng: Random) -> tuple[bytes, list[bytes]]:
    """A raw deflate stream of `room` bytes, and the pieces that it inflates to."""
    packer = zlib.compressobj(1, zlib.DEFLATED, -zlib.MAX_WBITS)
    packed = packer.compress(body) + packer.flush(zlib.Z_FULL_FLUSH)
    lines = list(_log(recording, room - len(packed), 5, rng))
    last = len(lines) - 1
    stored = [
        struct.pack("<BHH", index == last, len(line), len(line) ^ 0xFFFF) + line
        for index, line in enumerate(lines)
    ]
    return packed + b"".join(stored), [body, *lines]


def _gzip(recording: Recording, body: bytes, size: int, rng: Random) -> bytes:
    time = _nanoseconds(recording.end) // 1_000_000_000 & 0xFFFFFFFF
    head = struct.pack("<2sBBIBB", b"\x1f\x8b", 8, 0, time, 0, 3)
    stream, pieces = _deflate(recording, body, size - len(head) - 8, rng)
    check, length = 0, 0
    for piece in pieces:
        check, length = zlib.crc32(piece, check), length + len(piece)
    return head + stream + struct.pack("<II", check, length & 0xFFFFFFFF)


def _zlib(recording: Recording, body: bytes, size: int, rng: Random) -> bytes:
    head = b"\x78\x01"
    stream, pieces = _deflate(recording, body, size - len(head) - 4, rng)
    check = 1
    for piece in pieces:
        check = zlib.adler32(piece, check)
    return head + stream + struct.pack(">I", check)
