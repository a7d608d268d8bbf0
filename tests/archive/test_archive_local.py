"""What is special about a local disk: part files, folders in the way, links, what is made durable when."""

import asyncio
import errno
import itertools
import os
import shutil
import stat
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from anyio import to_thread

from osfsync.archive.base import Placed, Unplaced
from osfsync.archive.durable import find_syncfs
from osfsync.archive.group import AT_ONCE, place_group
from osfsync.archive.local import LocalArchive
from osfsync.archive.paths import PART_FOLDER
from osfsync.archive.tree import Tree
from osfsync.content import check_for
from osfsync.domain.errors import ArchiveError, DamagedError, DiskFullError
from tests.archive.archive_bytes import (
    HeldUpCheck,
    body,
    files_below,
    is_whole,
    let_go_at_the_end,
    osf,
    parts_below,
    receive,
)

needs_posix = pytest.mark.skipif(sys.platform == "win32", reason="not so on Windows")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "some" / "mirror"


@pytest.fixture
async def archive(root: Path) -> LocalArchive:
    made = LocalArchive(root)
    await made.prepare("state", known=False)
    return made


def write(file: Path, data: bytes) -> None:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)


def link(at: Path, to: Path) -> None:
    at.parent.mkdir(parents=True, exist_ok=True)
    try:
        at.symlink_to(to, target_is_directory=to.is_dir())
    except OSError as error:
        pytest.skip(f"symbolic links can't be made here: {error}")


async def test_preparing_removes_part_files_of_dead_runs_and_nothing_else(root: Path) -> None:
    kept = {"d/a.osf": b"a", "d/b.part": b"b", f"{PART_FOLDER}/notes.txt": b"n"}
    for path, data in {**kept, f"{PART_FOLDER}/0f0f-1.part": b"half"}.items():
        write(root / path, data)
    await LocalArchive(root).prepare("state", known=False)
    assert files_below(root) == kept


async def test_checking_makes_the_folder_and_leaves_a_run_alone(root: Path) -> None:
    archive = LocalArchive(root)
    await archive.check()
    await archive.prepare("state", known=False)
    async with archive.receive("d/a.osf", None, check_for("a.osf")) as receiver:
        await receiver.write([osf()])
        await LocalArchive(root).check()
        await receiver.commit()
    assert files_below(root) == {"d/a.osf": osf()}


@needs_posix  # Windows refuses to remove the open part file, and so `prepare` fails
async def test_a_run_that_another_one_prepares_over_fails_without_harm(
    archive: LocalArchive, root: Path
) -> None:
    async with archive.receive("d/a.osf", None, check_for("a.osf")) as receiver:
        await receiver.write([osf()])
        await LocalArchive(root).prepare("state", known=False)
        with pytest.raises(ArchiveError, match="does no other run use this archive"):
            await receiver.commit()
    assert files_below(root) == {}


async def test_a_file_in_place_of_the_archive_is_told(root: Path) -> None:
    write(root, b"")
    with pytest.raises(ArchiveError, match="A file lies where a folder should be"):
        await LocalArchive(root).prepare("state", known=False)


async def test_a_linked_part_folder_is_refused(root: Path, tmp_path: Path) -> None:
    elsewhere = tmp_path / "elsewhere"
    write(elsewhere / "precious.part", b"p")
    link(root / PART_FOLDER, elsewhere)
    with pytest.raises(ArchiveError, match="symbolic link"):
        await LocalArchive(root).prepare("state", known=False)
    assert (elsewhere / "precious.part").exists()


@pytest.fixture
def locked(root: Path) -> Iterator[Path]:
    root.parent.mkdir()
    root.parent.chmod(0o500)
    yield root.parent
    root.parent.chmod(0o700)


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="rights do not bind this user")
async def test_a_folder_without_rights_is_told(root: Path, locked: Path) -> None:
    assert root.is_relative_to(locked)
    with pytest.raises(ArchiveError, match="right to write"):
        await LocalArchive(root).prepare("state", known=False)


@pytest.mark.parametrize("count", [1, AT_ONCE, 4 * AT_ONCE])
async def test_only_the_files_are_left(archive: LocalArchive, root: Path, count: int) -> None:
    bodies = [body(f"d{n}/{n}.osf", osf(n)) for n in range(count)]
    await archive.place([*bodies, body("bad.osf", b"<html>")])
    assert files_below(root) == {placed.path: placed.data for placed in bodies}


async def test_a_file_and_a_folder_of_one_name_concern_only_the_later_one(
    archive: LocalArchive, root: Path
) -> None:
    results = await archive.place(
        [body("d/a.osf"), body("d/a.osf/b.osf"), body("d/c.osf/e.osf"), body("d/c.osf")]
    )
    assert is_whole(results[0], osf())
    assert is_whole(results[2], osf())
    for failed, path, hint in (
        (results[1], "d/a.osf/b.osf", "A file lies where a folder should be"),
        (results[3], "d/c.osf", "A folder lies where the file should go"),
    ):
        assert isinstance(failed, ArchiveError)
        assert path in str(failed)
        assert hint in str(failed)
    assert sorted(files_below(root)) == ["d/a.osf", "d/c.osf/e.osf"]


async def test_a_name_that_the_file_system_refuses_concerns_only_that_file(archive: LocalArchive) -> None:
    results = await archive.place([body("d/" + "x" * 300 + ".osf"), body("d/a.osf")])
    assert isinstance(results[0], ArchiveError)
    assert is_whole(results[1], osf())


async def test_a_folder_that_someone_removed_is_made_again(archive: LocalArchive, root: Path) -> None:
    await archive.place([body("d/e/a.osf")])
    (root / "d/e/a.osf").unlink()
    (root / "d/e").rmdir()
    (root / "d").rmdir()
    (result,) = await archive.place([body("d/e/a.osf")])
    assert is_whole(result, osf())


async def test_an_archive_that_is_gone_is_not_made_again(archive: LocalArchive, root: Path) -> None:
    shutil.rmtree(root)
    with pytest.raises(ArchiveError, match="still mounted"):
        await archive.place([body("d/a.osf")])
    with pytest.raises(ArchiveError, match="still mounted"):
        await receive(archive, "d/a.osf", [osf()])
    with pytest.raises(ArchiveError):
        await archive.free_space()
    assert files_below(root) == {}
    assert not list(root.parent.iterdir())


async def test_nothing_is_written_through_a_link_that_leads_out(
    archive: LocalArchive, root: Path, tmp_path: Path
) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    link(root / "d", outside)
    results = await archive.place([body("d/a.osf"), body("d/e/a.osf"), body("f/a.osf")])
    for refused in results[:2]:
        assert isinstance(refused, ArchiveError)
        assert "symbolic link" in str(refused)
    assert is_whole(results[2], osf())
    assert not list(outside.iterdir())
    with pytest.raises(ArchiveError, match="symbolic link"):
        await receive(archive, "d/a.osf", [osf()])
    assert parts_below(root) == []


async def test_a_link_inside_the_archive_is_followed_and_a_linked_file_is_replaced_itself(
    archive: LocalArchive, root: Path, tmp_path: Path
) -> None:
    (root / "real").mkdir()
    link(root / "d", root / "real")
    precious = tmp_path / "precious.osf"
    precious.write_bytes(osf(7))
    link(root / "real/b.osf", precious)
    assert is_whole(await archive.adopt("d/b.osf", None, check_for("b.osf")), osf(7))
    for result in await archive.place([body("d/a.osf"), body("d/b.osf")]):
        assert is_whole(result, osf())
    assert (root / "real/a.osf").read_bytes() == osf()
    assert not (root / "real/b.osf").is_symlink()
    assert precious.read_bytes() == osf(7)


async def test_no_part_file_is_left_by_damage(archive: LocalArchive, root: Path) -> None:
    async with archive.receive("d/a.osf", None, check_for("a.osf")) as receiver:
        await receiver.write([osf()])
        assert len(parts_below(root)) == 1
        with pytest.raises(DamagedError):
            await receive(archive, "d/b.osf", [b"OSF4", b" 12"], 5)
        assert len(parts_below(root)) == 1
    assert parts_below(root) == []


async def test_no_part_file_is_left_when_asyncio_itself_cancels(archive: LocalArchive, root: Path) -> None:
    """Ctrl-C cancels the task while its thread still runs: the clean-up waits for the thread."""

    async def receive_held_up() -> None:
        async with archive.receive("d/a.txt", None, check) as receiver:
            await receiver.write([b"x"])

    with let_go_at_the_end(HeldUpCheck()) as check:
        task = asyncio.create_task(receive_held_up())
        await to_thread.run_sync(check.reached.wait, 30)
        task.cancel()
        check.go_on.set()
        with pytest.raises(asyncio.CancelledError):
            await task
    assert parts_below(root) == []
    assert files_below(root) == {}


@needs_posix
@pytest.mark.parametrize("count", [2, AT_ONCE])
def test_data_is_durable_before_the_name_and_the_name_before_the_answer(
    root: Path, monkeypatch: pytest.MonkeyPatch, count: int
) -> None:
    tree = Tree(root)
    tree.check()
    tree.remove_parts()
    steps: list[str] = []
    fsync, replace = os.fsync, os.replace

    def spy_fsync(descriptor: int) -> None:
        fsync(descriptor)
        steps.append("folder" if stat.S_ISDIR(os.fstat(descriptor).st_mode) else "data")

    def spy_replace(part: str, target: str) -> None:
        replace(part, target)
        steps.append("name")

    monkeypatch.setattr(os, "fsync", spy_fsync)
    monkeypatch.setattr(os, "replace", spy_replace)
    bodies = [body(f"d/e/{n}.osf") for n in range(count)]
    place_group(tree, None, bodies)
    # The folders: `e` got names, `d` got `e`, the root got `d`.
    assert steps == ["data"] * count + ["name"] * count + ["folder"] * 3
    steps.clear()
    place_group(tree, lambda: steps.append("all"), bodies)
    few = ["data"] * count + ["name"] * count + ["folder"]
    assert steps == (few if count < AT_ONCE else ["all"] + ["name"] * count + ["folder"])
    steps.clear()
    place_group(tree, lambda: steps.append("all"), [body(f"f{n}/a.osf") for n in range(count)])
    if count >= AT_ONCE:
        assert steps == ["all"] + ["name"] * count + ["all"]


@needs_posix
def test_files_are_made_durable_several_at_once(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tree = Tree(root)
    tree.check()
    tree.remove_parts()
    pair = threading.Barrier(2, timeout=30)  # whoever came alone would break it
    fsync = os.fsync

    def fsync_in_pairs(descriptor: int) -> None:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode):
            pair.wait()
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", fsync_in_pairs)
    bodies = [body(f"{n}.osf") for n in range(100)]
    assert all(isinstance(result, Placed) for result in place_group(tree, None, bodies))
    assert len(files_below(root)) == 100


@needs_posix
def test_what_can_not_be_made_durable_gets_no_name_and_the_others_do(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    tree = Tree(root)
    tree.check()
    tree.remove_parts()
    fsync, seen = os.fsync, itertools.count()

    def fail_once(descriptor: int) -> None:
        if not stat.S_ISDIR(os.fstat(descriptor).st_mode) and next(seen) == 2:
            raise OSError(errno.ENOSPC, "No space left on device")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", fail_once)
    bodies = [body(f"{n}.osf") for n in range(9)]
    results = place_group(tree, None, bodies)
    (unplaced,) = (result for result in results if isinstance(result, Unplaced))
    assert isinstance(unplaced.failure, DiskFullError)
    assert "writing" in str(unplaced.failure)
    assert sum(isinstance(result, Placed) for result in results) == 8
    assert len(files_below(root)) == 8
    assert parts_below(root) == []


def test_nothing_gets_a_name_when_the_data_can_not_be_made_durable(root: Path) -> None:
    def fail() -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    tree = Tree(root)
    tree.check()
    tree.remove_parts()
    with pytest.raises(DiskFullError, match="bytes are free"):
        place_group(tree, fail, [body(f"d/{n}.osf") for n in range(AT_ONCE)])
    assert files_below(root) == {}


@pytest.mark.skipif(sys.platform != "linux", reason="syncfs is Linux's")
def test_the_whole_file_system_is_synced_where_that_can_be_trusted(tmp_path: Path) -> None:
    sync_all = find_syncfs(tmp_path)
    if sync_all is None:
        pytest.skip("the temporary folder lies on a file system whose syncfs is not trusted")
    sync_all()
    assert find_syncfs(Path("/proc")) is None


@pytest.mark.skipif(sys.platform != "linux", reason="syncfs is Linux's")
def test_a_failing_sync_is_an_error(tmp_path: Path) -> None:
    sync_all = find_syncfs(tmp_path)
    if sync_all is None:
        pytest.skip("the temporary folder lies on a file system whose syncfs is not trusted")
    opened = next(file for file in Path("/proc/self/fd").iterdir() if _leads_to(file, tmp_path))
    unusable = os.open(tmp_path, os.O_PATH)
    os.dup2(unusable, int(opened.name))
    os.close(unusable)
    with pytest.raises(OSError, match="Bad file descriptor"):
        sync_all()


def _leads_to(descriptor: Path, folder: Path) -> bool:
    try:
        return descriptor.readlink() == folder
    except FileNotFoundError:  # the one that lists them
        return False
