"""A simulated month: every night, the reason of every missing file is the one that the world itself knows."""

import sys
from collections import Counter
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import pytest

from osfsync.app import known
from osfsync.domain.errors import ExitCode
from tests.whole.month import KINDS, NIGHTS, Key, Truth, build, night_falls


@pytest.fixture(scope="module")
def anyio_backend() -> tuple[str, dict[str, bool]]:
    """The loop that the command uses."""
    return "asyncio", {"use_uvloop": sys.platform != "win32"}


MirrorOf = Callable[..., AbstractAsyncContextManager[Any]]


async def told(mirror: Any) -> dict[Key, str]:
    """What `osfsync missing` says."""
    return {
        (row.device_id, row.name): row.reason
        async for chunk in known.missing(mirror.settings, clock=lambda: mirror.world.now)
        for row in chunk
    }


async def test_reasons_over_a_month(mirror_of: MirrorOf) -> None:
    world = build(seed=17)
    truth = Truth(world)
    met: Counter[str] = Counter()
    async with mirror_of(world) as mirror:
        for night in range(1, NIGHTS + 1):
            night_falls(world, night)
            summary = await mirror.sync()
            assert summary.exit_code is ExitCode.COMPLETE, (night, summary.problems)
            reasons = truth.reasons()
            assert await told(mirror) == reasons, f"night {night}"
            assert truth.broken_caps() == [], f"night {night}"
            met.update(reasons.values())
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
