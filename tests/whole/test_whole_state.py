"""A state that is locked, read-only, damaged or gone, and clocks that jump: told, and nothing is lost."""

import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Sequence
from contextlib import AbstractAsyncContextManager, closing
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest

from osfsync.app.runs import SyncRequest, sync
from osfsync.archive.base import Body, Result
from osfsync.archive.local import LocalArchive
from osfsync.domain.errors import DiskFullError, ExitCode, LockedError
from osfsync.domain.model import StorageStatus
from osfsync.domain.summary import RunSummary
from osfsync.simulator.faults import Fault
from osfsync.simulator.world import World
from osfsync.state import terms
from osfsync.state.maintenance import backup
from tests.cli.test_cli_errors import osfsync
from tests.whole.conftest import PART_FOLDER
from tests.whole.test_whole_former import DEAD
from tests.whole.test_whole_kill import write_config
from tests.whole.test_whole_verify import flip, mend

MirrorOf = Callable[..., AbstractAsyncContextManager[Any]]


def state_of(mirror: Any) -> Path:
    return Path(mirror.settings.state.url.removeprefix("sqlite:///"))


async def test_a_state_that_another_program_locks_ends_the_run_and_the_next_goes_on(
    mirror_of: MirrorOf, small_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terms, "BUSY_SECONDS", 0.05)
    async with mirror_of(small_world) as mirror:
        await mirror.sync()
        with closing(sqlite3.connect(state_of(mirror), isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            summary = await mirror.sync()
            assert summary.exit_code is LockedError("").exit_code
            assert "Another program has locked" in summary.error
            other.execute("ROLLBACK")
        mirror.simulator.downloads.clear()
        assert (await mirror.sync()).exit_code is ExitCode.COMPLETE
        assert not mirror.simulator.downloads
        await mirror.assert_equals_server()


async def test_a_damaged_state_is_told_and_built_anew_from_archive_and_platform(
    tmp_path: Path, mirror_of: MirrorOf
) -> None:
    """Step by step as README tells it."""
    world = World.generate(seed=7, devices=8, files_per_device=20, now=datetime.now(UTC))
    async with mirror_of(world) as mirror:
        write_config(tmp_path, mirror)

        async def run(*arguments: str) -> tuple[int, str]:
            ended = await osfsync(tmp_path, *arguments, password=mirror.password)
            assert "Traceback" not in ended.err
            return ended.code, ended.out + ended.err

        assert (await run("sync"))[0] == 0
        before = mirror.on_disk()
        path = state_of(mirror)
        content = bytearray(path.read_bytes())
        content[3 * 4096 : 9 * 4096] = b"\x55" * (6 * 4096)
        path.write_bytes(content)
        for arguments in (("db", "check"), ("sync",), ("status",), ("missing",)):
            code, told = await run(*arguments)
            assert code == 1
            assert "is damaged" in told
        for file in path.parent.glob(f"{path.name}*"):
            file.rename(file.with_name(f"damaged-{file.name}"))
        code, told = await run("sync")
        assert code == 2
        assert f"{PART_FOLDER}/state" in told
        (mirror.settings.archive.path / PART_FOLDER / "state").unlink()
        mirror.simulator.downloads.clear()
        code, told = await run("sync")
        assert code == 0
        assert mirror.simulator.downloads == {}
        assert (await run("db", "check"))[0] == 0
        assert mirror.on_disk() == before
        await mirror.assert_equals_server()


@pytest.mark.parametrize("older", ["state", "archive"])
async def test_what_a_restored_backup_does_not_know_or_have_is_here_again(
    tmp_path: Path, mirror_of: MirrorOf, empty_world: World, older: str
) -> None:
    """A file came after the backup; another was in place when it was made, and is gone."""
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    empty_world.add_file(device, "early.osf", StorageStatus.BOTH)
    empty_world.add_file(device, "gone.osf", StorageStatus.BOTH)
    async with mirror_of(empty_world) as mirror:
        await mirror.sync()
        archive, state, backup = mirror.settings.archive.path, state_of(mirror), tmp_path / "backup"
        saved = archive if older == "archive" else state
        (shutil.copytree if saved.is_dir() else shutil.copy)(saved, backup)
        empty_world.add_file(device, "late.osf", StorageStatus.BOTH)
        await mirror.sync()
        if older == "archive":
            shutil.rmtree(archive)
        else:
            (archive / "Truck 1" / "gone.osf").unlink()
        backup.rename(saved)
        summary = await mirror.sync()
        assert [(problem.reason, problem.file) for problem in summary.problems] == [("out-of-step", None)]
        assert "1 file that" in summary.problems[0].explanation
        assert summary.exit_code is ExitCode.COMPLETE
        await mirror.assert_equals_server()
        assert (await mirror.sync()).problems == ()


async def test_a_backup_from_before_a_repair_is_noticed(
    tmp_path: Path, mirror_of: MirrorOf, empty_world: World
) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    empty_world.add_file(device, "a.osf", StorageStatus.BOTH)
    async with mirror_of(empty_world) as mirror:
        await mirror.sync()
        shutil.copy(state_of(mirror), tmp_path / "backup")
        flip(mirror.settings.archive.path / "Truck 1" / "a.osf")
        empty_world.remove_file(device, "a.osf")
        await mend(mirror)
        assert mirror.on_disk() == {}
        (tmp_path / "backup").rename(state_of(mirror))
        summary = await mirror.sync()
        assert [problem.reason for problem in summary.problems][:1] == ["out-of-step"]
        assert [row.state for row in (await mirror.files()).values()] == ["missing"]


async def test_a_backup_that_was_made_while_a_run_worked_is_noticed(
    tmp_path: Path, mirror_of: MirrorOf, empty_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    empty_world.add_file(device, "a.osf", StorageStatus.BOTH)
    async with mirror_of(empty_world) as mirror:
        await mirror.sync()
        empty_world.add_file(device, "a.osf", StorageStatus.BOTH, size=20_000)
        place = LocalArchive.place

        async def back_up_first(archive: LocalArchive, bodies: Sequence[Body]) -> list[Result]:
            await backup(mirror.settings.state, tmp_path / "backup")
            return await place(archive, bodies)

        with monkeypatch.context() as patched:
            patched.setattr(LocalArchive, "place", back_up_first)
            await mirror.sync()
        (tmp_path / "backup").rename(state_of(mirror))
        summary = await mirror.sync()
        assert [problem.reason for problem in summary.problems] == ["out-of-step"]
        await mirror.assert_equals_server()


async def test_nothing_is_looked_for_where_archive_and_state_are_in_step(
    mirror_of: MirrorOf, small_world: World
) -> None:
    """What the user took out of the archive stays out; `verify` would tell."""
    async with mirror_of(small_world) as mirror:
        await mirror.sync()
        next(mirror.settings.archive.path.rglob("*.osf")).unlink()
        assert (await mirror.sync()).files.fetched == 0


async def test_a_state_on_a_read_only_file_system_is_told(
    tmp_path: Path, mirror_of: MirrorOf, small_world: World
) -> None:
    async with mirror_of(small_world) as mirror:
        write_config(tmp_path, mirror)
        await mirror.sync()
        place = shutil.copytree(state_of(mirror).parent, tmp_path / "read-only", dirs_exist_ok=True)
        script = f'mount --bind "{place}" "{place}" && mount -o remount,ro,bind "{place}" && exec "$@"'
        prefix = ["unshare", "-rm", "sh", "-c", script, "sh"]
        if (
            shutil.which("unshare") is None
            or (await anyio.run_process([*prefix, "true"], check=False, stderr=subprocess.DEVNULL)).returncode
        ):
            pytest.skip("needs unshare and the right to mount")
        config = tmp_path / "sync.toml"
        config.write_text(config.read_text().replace(state_of(mirror).as_posix(), f"{place}/osfsync.db"))
        mirror.simulator.requests.clear()
        ended = await osfsync(tmp_path, "sync", password=mirror.password, prefix=prefix)
        assert ended.code == 2
        ended.assert_one_message(str(place))
        assert mirror.simulator.requests["download"] == 0


async def test_clocks_that_jump_lose_nothing_and_fetch_nothing_twice(
    mirror_of: MirrorOf, small_world: World
) -> None:
    async with mirror_of(small_world) as mirror:

        async def at(moment: datetime) -> RunSummary:
            return await sync(mirror.settings, mirror.ask_password, SyncRequest(), clock=lambda: moment)

        now = small_world.now
        assert (await at(now)).exit_code is ExitCode.COMPLETE
        fetched = mirror.simulator.downloads.copy()
        ordered = len(small_world.command_log)
        for jump in (timedelta(days=-400), timedelta(hours=-3), timedelta(days=400), timedelta(0)):
            summary = await at(now + jump)
            assert summary.exit_code is ExitCode.COMPLETE
            assert summary.files.lost == 0
        assert mirror.simulator.downloads == fetched
        assert len(small_world.command_log) == ordered
        await mirror.assert_equals_server()


def held(state: Path) -> int:
    """How many files a state holds."""
    with closing(sqlite3.connect(f"file:{state}?mode=ro", uri=True)) as database:
        ((files,),) = database.execute("SELECT count(sha256) FROM files")
    return int(files)


async def test_an_archive_that_was_copied_while_a_killed_run_worked_is_noticed(
    tmp_path: Path, mirror_of: MirrorOf
) -> None:
    """Both tell of the same run, and of different moments of it."""
    world = World(now=datetime.now(UTC), seed=1)
    device = world.add_device("Truck 1", behaviour=DEAD)
    for number in range(200):
        world.add_file(device, f"{number}.osf", StorageStatus.BOTH)
    async with mirror_of(world) as mirror:
        environment = write_config(tmp_path, mirror)
        environment |= {"OSFSYNC_LIMITS_BATCH": "never", "OSFSYNC_LIMITS_DOWNLOADS": "2"}
        mirror.simulator.faults.add(Fault.delay(0.1), on="download", times=None)
        command = [sys.executable, "-m", "osfsync", "-q", "sync"]
        run = await anyio.open_process(command, cwd=tmp_path, env=environment, stdout=subprocess.DEVNULL)
        with anyio.fail_after(60):
            while len(mirror.on_disk()) < 10:  # noqa: ASYNC110 — nothing notifies
                await anyio.sleep(0.01)
            shutil.copytree(mirror.settings.archive.path, tmp_path / "backup")
            copied = len(list((tmp_path / "backup").rglob("*.osf")))
            while held(state_of(mirror)) <= copied:  # noqa: ASYNC110 — likewise
                await anyio.sleep(0.05)
            run.kill()
            await run.wait()
        await run.aclose()
        assert held(state_of(mirror)) < 200
        shutil.rmtree(mirror.settings.archive.path)
        (tmp_path / "backup").rename(mirror.settings.archive.path)
        mirror.simulator.faults.clear()
        summary = await mirror.sync()
        assert "out-of-step" in {problem.reason for problem in summary.problems}
        await mirror.assert_equals_server()
        assert (await mirror.sync()).problems == ()


async def test_a_repair_with_another_state_is_noticed(
    tmp_path: Path, mirror_of: MirrorOf, empty_world: World
) -> None:
    """The wrong backup was put back, what it calls broken could not be had, then the right one came."""
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    async with mirror_of(empty_world) as mirror:
        for name, size in (("wrong", 4_000), ("right", 6_000)):
            empty_world.add_file(device, "a.osf", StorageStatus.BOTH, size=size)
            await mirror.sync()
            await backup(mirror.settings.state, tmp_path / name)
        mirror.change("limits", retries=0)
        mirror.simulator.faults.add(Fault.status(503), on="download-token", times=None)
        put_back(mirror, tmp_path / "wrong")
        await mend(mirror)
        mirror.simulator.faults.clear()
        assert mirror.on_disk() == {}
        put_back(mirror, tmp_path / "right")
        summary = await mirror.sync()
        assert [problem.reason for problem in summary.problems] == ["out-of-step"]
        await mirror.assert_equals_server()


async def cant_note(*_: object) -> None:
    raise DiskFullError("No space is left for the archive.")


async def test_a_repair_that_the_archive_can_t_tell_of_moves_nothing(
    mirror_of: MirrorOf, empty_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A backup of the state that is put back afterwards could not notice."""
    empty_world.add_file(empty_world.add_device("Truck 1", behaviour=DEAD), "a.osf", StorageStatus.BOTH)
    async with mirror_of(empty_world) as mirror:
        await mirror.sync()
        flip(mirror.settings.archive.path / "Truck 1" / "a.osf")
        before = mirror.on_disk()
        with monkeypatch.context() as patched:
            patched.setattr(LocalArchive, "note_step", cant_note)
            assert (await mend(mirror)).code is ExitCode.DISK_FULL
        assert mirror.on_disk() == before
        assert (await mend(mirror)).code is ExitCode.COMPLETE
        await mirror.assert_equals_server()


async def test_an_archive_that_can_t_be_marked_is_not_changed(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    empty_world.add_file(device, "a.osf", StorageStatus.BOTH)
    async with mirror_of(empty_world) as mirror:
        await mirror.sync()
        (mirror.settings.archive.path / PART_FOLDER / "state.new").mkdir()
        before = mirror.on_disk()
        empty_world.add_file(device, "a.osf", StorageStatus.BOTH, size=20_000)
        for _ in range(2):
            summary = await mirror.sync()
            assert summary.exit_code is ExitCode.USAGE
            assert "A folder lies where the file should go" in summary.error
            assert mirror.on_disk() == before
        (mirror.settings.archive.path / PART_FOLDER / "state.new").rmdir()
        assert (await mirror.sync()).exit_code is ExitCode.COMPLETE
        await mirror.assert_equals_server()


async def test_on_a_full_disk_devices_are_asked_for_what_only_they_have(
    mirror_of: MirrorOf, empty_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    async with mirror_of(empty_world) as mirror:
        await mirror.sync()
        monkeypatch.setattr(LocalArchive, "note_step", cant_note)
        for night in range(3):
            start = empty_world.now - timedelta(days=2 * night)
            empty_world.add_file(device, f"{night}.osf", StorageStatus.DEVICE_ONLY, start=start)
            summary = await mirror.sync()
            assert (summary.exit_code, summary.orders.sent) == (ExitCode.COMPLETE, 1)


def put_back(mirror: Any, saved: Path) -> None:
    state = state_of(mirror)
    for file in state.parent.glob(f"{state.name}*"):
        file.unlink()
    shutil.copy(saved, state)


@pytest.mark.parametrize("locked", ["before", "between"])
async def test_a_repair_whose_state_can_t_be_written_loses_nothing(
    mirror_of: MirrorOf, empty_world: World, monkeypatch: pytest.MonkeyPatch, locked: str
) -> None:
    monkeypatch.setattr(terms, "BUSY_SECONDS", 0.05)
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    for number in range(3):
        empty_world.add_file(device, f"{number}.osf", StorageStatus.BOTH)
    async with mirror_of(empty_world) as mirror:
        await mirror.sync()
        for path in list(mirror.settings.archive.path.glob("Truck 1/*")):
            flip(path)
        with closing(sqlite3.connect(state_of(mirror), isolation_level=None)) as other:
            set_aside = LocalArchive.set_aside

            async def lock_then_move(archive: LocalArchive, path: str) -> str:
                other.execute("BEGIN IMMEDIATE")
                return await set_aside(archive, path)

            if locked == "before":
                other.execute("BEGIN IMMEDIATE")
            with monkeypatch.context() as patched:
                if locked == "between":
                    patched.setattr(LocalArchive, "set_aside", lock_then_move)
                assert (await mend(mirror)).code is ExitCode.LOCKED
            assert len(mirror.on_disk()) == (3 if locked == "before" else 2)
            other.execute("ROLLBACK")
        summary = await mirror.sync()
        assert summary.files.fetched == (0 if locked == "before" else 1)
        assert len(mirror.on_disk()) == 3
        await mend(mirror)
        await mirror.assert_equals_server()
