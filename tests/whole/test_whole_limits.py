"""How hard a platform is driven that does not bear everything."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

from osfsync.cloud.settings import BatchMode
from osfsync.domain.errors import ExitCode
from osfsync.simulator.behaviour import Behaviour
from osfsync.simulator.faults import Fault
from osfsync.simulator.world import World

MirrorOf = Callable[..., AbstractAsyncContextManager[Any]]
DEAD = Behaviour(contact_every=None, files_per_day=0)


async def test_a_platform_that_puts_off_what_is_too_much_is_driven_at_what_it_bears(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    files = 150
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    for number in range(files):
        empty_world.add_file(device, f"{number}.osf")
    async with mirror_of(empty_world) as mirror:
        mirror.change("limits", downloads=64, batch=BatchMode.NEVER)
        mirror.simulator.faults.add(Fault.rate_limit(80), times=None)
        summary = await mirror.sync()
        assert summary.exit_code is ExitCode.COMPLETE
        assert summary.at_once < 64
        for_lists = sum(
            mirror.simulator.requests[label]
            for label in mirror.simulator.requests
            if not label.startswith("download")
        )
        put_off = mirror.simulator.requests.total() - for_lists - 2 * files
        # Those that were under way when it was too much for the first time, and a few in search of the edge.
        assert 1 <= put_off <= 24
        await mirror.assert_equals_server()
