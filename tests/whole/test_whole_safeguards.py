"""Safeguards that other tests would not miss: of orders, window edges, failing lists, files in place."""

import sqlite3
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, closing
from datetime import timedelta
from typing import Any

import anyio
import anyio.lowlevel
import pytest

from osfsync.app.runs import BackfillRequest, SyncRequest
from osfsync.archive.base import Placed
from osfsync.archive.receiver import LocalReceiver
from osfsync.domain.errors import ExitCode, StateError
from osfsync.domain.model import Held, StorageStatus, TimeWindow
from osfsync.domain.outcomes import Fact, OrderPrepared
from osfsync.pipeline import record
from osfsync.pipeline.survey import MOST_TROUBLES
from osfsync.simulator.behaviour import Behaviour
from osfsync.simulator.faults import Fault
from osfsync.simulator.fleet import SimDevice
from osfsync.simulator.world import World
from osfsync.state.writer import Writer

MirrorOf = Callable[..., AbstractAsyncContextManager[Any]]

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
DEAD = Behaviour(contact_every=None, files_per_day=0)
ON_DEVICE = StorageStatus.DEVICE_ONLY


async def test_when_the_platform_takes_a_command_the_state_knows_the_order_already(
    mirror_of: MirrorOf, empty_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A run that is killed at this moment must not send the command again."""
    monkeypatch.setattr(record, "SECONDS_WHEN_AWAITED", 0.5)  # a command that does not wait comes earlier
    devices = [empty_world.add_device(f"Truck {number}", behaviour=DEAD) for number in range(3)]
    for device in devices:
        empty_world.add_file(device, "a.osf", ON_DEVICE)
    async with mirror_of(empty_world) as mirror:
        path = mirror.settings.state.url.removeprefix("sqlite:///")
        known: list[tuple[str, bool]] = []
        queue = empty_world.queue

        def taken(device: SimDevice, window: TimeWindow, tag: str) -> None:
            with closing(sqlite3.connect(path)) as state:
                rows = state.execute("SELECT device_id FROM orders").fetchall()
            known.append((device.id, (device.id,) in rows))
            queue(device, window, tag)

        monkeypatch.setattr(empty_world, "queue", taken)
        assert (await mirror.sync()).orders.sent == 3
    assert sorted(known) == sorted((device.id, True) for device in devices)


async def test_an_order_that_the_state_cannot_take_is_not_sent(
    mirror_of: MirrorOf, empty_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    empty_world.add_file(device, "a.osf", ON_DEVICE)
    commit = Writer.commit

    async def failing(self: Writer, facts: list[Fact]) -> None:
        if any(isinstance(fact, OrderPrepared) for fact in facts):
            raise StateError("The state can't be written.")
        await commit(self, facts)

    async with mirror_of(empty_world) as mirror:
        monkeypatch.setattr(Writer, "commit", failing)
        with anyio.fail_after(20):
            summary = await mirror.sync()
        assert (summary.exit_code, summary.orders.sent) == (ExitCode.USAGE, 0)
        assert not empty_world.command_log


async def test_what_lies_at_the_edge_of_a_window_is_not_lost_when_its_list_leaves_it_out(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    """Lists may tell local time, and whether they name what lies at an edge is not documented."""
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    since, until = empty_world.now - 20 * DAY, empty_world.now - 10 * DAY
    minute = timedelta(minutes=1)
    lasts = 10 * minute
    starts = {
        "first-hours.osf": since + DAY - minute,
        "second-day.osf": since + DAY,
        "last-day-but-one.osf": until - DAY - lasts,
        "last-hours.osf": until - DAY - lasts + minute,
        "remains.osf": since + 5 * DAY,
    }
    for name, start in starts.items():
        empty_world.add_file(device, name, ON_DEVICE, start=start, end=start + lasts)
    async with mirror_of(empty_world) as mirror:
        await mirror.sync()
        for name in starts.keys() - {"remains.osf"}:
            empty_world.remove_file(device, name)
        summary = await mirror.sync(SyncRequest(since=since, until=until))
        lost = {name for name, row in (await mirror.missing()).items() if row.reason == "lost"}
        assert lost == {"second-day.osf", "last-day-but-one.osf"}
        assert summary.files.lost == 2


async def test_of_a_device_whose_lists_keep_failing_older_days_are_left_for_another_night(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    """One device must not take the whole night, window by window."""
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    for days in (60, 120, 180, 240):
        empty_world.add_file(device, f"{days}.osf", ON_DEVICE, start=empty_world.now - days * DAY)
    async with mirror_of(empty_world) as mirror:
        mirror.change("limits", retries=0)
        await mirror.backfill(BackfillRequest(since=empty_world.now - 250 * DAY))
        mirror.simulator.requests.clear()
        for endpoint in ("file-list", "server-list"):
            mirror.simulator.faults.add(Fault.status(500), on=endpoint, times=None)
        summary = await mirror.sync()
        assert mirror.simulator.requests["file-list"] == MOST_TROUBLES
        assert [problem.reason for problem in summary.problems].count("days-left") == 1
        assert summary.exit_code is ExitCode.PARTIAL


async def test_a_file_that_is_in_place_is_in_the_state_where_the_run_is_cancelled_between(
    mirror_of: MirrorOf, empty_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    empty_world.add_file(device, "large.bin.osf", StorageStatus.BOTH, size=6_000_000)
    commit = LocalReceiver.commit
    with anyio.CancelScope() as scope:

        async def cancelled(self: LocalReceiver, former: Held | None = None) -> Placed:
            placed = await commit(self, former)
            scope.cancel()
            await anyio.lowlevel.checkpoint()
            return placed

        async with mirror_of(empty_world) as mirror:
            with monkeypatch.context() as patched:
                patched.setattr(LocalReceiver, "commit", cancelled)
                await mirror.sync()
    assert scope.cancelled_caught
    held = [row.path for row in (await mirror.files()).values() if row.state == "held"]
    assert held == list(mirror.on_disk())
