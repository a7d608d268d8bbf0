"""What lies in the archive is never lost to what comes after it: former versions, strangers, twins."""

import gzip
import os
import sqlite3
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, closing, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from osfsync.app.runs import SyncRequest
from osfsync.content import check_for
from osfsync.domain.errors import DamagedError, ExitCode
from osfsync.domain.model import StorageStatus, Verification
from osfsync.simulator.behaviour import Behaviour
from osfsync.simulator.faults import Fault
from osfsync.simulator.listing import TERSE
from osfsync.simulator.world import World
from tests.whole.conftest import NOW, PART_FOLDER

MirrorOf = Callable[..., AbstractAsyncContextManager[Any]]
DEAD = Behaviour(contact_every=None, files_per_day=0)


def set_aside(mirror: Any) -> list[Path]:
    return sorted((mirror.settings.archive.path / PART_FOLDER / "set-aside").glob("*"))


def forget_all(mirror: Any) -> None:
    """The state is lost, and the archive is given to a new one."""
    (mirror.settings.archive.path.parent / "osfsync.db").unlink()
    (mirror.settings.archive.path / PART_FOLDER / "state").unlink()


def forget_that_it_is_held(mirror: Any) -> None:
    """As where a run was killed after a file got its name and before the state knew."""
    with closing(sqlite3.connect(mirror.settings.archive.path.parent / "osfsync.db")) as state, state:
        changed = state.execute(
            "UPDATE files SET sha256 = NULL, held_size = NULL, fetched_at = NULL, verification = NULL"
        )
        assert changed.rowcount == 1


def made(name: str, size: int) -> bytes:
    """What the simulator has under a name."""
    world = World(now=NOW, seed=5)
    device = world.add_device("Other", behaviour=DEAD)
    world.add_file(device, name, StorageStatus.BOTH, size=size)
    return world.content(device.id, name)


def cut(former: bytes) -> bytes:
    return former[: len(former) * 3 // 4 + 1]


def cut_after_a_block(former: bytes) -> bytes:
    """The longest beginning that a walk over its blocks finds whole."""
    for length in range(30_000, 0, -1):
        check = check_for("a.osf")
        with suppress(DamagedError):
            check.update(former[:length])
            if check.finish() is Verification.WHOLE:
                return former[:length]
    raise AssertionError("no block ends there")


def packed_cut(former: bytes) -> bytes:
    """Sound compression around a recording that ends early."""
    return gzip.compress(cut(gzip.decompress(former)), mtime=0)


def packed_more(former: bytes) -> bytes:
    """A recording that went on, packed anew: its compressed bytes do not begin with the former ones."""
    return gzip.compress(gzip.decompress(former) + made("b.osf", 9_000), 0, mtime=0)


REPLACED: dict[str, tuple[str, int, Callable[[bytes], bytes], bool]] = {
    "a long plain one, cut": ("a.osf", 200_000, cut, True),
    "a large plain one, cut": ("a.osf", 6_000_000, cut, True),
    "a packed one around a cut one": ("a.osfz", 400_000, packed_cut, True),
    "another recording, cut": ("a.osf", 20_000, lambda _: made("b.osf", 30_000)[:-1], True),
    "the same, gone on": ("a.osf", 200_000, lambda former: former + b"more" * 300, False),
    "a longer packed one": ("a.osfz", 60_000, lambda _: made("b.osfz", 90_000), True),
    "a packed one, gone on": ("a.osfz", 60_000, packed_more, False),
    "a short packed one, whole, and smaller": ("a.osfz", 9_000, lambda _: made("b.osfz", 8_000), True),
    "a short packed one, whole, and larger": ("a.osfz", 9_000, lambda _: made("b.osfz", 12_000), True),
    "a plain one, cut after a block": ("a.osf", 200_000, cut_after_a_block, True),
}


@pytest.mark.parametrize("version", REPLACED)
async def test_a_former_version_is_kept_where_the_new_one_may_be_less(
    mirror_of: MirrorOf, empty_world: World, version: str
) -> None:
    name, size, change, kept = REPLACED[version]
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    former = made(name, size)
    empty_world.add_file(device, name, StorageStatus.BOTH, content=former)
    async with mirror_of(empty_world) as mirror:
        await mirror.sync()
        empty_world.add_file(device, name, StorageStatus.BOTH, content=change(former))
        await mirror.sync()
        assert [path.read_bytes() for path in set_aside(mirror)] == ([former] if kept else [])
        await mirror.assert_equals_server()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
@pytest.mark.parametrize("kind", ["a link to nothing", "a link to a folder", "a pipe"])
async def test_what_is_no_file_is_moved_and_not_overwritten(
    mirror_of: MirrorOf, empty_world: World, tmp_path: Path, kind: str
) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    empty_world.add_file(device, "a.osf", StorageStatus.BOTH)
    async with mirror_of(empty_world) as mirror:
        path = mirror.settings.archive.path / "Truck 1" / "a.osf"
        path.parent.mkdir(parents=True)
        if kind == "a pipe":
            os.mkfifo(path)
        else:
            path.symlink_to(tmp_path if kind == "a link to a folder" else tmp_path / "nowhere")
        summary = await mirror.sync()
        assert [problem.reason for problem in summary.problems] == ["set-aside"]
        (kept,) = set_aside(mirror)
        assert kept.is_fifo() if kind == "a pipe" else kept.is_symlink()
        await mirror.assert_equals_server()


async def test_what_a_user_put_in_place_of_a_held_file_is_kept(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    async with mirror_of(empty_world) as mirror:
        for name in ("a.osf", "a.osfz"):
            empty_world.add_file(device, name, StorageStatus.BOTH, size=5_000)
        await mirror.sync()
        for name in ("a.osf", "a.osfz"):
            (mirror.settings.archive.path / "Truck 1" / name).write_bytes(name.encode())
            empty_world.add_file(device, name, StorageStatus.BOTH, size=9_000)
        summary = await mirror.sync()
        assert [problem.reason for problem in summary.problems] == ["set-aside"] * 2
        assert {path.read_bytes() for path in set_aside(mirror)} == {b"a.osf", b"a.osfz"}
        await mirror.assert_equals_server()


async def test_no_file_of_a_device_is_taken_for_one_of_its_namesake(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    """All that knew the folders was lost, and the platform lists the devices in another order."""
    async with mirror_of(empty_world) as mirror:
        one = empty_world.add_device("logger", behaviour=DEAD)
        two = empty_world.add_device("logger", behaviour=DEAD)
        for device in (one, two):
            empty_world.add_file(device, "a.osf", StorageStatus.BOTH, size=5_000)
        await mirror.sync()
        forget_all(mirror)
        (mirror.settings.archive.path / PART_FOLDER / "folders").unlink()
        empty_world._devices = {two.id: two, one.id: one}
        assert (await mirror.sync()).exit_code is ExitCode.COMPLETE
        disk = mirror.on_disk()  # and what lay in the folder that nobody has any more
        for key, row in (await mirror.files()).items():
            assert disk[row.path] == empty_world.content(*key)


async def test_no_file_is_taken_for_another_of_its_device_that_has_the_same_path(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    """The state was lost, and the file that had got the plain path is not listed first any more."""
    between = NOW - timedelta(days=6)
    async with mirror_of(empty_world) as mirror:
        mirror.change("archive", layout="{device}/{name}")
        device = empty_world.add_device("Truck 1", behaviour=DEAD)
        for name, days in (("first/a.osf", 9), ("second/a.osf", 3)):
            start = NOW - timedelta(days=days)
            empty_world.add_file(device, name, StorageStatus.BOTH, size=5_000, start=start)
        await mirror.sync(SyncRequest(until=between))
        await mirror.sync()
        await mirror.assert_equals_server()
        forget_all(mirror)
        await mirror.sync(SyncRequest(since=between))
        assert (await mirror.sync()).exit_code is ExitCode.COMPLETE
        disk = mirror.on_disk()
        files = await mirror.files()
        assert len(files) == 2
        for key, row in files.items():
            assert disk[row.path] == empty_world.content(*key)


async def test_what_a_killed_run_put_in_place_is_not_set_aside_where_no_list_tells_sizes(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    empty_world.dialect = TERSE
    empty_world.add_file(device, "a.osf", StorageStatus.BOTH)
    async with mirror_of(empty_world) as mirror:
        await mirror.sync()
        forget_that_it_is_held(mirror)
        summary = await mirror.sync()
        assert (summary.files.fetched, summary.problems) == (1, ())
        assert set_aside(mirror) == []
        await mirror.assert_equals_server()


async def test_a_stranger_stays_where_the_file_cannot_be_had(mirror_of: MirrorOf, empty_world: World) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    empty_world.add_file(device, "a.osf", StorageStatus.BOTH)
    async with mirror_of(empty_world) as mirror:
        path = mirror.settings.archive.path / "Truck 1" / "a.osf"
        path.parent.mkdir(parents=True)
        path.write_bytes(b"somebody's only copy")
        mirror.simulator.faults.add(Fault.status(404), on="download-token", times=None)
        assert (await mirror.sync()).exit_code is ExitCode.PARTIAL
        assert path.read_bytes() == b"somebody's only copy"
        assert set_aside(mirror) == []


async def test_a_device_keeps_its_folder_where_the_state_is_lost_and_another_took_its_name(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    async with mirror_of(empty_world) as mirror:
        one = empty_world.add_device("Truck 1", behaviour=DEAD)
        empty_world.add_file(one, "a.osf", StorageStatus.BOTH, size=5_000)
        await mirror.sync()
        one.name = "Truck 1 (old)"
        two = empty_world.add_device("Truck 1", behaviour=DEAD)
        empty_world.add_file(two, "a.osf", StorageStatus.BOTH, size=5_000)
        forget_all(mirror)
        assert (await mirror.sync()).files.fetched == 2
        assert sum(mirror.simulator.downloads.values()) == 2  # the first one's file was taken over
        await mirror.assert_equals_server()
        assert (await mirror.files())[one.id, "a.osf"].path == "Truck 1/a.osf"


async def test_where_names_share_paths_nothing_that_lies_there_is_taken_for_the_file(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    """A backup of the state was put back, which does not know whose file lies there."""
    device = empty_world.add_device("Truck", behaviour=DEAD)
    empty_world.add_file(device, "0/old.osf", StorageStatus.BOTH)
    async with mirror_of(empty_world) as mirror:
        mirror.change("archive", layout="{device}/{name}")
        await mirror.sync()
        state = mirror.settings.archive.path.with_name("osfsync.db")
        copy = state.with_name("copy.db")
        with closing(sqlite3.connect(state)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
        start = empty_world.now
        empty_world.add_file(device, "b/rec.osf", StorageStatus.BOTH, start=start, size=4_000)
        await mirror.sync()
        for suffix in ("-wal", "-shm"):
            state.with_name(state.name + suffix).unlink(missing_ok=True)
        copy.replace(state)
        later = device.files.pop("b/rec.osf")
        empty_world.add_file(device, "a/rec.osf", StorageStatus.BOTH, start=start, size=4_000)
        device.files["b/rec.osf"] = later
        await mirror.sync()
        await mirror.assert_equals_server()


async def test_twins_whose_short_hashes_are_the_same_as_well(mirror_of: MirrorOf, empty_world: World) -> None:
    """Names that were made for it, in a second of hashing."""
    device = empty_world.add_device("Truck", behaviour=DEAD)
    for name in ("abcdefghijklmnopqrstuvwxyz", "AbCDeFGHijklMnoPQRsTuvwxyz", "AbcdEFgHijKLmNopqRstUvwxyz"):
        empty_world.add_file(device, f"{name}.osf", StorageStatus.BOTH)
    async with mirror_of(empty_world) as mirror:
        assert (await mirror.sync()).exit_code is ExitCode.COMPLETE
        await mirror.assert_equals_server()


async def test_ids_that_differ_in_case_alone(mirror_of: MirrorOf, empty_world: World) -> None:
    """More devices than a file's name has hashes; all of them have a file of this name."""
    for number, device_id in enumerate(("dev", "DEV", "Dev", "dEv", "deV", "DEv")):
        device = empty_world.add_device(f"Truck {number}", device_id=device_id, behaviour=DEAD)
        empty_world.add_file(device, "same.osf", StorageStatus.BOTH)
    async with mirror_of(empty_world) as mirror:
        mirror.change("archive", layout="{device_id}/{path}")
        assert (await mirror.sync()).exit_code is ExitCode.COMPLETE
        await mirror.assert_equals_server()
