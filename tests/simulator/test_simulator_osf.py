"""The simulator's files are real OSF: the vendor's reader and real samples agree."""

import gzip
import re
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random
from xml.etree import ElementTree as ET

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osfsync.simulator.osf import (
    LOG_CHANNEL,
    MINIMUM_SIZE,
    VALUE_CHANNELS,
    Packing,
    Recording,
    rounds_of,
    write,
)

SAMPLES = Path(__file__).parents[2].parent / "shared" / "osf-samples"
START = datetime(2025, 6, 26, 6, 41, 43, tzinfo=UTC)
RECORDING = Recording("21004900008", START, START + timedelta(hours=1), "preview", 24)


def plain(data: bytes, packing: Packing) -> bytes:
    match packing:
        case Packing.PLAIN:
            return data
        case Packing.GZIP:
            return gzip.decompress(data)
        case Packing.ZLIB:
            return zlib.decompress(data)


def metablock(data: bytes) -> tuple[ET.Element, bytes]:
    """The metablock, and the blocks after it."""
    line, _, rest = data.partition(b"\n")
    magic, length = line.split(b" ")
    assert magic == b"OCEAN_STREAM_FORMAT4"
    head = rest[: int(length)]
    assert head.startswith(b'<?xml version="1.0" encoding="UTF-8"?>\n<optimeas ')
    assert head.endswith(b"</optimeas>\n")
    return ET.fromstring(head), rest[int(length) :]  # noqa: S314 - our own XML, and the vendor's


def walk(root: ET.Element, blocks: bytes) -> int:
    """The number of blocks; the last one ends where the file ends."""
    widths = [int(channel.attrib["sizeoflengthvalue"]) for channel in root.iter("channel")]
    at = count = 0
    while at < len(blocks):
        width = widths[int.from_bytes(blocks[at : at + 2], "little")]
        at += 2 + width + int.from_bytes(blocks[at + 2 : at + 2 + width], "little")
        count += 1
    assert at == len(blocks)
    return count


@given(
    size=st.integers(MINIMUM_SIZE, MINIMUM_SIZE + 300)
    | st.integers(MINIMUM_SIZE, 40_000)
    | st.integers(90_000, 90_200)
    | st.integers(150_000, 150_200),
    packing=st.sampled_from(Packing),
    seed=st.integers(0, 1000),
)
def test_a_file_has_its_size_to_the_byte_and_a_right_structure(
    size: int, packing: Packing, seed: int
) -> None:
    data = write(RECORDING, size, packing, Random(seed))
    assert len(data) == size
    root, blocks = metablock(plain(data, packing))
    assert walk(root, blocks) > 3 * rounds_of(RECORDING, size)
    assert data == write(RECORDING, size, packing, Random(seed))
    assert data != write(RECORDING, size, packing, Random(seed + 1))


def test_a_file_below_the_least_size_is_refused() -> None:
    with pytest.raises(ValueError, match="1999 bytes"):
        write(RECORDING, MINIMUM_SIZE - 1, Packing.PLAIN, Random(0))


@pytest.mark.parametrize("packing", Packing)
@pytest.mark.parametrize("size", [MINIMUM_SIZE, 4_000, 200_000])
def test_the_vendor_s_reader_reads_it(packing: Packing, size: int, tmp_path: Path) -> None:
    osf = pytest.importorskip("osf")
    path = tmp_path / ("file.osf" if packing is Packing.PLAIN else "file.osfz")
    path.write_bytes(write(RECORDING, size, packing, Random(7)))
    read = osf.load(str(path))
    counts = {channel.name: channel.sample_count for channel in read.channels}
    assert counts.pop(LOG_CHANNEL) >= 1
    assert counts == dict.fromkeys(VALUE_CHANNELS, rounds_of(RECORDING, size))
    assert read.stats.blocks_truncated == 0
    assert read.stats.compression_format == (None if packing is Packing.PLAIN else packing.value)
    speed = read.channel("Engine.Speed")
    assert speed.physical_unit == "1/min"
    assert all(800 <= value <= 2200 for value in speed.samples())
    assert speed.timestamps_ns()[0] == START.timestamp() * 1_000_000_000


@pytest.mark.parametrize("name", ["example.osf", "osf4_ruvvi.osf"])
def test_real_samples_have_the_same_shape(name: str) -> None:
    if not (SAMPLES / name).exists():
        pytest.skip("the real samples are not beside this repository")
    root, blocks = metablock((SAMPLES / name).read_bytes())
    ours, _ = metablock(write(RECORDING, 4_000, Packing.PLAIN, Random(0)))
    assert list(ours.attrib) == list(root.attrib)
    assert [child.tag for child in ours] == [child.tag for child in root] == ["channels", "infos"]
    assert ours.find("channels") is not None
    for channel in ours.iter("channel"):
        twins = [
            other for other in root.iter("channel") if other.attrib["datatype"] == channel.attrib["datatype"]
        ]
        assert set(channel.attrib) <= set(twins[0].attrib)
        assert channel.attrib["sizeoflengthvalue"] == twins[0].attrib["sizeoflengthvalue"]
    stamp = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ")
    assert stamp.fullmatch(root.attrib["created_utc"])
    assert stamp.fullmatch(ours.attrib["created_utc"])
    assert walk(root, blocks) > 100


@pytest.mark.parametrize("name", ["example.osf", "osf4_ruvvi.osf"])
def test_real_blocks_are_coded_as_ours(name: str) -> None:
    if not (SAMPLES / name).exists():
        pytest.skip("the real samples are not beside this repository")
    root, blocks = metablock((SAMPLES / name).read_bytes())
    ours, own = metablock(write(RECORDING, 4_000, Packing.PLAIN, Random(0)))
    heads = {
        datatype: heads_of(channels, data)[datatype]
        for channels, data in [(ours, own)]
        for datatype in ("float", "double", "int32", "string")
    }
    real = heads_of(root, blocks)
    assert all(heads[datatype] <= real[datatype] for datatype in heads)


def heads_of(root: ET.Element, blocks: bytes) -> dict[str, set[tuple[int, int]]]:
    """For each data type the (control byte, length) of its blocks; texts vary in length, so 0 for them."""
    channels = [(c.attrib["datatype"], int(c.attrib["sizeoflengthvalue"])) for c in root.iter("channel")]
    found: dict[str, set[tuple[int, int]]] = {}
    at = 0
    while at < len(blocks):
        datatype, width = channels[int.from_bytes(blocks[at : at + 2], "little")]
        length = int.from_bytes(blocks[at + 2 : at + 2 + width], "little")
        control = blocks[at + 2 + width]
        found.setdefault(datatype, set()).add((control, 0 if datatype == "string" else length))
        at += 2 + width + length
    return found
