"""The state on full and strange disks, for users who may only read, and while its files go away."""

import mmap
import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import closing
from pathlib import Path
from typing import NoReturn

import anyio
import pytest

from osfsync.domain.errors import DiskFullError, ExitCode, StateError
from osfsync.state.access import for_reading
from osfsync.state.database import open_state, open_view
from osfsync.state.lock import hold_lock
from osfsync.state.maintenance import backup, check
from osfsync.state.settings import StateSettings
from tests.disks import as_nobody, fill, small_ext4, small_tmpfs, vfat_through_fuse
from tests.state.state_samples import NOW, RUN, device_seen, fetched, file, files_seen

READ = """
import sys, anyio
from osfsync.domain.errors import OsfsyncError
from osfsync.state.database import open_view
from osfsync.state.maintenance import check
from osfsync.state.settings import StateSettings
async def main():
    settings = StateSettings(url=f"sqlite:///{sys.argv[1]}")
    async with open_view(settings) as view:
        print(len(await view.overview.glances()), await check(settings))
try:
    anyio.run(main)
except OsfsyncError as error:
    print(int(error.exit_code), error)
"""

WRITE = """
import sys, anyio
from pathlib import Path
from osfsync.domain.errors import OsfsyncError
from osfsync.state.database import open_state
from osfsync.state.settings import StateSettings
from tests.disks import fill
from tests.state.state_samples import NOW, RUN, device_seen, file, files_seen
async def main():
    path = Path(sys.argv[1])
    async with open_state(StateSettings(url=f"sqlite:///{path}")) as state:
        writer = await state.start_run(RUN, NOW)
        await writer.commit([device_seen()])
        fill(path.parent, int(sys.argv[2]))
        for number in range(400):
            await writer.commit([files_seen(*(file(f"{number}/{n}.osf") for n in range(50)))])
    print("all")
try:
    anyio.run(main)
except OsfsyncError as error:
    print(int(error.exit_code), error)
"""


def run(code: str, *arguments: object, prefix: Sequence[str] = ()) -> str:
    """What a process of its own prints; a signal that ends it shows."""
    command = [*prefix, sys.executable, "-c", code, *map(str, arguments)]
    done = subprocess.run(
        command, check=False, capture_output=True, text=True, cwd=Path(__file__).parents[2], timeout=60
    )
    return done.stdout.strip() if done.returncode == 0 else f"ended with {done.returncode}: {done.stderr}"


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


async def leave_a_state(settings: StateSettings) -> None:
    async with open_state(settings) as state:
        await (await state.start_run(RUN, NOW)).commit([device_seen()])


async def leave_a_killed_run(settings: StateSettings, path: Path) -> None:
    """What it had committed is in the write-ahead log only."""
    await leave_a_state(settings)
    code = (
        "import os, sqlite3, sys\n"
        "c = sqlite3.connect(sys.argv[1], isolation_level=None)\n"
        "c.execute(\"UPDATE devices SET name = name || '!'\")\n"
        "os._exit(0)"
    )
    assert run(code, path) == ""
    assert path.with_name(path.name + "-wal").stat().st_size > 0


@pytest.mark.parametrize("left", [0, 12_288, 200_000])
async def test_a_full_disk_ends_a_run_with_exit_code_9_and_readers_still_read(
    tmp_path: Path, left: int
) -> None:
    with small_ext4(tmp_path) as disk:
        path = disk / "state.db"
        settings = StateSettings(url=f"sqlite:///{path}")
        await leave_a_state(settings)
        fill(disk, left)
        assert run(READ, path) == "1 []"
        with pytest.raises(DiskFullError, match="No space is left"):
            async with open_state(settings):
                pass


async def test_readers_read_what_a_killed_run_left_on_a_full_disk(tmp_path: Path) -> None:
    with small_ext4(tmp_path) as disk:
        path = disk / "state.db"
        await leave_a_killed_run(StateSettings(url=f"sqlite:///{path}"), path)
        fill(disk, 12_288)
        assert run(READ, path) == "1 []"


async def test_a_disk_that_fills_up_while_a_run_works_ends_it_with_exit_code_9(tmp_path: Path) -> None:
    with small_ext4(tmp_path, megabytes=12) as disk:
        for left in (0, 1_000_000):
            (disk / "filler").unlink(missing_ok=True)
            assert run(WRITE, disk / "state.db", left).startswith(f"{ExitCode.DISK_FULL:d} No space is left")


async def test_a_small_file_system_in_memory_that_is_full_is_told_as_such(tmp_path: Path) -> None:
    with small_tmpfs(tmp_path, 600_000) as disk:
        path = disk / "state.db"
        settings = StateSettings(url=f"sqlite:///{path}")
        await leave_a_state(settings)
        fill(disk, 0)
        assert run(READ, path) == "1 []"
        with pytest.raises(DiskFullError):
            async with open_state(settings):
                pass


@pytest.fixture
def shown() -> Iterator[Path]:
    """A database in a folder that everybody may read; pytest's own are its user's only."""
    with tempfile.TemporaryDirectory() as folder:
        Path(folder).chmod(0o755)
        yield Path(folder) / "state.db"


@pytest.mark.parametrize("killed", [False, True])
async def test_who_may_only_read_reads(shown: Path, killed: bool) -> None:
    settings = StateSettings(url=f"sqlite:///{shown}")
    await (leave_a_killed_run(settings, shown) if killed else leave_a_state(settings))
    before = names_in(shown.parent)
    assert run(READ, shown, prefix=as_nobody([])) == "1 []"
    assert names_in(shown.parent) == before


async def test_who_may_only_read_reads_while_a_run_works(shown: Path) -> None:
    path, settings = shown, StateSettings(url=f"sqlite:///{shown}")
    async with open_state(settings) as state:
        writer = await state.start_run(RUN, NOW)
        await writer.commit([device_seen()])
        assert await anyio.to_thread.run_sync(lambda: run(READ, path, prefix=as_nobody([]))) == "1 []"


async def test_who_may_only_read_is_told_who_has_to_migrate(shown: Path) -> None:
    path, settings = shown, StateSettings(url=f"sqlite:///{shown}")
    await leave_a_state(settings)
    with closing(sqlite3.connect(path, isolation_level=None)) as other:
        other.execute("UPDATE alembic_version SET version_num = '0001'")
    told = run(READ, path, prefix=as_nobody([]))
    assert told.startswith(f"{ExitCode.USAGE:d} ")
    assert "older version" in told
    assert "osfsync db upgrade" in told


async def test_a_reader_that_began_before_a_run_sees_what_the_run_commits(settings: StateSettings) -> None:
    await leave_a_state(settings)
    async with open_view(settings) as view:
        assert (await view.overview.totals()).held == 0
        async with open_state(settings) as state:
            writer = await state.start_run(RUN, NOW)
            await writer.commit([files_seen(file()), fetched()])
            assert (await view.overview.totals()).held == 1
        assert (await view.overview.totals()).held == 1


async def test_reading_creates_nothing(tmp_path: Path, settings: StateSettings) -> None:
    await leave_a_state(settings)
    before = names_in(tmp_path)
    async with open_view(settings) as view:
        await view.overview.totals()
        assert await check(settings) == []
        assert names_in(tmp_path) == before


async def test_a_state_behind_a_symbolic_link_is_read_with_what_is_in_its_log(
    tmp_path: Path, path: Path, settings: StateSettings
) -> None:
    await leave_a_killed_run(settings, path)
    (tmp_path / "elsewhere").mkdir()
    link = tmp_path / "elsewhere" / "link.db"
    link.symlink_to(path)
    assert for_reading(link).calm is None


@pytest.fixture
def unmappable(monkeypatch: pytest.MonkeyPatch) -> None:
    """As file systems in user space that have no shared mappings answer."""

    def refuse(*_: object, **__: object) -> NoReturn:
        raise OSError(19, os.strerror(19))

    monkeypatch.setattr(mmap, "mmap", refuse)


@pytest.mark.usefixtures("unmappable")
@pytest.mark.skipif(sys.platform == "win32", reason="SQLite always maps there")
async def test_without_shared_memory_a_run_works_and_others_wait_for_its_end(
    tmp_path: Path, path: Path, settings: StateSettings
) -> None:
    async with open_state(settings) as state:
        writer = await state.start_run(RUN, NOW)
        await writer.commit([device_seen(), files_seen(file()), fetched()])
        assert (await state.overview.totals()).held == 1
        assert not path.with_name("state.db-shm").exists()
        told = await anyio.to_thread.run_sync(lambda: run(READ, path))
        assert told.startswith(f"{ExitCode.LOCKED:d} ")
    async with open_view(settings) as view:
        assert (await view.overview.totals()).held == 1
    await backup(settings, tmp_path / "copy.db")


async def test_a_state_on_vfat_through_fuse_works(tmp_path: Path) -> None:
    with vfat_through_fuse(tmp_path) as disk:
        async with open_state(StateSettings(url=f"sqlite:///{disk / 'state.db'}")) as state:
            writer = await state.start_run(RUN, NOW)
            await writer.commit([device_seen(), files_seen(file()), fetched()])
            assert (await state.overview.totals()).held == 1


@pytest.mark.skipif(sys.platform == "win32", reason="no open file goes away there")
@pytest.mark.parametrize("suffix", ["", "-wal", "-shm", ".lock"])
@pytest.mark.parametrize("how", ["renamed", "deleted", "replaced"])
async def test_a_file_of_the_state_that_goes_away_ends_the_run_at_its_next_commit(
    tmp_path: Path, path: Path, settings: StateSettings, suffix: str, how: str
) -> None:
    with hold_lock(settings):
        async with open_state(settings) as state:
            writer = await state.start_run(RUN, NOW)
            await writer.commit([device_seen()])
            gone = path.with_name(path.name + suffix)
            kept = tmp_path / "kept"
            shutil.copyfile(gone, kept)
            gone.rename(tmp_path / "away") if how == "renamed" else gone.unlink()
            if how == "replaced":
                kept.rename(gone)
            with pytest.raises(StateError, match=r"renamed, replaced or deleted .* Put the file back"):
                await writer.commit([files_seen(file())])


@pytest.mark.skipif(sys.platform == "win32", reason="there are no pipes in folders")
@pytest.mark.parametrize("kind", ["pipe", "folder"])
async def test_what_is_no_file_in_place_of_the_state_is_refused_at_once(
    path: Path, settings: StateSettings, kind: str
) -> None:
    make = os.mkfifo if kind == "pipe" else os.mkdir
    make(path)
    for opened in (open_view, open_state):
        with anyio.fail_after(10), pytest.raises(StateError):
            async with opened(settings):
                pass
