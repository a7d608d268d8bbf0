"""Runs in bad weather: what fails at random, hangs, is limited or perishes costs no file and little time."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any

import anyio
import pytest

from osfsync.cloud.settings import BatchMode
from osfsync.domain.errors import ExitCode
from osfsync.simulator.behaviour import Behaviour
from osfsync.simulator.endpoints import ServerOptions
from osfsync.simulator.faults import Fault
from osfsync.simulator.world import World

MirrorOf = Callable[..., AbstractAsyncContextManager[Any]]
DEAD = Behaviour(contact_every=None, files_per_day=0)
SHORT_OF_A_TIMEOUT = 30
"""Seconds; a silent request is given up after 60."""


def add_files(world: World, count: int) -> list[str]:
    device = world.add_device("Truck 1", behaviour=DEAD)
    names = [f"{number}.osf" for number in range(count)]
    for name in names:
        world.add_file(device, name)
    return names


async def test_sporadic_refusals_cost_no_file_and_no_concurrency(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    add_files(empty_world, 200)
    async with mirror_of(empty_world) as mirror:
        mirror.change("limits", batch=BatchMode.NEVER, retries=5)
        mirror.simulator.faults.add(Fault.status(503), times=None, probability=0.1)
        summary = await mirror.sync()
        assert summary.exit_code is ExitCode.COMPLETE
        assert summary.at_once >= 8
        await mirror.assert_equals_server()


@pytest.mark.parametrize("step", ["download-token", "download"])
async def test_requests_that_hang_hold_nobody_up(mirror_of: MirrorOf, empty_world: World, step: str) -> None:
    add_files(empty_world, 60)
    async with mirror_of(empty_world) as mirror:
        mirror.change("limits", batch=BatchMode.NEVER, retries=0)
        mirror.simulator.faults.add(Fault.delay(0), on=step, times=20)
        mirror.simulator.faults.add(
            Fault.silence(), on=step, times=12
        )  # more than go at once in the beginning
        with anyio.fail_after(SHORT_OF_A_TIMEOUT):
            summary = await mirror.sync()
        assert summary.exit_code is ExitCode.COMPLETE
        await mirror.assert_equals_server()


async def test_a_rate_that_is_limited_by_bare_refusals_fails_no_file(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    add_files(empty_world, 120)
    async with mirror_of(empty_world) as mirror:
        mirror.change("limits", downloads=64, batch=BatchMode.NEVER)
        mirror.simulator.faults.add(Fault.rate_limit(60, bare=True), times=None)
        summary = await mirror.sync()
        assert summary.exit_code is ExitCode.COMPLETE
        await mirror.assert_equals_server()


async def test_a_platform_that_bears_two_at_once_fails_no_file(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    add_files(empty_world, 60)
    async with mirror_of(empty_world) as mirror:
        mirror.change("limits", batch=BatchMode.NEVER)
        mirror.simulator.faults.add(Fault.crowd(2, seconds=0.01), on="download-token", times=None)
        summary = await mirror.sync()
        assert summary.exit_code is ExitCode.COMPLETE
        assert mirror.simulator.most_at_once == 2
        await mirror.assert_equals_server()


async def test_tokens_that_perish_are_used_before_others_are_fetched(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    add_files(empty_world, 30)
    options = ServerOptions(download_token_lifetime=timedelta(seconds=0.25))
    async with mirror_of(empty_world, options) as mirror:
        mirror.change("limits", requests_per_second=20, batch=BatchMode.NEVER)
        summary = await mirror.sync()
        assert summary.exit_code is ExitCode.COMPLETE
        assert mirror.simulator.requests["download-token"] == 30
        await mirror.assert_equals_server()


async def test_one_file_that_is_always_put_off_does_not_stop_the_others(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    bad, *_ = add_files(empty_world, 300)
    async with mirror_of(empty_world) as mirror:
        mirror.change("limits", batch=BatchMode.NEVER)
        mirror.simulator.faults.add(
            Fault.status(429, retry_after=1), on="download-token", file=bad, times=None
        )
        mirror.simulator.faults.add(Fault.delay(0.1), on="download-token", times=None)
        summary = await mirror.sync()
        assert summary.exit_code is ExitCode.PARTIAL
        assert (summary.files.fetched, summary.files.failed) == (299, 1)
        assert {problem.file for problem in summary.problems} == {bad}
