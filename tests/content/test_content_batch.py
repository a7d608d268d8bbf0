"""ZIPs with the files of a batch: what is sound is taken, what is not is left out."""

import zipfile
from collections.abc import Callable, Iterable
from io import BytesIO

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osfsync.content import unpack
from osfsync.domain.errors import DamagedError

FILES = {"d/a.osf": b"a" * 300, "d/b.osf": b"b" * 2_000, "c.osfz": b"\x1f\x8b" * 50}
SIZES = {name: len(content) for name, content in FILES.items()}


def zipped(members: Iterable[tuple[str, bytes]] = FILES.items(), packing: int = zipfile.ZIP_STORED) -> bytes:
    out = BytesIO()
    with zipfile.ZipFile(out, "w", packing) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return out.getvalue()


@pytest.mark.parametrize("packing", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED])
def test_a_sound_batch_is_taken(packing: int) -> None:
    assert unpack(zipped(packing=packing), SIZES) == FILES


NAMES = {
    "one more": [*FILES.items(), ("../../etc/passwd", b"x")],
    "one twice": [*FILES.items(), ("d/a.osf", b"z" * 300)],
    "one less": list(FILES.items())[1:],
    "the last parts": [(name.rpartition("/")[2], content) for name, content in FILES.items()],
    "another case": [(name.replace("a.osf", "A.osf"), content) for name, content in FILES.items()],
}


@pytest.mark.filterwarnings("ignore:Duplicate name")
@pytest.mark.parametrize("kind", NAMES)
def test_other_names_than_were_asked_for_make_all_doubtful(kind: str) -> None:
    with pytest.raises(DamagedError, match="other names"):
        unpack(zipped(NAMES[kind]), SIZES)


def test_what_is_in_doubt_is_left_out() -> None:
    assert unpack(zipped(), {**SIZES, "d/b.osf": 1_999}).keys() == {"d/a.osf", "c.osfz"}
    assert unpack(zipped(packing=zipfile.ZIP_BZIP2), SIZES) == {}


def flipped(data: bytes) -> bytes:
    at = data.index(b"bbbb")
    return data[:at] + b"X" + data[at + 1 :]


def test_a_flipped_byte_costs_its_file_only() -> None:
    assert unpack(flipped(zipped()), SIZES).keys() == {"d/a.osf", "c.osfz"}


BROKEN: dict[str, Callable[[bytes], bytes]] = {
    "nothing": lambda _: b"",
    "HTML": lambda _: b"<html></html>",
    "one file": lambda _: FILES["d/a.osf"],
    "its beginning": lambda data: data[: len(data) // 2],
    "its end": lambda data: data[-30:],
}


@pytest.mark.parametrize("kind", BROKEN)
def test_what_is_no_zip_is_refused(kind: str) -> None:
    with pytest.raises(DamagedError) as caught:
        unpack(BROKEN[kind](zipped()), SIZES)
    assert caught.value.check == "zip"


def test_a_bomb_is_not_unpacked() -> None:
    """It says that it holds little, and holds much."""
    bomb = bytearray(zipped([("d/a.osf", bytes(50_000_000))], zipfile.ZIP_DEFLATED))
    for at in (22, bomb.rindex(b"PK\x01\x02") + 24):
        bomb[at : at + 4] = (300).to_bytes(4, "little")
    assert unpack(bytes(bomb), {"d/a.osf": 300}) == {}


@given(st.data())
def test_any_change_yields_the_file_or_nothing(data: st.DataObject) -> None:
    changed = bytearray(zipped())
    for _ in range(data.draw(st.integers(1, 4))):
        changed[data.draw(st.integers(0, len(changed) - 1))] = data.draw(st.integers(0, 255))
    try:
        found = unpack(bytes(changed), SIZES)
    except DamagedError:
        return
    assert found.items() <= FILES.items()
