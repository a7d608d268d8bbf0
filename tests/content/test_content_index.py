"""What is in a file, by the vendor's reader: real files, simulated ones, and bytes that are none."""

import gzip
import zlib
from datetime import UTC, datetime, timedelta
from pathlib import Path
from random import Random

import osf
import pytest

from osfsync.content import index
from osfsync.content.index import UnreadableContentError, read_content
from osfsync.simulator.osf import Packing, Recording, write

SAMPLES = Path(__file__).parents[3] / "shared" / "osf-samples"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


def sample(name: str) -> Path:
    if not (SAMPLES / name).exists():
        pytest.skip("the samples are not here")
    return SAMPLES / name


def recording(packing: Packing = Packing.PLAIN, size: int = 4_000) -> bytes:
    return write(
        Recording("17002700018", NOW, NOW + timedelta(minutes=10), "preview", 7), size, packing, Random(1)
    )


def test_a_real_file() -> None:
    content = read_content(sample("example.osf"))
    assert len(content.channels) == 57
    told = {channel.name: (channel.unit, channel.data_type, samples) for channel, samples in content.channels}
    assert told["GPS.PosFixMode"] == ("", "int8", 6)
    assert told["System.Modem.RSSI"] == ("dBm", "int32", 0)
    assert dict(content.head)["creator"] == "21004900008"
    assert dict(content.head)["created_utc"] == "2023-11-03T15:47:56Z"
    assert content.begin is not None
    assert content.end is not None
    assert datetime(2023, 11, 3, tzinfo=UTC) < content.begin < content.end < datetime(2023, 11, 4, tzinfo=UTC)


def test_a_real_file_of_a_version_that_the_reader_does_not_take() -> None:
    with pytest.raises(UnreadableContentError, match="OCEAN_STREAM_FORMAT3"):
        read_content(sample("osf3.osf"))


@pytest.mark.parametrize("packing", list(Packing))
def test_a_simulated_file_however_it_is_packed(tmp_path: Path, packing: Packing) -> None:
    file = tmp_path / "a.osf"
    file.write_bytes(recording(packing))
    content = read_content(file)
    assert content.samples > 0
    assert content.begin is not None
    assert abs(content.begin - NOW) < timedelta(days=1)
    assert dict(content.head)["creator"] == "17002700018"


@pytest.mark.parametrize(
    "data",
    [
        b"",
        b"<html>",
        b"OSF4 10\n",
        b"OSF9 1\n<",
        gzip.compress(b"<html>", mtime=0),
        b"\x1f\x8b\x08garbage",
        b"\x78\x9c??",
    ],
)
def test_bytes_that_are_no_recording(tmp_path: Path, data: bytes) -> None:
    file = tmp_path / "a.osf"
    file.write_bytes(data)
    with pytest.raises(UnreadableContentError):
        read_content(file)


def test_what_unpacks_to_too_much_is_not_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "MOST_UNPACKED", 3_000_000)
    file = tmp_path / "bomb.osfz"
    file.write_bytes(zlib.compress(recording() + bytes(4_000_000)))
    with pytest.raises(UnreadableContentError, match="more than 3,000,000 bytes"):
        read_content(file)


def test_an_error_of_the_system_s_is_not_the_file_s(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    file = tmp_path / "a.osf"
    file.write_bytes(recording())

    def fail(_: str) -> None:
        raise osf.OsfError("I/O error: Input/output error (os error 5)")

    monkeypatch.setattr(osf, "load", fail)
    with pytest.raises(OSError, match="os error 5"):
        read_content(file)
