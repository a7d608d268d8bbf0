"""Two safeguards: an order is in the state before its command is sent; a window's edge loses no file."""

import sqlite3
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, closing
from datetime import timedelta
from typing import Any

import anyio
import pytest

from osfsync.app.runs import SyncRequest
from osfsync.domain.errors import ExitCode, StateError
from osfsync.domain.model import StorageStatus, TimeWindow
from osfsync.domain.outcomes import Fact, OrderPrepared
from osfsync.pipeline import record
from osfsync.simulator.behaviour import Behaviour
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
