"""Reading the archive once more: what is told of each file, and that nothing is changed or followed."""

import os
import stat
import sys
from hashlib import sha256
from pathlib import Path

import anyio
import pytest

from osfsync.archive.examine import Exam, Examiner, is_recent
from osfsync.archive.paths import PART_FOLDER
from osfsync.archive.strangers import everything, is_same
from osfsync.content import check_for
from osfsync.domain.errors import ArchiveError
from osfsync.domain.model import Verification
from osfsync.domain.verdict import Absent, Damage, Examined, Odd, Sight, Stranger, Unreadable
from tests.archive.archive_bytes import HeldUpCheck, let_go_at_the_end, osf, osfz

posix = pytest.mark.skipif(sys.platform != "linux", reason="needs what a file system of Linux can hold")


async def look(root: Path, *paths: str) -> list[Sight]:
    read: list[int] = []
    sights = await Examiner(root, read.append).examine([Exam(path, check_for(path)) for path in paths])
    assert sum(read) == sum(sight.size for sight in sights if isinstance(sight, Examined))
    return sights


def put(root: Path, path: str, data: bytes = b"x") -> Path:
    file = root / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return file


async def test_a_file_is_read_to_its_end(tmp_path: Path) -> None:
    put(tmp_path, "d/a.osf", osf())
    (sight,) = await look(tmp_path, "d/a.osf")
    assert isinstance(sight, Examined)
    assert (sight.size, sight.sha256) == (len(osf()), sha256(osf()).hexdigest())
    assert sight.content is Verification.WHOLE
    assert is_recent(sight.touched)


async def test_damage_ends_the_check_and_not_the_reading(tmp_path: Path) -> None:
    data = b"<html>" + bytes(3_000_000)
    put(tmp_path, "a.osf", data)
    put(tmp_path, "b.osfz", osfz()[:-2])
    first, second = await look(tmp_path, "a.osf", "b.osfz")
    assert isinstance(first, Examined)
    assert (first.size, first.sha256) == (len(data), sha256(data).hexdigest())
    assert isinstance(first.content, Damage)
    assert first.content.check == "not-osf"
    assert isinstance(second, Examined)
    assert isinstance(second.content, Damage)
    assert second.content.check == "gzip-end"


async def test_large_and_small_files_in_their_order(tmp_path: Path) -> None:
    sizes = [0, 50_000_000, 10, 20_000_000, 5]
    for number, size in enumerate(sizes):
        put(tmp_path, f"{number}.bin", bytes(size))
    sights = await look(tmp_path, *(f"{number}.bin" for number in range(len(sizes))))
    assert [sight.size for sight in sights if isinstance(sight, Examined)] == sizes


@posix
async def test_what_is_no_file(tmp_path: Path) -> None:
    (tmp_path / "folder.osf").mkdir()
    os.mkfifo(tmp_path / "pipe.osf")
    (tmp_path / "nowhere.osf").symlink_to(tmp_path / "gone")
    put(tmp_path, "flat")
    with anyio.fail_after(10):  # a pipe would hold up whoever opens it
        sights = await look(tmp_path, "folder.osf", "pipe.osf", "nowhere.osf", "gone.osf", "flat/a.osf")
    assert sights == [
        Odd("a folder"),
        Odd("no file but a pipe, a socket or a device"),
        Odd("a symbolic link that leads nowhere"),
        Absent(),
        Absent(),
    ]


@posix
async def test_a_link_is_read_through(tmp_path: Path) -> None:
    put(tmp_path, "elsewhere/a.osf", osf())
    (tmp_path / "root").mkdir()
    (tmp_path / "root" / "d").symlink_to(tmp_path / "elsewhere")
    (sight,) = await look(tmp_path / "root", "d/a.osf")
    assert isinstance(sight, Examined)


@posix
async def test_what_cannot_be_read_is_told_in_the_systems_words(tmp_path: Path) -> None:
    (tmp_path / "loop.osf").symlink_to(tmp_path / "loop.osf")
    (tmp_path / "process").symlink_to("/proc/self")
    (sight,) = await look(tmp_path, "loop.osf")
    assert isinstance(sight, Unreadable)
    assert "symbolic links" in sight.why


@pytest.mark.skipif(not Path("/proc/self/mem").exists(), reason="needs Linux's /proc")
async def test_a_disk_that_fails_is_told_in_the_systems_words(tmp_path: Path) -> None:
    """No process has memory at address 0, so that reading there fails as a bad disk does."""
    (tmp_path / "a.osf").symlink_to("/proc/self/mem")
    put(tmp_path, "b.osf", osf())
    first, second = await look(tmp_path, "a.osf", "b.osf")
    assert first == Unreadable(os.strerror(5))
    assert isinstance(second, Examined)


async def test_a_path_that_leads_elsewhere_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError):
        await look(tmp_path, "../a.osf")


async def test_cancellation_is_heard_and_leaves_no_file_open(tmp_path: Path) -> None:
    put(tmp_path, "a.osf", bytes(40_000_000))
    check = HeldUpCheck()
    with let_go_at_the_end(check):
        async with anyio.create_task_group() as group:
            group.start_soon(
                Examiner(tmp_path, lambda _: None).examine, [Exam("a.osf", check), Exam("b.osf", check)]
            )
            await anyio.to_thread.run_sync(check.reached.wait)
            group.cancel_scope.cancel()
            check.go_on.set()
    assert str(tmp_path / "a.osf") not in open_files()


def open_files() -> list[str]:
    folder = Path("/proc/self/fd")
    return (
        [str(entry.readlink()) for entry in folder.iterdir() if entry.is_symlink()] if folder.exists() else []
    )


async def all_of(root: Path) -> dict[str, Stranger]:
    return {found.path: found async for page in everything(root) for found in page}


@posix
async def test_all_that_lies_there_is_named(tmp_path: Path) -> None:
    put(tmp_path, f"{PART_FOLDER}/hidden.part")
    put(tmp_path, f"d/{PART_FOLDER}/seen.part")
    for number in range(1_200):
        put(tmp_path, f"many/{number}")
    put(tmp_path, "d/e/ü.osf")
    (tmp_path / "empty").mkdir()
    (tmp_path / "link").symlink_to(tmp_path)
    os.mkfifo(tmp_path / "pipe")
    put(tmp_path, os.fsdecode(b"odd\xff"))
    found = await all_of(tmp_path)
    others = {path: stranger.what for path, stranger in found.items() if not path.startswith("many/")}
    assert others == {
        f"d/{PART_FOLDER}/seen.part": "a file",
        "d/e/ü.osf": "a file",
        "link": "a symbolic link",
        "pipe": "no file but a pipe, a socket or a device",
        "odd\\udcff": "a file",
    }
    assert len(found) == 1_200 + len(others)
    assert is_recent(found["d/e/ü.osf"].touched)


@pytest.mark.skipif(sys.platform == "win32" or os.geteuid() == 0, reason="root may read everything")
async def test_a_folder_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    put(tmp_path, "shut/a.osf")
    put(tmp_path, "b.osf")
    (tmp_path / "shut").chmod(0)
    try:
        found = await all_of(tmp_path)
        (sight,) = await look(tmp_path, "shut/a.osf")
    finally:
        (tmp_path / "shut").chmod(stat.S_IRWXU)
    assert found["shut"].what == "a folder that can't be read (Permission denied)"
    assert "b.osf" in found
    assert sight == Unreadable("Permission denied")


async def test_a_root_that_is_not_there(tmp_path: Path) -> None:
    with pytest.raises(ArchiveError, match="looking through it"):
        await all_of(tmp_path / "gone")


def test_two_spellings_of_one_file(tmp_path: Path) -> None:
    put(tmp_path, "a.osf")
    put(tmp_path, "b.osf")
    assert is_same(tmp_path, "a.osf", "a.osf")
    assert not is_same(tmp_path, "a.osf", "b.osf")
    assert not is_same(tmp_path, "a.osf", "gone")
