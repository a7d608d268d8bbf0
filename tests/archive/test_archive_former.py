"""What is kept of a file that another replaces, where the file system is of little help."""

import errno
import gzip
import os
import shutil
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path
from random import Random
from typing import Any

import pytest

from osfsync.archive import former, tree
from osfsync.archive.local import LocalArchive
from osfsync.archive.paths import PART_FOLDER
from osfsync.content import LengthCheck
from osfsync.domain.errors import ArchiveError
from osfsync.domain.model import Held, Verification
from tests.archive.archive_bytes import body, files_below, is_whole, osf

OLD = b"somebody's only copy"
NOISE = Random(1).randbytes(3_000_000)


@pytest.fixture
async def archive(tmp_path: Path) -> LocalArchive:
    made = LocalArchive(tmp_path)
    await made.prepare("one", known=False)
    (tmp_path / "d").mkdir()
    (tmp_path / "d" / "a.osf").write_bytes(OLD)
    return made


@pytest.mark.parametrize(
    ("old", "keeps"),
    [(NOISE[:-9], False), (NOISE[:1_048_576], False), (NOISE[:-9] + b"x", True), (b"x" + NOISE[:-9], True)],
    ids=["its beginning", "its first buffer", "differs at the end", "differs at the start"],
)
def test_a_large_packed_version_is_kept_unless_the_new_one_continues_it(
    tmp_path: Path, old: bytes, keeps: bool
) -> None:
    new, lying = tmp_path / "part", tmp_path / "a.osfz"
    new.write_bytes(gzip.compress(NOISE, 1))
    lying.write_bytes(packed := gzip.compress(old, 2))
    held = Held(
        len(packed), sha256(packed).hexdigest(), datetime(2026, 1, 1, tzinfo=UTC), Verification.HEADER
    )
    assert former.is_worth_keeping(str(new), str(lying), Verification.HEADER, held) is keeps


def no_links(*_: Any, **__: Any) -> None:
    raise OSError(errno.EPERM, os.strerror(errno.EPERM))


async def test_a_copy_is_kept_where_there_are_no_links(
    archive: LocalArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", no_links)
    (placed,) = await archive.place([body("d/a.osf")])
    assert is_whole(placed, osf())
    assert sorted(files_below(tmp_path).values()) == sorted([OLD, osf()])


async def test_a_copy_that_failed_leaves_nothing(
    archive: LocalArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fail(_: Any, new: Any, __: int) -> None:
        new.write(b"half")
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "link", no_links)
    monkeypatch.setattr(shutil, "copyfileobj", fail)
    (result,) = await archive.place([body("d/a.osf")])
    assert isinstance(result, ArchiveError)
    assert files_below(tmp_path) == {"d/a.osf": OLD}


@pytest.mark.parametrize("kind", ["a file", "a link to nothing"])
async def test_what_is_not_replaced_after_all_stays_alone(
    archive: LocalArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, kind: str
) -> None:
    """Such as a file that is open in a program, on Windows."""
    path = tmp_path / "d" / "a.osf"
    if kind == "a link to nothing":
        path.unlink()
        try:
            path.symlink_to(tmp_path / "nowhere")
        except OSError:
            pytest.skip("this system lets this user make no symbolic links")

    def busy(_: str, target: str) -> None:
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), target)

    monkeypatch.setattr(tree, "rename", busy)
    (result,) = await archive.place([body("d/a.osf")])
    assert isinstance(result, ArchiveError)
    assert path.is_symlink() if kind == "a link to nothing" else path.read_bytes() == OLD
    assert list((tmp_path / PART_FOLDER / "set-aside").iterdir()) == []


async def test_a_file_that_can_not_be_read_is_replaced_and_kept(
    archive: LocalArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def unreadable(_: str, __: str) -> bool:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    await archive.place([body("d/b.osf", OLD, check=LengthCheck())])
    monkeypatch.setattr(former, "_reads_alike", unreadable)
    (placed,) = await archive.place([body("d/b.osf")])
    assert is_whole(placed, osf())
    assert OLD in files_below(tmp_path).values()


@pytest.mark.parametrize("links", [True, False])
async def test_what_is_kept_stays_where_a_rename_fails_and_was_done(
    archive: LocalArchive, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    """Such as on a network share whose answer was lost: asked again, it finds nothing to rename."""
    if not links:
        monkeypatch.setattr(os, "link", no_links)

    def done_unheard(part: str, target: str) -> None:
        if not Path(part).exists():
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), part)
        Path(part).replace(target)
        raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), part)

    monkeypatch.setattr(tree, "rename", done_unheard)
    (result,) = await archive.place([body("d/a.osf")])
    assert isinstance(result, ArchiveError)
    assert sorted(files_below(tmp_path).values()) == sorted([OLD, osf()])
