"""Renames and links that fail with any error; the errors are made, as no file system here gives them all."""

import errno
import os
from pathlib import Path
from typing import NoReturn

import pytest

from osfsync.archive.base import Placed
from osfsync.archive.local import LocalArchive
from tests.archive.archive_bytes import body, files_below

REFUSALS = ["EXDEV", "EPERM", "EACCES", "EIO", "ENOSYS", "EMLINK", "ENOTSUP", "EINVAL", "ESTALE", "EREMOTEIO"]


@pytest.mark.parametrize("name", [name for name in REFUSALS if hasattr(errno, name)])
async def test_what_can_be_neither_linked_nor_renamed_across_is_copied(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    number = getattr(errno, name)
    replace = os.replace

    def within(source: str | Path, target: str | Path) -> None:
        if Path(source).parent != Path(target).parent:
            raise OSError(number, os.strerror(number))
        replace(source, target)

    def refuse(*_: object) -> NoReturn:
        raise OSError(number, os.strerror(number))

    archive = LocalArchive(tmp_path)
    await archive.prepare("state", known=False)
    monkeypatch.setattr(os, "replace", within)
    monkeypatch.setattr(os, "link", refuse)
    (first,) = await archive.place([body("d/a.bin", b"old")])
    assert isinstance(first, Placed), first
    (second,) = await archive.place([body("d/a.bin", b"and new")])
    assert isinstance(second, Placed), second
    assert second.kept is not None
    assert sorted(files_below(tmp_path).values()) == [b"and new", b"old"]
    await archive.set_aside("d/a.bin")
    assert sorted(files_below(tmp_path).values()) == [b"and new", b"old"]
    assert list((tmp_path / "d").iterdir()) == []


async def test_a_copy_that_a_killed_run_left_beside_its_target_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = tmp_path / "d" / ".0123456789abcdef.osfsync-copy"
    left.parent.mkdir()
    left.write_bytes(b"half")
    archive = LocalArchive(tmp_path)
    await archive.prepare("state", known=False)
    replace = os.replace

    def within(source: str | Path, target: str | Path) -> None:
        if Path(source).parent != Path(target).parent:
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        replace(source, target)

    monkeypatch.setattr(os, "replace", within)
    (result,) = await archive.place([body("d/a.bin", b"whole")])
    assert isinstance(result, Placed)
    assert [path.name for path in left.parent.iterdir()] == ["a.bin"]
