"""What the files of a benchmark hold: plain OSF, and OSF that a device packed.

python -m benchmarks.speed.contents osf|osfz SIZE PATH
"""

import struct
import sys
import zlib
from datetime import UTC, datetime
from pathlib import Path
from random import Random

from osfsync.simulator.osf import Packing, Recording, write

_HEAD = b"\x1f\x8b\x08\x00\x00\x00\x00\x00\x00\x03"  # gzip's, without a time
_UNPACKED = 20_000
"""Bytes of plain OSF that a packed file repeats: half numbers, half log lines, which is 1 : 2.4 packed."""


def content(suffix: str, size: int) -> bytes:
    """A file of such a name, of about this many bytes."""
    return _packed(size) if suffix == "osfz" else _plain(size)


def _plain(size: int) -> bytes:
    return write(_recording(), size, Packing.PLAIN, Random(1))


def _packed(size: int) -> bytes:
    """A gzip of whole OSF blocks, none of them stored.

    The blocks repeat, but each repetition is packed by itself: as hard to unpack as if all were different.
    """
    first = _plain(_UNPACKED)
    blocks = first[_after_metablock(first) :]
    packer = zlib.compressobj(6, zlib.DEFLATED, -zlib.MAX_WBITS)
    parts = [_HEAD, packer.compress(first) + packer.flush(zlib.Z_FULL_FLUSH)]
    again = packer.compress(blocks) + packer.flush(zlib.Z_FULL_FLUSH)
    times = max(0, size - sum(map(len, parts))) // len(again)
    check = zlib.crc32(first)
    for _ in range(times):
        check = zlib.crc32(blocks, check)
    unpacked = len(first) + times * len(blocks)
    parts += [again * times, packer.flush(), struct.pack("<II", check, unpacked & 0xFFFFFFFF)]
    return b"".join(parts)


def _after_metablock(osf: bytes) -> int:
    line, _, _ = osf.partition(b"\n")
    return len(line) + 1 + int(line.split()[1])


def _recording() -> Recording:
    now = datetime.now(UTC)
    return Recording("bench", now, now, "bench", 1)


if __name__ == "__main__":
    Path(sys.argv[3]).write_bytes(content(sys.argv[1], int(sys.argv[2])))
