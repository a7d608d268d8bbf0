"""Small files that come several at once: as sound as those that come alone, whatever the platform does."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any

import pytest

from osfsync.app.runs import BackfillRequest, SyncRequest
from osfsync.cloud.settings import BatchMode
from osfsync.domain.errors import ExitCode
from osfsync.domain.model import StorageStatus
from osfsync.pipeline.batch import GIVEN_UP_AFTER
from osfsync.simulator.behaviour import Behaviour
from osfsync.simulator.endpoints import ServerOptions
from osfsync.simulator.faults import Fault
from osfsync.simulator.fleet import SimDevice
from osfsync.simulator.world import World

MirrorOf = Callable[..., AbstractAsyncContextManager[Any]]
DEAD = Behaviour(contact_every=None, files_per_day=0)
FILES = 90


@pytest.fixture
def device(empty_world: World) -> SimDevice:
    made = empty_world.add_device("Truck 1", behaviour=DEAD)
    for number in range(FILES):
        suffix = "osfz" if number % 2 else "osf"
        empty_world.add_file(made, f"{number % 3}/{number}.{suffix}", StorageStatus.BOTH, size=3_000 + number)
    empty_world.add_file(made, "large.osf", StorageStatus.BOTH, size=600_000)
    return made


async def test_small_files_come_several_at_once(
    mirror_of: MirrorOf, empty_world: World, device: SimDevice
) -> None:
    assert device.name == "Truck 1"
    async with mirror_of(empty_world) as mirror:
        mirror.change("limits", batch=BatchMode.AUTO)
        summary = await mirror.sync()
        assert (summary.exit_code, summary.files.fetched) == (ExitCode.COMPLETE, FILES + 1)
        assert mirror.simulator.requests["download"] <= 6
        await mirror.assert_equals_server()


async def test_a_file_that_is_gone_fails_alone(
    mirror_of: MirrorOf, empty_world: World, device: SimDevice
) -> None:
    async with mirror_of(empty_world) as mirror:
        mirror.change("limits", batch=BatchMode.AUTO)
        mirror.simulator.faults.add(
            Fault.status(404), on="download-token", times=None, device=device.id, file="0/0.osf"
        )
        summary = await mirror.sync()
        assert (summary.exit_code, summary.files.failed) == (ExitCode.PARTIAL, 1)
        assert summary.files.fetched == FILES


async def test_a_platform_that_gives_no_batches_is_not_asked_for_ever(
    mirror_of: MirrorOf, empty_world: World, device: SimDevice
) -> None:
    """Nor in each window of a backfill."""
    for number in range(40):
        start = empty_world.now - timedelta(days=60 + 30 * (number % 4))
        empty_world.add_file(device, f"old/{number}.osf", StorageStatus.BOTH, start=start)
    async with mirror_of(empty_world, ServerOptions(batches=False)) as mirror:
        mirror.change("limits", batch=BatchMode.AUTO, downloads=1)
        await mirror.backfill(BackfillRequest(since=empty_world.now - timedelta(days=200)))
        assert mirror.simulator.requests["download-token"] == FILES + 41 + GIVEN_UP_AFTER
        await mirror.assert_equals_server()


async def test_a_file_that_is_larger_than_wanted_comes_in_no_batch(
    mirror_of: MirrorOf, empty_world: World, device: SimDevice
) -> None:
    empty_world.add_file(device, "more than wanted.osf", StorageStatus.BOTH, size=5_000)
    empty_world.add_file(device, "small.osf", StorageStatus.BOTH, size=3_000)
    async with mirror_of(empty_world) as mirror:
        mirror.change("limits", batch=BatchMode.AUTO, max_file_size=4_000)
        summary = await mirror.sync()
        assert summary.exit_code is ExitCode.PARTIAL
        assert {problem.file for problem in summary.problems} == {"large.osf", "more than wanted.osf"}
        assert {problem.reason for problem in summary.problems} == {"too-large"}
        assert summary.files.fetched == FILES + 1


async def test_a_limit_of_bytes_holds_for_batches(
    mirror_of: MirrorOf, empty_world: World, device: SimDevice
) -> None:
    assert device.name == "Truck 1"
    async with mirror_of(empty_world) as mirror:
        mirror.change("limits", batch=BatchMode.AUTO, downloads=1)
        summary = await mirror.sync(SyncRequest(max_transfer=30_000))
        assert summary.files.fetched <= 11
        await mirror.sync()
        await mirror.assert_equals_server()
