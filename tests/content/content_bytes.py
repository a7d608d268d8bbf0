"""OSF bytes for the tests of this folder."""

import struct
from collections.abc import Iterable
from itertools import pairwise
from pathlib import Path

import pytest

from osfsync.content import check_for
from osfsync.domain.errors import DamagedError
from osfsync.domain.model import Verification

SAMPLES = Path(__file__).parents[2].parent / "shared" / "osf-samples"

XML = (
    b'<?xml version="1.0" encoding="UTF-8"?><optimeas creator="1"><channels count="2">'
    b'<channel datatype="float" sizeoflengthvalue="2" index="0" channeltype="scalar" name="a"/>'
    b'<channel datatype="string" sizeoflengthvalue="4" index="7" channeltype="scalar" name="b"/>'
    b"</channels></optimeas>\n"
)
JSON = (
    b'{"osf":{"format":"osf5","version":5,"file":{"creator":"1"},"channels":['
    b'{"index":0,"name":"a","channeltype":"scalar","datatype":"float","sizeoflengthvalue":2},'
    b'{"index":7,"name":"b","channeltype":"scalar","datatype":"string","sizeoflengthvalue":4}]}}'
)

Outcome = Verification | str
"""What a check said: a verification, or the name of the check that refused."""


def sample(name: str) -> bytes:
    path = SAMPLES / name
    if not path.exists():
        pytest.skip(f"the real sample {name} is not at hand")
    return path.read_bytes()


def osf(metablock: bytes = XML, blocks: bytes = b"", words: bytes = b"OSF4") -> bytes:
    return b"%b %d\n%b%b" % (words, len(metablock), metablock, blocks)


def narrow(payload: bytes, index: int = 0) -> bytes:
    return struct.pack("<HH", index, len(payload)) + payload


def wide(payload: bytes, index: int = 7) -> bytes:
    return struct.pack("<HI", index, len(payload)) + payload


def judge(name: str, pieces: Iterable[bytes]) -> Outcome:
    check = check_for(name)
    try:
        for piece in pieces:
            check.update(piece)
        return check.finish()
    except DamagedError as error:
        return error.check


def split(data: bytes, cuts: Iterable[int]) -> list[bytes]:
    """Pieces of `data`, cut at the given places (taken modulo its length)."""
    places = sorted({cut % (len(data) + 1) for cut in cuts} | {0, len(data)})
    return [data[start:end] for start, end in pairwise(places)] or [data]
