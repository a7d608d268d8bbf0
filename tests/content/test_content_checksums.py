"""The checksums that OSF5 may carry: what they show, over the vendor's own files, and what carries none."""

import gzip
import struct
import zlib
from pathlib import Path

import numpy as np
import osf as vendor
import pytest

from osfsync.content import Examination
from osfsync.content.checksums import Checksums
from osfsync.domain.errors import DamagedError
from osfsync.domain.model import Verification
from osfsync.domain.verdict import Check, Damage
from tests.content.content_bytes import JSON, XML, narrow, osf, sample, split, wide

Outcome = Verification | Damage


def crc32c(data: bytes) -> int:
    """Bit by bit, as the polynomial is written down."""
    value = 0xFFFFFFFF
    for byte in data:
        value ^= byte
        for _ in range(8):
            value = (value >> 1) ^ (0x82F63B78 if value & 1 else 0)
    return value ^ 0xFFFFFFFF


def summed(head: bytes, payload: bytes) -> bytes:
    return head + payload + struct.pack("<I", crc32c(head + payload))


def block(payload: bytes) -> bytes:
    return summed(struct.pack("<HH", 0, len(payload) + 4), payload)


def wide_block(payload: bytes, index: int = 7) -> bytes:
    return summed(struct.pack("<HI", index, len(payload) + 4), payload)


def sealed(blocks: bytes, metablock: bytes = JSON, more: bytes = b"") -> bytes:
    return b"OSF5 %d crc32c:%08X%b\n%b%b" % (len(metablock), crc32c(metablock), more, metablock, blocks)


def examine(name: str, pieces: list[bytes]) -> tuple[Outcome, tuple[Check, ...]]:
    examination = Examination(name, sum(map(len, pieces)))
    content: Outcome
    try:
        for piece in pieces:
            examination.update(piece)
        content = examination.finish()
    except DamagedError as error:
        content = Damage(error.check, error.message)
    return content, examination.looked_at(content)


@pytest.fixture(scope="module")
def vendors(tmp_path_factory: pytest.TempPathFactory) -> bytes:
    """A file with checksums as the vendor's own writer makes it."""
    builder = vendor.WriterBuilder().creator("test").with_integrity("crc32c")
    index = builder.add_channel(name="A", data_type="double", channel_type="scalar", physical_unit="V")
    builder.add_equidistant_segment(index, start_ns=1, sample_rate_hz=1.0, values=np.arange(6_000.0))
    index = builder.add_channel(name="B", data_type="string", channel_type="scalar", physical_unit="")
    builder.add_string_samples(index, timestamps_ns=np.arange(3, dtype=np.int64), values=["a", "bb", "ccc"])
    path = tmp_path_factory.mktemp("vendor") / "a.osf"
    builder.write_to_file(str(path))
    return path.read_bytes()


def test_the_vendors_file_is_sound(vendors: bytes) -> None:
    assert examine("a.osf", [vendors])[1] == (Check.HEADER, Check.CRC32C)  # too large to be walked
    packed = gzip.compress(vendors)
    assert examine("a.osfz", [packed])[1] == (Check.COMPRESSION, Check.HEADER, Check.CRC32C)


@pytest.mark.parametrize("place", [0.02, 0.3, 0.6, 0.9999])
def test_a_flipped_bit_is_found(vendors: bytes, place: float) -> None:
    start = vendors.index(b"\n") + 1
    at = start + int(place * (len(vendors) - start))
    bad = bytearray(vendors)
    bad[at] ^= 1
    content, checked = examine("a.osf", split(bytes(bad), [1, 99, 4_097]))
    assert isinstance(content, Damage)
    assert content.check.startswith("crc32c-")
    assert checked == (Check.HEADER, Check.CRC32C)


def test_in_any_pieces() -> None:
    blocks = [block(b"\x08 time 4444"), wide_block(b"\x04" + bytes(300)), wide_block(b"\x09sign", 0xFFFE)]
    data = sealed(b"".join(blocks), more=b" ed25519:0011223344556677")
    expected = (Verification.WHOLE, (Check.STRUCTURE, Check.CRC32C))
    assert examine("a.osf", [data]) == expected
    assert examine("a.osf", [data[at : at + 1] for at in range(len(data))]) == expected
    assert examine("a.osfz", [zlib.compress(data)])[0] is Verification.WHOLE


def test_a_long_block_is_taken_as_it_comes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("osfsync.content.checksums._KEPT", 100)
    data = sealed(wide_block(b"\x04" + bytes(3_000)) + block(b"\x08 time 4444"))
    for step in (7, 64, 1_000):
        pieces = [data[at : at + step] for at in range(0, len(data), step)]
        assert examine("a.osf", pieces)[0] is Verification.WHOLE
        bad = bytearray(data)
        bad[-40] ^= 4
        content, _ = examine("a.osf", [bytes(bad[at : at + step]) for at in range(0, len(bad), step)])
        assert isinstance(content, Damage)
        assert content.check == "crc32c-block"


def test_what_is_too_long_is_not_said_to_be_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("osfsync.content.checksums._MOST", 100)
    data = sealed(block(bytes(60)) + block(bytes(60))[:-1] + b"x")
    assert examine("a.osf", split(data, range(0, 999, 50))) == (Verification.WHOLE, (Check.STRUCTURE,))


@pytest.mark.parametrize("step", [7, 64, 100_000])
def test_one_block_that_is_too_long_is_not_either(monkeypatch: pytest.MonkeyPatch, step: int) -> None:
    """A block may say that it goes on for gigabytes, and a few packed MB may hold them."""
    monkeypatch.setattr("osfsync.content.checksums._KEPT", 100)
    monkeypatch.setattr("osfsync.content.checksums._MOST", 1_000)
    data = sealed(wide_block(b"\x04" + bytes(3_000))[:-1] + b"x")
    pieces = [data[at : at + step] for at in range(0, len(data), step)]
    assert examine("a.osf", pieces) == (Verification.WHOLE, (Check.STRUCTURE,))


def test_a_recording_that_ends_in_a_block_is_cut_and_no_worse() -> None:
    data = sealed(block(b"\x08 time 4444") + block(b"\x08 time 5555")[:-5])
    assert examine("a.osf", [data]) == (Verification.TAIL_CUT, (Check.STRUCTURE, Check.CRC32C))


def test_a_metablock_that_is_not_the_one_that_was_written() -> None:
    data = sealed(b"").replace(b'"creator":"1"', b'"creator":"2"')
    content, checked = examine("a.osf", [data])
    assert isinstance(content, Damage)
    assert content.check == "crc32c-metablock"
    assert checked == (Check.HEADER, Check.CRC32C)


def test_a_flipped_channel_is_told() -> None:
    content, _ = examine("a.osf", [sealed(block(b"\x08 time 4444") + narrow(b"12345678", index=5))])
    assert isinstance(content, Damage)
    assert "Block 2" in content.message
    assert "channel 5" in content.message


@pytest.mark.parametrize(
    ("data", "looked_at"),
    [
        (osf(XML, narrow(b"\x08x")), (Check.STRUCTURE,)),
        (osf(JSON, narrow(b"\x08x"), b"OSF5"), (Check.STRUCTURE,)),
        (b"OSF4 %d crc32c:00000000\n%b" % (len(XML), XML), (Check.STRUCTURE,)),
        (osf(XML, wide(bytes(40_000))), (Check.HEADER,)),
    ],
)
def test_what_carries_none_is_not_said_to_be_checked(data: bytes, looked_at: tuple[Check, ...]) -> None:
    content, checked = examine("a.osf", [data])
    assert isinstance(content, Verification)
    assert checked == looked_at


@pytest.mark.parametrize("name", ["example.osf", "osf3.osf", "osf4_ruvvi.osf"])
def test_real_files_carry_none(name: str) -> None:
    content, checked = examine("a.osf", [sample(name)])
    assert isinstance(content, Verification)
    assert Check.CRC32C not in checked


def test_what_is_looked_at_by_name() -> None:
    assert examine("a.csv", [b"1;2"]) == (Verification.LENGTH, ())
    assert examine("a.osf", []) == (Verification.LENGTH, ())  # held with no bytes
    content, checked = examine("a.osfz", [gzip.compress(osf())[:-3]])
    assert isinstance(content, Damage)
    assert checked == (Check.COMPRESSION,)
    content, checked = examine("a.osfz", [gzip.compress(b"<html>")])
    assert isinstance(content, Damage)
    assert checked == (Check.COMPRESSION, Check.HEADER)


def test_the_checksum_is_the_one_of_the_standard() -> None:
    """RFC 3720, B.4, and the check value of the catalogue of CRCs."""
    assert crc32c(b"123456789") == 0xE3069283
    assert crc32c(bytes(32)) == 0x8A9136AA


def test_layouts_that_are_not_known_pass_by() -> None:
    sums = Checksums()
    sums.update(sealed(b"anything", metablock=b'{"osf":{"channels":"elsewhere"}}'))
    assert sums.carried


def test_the_vendors_reader_agrees(vendors: bytes, tmp_path: Path) -> None:
    path = tmp_path / "a.osf"
    path.write_bytes(vendors)
    assert vendor.load(str(path)).stats.verification_status == "crc_valid"
    path.write_bytes(vendors[:-20] + bytes([vendors[-20] ^ 1]) + vendors[-19:])
    assert vendor.load(str(path)).stats.blocks_crc_failed == 1
    content, _ = examine("a.osf", [path.read_bytes()])
    assert isinstance(content, Damage)
