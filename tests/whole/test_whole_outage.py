"""A whole run whose platform is down for a while, at the start or in the middle of it."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any

import anyio
import anyio.lowlevel
import pytest
from structlog.testing import capture_logs

from osfsync.app.runs import SyncRequest
from osfsync.cloud import outage
from osfsync.domain.errors import ExitCode
from osfsync.simulator.faults import Fault
from osfsync.simulator.world import World

MirrorOf = Callable[..., AbstractAsyncContextManager[Any]]


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outage, "_SHORTEST", 0.05)


def break_down(mirror: Any) -> None:
    for endpoint in ("authorization", "login", "devices", "file-list", "server-list", "download-token"):
        mirror.simulator.faults.add(Fault.status(502), on=endpoint, times=None)


@pytest.mark.parametrize("answered", [0, 3], ids=["at the start", "during the lists"])
async def test_a_run_waits_for_a_platform_that_is_down(
    mirror_of: MirrorOf, small_world: World, answered: int
) -> None:
    async with mirror_of(small_world) as mirror:
        mirror.change("cloud", outage_patience=timedelta(minutes=5))
        mirror.change("limits", retries=1, listings=2)

        async def mend() -> None:
            while mirror.simulator.requests.total() < answered:
                await anyio.lowlevel.checkpoint()
            break_down(mirror)
            while not any(entry["event"] == "waiting for the platform" for entry in logs):  # noqa: ASYNC110
                await anyio.sleep(0.01)
            mirror.simulator.faults.clear()

        with capture_logs() as logs, anyio.fail_after(60):
            async with anyio.create_task_group() as group:
                if not answered:
                    break_down(mirror)
                group.start_soon(mend)
                summary = await mirror.sync()
        assert summary.exit_code is ExitCode.COMPLETE
        await mirror.assert_equals_server()


async def test_the_longest_duration_of_a_run_ends_the_wait(mirror_of: MirrorOf, small_world: World) -> None:
    async with mirror_of(small_world) as mirror:
        mirror.change("cloud", outage_patience=timedelta(minutes=5))
        break_down(mirror)
        with anyio.fail_after(30):
            summary = await mirror.sync(SyncRequest(max_duration=timedelta(seconds=0.5)))
        assert summary.exit_code is ExitCode.MAX_DURATION


async def test_an_outage_that_outlasts_the_patience_ends_the_run(
    mirror_of: MirrorOf, small_world: World
) -> None:
    async with mirror_of(small_world) as mirror:
        mirror.change("cloud", outage_patience=timedelta(seconds=0.3))
        mirror.change("limits", retries=0)
        break_down(mirror)
        with anyio.fail_after(30):
            summary = await mirror.sync()
        assert summary.exit_code is ExitCode.UNREACHABLE
