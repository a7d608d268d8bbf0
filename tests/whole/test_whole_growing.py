"""A recording that goes on between list and download is whole when it is downloaded: no damage."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from osfsync.domain.errors import ExitCode
from osfsync.domain.model import StorageStatus
from osfsync.simulator.behaviour import Behaviour
from osfsync.simulator.faults import Fault, Replace
from osfsync.simulator.world import World
from tests.whole.test_whole_former import made, set_aside

MirrorOf = Callable[..., AbstractAsyncContextManager[Any]]
DEAD = Behaviour(contact_every=None, files_per_day=0)
NAME = "a/grows.osfz"


@pytest.mark.parametrize(("listed", "grown"), [(4_000, 6_000), (4_000, 2_500_000), (5_000_000, 6_000_000)])
@pytest.mark.parametrize("others", [0, 3])
async def test_a_file_that_grew_since_it_was_listed_is_archived_in_the_same_run(
    mirror_of: MirrorOf, empty_world: World, listed: int, grown: int, others: int
) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    for number in range(others):
        empty_world.add_file(device, f"a/{number}.osfz", StorageStatus.BOTH)
    empty_world.add_file(device, NAME, StorageStatus.BOTH, size=listed)
    content = made("b.osfz", grown)
    async with mirror_of(empty_world) as mirror:
        fault = Fault(Replace(content, "application/octet-stream"))
        mirror.simulator.faults.add(fault, on="download", file=NAME, times=None)
        summary = await mirror.sync()
        assert (summary.exit_code, summary.problems) == (ExitCode.COMPLETE, ())
        assert summary.files.fetched == others + 1
        mirror.simulator.faults.clear()
        empty_world.add_file(device, NAME, StorageStatus.BOTH, content=content)
        mirror.simulator.requests.clear()
        assert (await mirror.sync()).exit_code is ExitCode.COMPLETE
        assert (mirror.simulator.requests["download"], set_aside(mirror)) == (0, [])
        await mirror.assert_equals_server()


@pytest.mark.parametrize("content", [made("b.osfz", 3_000), made("b.osfz", 9_000)[:-100]])
async def test_a_shorter_body_and_a_longer_one_that_is_cut_stay_damage(
    mirror_of: MirrorOf, empty_world: World, content: bytes
) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    empty_world.add_file(device, NAME, StorageStatus.BOTH, size=4_000)
    async with mirror_of(empty_world) as mirror:
        fault = Fault(Replace(content, "application/octet-stream"))
        mirror.simulator.faults.add(fault, on="download", file=NAME, times=None)
        assert ((await mirror.sync()).exit_code, mirror.on_disk()) == (ExitCode.PARTIAL, {})
