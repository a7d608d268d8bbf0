import errno
import os
from pathlib import Path

import pytest

from osfsync.archive import owner
from osfsync.archive.local import LocalArchive
from osfsync.archive.owner import MARK, hold
from osfsync.archive.paths import PART_FOLDER
from osfsync.domain.errors import ArchiveError, DiskFullError, LockedError
from tests.archive.archive_bytes import body, files_below, osf


async def test_an_archive_belongs_to_one_state(tmp_path: Path) -> None:
    await LocalArchive(tmp_path).prepare("one", known=False)
    await LocalArchive(tmp_path).prepare("one", known=True)
    with pytest.raises(ArchiveError, match="another state"):
        await LocalArchive(tmp_path).prepare("two", known=False)
    (tmp_path / PART_FOLDER / MARK).unlink()  # what the message tells to do
    await LocalArchive(tmp_path).prepare("two", known=False)


async def test_a_disk_that_is_not_mounted_is_noticed(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="mounted"):
        await LocalArchive(tmp_path).prepare("one", known=True)


async def test_the_last_step_is_remembered(tmp_path: Path) -> None:
    archive = LocalArchive(tmp_path)
    await archive.prepare("one", known=False)
    assert await archive.last_step() == ""
    await archive.note_step("a run")
    await LocalArchive(tmp_path).prepare("one", known=True)
    assert await LocalArchive(tmp_path).last_step() == "a run"


async def test_a_full_disk_has_room_for_a_step_but_not_in_a_copy_that_shares_the_mark(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    archive = LocalArchive(tmp_path)
    await archive.prepare("one", known=False)
    await archive.note_step("a run that has a long name")
    mark = tmp_path / PART_FOLDER / MARK

    def refuse(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr(owner, "write_durably", refuse)
    await archive.note_step("a run")
    assert await archive.last_step() == "a run"
    await LocalArchive(tmp_path).prepare("one", known=True)
    os.link(mark, tmp_path / "copy")
    with pytest.raises(DiskFullError):
        await archive.note_step("another run")
    assert await archive.last_step() == "a run"
    assert (tmp_path / "copy").read_text(encoding="utf-8") == "one\na run\n"


async def test_a_mark_that_was_taken_away_is_not_written_anew_by_a_step(tmp_path: Path) -> None:
    archive = LocalArchive(tmp_path)
    await archive.prepare("one", known=False)
    (tmp_path / PART_FOLDER / MARK).unlink()
    await archive.note_step("a run")
    assert not (tmp_path / PART_FOLDER / MARK).exists()
    await LocalArchive(tmp_path).prepare("two", known=False)


async def test_two_runs_never_share_an_archive(tmp_path: Path) -> None:
    await LocalArchive(tmp_path).check()
    with hold(tmp_path), pytest.raises(LockedError, match="Another run"), hold(tmp_path):
        raise AssertionError("never reached")
    with hold(tmp_path):
        assert (tmp_path / PART_FOLDER).is_dir()


async def test_what_is_set_aside_is_kept(tmp_path: Path) -> None:
    archive = LocalArchive(tmp_path)
    await archive.prepare("one", known=False)
    await archive.place([body("d/a.osf")])
    kept = await archive.set_aside("d/a.osf")
    assert files_below(tmp_path) == {Path(kept).relative_to(tmp_path).as_posix(): osf()}


async def test_nothing_is_set_aside_through_a_link_that_leads_out(tmp_path: Path) -> None:
    root, outside = tmp_path / "archive", tmp_path / "outside"
    archive = LocalArchive(root)
    await archive.prepare("one", known=False)
    outside.mkdir()
    (outside / "a.osf").write_bytes(b"theirs")
    try:
        (root / "d").symlink_to(outside, target_is_directory=True)
    except OSError:
        pytest.skip("this system lets this user make no symbolic links")
    with pytest.raises(ArchiveError, match="symbolic link"):
        await archive.set_aside("d/a.osf")
    assert (outside / "a.osf").exists()


async def test_a_lock_that_can_not_be_had_is_told(tmp_path: Path) -> None:
    (tmp_path / PART_FOLDER / "lock").mkdir(parents=True)
    with pytest.raises(ArchiveError), hold(tmp_path):
        raise AssertionError("never reached")


async def test_a_mark_of_any_bytes_is_anothers(tmp_path: Path) -> None:
    await LocalArchive(tmp_path).check()
    (tmp_path / PART_FOLDER / MARK).write_bytes(b"\xff\xfe")
    with pytest.raises(ArchiveError, match="another state"):
        await LocalArchive(tmp_path).prepare("one", known=False)
