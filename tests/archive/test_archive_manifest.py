"""The manifest: what coreutils' own reader says of it."""

import shutil
import subprocess
import sys
from collections.abc import AsyncIterator, Sequence
from hashlib import sha256
from pathlib import Path

import pytest

from osfsync.archive.manifest import line_of, write_manifest
from osfsync.domain.errors import ArchiveError

HASH = "ab" * 32
HOSTILE = [
    "plain.osf",
    "with  spaces .osf",
    "ü/é.osf",
    "-c",
    "*star",
    " first",
    "a\\b.osf",
    "line\nbreak",
    "tab\t",
]


async def pages(*pages: Sequence[tuple[str, str]]) -> AsyncIterator[Sequence[tuple[str, str]]]:
    for page in pages:
        yield page


def names_in(folder: Path) -> list[str]:
    return [path.name for path in folder.iterdir()]


def test_lines() -> None:
    assert line_of(HASH, "d/a.osf") == f"{HASH}  d/a.osf\n".encode()
    assert line_of(HASH, "a\\b\n\r") == f"\\{HASH}  a\\\\b\\n\\r\n".encode()


@pytest.mark.skipif(
    shutil.which("sha256sum") is None or sys.platform != "linux",
    reason="needs coreutils, and a file system that takes every name",
)
async def test_coreutils_reads_it(tmp_path: Path) -> None:
    root = tmp_path / "mirror"
    for number, name in enumerate(HOSTILE):
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_bytes(bytes([number]))
    told = [(sha256(bytes([number])).hexdigest(), name) for number, name in enumerate(HOSTILE)]
    manifest = tmp_path / "MANIFEST"
    assert await write_manifest(manifest, pages(told[:4], told[4:])) == len(HOSTILE)
    command = ["sha256sum", "--check", "--strict", "--quiet", str(manifest)]
    assert subprocess.run(command, cwd=root, check=False).returncode == 0  # noqa: ASYNC221 - a moment
    (root / "a\\b.osf").write_bytes(b"other")
    assert subprocess.run(command, cwd=root, check=False, capture_output=True).returncode == 1  # noqa: ASYNC221 - a moment


async def test_an_older_one_is_replaced_when_the_new_one_is_whole(tmp_path: Path) -> None:
    manifest = tmp_path / "MANIFEST"
    manifest.write_bytes(b"old")

    async def breaking() -> AsyncIterator[Sequence[tuple[str, str]]]:
        yield [(HASH, "a")]
        raise ArchiveError("Something broke.")

    with pytest.raises(ArchiveError, match="broke"):
        await write_manifest(manifest, breaking())
    assert names_in(tmp_path) == ["MANIFEST"]
    assert manifest.read_bytes() == b"old"
    assert await write_manifest(manifest, pages([(HASH, "a")])) == 1
    assert manifest.read_bytes() == line_of(HASH, "a")
    assert names_in(tmp_path) == ["MANIFEST"]


async def test_where_it_cannot_be_written(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="MANIFEST"):
        await write_manifest(tmp_path / "gone" / "MANIFEST", pages())
    (tmp_path / "MANIFEST").mkdir()
    with pytest.raises(ArchiveError, match="MANIFEST"):
        await write_manifest(tmp_path / "MANIFEST", pages())
    assert names_in(tmp_path) == ["MANIFEST"]
