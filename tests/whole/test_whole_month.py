"""A simulated month: every night, the reason of every missing file is the one that the world itself knows."""

import os
import subprocess
import sys
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from random import Random
from typing import Any

import anyio

from osfsync.app import known
from osfsync.domain.dialogue import OrderState
from osfsync.domain.errors import ExitCode
from osfsync.simulator.fleet import Command
from osfsync.state.database import open_view
from tests.whole.month import KINDS, NIGHTS, Key, Truth, build, night_falls

MirrorOf = Callable[..., AbstractAsyncContextManager[Any]]


async def told(mirror: Any) -> dict[Key, str]:
    """What `osfsync missing` says."""
    return {
        (row.device_id, row.name): row.reason
        async for chunk in known.missing(mirror.settings, clock=lambda: mirror.world.now)
        for row in chunk
    }


async def judge(mirror: Any, truth: Truth, night: int) -> dict[Key, str]:
    """One night's end: everything is as the world knows it."""
    summary = await mirror.sync()
    assert summary.exit_code is ExitCode.COMPLETE, (night, summary.problems)
    reasons = truth.reasons()
    assert await told(mirror) == reasons, f"night {night}"
    assert truth.broken_caps() == [], f"night {night}"
    return reasons


async def test_reasons_over_a_month(mirror_of: MirrorOf) -> None:
    world = build(seed=17)
    truth = Truth(world)
    met: Counter[str] = Counter()
    async with mirror_of(world) as mirror:
        for night in range(1, NIGHTS + 1):
            night_falls(world, night)
            met.update((await judge(mirror, truth, night)).values())
        available = world.available()
        held = {key for key, row in (await mirror.files()).items() if row.state == "held"}
        assert available.keys() <= held
        assert held == truth.held
    assert set(met) == {
        "listed-not-ordered",
        "ordered",
        "device-silent",
        "ordered-not-delivered",
        "delivering",
        "lost",
    }
    assert len(world.devices(world.main.id)) == sum(number for number, _, _ in KINDS.values())


SHARE = float(os.environ.get("TESTS_MONTH_SHARE", "0.1"))
"""How much of the month's fleet is used where runs are killed; 1 for all of it, over all nights."""
NIGHTS_WITH_KILLS = NIGHTS if SHARE >= 1 else 10


async def undisturbed(mirror_of: MirrorOf, seed: int) -> list[dict[Key, str]]:
    """Every night's reasons in a month in which no run is killed."""
    world = build(seed, SHARE)
    truth = Truth(world)
    nights = []
    async with mirror_of(world, folder="undisturbed") as mirror:
        for night in range(1, NIGHTS_WITH_KILLS + 1):
            night_falls(world, night)
            nights.append(await judge(mirror, truth, night))
    return nights


async def kill_a_run(mirror: Any, after: int) -> bool:
    """Start a sync as a process, and kill it once it has sent so many requests; whether it was killed."""
    folder = mirror.settings.archive.path.parent
    arguments = [mirror.simulator.url, str(folder), mirror.password, mirror.world.now.isoformat()]
    target = mirror.simulator.requests.total() + after
    process = await anyio.open_process(
        [sys.executable, "-m", "tests.whole.one_night", *arguments],
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    with anyio.fail_after(30):
        while mirror.simulator.requests.total() < target and process.returncode is None:  # noqa: ASYNC110 — the simulator counts, it does not notify
            await anyio.sleep(0.001)
    killed = process.returncode is None
    if killed:
        process.kill()
    await process.aclose()
    return killed


async def never_queued(mirror: Any) -> list[Command]:
    """Commands that a killed run was about to send, and of which the platform knows nothing."""
    tonight = [command for command in mirror.world.command_log if command.at == mirror.world.now]
    queued = {(command.device_id, command.window) for command in tonight}
    async with open_view(mirror.settings.state) as view:
        rows = [row async for page in view.ledger.orders() for row in page]
    return [
        Command(row.device.id, row.order.window, row.order.tag, row.order.sent_at)
        for row in rows
        if row.order.state is OrderState.SENDING and (row.device.id, row.order.window) not in queued
    ]


async def test_killing_runs_at_random_changes_nothing(mirror_of: MirrorOf) -> None:
    seed, rng = 23, Random(5)
    expected = await undisturbed(mirror_of, seed)
    world = build(seed, SHARE)
    truth = Truth(world)
    killed, seen = 0, []
    async with mirror_of(world) as mirror:
        for night in range(1, NIGHTS_WITH_KILLS + 1):
            night_falls(world, night)
            if rng.random() < 0.5:
                killed += await kill_a_run(mirror, rng.randrange(3, int(300 * SHARE) + 25))
                truth.doubted += await never_queued(mirror)
            seen.append(await judge(mirror, truth, night))
        held = {key for key, row in (await mirror.files()).items() if row.state == "held"}
        assert held == truth.held
    assert killed >= 2
    # A device to which a command was cut off waits for it; all others must not notice anything.
    doubtful = {command.device_id for command in truth.doubted}
    for before, after in zip(expected, seen, strict=True):
        assert of_others(after, doubtful) == of_others(before, doubtful)


def of_others(reasons: dict[Key, str], devices: set[str]) -> dict[Key, str]:
    return {key: reason for key, reason in reasons.items() if key[0] not in devices}
