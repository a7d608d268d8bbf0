"""Plain OSF: what is accepted, and what refused under which name."""

import struct
from pathlib import Path

import numpy as np
import osf as vendor
import pytest

from osfsync.content import check_for
from osfsync.content.metablock import MAX_METABLOCK
from osfsync.content.osf import WALK_BUDGET
from osfsync.domain.errors import DamagedError
from osfsync.domain.model import Verification
from tests.content.content_bytes import JSON, XML, judge, narrow, osf, sample, wide

BLOCKS = narrow(b"\x08 time 4444") + wide(b"\x04 time text") + narrow(b"\x08x")
TRAILER = wide(b"\x00<trailer/>", index=0xFFFF)
END = b"OSF_STREAM_END 321316454".ljust(39, b"=") + b"\n"


@pytest.mark.parametrize("words", [b"OSF4", b"OCEAN_STREAM_FORMAT4", b"OCEAN_STREAMING_FORMAT4"])
def test_osf4_that_ends_with_a_block_is_whole(words: bytes) -> None:
    assert judge("d/A.OSF", [osf(XML, BLOCKS, words)]) is Verification.WHOLE


def test_osf5_that_ends_with_a_block_is_whole() -> None:
    assert judge("a.osf", [osf(JSON, BLOCKS, b"OSF5")]) is Verification.WHOLE


def test_no_blocks_at_all_is_whole() -> None:
    assert judge("a.osf", [osf(XML)]) is Verification.WHOLE


def test_integrity_tokens_and_carriage_return_are_taken() -> None:
    line = b"OSF5 %d crc32c:00AA11BB ed25519:0011223344556677\r\n" % len(JSON)
    assert judge("a.osf", [line + JSON + BLOCKS]) is Verification.WHOLE


@pytest.mark.parametrize("kept", range(1, len(BLOCKS)))
def test_ending_inside_a_block_is_a_cut_tail(kept: int) -> None:
    ends = {0, 15, 32}
    expected = Verification.WHOLE if kept in ends else Verification.TAIL_CUT
    assert judge("a.osf", [osf(XML, BLOCKS[:kept])]) is expected


def test_ending_inside_the_metablock_is_a_cut_tail() -> None:
    assert judge("a.osf", [osf(XML)[:-20]]) is Verification.TAIL_CUT


@pytest.mark.parametrize(
    ("tail", "expected"),
    [
        (TRAILER, Verification.WHOLE),
        (TRAILER + END, Verification.WHOLE),
        (TRAILER + END.replace(b"OSF_", b"OCEAN_")[:39] + b"\n", Verification.WHOLE),
        (TRAILER + END[:-1], Verification.TAIL_CUT),
        (TRAILER[:-1], Verification.TAIL_CUT),
        (TRAILER[:4], Verification.TAIL_CUT),
        (TRAILER + END + b"more", Verification.HEADER),
        (TRAILER + b"something else", Verification.HEADER),
        (wide(b"signature", index=0xFFFE), Verification.WHOLE),
        (narrow(b""), Verification.WHOLE),  # the vendor's reader steps over a length of 0
        (narrow(b"of an unknown channel", index=3), Verification.HEADER),
    ],
)
def test_tails(tail: bytes, expected: Verification) -> None:
    assert judge("a.osf", [osf(XML, BLOCKS + tail)]) is expected


def test_blocks_beyond_the_budget_are_not_walked() -> None:
    within = narrow(bytes(1020)) * (WALK_BUDGET // 1024)
    assert judge("a.osf", [osf(XML, within)]) is Verification.WHOLE
    assert judge("a.osf", [osf(XML, within + b"\x00")]) is Verification.HEADER


@pytest.mark.parametrize(
    "metablock",
    [
        XML.replace(b'"2"', b'"3"'),
        XML.replace(b'index="0"', b'index="first"'),
        b"<optimeas/>",
        b'{"osf":{"channels":{"a":1}}}',
        b'{"something":"else"}',
        b'{"osf":{"channels":[{"index":[],"sizeoflengthvalue":2}]}}',
    ],
)
def test_channels_told_in_an_unknown_way_are_no_damage(metablock: bytes) -> None:
    assert judge("a.osf", [osf(metablock, BLOCKS)]) is Verification.HEADER


def test_a_missing_width_means_two() -> None:
    assert judge("a.osf", [osf(XML.replace(b'sizeoflengthvalue="2" ', b""), BLOCKS)]) is Verification.WHOLE


def test_widths_as_text_in_json_are_taken() -> None:
    assert judge("a.osf", [osf(JSON.replace(b'value":2', b'value":"2"'), BLOCKS)]) is Verification.WHOLE


PAGES = [
    b"<!DOCTYPE html><html>",
    b"\r\n <html>",
    b"\xef\xbb\xbf<?xml?>",
    b'{"status":500}',
    b'"token"',
    b"[]",
]


@pytest.mark.parametrize("page", PAGES)
@pytest.mark.parametrize("name", ["a.osf", "a.osfz"])
def test_a_page_in_place_of_the_file_is_told_apart(name: str, page: bytes) -> None:
    assert judge(name, [page]) == "not-osf"
    assert judge(name, [page[at : at + 1] for at in range(len(page))]) == "not-osf"


@pytest.mark.parametrize(
    ("data", "check"),
    [
        (b"", "empty"),
        (b"O", "magic"),
        (b"OSF4", "magic"),
        (b"OSF4 12", "magic"),
        (b"OSF4\n", "magic"),
        (b"OSF4 -1\n", "magic"),
        (b"OSF9 10\n<a>", "magic"),
        (b"OSF4 " + b"1" * 30 + b"\n", "magic"),
        (b"OSF4 " + b"x" * 500, "magic"),
        (b" " * 500, "magic"),
        (b"\n\n", "magic"),
        (b"Not found", "magic"),
        (b"\x1f\x8b\x08", "magic"),
        (b"OSF4 0\n", "metablock"),
        (b"OSF4 %d\n<" % (MAX_METABLOCK + 1), "metablock"),
        (b"OSF4 50\nneither", "metablock"),
        (osf(XML[:-12] + b" " * 12), "metablock"),
        (osf(b"<a>&b;</a>"), "metablock"),
        (osf(b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"), "metablock"),
        (osf(b"<?xml version='1.0' encoding='no-such'?><a/>"), "metablock"),
        (osf(b"<?xml version='1.0' encoding='utf-7'?><a/>"), "metablock"),
        (osf(b'{"osf":'), "metablock"),
        (osf(b'{"osf":"\xff"' + b"x" * 9), "metablock"),
        (osf(b'{"a":' + b"[" * 100_000 + b"]" * 100_000 + b"}"), "metablock"),
    ],
)
def test_what_is_refused(data: bytes, check: str) -> None:
    assert judge("a.osf", [data]) == check
    assert judge("a.osf", [data[at : at + 7] for at in range(0, len(data), 7)]) == check


def test_refusal_comes_with_the_first_byte_that_is_wrong() -> None:
    check = check_for("a.osf")
    check.update(b"OS")
    with pytest.raises(DamagedError):
        check.update(b"Q")


def test_messages_do_not_quote_content() -> None:
    for page in (b'"secret-token"', b"secret-token", b"OSF4 secret-token\n", osf(b"<secret-token")):
        with pytest.raises(DamagedError) as caught:
            check_for("a.osf").update(page)
        assert "secret" not in str(caught.value)


def test_other_names_are_only_measured() -> None:
    assert judge("a.jpg", [b"anything"]) is Verification.LENGTH
    assert judge("osf", []) is Verification.LENGTH


def test_real_files() -> None:
    small = sample("osf4_ruvvi.osf")
    assert judge("a.osf", [small]) is Verification.WHOLE
    assert judge("a.osf", [small[:-1]]) is Verification.TAIL_CUT
    assert judge("a.osf", [sample("example.osf")]) is Verification.HEADER  # longer than the budget
    assert judge("a.osf", [sample("osf3.osf")]) is Verification.HEADER


def test_a_long_real_file_cut_to_the_budget_is_followed_block_by_block() -> None:
    data = sample("example.osf")[:30_000]
    assert judge("a.osf", [data]) is Verification.TAIL_CUT
    outcomes = {judge("a.osf", [data[:-dropped]]) for dropped in range(1, 720)}
    assert outcomes == {Verification.TAIL_CUT, Verification.WHOLE}


def test_what_the_vendor_writes_is_whole(tmp_path: Path) -> None:
    builder = vendor.WriterBuilder().creator("test")
    index = builder.add_channel(name="a", data_type="double", channel_type="scalar")
    builder.add_equidistant_segment(index, start_ns=1, sample_rate_hz=1.0, values=np.array([1.0, 2.0, 3.0]))
    file = tmp_path / "a.osf"
    builder.write_to_file(str(file))
    data = file.read_bytes()
    assert data.startswith(b"OSF5 ")
    assert judge("a.osf", [data]) is Verification.WHOLE
    assert judge("a.osf", [data[:-1]]) is Verification.TAIL_CUT
    assert judge("a.osf", [data + struct.pack("<H", 0)]) is Verification.TAIL_CUT
