"""For all bytes: the same verdict however they are cut into pieces, and no error but DamagedError."""

import gzip
import zlib

from hypothesis import example, given
from hypothesis import strategies as st

from osfsync.domain.model import Verification
from tests.content.content_bytes import JSON, XML, Outcome, judge, narrow, osf, split, wide

BLOCKS = narrow(b"\x08 time 4444") + wide(b"\x04 time text") + narrow(b"\x08x")
PLAIN = [
    osf(XML, BLOCKS),
    osf(JSON, BLOCKS, b"OSF5"),
    osf(XML, BLOCKS + wide(b"\x00<trailer/>", index=0xFFFF) + b"OSF_STREAM_END 1".ljust(40, b"=")),
]
PACKED = [pack(plain) for plain in PLAIN for pack in (gzip.compress, zlib.compress)]

cuts = st.lists(st.integers(0, 4096), max_size=12)
wholes = st.sampled_from([("a.osf", data) for data in PLAIN] + [("a.osfz", data) for data in PACKED])


@st.composite
def damaged(draw: st.DrawFn) -> tuple[str, bytes]:
    """A sound file that was cut, or had some bytes changed or put in."""
    name, data = draw(wholes)
    changed = bytearray(data[: draw(st.integers(0, len(data)))] if draw(st.booleans()) else data)
    for place, value in draw(st.lists(st.tuples(st.integers(0, 4096), st.integers(0, 255)), max_size=4)):
        if changed:
            changed[place % len(changed)] = value
    return name, bytes(changed + draw(st.binary(max_size=3)))


def plausible(outcome: Outcome) -> bool:
    return isinstance(outcome, Verification) or outcome in {
        *("empty", "not-osf", "magic", "metablock", "compression", "trailing-data"),
        *("gzip-data", "gzip-end", "zlib-data", "zlib-end"),
    }


@given(wholes, cuts)
def test_a_sound_file_is_whole_in_any_pieces(whole: tuple[str, bytes], places: list[int]) -> None:
    name, data = whole
    assert judge(name, split(data, places)) is Verification.WHOLE


@given(damaged(), cuts)
def test_a_damaged_file_gets_one_verdict_in_any_pieces(file: tuple[str, bytes], places: list[int]) -> None:
    name, data = file
    outcome = judge(name, [data])
    in_pieces = judge(name, split(data, places))
    assert plausible(outcome)
    assert plausible(in_pieces)
    # Where two things are wrong in one file, pieces decide which of them is met first.
    if isinstance(outcome, Verification) or isinstance(in_pieces, Verification):
        assert outcome is in_pieces


@given(st.sampled_from(["a.osf", "a.osfz"]), st.binary(max_size=400), cuts)
@example("a.osf", b"OSF4 5\n<a/> ", [])
def test_any_bytes_are_judged(name: str, data: bytes, places: list[int]) -> None:
    assert plausible(judge(name, split(data, places)))


@given(st.sampled_from([3, 4, 5]), st.binary(max_size=200), st.binary(max_size=100), cuts)
def test_any_metablock_is_judged_alike(
    version: int, metablock: bytes, blocks: bytes, places: list[int]
) -> None:
    data = osf(b"<" + metablock, blocks, b"OSF%d" % version)
    outcome = judge("a.osf", [data])
    assert plausible(outcome)
    assert judge("a.osf", split(data, places)) == outcome


@given(st.sampled_from(PACKED), st.integers(0, 4096), st.integers(0, 7))
def test_a_flipped_bit_of_a_packed_file_is_refused_or_changes_nothing(
    data: bytes, place: int, bit: int
) -> None:
    flipped = bytearray(data)
    flipped[place % len(data)] ^= 1 << bit
    outcome = judge("a.osfz", [bytes(flipped)])
    assert plausible(outcome)
    # A few bits carry nothing: in gzip's header, and the padding behind the last block.
    if isinstance(outcome, Verification):
        assert zlib.decompress(flipped, wbits=47) == zlib.decompress(data, wbits=47)
        assert outcome is Verification.WHOLE
