"""Compressed OSF: complete to the last byte or refused, and never more than a few MB in memory."""

import gzip
import tracemalloc
import zlib
from collections.abc import Callable

import pytest

from osfsync.content import check_for
from osfsync.domain.model import Verification
from tests.content.content_bytes import XML, judge, narrow, osf, sample

OSF = osf(XML, narrow(b"\x08 time 4444") * 20)
PACKERS: dict[str, Callable[[bytes], bytes]] = {"gzip": gzip.compress, "zlib": zlib.compress}


@pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)
def test_a_whole_stream_is_whole(pack: Callable[[bytes], bytes]) -> None:
    assert judge("d/a.OsFz", [pack(OSF)]) is Verification.WHOLE


@pytest.mark.parametrize("level", range(-1, 10))
def test_every_zlib_level_is_recognised(level: int) -> None:
    assert judge("a.osfz", [zlib.compress(OSF, level)]) is Verification.WHOLE


@pytest.mark.parametrize(("kind", "pack"), PACKERS.items(), ids=PACKERS)
def test_a_stream_cut_anywhere_is_refused(kind: str, pack: Callable[[bytes], bytes]) -> None:
    data = pack(OSF)
    for kept in range(2, len(data)):
        assert judge("a.osfz", [data[:kept]]) == f"{kind}-end"
    assert judge("a.osfz", [data[:1]]) == "compression"
    assert judge("a.osfz", []) == "empty"


@pytest.mark.parametrize(("kind", "pack"), PACKERS.items(), ids=PACKERS)
def test_a_wrong_checksum_is_refused(kind: str, pack: Callable[[bytes], bytes]) -> None:
    data = bytearray(pack(OSF))
    data[-6 if kind == "gzip" else -2] ^= 1
    assert judge("a.osfz", [bytes(data)]) == f"{kind}-data"


@pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)
@pytest.mark.parametrize("tail", [b"anything", b"\0\0x", b"\0" * 300_000 + b"\x1f"])
def test_bytes_that_are_no_padding_may_not_follow(pack: Callable[[bytes], bytes], tail: bytes) -> None:
    assert judge("a.osfz", [pack(OSF) + tail]) == "trailing-data"
    assert judge("a.osfz", [pack(OSF), tail]) == "trailing-data"


@pytest.mark.parametrize("pack", PACKERS.values(), ids=PACKERS)
@pytest.mark.parametrize("zeros", [1, 511, 300_000])
def test_zeros_after_the_stream_are_padding(pack: Callable[[bytes], bytes], zeros: int) -> None:
    assert judge("a.osfz", [pack(OSF) + b"\0" * zeros]) is Verification.WHOLE
    assert judge("a.osfz", [pack(OSF), b"\0" * zeros, b"\0"]) is Verification.WHOLE


@pytest.mark.parametrize("cut", [1, 40, len(OSF) - 1])
def test_a_recording_may_be_packed_in_several_gzip_members(cut: int) -> None:
    data = gzip.compress(OSF[:cut]) + gzip.compress(OSF[cut:]) + gzip.compress(b"")
    assert judge("a.osfz", [data + b"\0" * 9]) is Verification.WHOLE
    assert judge("a.osfz", [bytes([byte]) for byte in data]) is Verification.WHOLE


def test_a_damaged_second_gzip_member_is_refused() -> None:
    first, second = gzip.compress(OSF[:40]), gzip.compress(OSF[40:])
    assert judge("a.osfz", [first + second[:-1]]) == "gzip-end"
    assert judge("a.osfz", [first + second[:-6] + b"\1" + second[-5:]]) == "gzip-data"
    assert judge("a.osfz", [zlib.compress(OSF) + second]) == "trailing-data"


def test_a_device_that_lost_power_leaves_a_sound_stream_with_a_cut_tail() -> None:
    assert judge("a.osfz", [gzip.compress(OSF[:-3])]) is Verification.TAIL_CUT
    assert judge("a.osfz", [gzip.compress(osf(XML)[:-30])]) is Verification.TAIL_CUT


@pytest.mark.parametrize(
    ("plain", "check"),
    [
        (b"", "empty"),
        (b"OSF4", "magic"),
        (b"<html>", "not-osf"),
        (b"hello", "magic"),
        (osf(b"<a"), "metablock"),
    ],
)
def test_what_is_inside_is_checked(plain: bytes, check: str) -> None:
    assert judge("a.osfz", [gzip.compress(plain)]) == check


@pytest.mark.parametrize("data", [OSF, b"hello", b"  hello", b" " * 500, b"\x78\x00", b"\xf8\x0f"])
def test_what_is_neither_gzip_nor_zlib_is_refused(data: bytes) -> None:
    assert judge("a.osfz", [data]) == "compression"
    assert judge("a.osfz", [data[at : at + 1] for at in range(len(data))]) == "compression"


def test_a_bomb_is_judged_in_little_memory() -> None:
    packer = zlib.compressobj(9)
    pieces = [packer.compress(OSF), *(packer.compress(bytes(1 << 20)) for _ in range(64)), packer.flush()]
    bomb = b"".join(pieces)
    tracemalloc.start()
    try:
        assert judge("a.osfz", [bomb]) is Verification.HEADER
        assert tracemalloc.get_traced_memory()[1] < 4_000_000
    finally:
        tracemalloc.stop()


def test_output_that_fills_the_buffer_exactly_is_still_taken_to_the_end() -> None:
    for size in ((1 << 20) - 1, 1 << 20, (1 << 20) + 1, 2 << 20):
        data = gzip.compress(OSF + bytes(size - len(OSF)))
        assert judge("a.osfz", [data]) is Verification.HEADER
        assert judge("a.osfz", [data[:-1]]) == "gzip-end"


def test_pieces_may_be_views() -> None:
    check = check_for("a.osfz")
    check.update(memoryview(gzip.compress(OSF)))
    assert check.finish() is Verification.WHOLE


def test_real_content_packed() -> None:
    for pack in PACKERS.values():
        assert judge("a.osfz", [pack(sample("osf4_ruvvi.osf"))]) is Verification.WHOLE
        assert judge("a.osfz", [pack(sample("osf3.osf"))]) is Verification.HEADER
