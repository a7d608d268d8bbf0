"""Files that are still on the device: what is ordered, what comes of it, and what is said of it."""

import sqlite3
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, closing
from dataclasses import replace
from datetime import timedelta
from typing import Any

import anyio
import pytest

from osfsync.app import known
from osfsync.app.runs import BackfillRequest, SyncRequest, sync
from osfsync.cloud.client import CloudClient
from osfsync.domain.errors import ExitCode
from osfsync.domain.model import OrderMode, StorageStatus
from osfsync.domain.summary import RunOutcome
from osfsync.pipeline import nightly, order
from osfsync.pipeline.perform import FailOn
from osfsync.simulator.behaviour import LIST_ONLY, STILL, Behaviour
from osfsync.simulator.faults import Fault
from osfsync.simulator.fleet import ListedBy
from osfsync.simulator.listing import TERSE, Dialect
from osfsync.simulator.world import World
from osfsync.state.cancel import cancel_orders
from osfsync.state.database import open_state, open_view

MirrorOf = Callable[..., AbstractAsyncContextManager[Any]]

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
DEAD = Behaviour(contact_every=None, files_per_day=0)
ON_DEVICE = StorageStatus.DEVICE_ONLY


def fill(world: World, device: Any, hours: list[int], **told: Any) -> None:
    """Device-only recordings that began so many hours ago, and took ten minutes each."""
    for hour in hours:
        world.add_file(device, f"a/{hour:04}.osf", ON_DEVICE, start=world.now - hour * HOUR, **told)


async def reasons(mirror: Any) -> dict[str, str]:
    return {name: row.reason for name, row in (await mirror.missing()).items()}


async def orders(mirror: Any) -> list[Any]:
    async with open_view(mirror.settings.state) as view:
        return [row async for page in view.ledger.orders() for row in page]


async def test_a_device_that_connects_and_delivers_nothing_is_asked_again_with_growing_patience(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    device = empty_world.add_device("Truck 1", behaviour=replace(LIST_ONLY, files_per_day=0, jitter=0))
    fill(empty_world, device, [2, 3])
    async with mirror_of(empty_world) as mirror:
        mirror.change("orders", attempts=3)
        asked = []
        for day in range(60):
            sent = (await mirror.sync()).orders.sent
            assert sent <= 1
            if sent:
                asked.append(day)
            empty_world.advance(DAY)
        # Executed at the first contact, 4 h after each order; then 2, 4 and (the last time) 8 days.
        assert asked == [0, 3, 8]
        assert set((await reasons(mirror)).values()) == {"ordered-not-delivered"}
        given_up, *before = await orders(mirror)
        assert (given_up.fate.value, [row.fate.value for row in before]) == ("given-up", ["asked-again"] * 2)
        assert given_up.order.answered_at is not None


async def test_a_silent_device_is_asked_once_and_its_command_waits(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    fill(empty_world, device, [2, 3])
    async with mirror_of(empty_world) as mirror:
        await mirror.sync()
        assert set((await reasons(mirror)).values()) == {"ordered"}
        for _ in range(20):
            empty_world.advance(DAY)
            await mirror.sync()
        assert len(empty_world.command_log) == 1
        assert set((await reasons(mirror)).values()) == {"device-silent"}
        device.behaviour = STILL
        empty_world.connect(device)
        assert (await mirror.sync()).files.fetched == 2


async def test_no_more_commands_wait_for_a_device_than_allowed_and_the_oldest_go_first(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    fill(empty_world, device, [2, 50, 100, 150, 200])
    async with mirror_of(empty_world) as mirror:
        mirror.change("orders", max_queued=2)
        assert (await mirror.sync()).orders.sent == 2
        assert [command.window.start for command in empty_world.command_log] == [
            device.files["a/0200.osf"].start,
            device.files["a/0150.osf"].start,
        ]
        assert (await mirror.sync()).orders.sent == 0
        for fetched, sent in ((1, 1), (1, 1), (1, 1), (1, 0), (1, 0)):
            empty_world.advance(HOUR)
            empty_world.connect(device)
            summary = await mirror.sync()
            assert (summary.files.fetched, summary.orders.sent) == (fetched, sent)
            assert len(device.queue) <= 2


async def test_files_are_merged_within_the_gap_and_the_longest_window(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    device = empty_world.add_device("Truck 1", behaviour=STILL)
    fill(empty_world, device, [1, 2, 3, 10, 11, 12, 13])
    async with mirror_of(empty_world) as mirror:
        mirror.change("orders", merge_gap=3 * HOUR, max_window=2 * HOUR)
        assert (await mirror.sync()).orders.sent == 4
        spans = sorted(
            (command.window.start, round((command.window.end - command.window.start) / HOUR, 1))
            for command in empty_world.command_log
        )
        assert [length for _, length in spans] == [1.2, 1.2, 1.2, 0.2]


@pytest.mark.parametrize("status", [400, 403, 429])
async def test_a_refused_command_never_ends_the_run(
    mirror_of: MirrorOf, empty_world: World, status: int
) -> None:
    refused = empty_world.add_device("Truck 1", refusal=status)
    fine = empty_world.add_device("Truck 2")
    for device, hours in ((refused, [2, 100]), (fine, [3, 101])):
        fill(empty_world, device, hours)
        empty_world.add_file(device, "there.osf", StorageStatus.BOTH)
    async with mirror_of(empty_world) as mirror:
        mirror.change("limits", retries=0)
        summary = await mirror.sync()
        assert summary.exit_code is ExitCode.COMPLETE
        assert summary.files.fetched == 2
        assert [problem.device for problem in summary.problems] == ["Truck 1"]
        told = next(row for row in (await mirror.missing()).values() if row.device == "Truck 1")
        assert told.reason == ("no-permission" if status == 403 else "listed-not-ordered")
        assert str(status) in told.explanation
        refused.refusal = None
        assert (await mirror.sync()).orders.sent >= 2
        assert {row.fate.value for row in await orders(mirror)} == {"sent", "refused"}


async def test_a_platform_that_puts_off_three_devices_is_asked_for_no_fourth(
    mirror_of: MirrorOf, empty_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(order, "WORKERS", 1)  # several would send at the same time
    for number in range(5):
        fill(empty_world, empty_world.add_device(f"Truck {number}"), [2])
    async with mirror_of(empty_world) as mirror:
        mirror.change("limits", retries=0)
        mirror.simulator.faults.add(Fault.status(429, retry_after=3600), on="request-list", times=None)
        summary = await mirror.sync()
        put_off = [problem.device for problem in summary.problems if problem.reason == "busy"]
        assert len(put_off) == order.BUSY_DEVICES == 3


async def test_a_platform_that_wants_fewer_commands_still_gives_files(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    for number in range(3):
        device = empty_world.add_device(f"Truck {number}")
        fill(empty_world, device, [2])
        empty_world.add_file(device, "there.osf", StorageStatus.BOTH)
    async with mirror_of(empty_world) as mirror:
        mirror.simulator.faults.add(Fault.status(429, retry_after=3600), on="request-list", times=None)
        summary = await mirror.sync()
        assert summary.exit_code is ExitCode.COMPLETE
        assert (summary.files.fetched, summary.orders.sent) == (3, 0)
        assert mirror.simulator.requests["request-list"] <= 3
        mirror.simulator.faults.clear()
        assert (await mirror.sync()).orders.sent == 3


@pytest.mark.parametrize("fault", [Fault.reset(), Fault.status(500)])
async def test_a_command_in_doubt_counts_as_sent_until_the_device_did_not_get_it(
    mirror_of: MirrorOf, empty_world: World, fault: Fault
) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    fill(empty_world, device, [2])
    async with mirror_of(empty_world) as mirror:
        mirror.change("limits", retries=0)
        mirror.simulator.faults.add(fault, on="request-list")
        summary = await mirror.sync()
        assert summary.exit_code is ExitCode.COMPLETE
        assert summary.orders.sent == len(empty_world.command_log) == 0
        assert [row.order.state.value for row in await orders(mirror)] == ["doubtful"]
        assert await reasons(mirror) == {"a/0002.osf": "ordered"}
        assert (await mirror.sync()).orders.sent == 0
        empty_world.advance(HOUR)
        empty_world.connect(device)  # it fetches no command, for there is none
        assert (await mirror.sync()).orders.sent == 1
        empty_world.connect(device)
        assert (await mirror.sync()).files.fetched == 1


async def test_the_log_is_read_once_a_run_and_only_of_devices_that_owe_files(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    owing, settled = empty_world.add_device("Owing"), empty_world.add_device("Settled")
    fill(empty_world, owing, [2, 100, 200])
    empty_world.add_file(settled, "there.osf", StorageStatus.BOTH)
    empty_world.advance(10 * DAY)
    fill(empty_world, owing, [50, 150])
    async with mirror_of(empty_world) as mirror:
        await mirror.sync()
        # The first look goes back 30 days, a week at a time; the week's grid is that of the epoch.
        assert mirror.simulator.requests["communication"] in {5, 6}
        mirror.simulator.requests.clear()
        empty_world.advance(HOUR)
        await mirror.sync()
        assert mirror.simulator.requests["communication"] in {1, 2}
        rows = {row.device: row async for chunk in known.devices(mirror.settings) for row in chunk}
        assert rows["Owing"].last_contact == owing.last_contact


async def test_a_log_that_cannot_be_read_leaves_the_basic_rule(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    fill(empty_world, device, [2])
    async with mirror_of(empty_world) as mirror:
        mirror.simulator.faults.add(Fault.status(403), on="communication", times=None)
        summary = await mirror.sync()
        assert summary.exit_code is ExitCode.COMPLETE
        assert [problem.reason for problem in summary.problems] == ["no-permission"]
        for hours, sent in ((47, 0), (2, 1), (95, 0), (2, 1)):
            empty_world.advance(hours * HOUR)
            assert (await mirror.sync()).orders.sent == sent
            assert await reasons(mirror) == {"a/0002.osf": "ordered"}


async def test_a_file_that_vanishes_before_it_was_held_is_lost(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    fill(empty_world, device, [2, 3, 4])
    empty_world.add_file(device, "there.osf", StorageStatus.BOTH)
    async with mirror_of(empty_world) as mirror:
        await mirror.sync()
        seen = empty_world.now
        empty_world.advance(DAY)
        empty_world.remove_file(device, "a/0002.osf")
        empty_world.remove_file(device, "there.osf")  # held: its vanishing is no loss
        summary = await mirror.sync(SyncRequest(fail_on=frozenset({FailOn.LOST})))
        assert (summary.exit_code, summary.outcome) == (ExitCode.PENDING, RunOutcome.COMPLETE)
        assert summary.files.lost == 1
        assert [problem.reason for problem in summary.problems] == ["lost"]
        missing = await mirror.missing()
        assert missing["a/0002.osf"].reason == "lost"
        assert f"{seen:%Y-%m-%d %H:%M}" in missing["a/0002.osf"].explanation
        again = await mirror.sync(SyncRequest(fail_on=frozenset({FailOn.LOST})))
        assert (again.exit_code, again.files.lost) == (ExitCode.COMPLETE, 0)
        fill(empty_world, device, [26])  # the same recording, by another name
        empty_world.add_file(device, "a/0002.osf", StorageStatus.BOTH, start=seen - 2 * HOUR)
        assert (await mirror.sync()).files.fetched == 1


async def test_an_empty_or_a_failed_list_makes_nothing_lost(mirror_of: MirrorOf, empty_world: World) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    fill(empty_world, device, [2, 3])
    async with mirror_of(empty_world) as mirror:
        mirror.change("limits", retries=0)
        await mirror.sync()
        empty = Fault.wrong_json()
        for fault in (Fault.status(500), Fault.bad_xml(), empty):
            mirror.simulator.faults.add(fault, on="file-list")
            summary = await mirror.sync()
            assert summary.files.lost == 0
        kept = dict(device.files)
        device.files.clear()
        summary = await mirror.sync()
        assert (summary.exit_code, summary.files.lost) == (ExitCode.COMPLETE, 0)
        (problem,) = summary.problems
        assert (problem.device, problem.reason) == ("Truck 1", "empty-list")
        assert "it named 2 files before that only the device has" in problem.explanation
        assert "lost" not in (await reasons(mirror)).values()
        device.files.update(kept)
        empty_world.add_file(device, "there.osf", StorageStatus.BOTH)
        del device.files["a/0003.osf"]
        assert (await mirror.sync()).files.lost == 1


async def test_a_device_that_is_sealed_later_has_no_empty_list(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    """The server's own list names no file that only the device has, and one that it lacks was not empty."""
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    fill(empty_world, device, [2, 3])
    empty_world.add_file(device, "there.osf", StorageStatus.BOTH)
    async with mirror_of(empty_world) as mirror:
        await mirror.sync()
        device.readable = False
        for _ in range(2):
            summary = await mirror.sync()
            assert summary.exit_code is ExitCode.COMPLETE
            assert {problem.reason for problem in summary.problems} == {"no-permission"}
            device.files.pop("there.osf", None)


async def test_losses_teach_how_long_a_device_keeps_files_and_the_oldest_are_ordered_first(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    async with mirror_of(empty_world) as mirror:
        mirror.change("orders", mode=OrderMode.NEVER)
        fill(empty_world, device, [1])
        for day in range(6):
            fill(empty_world, device, [10 * day + 5])
            await mirror.sync()
            empty_world.advance(DAY)
        for name in sorted(device.files)[:4]:
            empty_world.remove_file(device, name)
        assert (await mirror.sync()).files.lost == 4
        start = empty_world.now - 40 * HOUR
        empty_world.add_file(device, "b/old.osf", ON_DEVICE, start=start, tag="raw")
        empty_world.add_file(device, "b/new.osf", ON_DEVICE, start=empty_world.now - HOUR)
        mirror.change("orders", mode=OrderMode.AUTO, max_queued=1, patience=2 * HOUR)
        summary = await mirror.sync()
        assert "loss-near" in [problem.reason for problem in summary.problems]
        (command,) = empty_world.command_log
        assert command.tag == "preview"
        assert command.window.start < start


async def test_where_both_lists_can_be_had_they_are_reconciled(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    empty_world.add_file(device, "both.osf", StorageStatus.BOTH)
    empty_world.add_file(device, "device.osf", StorageStatus.BOTH).listed_by = ListedBy.DEVICE_LIST
    empty_world.add_file(device, "server.osf", StorageStatus.SERVER_ONLY).listed_by = ListedBy.SERVER_LIST
    async with mirror_of(empty_world) as mirror:
        summary = await mirror.sync()
        assert summary.files.fetched == summary.files.listed == 3
        problems = {problem.explanation for problem in summary.problems if problem.reason == "lists-differ"}
        assert len(problems) == 2
        assert any("server.osf" in text for text in problems)
        assert any("device.osf" in text for text in problems)
        await mirror.assert_equals_server()
        again = await mirror.sync()
        assert (again.files.held, again.files.lost) == (3, 0)
        for file in device.files.values():
            file.listed_by = ListedBy.BOTH
        assert (await mirror.sync()).problems == ()


async def test_a_server_list_that_cannot_be_had_hinders_nothing(
    mirror_of: MirrorOf, small_world: World
) -> None:
    async with mirror_of(small_world) as mirror:
        mirror.change("limits", retries=0)
        readable = [device for device in small_world.devices(small_world.main.id) if device.readable]
        for device in readable:
            mirror.simulator.faults.add(Fault.status(404), on="server-list", device=device.id, times=None)
        assert (await mirror.sync()).exit_code is ExitCode.COMPLETE
        await mirror.assert_equals_server()


async def test_a_run_that_waits_fetches_what_comes_and_ends_when_all_is_here(
    mirror_of: MirrorOf, empty_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nightly, "POLL_FIRST", timedelta(milliseconds=20))
    monkeypatch.setattr(nightly, "POLL_LONGEST", timedelta(milliseconds=200))
    device = empty_world.add_device("Truck 1", behaviour=replace(STILL, files_per_contact=1))
    other = empty_world.add_device("Truck 2", behaviour=DEAD)
    fill(empty_world, device, [2, 3, 4])
    empty_world.add_file(other, "there.osf", StorageStatus.BOTH)
    async with mirror_of(empty_world) as mirror:

        async def time_passes() -> None:
            for _ in range(3):
                before = len(mirror.on_disk())
                empty_world.advance(4 * HOUR)
                with anyio.fail_after(20):
                    while len(mirror.on_disk()) == before:  # noqa: ASYNC110 — nothing notifies
                        await anyio.sleep(0.01)

        async with anyio.create_task_group() as group:
            summary = None

            async def wait() -> None:
                nonlocal summary
                summary = await mirror.sync(SyncRequest(wait=timedelta(minutes=5)))

            group.start_soon(wait)
            with anyio.fail_after(20):
                while not device.queue:  # noqa: ASYNC110 — nothing notifies
                    await anyio.sleep(0.01)
            await time_passes()
        assert summary is not None
        assert summary.exit_code is ExitCode.COMPLETE
        assert (summary.files.listed, summary.files.fetched) == (4, 4)
        assert (summary.files.device_only, summary.files.requested, summary.files.left) == (0, 0, 0)
        assert summary.orders.sent == 1
        await mirror.assert_equals_server()


async def test_a_run_that_waits_notices_a_contact_between_the_command_and_the_log(
    mirror_of: MirrorOf, empty_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nightly, "POLL_FIRST", timedelta(milliseconds=20))
    device = empty_world.add_device("Truck 1", behaviour=STILL)
    fill(empty_world, device, [2])
    async with mirror_of(empty_world) as mirror:
        mirror.simulator.faults.add(Fault.drip(100, head=True), on="request-list")

        async def connect_at_once() -> None:
            while not device.queue:  # noqa: ASYNC110 — nothing notifies
                await anyio.sleep(0.001)
            empty_world.advance(4 * HOUR)

        with anyio.fail_after(30):
            async with anyio.create_task_group() as group:
                group.start_soon(connect_at_once)
                summary = await mirror.sync(SyncRequest(wait=timedelta(minutes=5)))
        assert (summary.exit_code, summary.files.fetched) == (ExitCode.COMPLETE, 1)


@pytest.mark.parametrize("failing", ["all", "those in doubt"])
async def test_a_run_that_waits_lists_devices_whose_logs_can_t_be_had(
    mirror_of: MirrorOf, empty_world: World, monkeypatch: pytest.MonkeyPatch, failing: str
) -> None:
    """The platform gives up no logs any more, or not those of devices of which only a log tells the news."""
    monkeypatch.setattr(nightly, "POLL_FIRST", timedelta(milliseconds=20))
    monkeypatch.setattr(nightly, "POLL_LONGEST", timedelta(milliseconds=100))
    world = empty_world
    doubtful = [world.add_device(f"Card {number}", behaviour=DEAD) for number in range(4)]
    owing = [world.add_device(f"Truck {number}", behaviour=DEAD) for number in range(5)]
    for device in doubtful:
        world.add_file(device, "a.osf", StorageStatus.SERVER_ONLY, start=world.now - HOUR)
    for device in owing:
        fill(world, device, [2])
    async with mirror_of(world) as mirror:
        mirror.change("limits", retries=0)
        for device in doubtful if failing == "those in doubt" else [*doubtful, *owing]:
            mirror.simulator.faults.add(Fault.status(500), on="communication", times=None, device=device.id)

        async def deliver() -> None:
            while mirror.simulator.requests["request-list"] < len(owing):  # noqa: ASYNC110 — likewise
                await anyio.sleep(0.01)
            for device in owing:
                world.connect(device)
                world.set_status(device, "a/0002.osf", StorageStatus.BOTH)

        with anyio.fail_after(30):
            async with anyio.create_task_group() as group:
                group.start_soon(deliver)
                summary = await mirror.sync(SyncRequest(wait=timedelta(minutes=5)))
        assert summary.files.fetched == len(doubtful) + len(owing)
        await mirror.assert_equals_server()


async def test_a_file_that_grows_while_a_run_waits_is_counted_once(
    mirror_of: MirrorOf, empty_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nightly, "POLL_FIRST", timedelta(milliseconds=20))
    device = empty_world.add_device("Truck 1", behaviour=STILL)
    empty_world.add_file(device, "grows.osf", StorageStatus.BOTH, size=3_000)
    fill(empty_world, device, [2])
    async with mirror_of(empty_world) as mirror:

        async def grow_and_deliver() -> None:
            while not (device.queue and mirror.on_disk()):  # noqa: ASYNC110 — nothing notifies
                await anyio.sleep(0.01)
            empty_world.add_file(device, "grows.osf", StorageStatus.BOTH, size=9_000)
            empty_world.advance(4 * HOUR)

        with anyio.fail_after(30):
            async with anyio.create_task_group() as group:
                group.start_soon(grow_and_deliver)
                summary = await mirror.sync(SyncRequest(wait=timedelta(minutes=5)))
        assert (summary.files.listed, summary.files.fetched) == (2, 2)
        await mirror.assert_equals_server()


async def test_a_run_waits_no_longer_than_it_may_and_lists_only_devices_with_news(
    mirror_of: MirrorOf, empty_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nightly, "POLL_FIRST", timedelta(milliseconds=50))
    fill(empty_world, empty_world.add_device("Truck 1", behaviour=DEAD), [2])
    async with mirror_of(empty_world) as mirror:
        with anyio.fail_after(10):
            summary = await mirror.sync(
                SyncRequest(wait=timedelta(seconds=0.4), fail_on=frozenset({FailOn.PENDING}))
            )
        assert summary.exit_code is ExitCode.PENDING
        assert (summary.files.listed, summary.files.device_only) == (1, 1)
        assert mirror.simulator.requests["communication"] > 6
        assert mirror.simulator.requests["file-list"] == 1


async def test_what_is_cancelled_is_ordered_anew(mirror_of: MirrorOf, empty_world: World) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    fill(empty_world, device, [2])
    async with mirror_of(empty_world) as mirror:
        await mirror.sync()
        async with open_state(mirror.settings.state) as state:
            assert await cancel_orders(state, [device.id], empty_world.now) == 1
        assert await reasons(mirror) == {"a/0002.osf": "listed-not-ordered"}
        assert (await mirror.sync()).orders.sent == 1


async def test_lists_without_sizes_and_times_are_followed_too(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    empty_world.dialect = TERSE
    device = empty_world.add_device("Truck 1", behaviour=STILL)
    fill(empty_world, device, [2, 3])
    empty_world.add_file(device, "there.osf", StorageStatus.BOTH)
    async with mirror_of(empty_world) as mirror:
        assert (await mirror.sync()).orders.sent == 1
        empty_world.remove_file(device, "a/0002.osf")
        empty_world.advance(DAY)
        summary = await mirror.sync()
        assert (summary.files.fetched, summary.files.lost) == (1, 1)


@pytest.mark.parametrize("log", ["empty", "unknown kinds", "refused"])
async def test_a_log_that_tells_nothing_does_not_stop_orders(
    mirror_of: MirrorOf, empty_world: World, log: str
) -> None:
    device = empty_world.add_device("Truck 1", behaviour=replace(STILL, files_per_contact=50))
    faults = {
        "empty": Fault.wrong_json("[]"),
        "unknown kinds": Fault.wrong_json('[{"colour": "red", "ts": 1772400000000}]'),
        "refused": Fault.status(403),
    }
    async with mirror_of(empty_world) as mirror:
        mirror.simulator.faults.add(faults[log], on="communication", times=None)
        for night in range(12):
            empty_world.add_file(device, f"{night}.osf", ON_DEVICE, start=empty_world.now - HOUR)
            await mirror.sync()
            empty_world.advance(DAY)
        await mirror.sync()
        await mirror.assert_equals_server()
        assert await reasons(mirror) == {}


async def test_a_platform_that_wants_fewer_questions_still_gives_files(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    for number in range(6):
        device = empty_world.add_device(f"Truck {number}", behaviour=DEAD)
        fill(empty_world, device, [2])
        empty_world.add_file(device, "there.osf", StorageStatus.BOTH)
    async with mirror_of(empty_world) as mirror:
        mirror.simulator.faults.add(Fault.status(429, retry_after=86_400), on="communication", times=None)
        summary = await mirror.sync()
        assert (summary.exit_code, summary.files.fetched) == (ExitCode.COMPLETE, 6)
        assert mirror.simulator.requests["communication"] <= 6
        mirror.simulator.faults.clear()
        assert (await mirror.sync()).exit_code is ExitCode.COMPLETE


async def test_cancelling_frees_the_place_of_what_waited(mirror_of: MirrorOf, empty_world: World) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    fill(empty_world, device, [2, 100, 200, 300])
    async with mirror_of(empty_world) as mirror:
        assert (await mirror.sync()).orders.sent == 4
        async with open_state(mirror.settings.state) as state:
            assert await cancel_orders(state, [device.id], empty_world.now) == 4
        assert (await mirror.sync()).orders.sent == 4


async def test_lost_files_free_the_place_of_their_command(mirror_of: MirrorOf, empty_world: World) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    fill(empty_world, device, [2, 100, 200, 300])
    empty_world.add_file(device, "there.osf", StorageStatus.BOTH)
    async with mirror_of(empty_world) as mirror:
        await mirror.sync()
        for name in [name for name in device.files if name.startswith("a/")]:
            empty_world.remove_file(device, name)
        fill(empty_world, device, [1])
        summary = await mirror.sync()
        assert (summary.files.lost, summary.orders.sent) == (4, 0)
        assert (await mirror.sync()).orders.sent == 1


async def test_a_command_in_doubt_that_the_device_answered_was_an_attempt(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    """As if its answer had been heard: its patience counts, and doubles with the next."""
    device = empty_world.add_device("Truck 1", behaviour=replace(DEAD, delivers=False))
    fill(empty_world, device, [2])
    async with mirror_of(empty_world) as mirror:
        await mirror.sync()
        # As a run leaves it that is killed when the command is queued, and its answer not yet heard.
        with closing(sqlite3.connect(mirror.settings.state.url.removeprefix("sqlite:///"))) as state:
            state.execute("UPDATE orders SET state = 'sending'")
            state.execute("UPDATE files SET orders = 0, ordered_at = NULL, order_id = NULL")
            state.commit()
        asked = []
        for _ in range(12):
            await mirror.sync()
            asked.append(len(empty_world.command_log))
            empty_world.advance(DAY)
            empty_world.connect(device)
        assert [row.order.state.value for row in await orders(mirror)] == ["sent"] * len(
            empty_world.command_log
        )
    # Its first contact comes a day after it; then patience is 2 days, after the next 4.
    assert asked == [1, 1, 1, 2, 2, 2, 2, 2, 3, 3, 3, 3]


async def test_doubtful_commands_use_up_no_attempt(mirror_of: MirrorOf, empty_world: World) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    fill(empty_world, device, [2])
    async with mirror_of(empty_world) as mirror:
        mirror.change("limits", retries=0)
        mirror.change("orders", attempts=2)
        mirror.simulator.faults.add(Fault.status(500), on="request-list", times=6)
        for _ in range(7):
            await mirror.sync()
            empty_world.advance(DAY)
            empty_world.connect(device)
        await mirror.sync()
        await mirror.assert_equals_server()


async def test_a_window_that_the_platform_refuses_hides_no_other(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    fill(empty_world, device, [24 * 20])
    async with mirror_of(empty_world) as mirror:
        await mirror.sync()
        empty_world.advance(60 * DAY)
        empty_world.add_file(device, "new.osf", StorageStatus.BOTH)
        mirror.simulator.faults.add(Fault.delay(0), on="file-list", times=1)  # the newest days
        mirror.simulator.faults.add(Fault.status(400), on="file-list", times=1)
        summary = await mirror.sync()
        assert (summary.exit_code, summary.files.fetched) == (ExitCode.PARTIAL, 1)


async def test_a_file_that_the_list_makes_current_again_is_not_lost(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    empty_world.add_file(device, "a.osf", StorageStatus.BOTH, size=4_000)
    async with mirror_of(empty_world) as mirror:
        mirror.change("limits", retries=0)
        await mirror.sync()
        device.files["a.osf"].size = 5_000
        mirror.simulator.faults.add(Fault.status(404), on="download-token", times=None)
        assert (await mirror.sync()).files.failed == 1
        device.files["a.osf"].size = 4_000
        summary = await mirror.sync()
        assert (summary.files.held, summary.files.lost) == (1, 0)


async def test_a_device_that_failed_before_a_wait_still_has_failed(
    mirror_of: MirrorOf, empty_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(nightly, "POLL_FIRST", timedelta(milliseconds=50))
    fill(empty_world, empty_world.add_device("Truck 1", behaviour=DEAD), [2])
    async with mirror_of(empty_world) as mirror:
        mirror.change("limits", retries=0)
        await mirror.sync()
        mirror.simulator.faults.add(Fault.status(500), on="file-list")
        summary = await mirror.sync(SyncRequest(wait=timedelta(seconds=0.3)))
        assert (summary.exit_code, summary.devices.failed) == (ExitCode.PARTIAL, 1)
        assert summary.files.device_only == 0


async def test_commands_break_only_at_files_that_an_order_waits_for(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    fill(empty_world, device, list(range(2, 40, 2)))
    for name in list(device.files)[::2]:
        empty_world.set_status(device, name, StorageStatus.REQUESTED)
    async with mirror_of(empty_world) as mirror:
        assert (await mirror.sync()).orders.sent == 1


async def test_files_without_a_time_are_ordered_with_the_day_before_they_were_listed(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    """Never with the whole lookback, and the run says that times are unreadable."""
    empty_world.dialect = TERSE
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    async with mirror_of(empty_world) as mirror:
        for night in range(3):
            empty_world.add_file(device, f"{night}.osf", ON_DEVICE)
            summary = await mirror.sync()
            assert summary.orders.sent == 1
            assert ("times-unreadable" in {problem.reason for problem in summary.problems}) is True
            empty_world.advance(DAY)
        for row in await orders(mirror):
            assert row.order.window.end - row.order.window.start <= DAY + timedelta(seconds=1)


async def test_files_without_a_time_are_ordered_by_the_time_in_their_names(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    """Its zone is unknown: 14 hours on both sides cover all of them."""
    empty_world.dialect = TERSE
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    begun = empty_world.now - 9 * DAY
    empty_world.add_file(device, f"{begun:%Y%m%d/%Y%m%d_%H%M%S}.osfz", ON_DEVICE)
    async with mirror_of(empty_world) as mirror:
        summary = await mirror.sync()
        assert (summary.orders.sent, summary.problems) == (1, ())
        (row,) = await orders(mirror)
        assert row.order.window.start <= begun <= row.order.window.end
        assert row.order.window.end - row.order.window.start < timedelta(hours=29)


async def test_a_platform_whose_clock_is_ahead_is_followed_by_its_own_clock(
    mirror_of: MirrorOf, empty_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    fill(empty_world, device, [2])
    async with mirror_of(empty_world) as mirror:
        # Our clock is two hours behind the world's; the platform tells its own in every answer.
        monkeypatch.setattr(CloudClient, "clock_offset", timedelta(hours=2))

        async def ours() -> Any:
            return await sync(
                mirror.settings,
                mirror.ask_password,
                SyncRequest(),
                clock=lambda: empty_world.now - timedelta(hours=2),
            )

        await ours()
        assert (await orders(mirror))[0].order.sent_at == empty_world.now


async def test_a_command_that_waits_does_for_its_own_days_only_where_lists_tell_no_times(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    empty_world.dialect = TERSE
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    for days in (50, 110, 170):
        empty_world.add_file(
            device, f"{days}.osf", StorageStatus.DEVICE_ONLY, start=empty_world.now - timedelta(days=days)
        )
    async with mirror_of(empty_world) as mirror:
        since, until = (empty_world.now - timedelta(days=days) for days in (200, 40))
        summary = await mirror.backfill(BackfillRequest(since=since, until=until))
        assert summary.orders.sent == 3
        empty_world.advance(timedelta(days=1))
        assert (await mirror.sync()).orders.sent == 0


async def test_lists_that_lose_the_fields_of_earlier_runs_are_refused_by_a_dry_run_too(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    """The choice is kept per tenant: other fields are a problem, and no new guess."""
    empty_world.dialect = Dialect(name="LogPath", status="WhereStored")
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    fill(empty_world, device, [2, 3, 4])
    for number in range(3):
        empty_world.add_file(device, f"there{number}.osf", StorageStatus.BOTH)
    async with mirror_of(empty_world) as mirror:
        assert (await mirror.sync()).files.fetched == 3
        empty_world.dialect = Dialect(name="OtherPath", status="WhereStored")
        for summary in (await mirror.rehearse(), await mirror.sync()):
            assert summary.devices.failed == 1
            assert any("LogPath" in problem.explanation for problem in summary.problems)
