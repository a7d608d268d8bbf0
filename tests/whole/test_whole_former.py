"""What lies in the archive is never lost to what comes after it: former versions, strangers, twins."""

import os
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path
from random import Random
from typing import Any

import pytest

from osfsync.domain.errors import ExitCode
from osfsync.domain.model import StorageStatus
from osfsync.simulator.behaviour import Behaviour
from osfsync.simulator.world import World
from tests.whole.conftest import PART_FOLDER

MirrorOf = Callable[..., AbstractAsyncContextManager[Any]]
DEAD = Behaviour(contact_every=None, files_per_day=0)


def set_aside(mirror: Any) -> list[Path]:
    return sorted((mirror.settings.archive.path / PART_FOLDER / "set-aside").glob("*"))


@pytest.mark.parametrize(("size", "cut"), [(200_000, 150_001), (6_000_000, 5_000_001)])
async def test_a_version_that_may_be_cut_leaves_the_former_one(
    mirror_of: MirrorOf, empty_world: World, size: int, cut: int
) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    empty_world.add_file(device, "a.osf", StorageStatus.BOTH, size=size)
    async with mirror_of(empty_world) as mirror:
        await mirror.sync()
        (whole,) = mirror.on_disk().values()
        empty_world.add_file(device, "a.osf", StorageStatus.BOTH, content=whole[:cut])
        await mirror.sync()
        (kept,) = set_aside(mirror)
        assert kept.read_bytes() == whole
        await mirror.assert_equals_server()


async def test_another_recording_under_the_same_name_leaves_the_former_one(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    empty_world.add_file(device, "a.osf", StorageStatus.BOTH, size=20_000)
    empty_world.add_file(device, "other.osf", StorageStatus.BOTH, size=30_000)
    async with mirror_of(empty_world) as mirror:
        await mirror.sync()
        former = mirror.on_disk()["Truck 1/a.osf"]
        other = mirror.on_disk()["Truck 1/other.osf"]
        empty_world.add_file(device, "a.osf", StorageStatus.BOTH, content=other[:-1])
        await mirror.sync()
        (kept,) = set_aside(mirror)
        assert kept.read_bytes() == former


async def test_a_recording_that_goes_on_and_a_whole_new_version_leave_nothing(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    empty_world.add_file(device, "a.osf", StorageStatus.BOTH, size=200_000)
    empty_world.add_file(device, "b.osfz", StorageStatus.BOTH, size=9_000)
    async with mirror_of(empty_world) as mirror:
        await mirror.sync()
        whole = mirror.on_disk()["Truck 1/a.osf"]
        empty_world.add_file(device, "a.osf", StorageStatus.BOTH, content=whole + Random(1).randbytes(1_000))
        empty_world.add_file(device, "b.osfz", StorageStatus.BOTH, size=8_000)
        await mirror.sync()
        assert set_aside(mirror) == []
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


async def test_no_file_of_a_device_is_taken_for_one_of_its_namesake(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    """The state was lost, and the platform lists the devices in another order."""
    async with mirror_of(empty_world) as mirror:
        one = empty_world.add_device("logger", behaviour=DEAD)
        two = empty_world.add_device("logger", behaviour=DEAD)
        for device in (one, two):
            empty_world.add_file(device, "a.osf", StorageStatus.BOTH, size=5_000)
        await mirror.sync()
        (mirror.settings.archive.path.parent / "osfsync.db").unlink()
        (mirror.settings.archive.path / PART_FOLDER / "state").unlink()
        empty_world._devices = {two.id: two, one.id: one}
        assert (await mirror.sync()).exit_code is ExitCode.COMPLETE
        disk = mirror.on_disk()  # and what lay in the folder that nobody has any more
        for key, row in (await mirror.files()).items():
            assert disk[row.path] == empty_world.content(*key)
