"""Nothing that could be had is passed over for good: nights without a list, silent devices, short lists."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any

import pytest

from osfsync.app import known
from osfsync.app.runs import BackfillRequest, SyncRequest
from osfsync.cloud.client import CloudClient
from osfsync.domain.errors import ExitCode
from osfsync.domain.model import StorageStatus
from osfsync.simulator.behaviour import Behaviour
from osfsync.simulator.faults import Fault, Replace
from osfsync.simulator.fleet import ListedBy, SimDevice
from osfsync.simulator.listing import TERSE, Dialect
from osfsync.simulator.world import World
from tests.whole.test_whole_verify import flip, mend

MirrorOf = Callable[..., AbstractAsyncContextManager[Any]]
DEAD = Behaviour(contact_every=None, files_per_day=0)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)


async def assert_all_is_here(mirror: Any) -> None:
    summary = await mirror.sync()
    assert summary.exit_code is ExitCode.COMPLETE
    await mirror.assert_equals_server()


def record_a_night(world: World, device: SimDevice, night: int) -> None:
    world.advance(DAY)
    world.add_file(device, f"{night}.osf", StorageStatus.BOTH)


@pytest.mark.parametrize("trouble", ["no run at all", "the list fails"])
async def test_nights_without_a_list_are_made_up_for(
    mirror_of: MirrorOf, empty_world: World, trouble: str
) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    empty_world.add_file(device, "0.osf", StorageStatus.BOTH)
    async with mirror_of(empty_world) as mirror:
        mirror.change("limits", retries=0)
        await mirror.sync()
        mirror.simulator.faults.add(Fault.status(500), on="file-list", times=None)
        for night in range(1, 41):
            record_a_night(empty_world, device, night)
            if trouble == "the list fails" and night % 10 == 0:
                assert (await mirror.sync()).exit_code is ExitCode.PARTIAL
        mirror.simulator.faults.clear()
        await assert_all_is_here(mirror)


async def test_a_device_that_was_out_of_contact_tells_its_recordings_afterwards(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    empty_world.add_file(device, "before.osf", StorageStatus.BOTH)
    async with mirror_of(empty_world) as mirror:
        for _ in range(7):
            await mirror.sync()
            empty_world.advance(10 * DAY)
        for days in (65, 45, 5):
            start = empty_world.now - days * DAY
            empty_world.add_file(device, f"{days}.osf", StorageStatus.BOTH, start=start)
        await assert_all_is_here(mirror)


@pytest.mark.parametrize("status", [500, 200])
async def test_days_that_fail_while_the_newest_are_listed_are_asked_for_again(
    mirror_of: MirrorOf, empty_world: World, status: int
) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    empty_world.add_file(device, "0.osf", StorageStatus.BOTH)
    async with mirror_of(empty_world) as mirror:
        mirror.change("limits", retries=0)
        await mirror.sync()
        for night in range(1, 41):
            record_a_night(empty_world, device, night)
        fault = Fault.status(500) if status == 500 else Fault.bad_xml()
        mirror.simulator.faults.add(Fault.delay(0), on="file-list", times=1)  # the newest days
        mirror.simulator.faults.add(fault, on="file-list", times=2)  # older ones, in two pieces
        summary = await mirror.sync()
        assert summary.exit_code is ExitCode.PARTIAL
        assert summary.files.fetched >= 30
        assert len(await mirror.files()) < 41
        empty_world.advance(DAY)
        await assert_all_is_here(mirror)


async def test_a_backfill_of_old_days_draws_no_sync_back(mirror_of: MirrorOf, empty_world: World) -> None:
    """What lies between them was not asked for."""
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    for days in (400, 200, 2):
        empty_world.add_file(device, f"{days}.osf", StorageStatus.BOTH, start=empty_world.now - days * DAY)
    async with mirror_of(empty_world) as mirror:
        await mirror.sync()
        now = empty_world.now
        await mirror.backfill(BackfillRequest(since=now - 410 * DAY, until=now - 390 * DAY))
        await mirror.sync(SyncRequest(since=now - 410 * DAY, until=now - 390 * DAY))
        empty_world.advance(DAY)
        await mirror.sync()
        assert {row.name for row in (await mirror.files()).values()} == {"400.osf", "2.osf"}


async def test_a_lost_file_is_looked_for_after_months_without_a_sync(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    """A list left it out on one night, and then no list was read for longer than it is looked for."""
    truck = empty_world.add_device("Truck 1", behaviour=DEAD)
    empty_world.add_file(truck, "old.osf", StorageStatus.BOTH, start=empty_world.now - 20 * DAY)
    async with mirror_of(empty_world) as mirror:
        mirror.change("limits", retries=0)
        mirror.simulator.faults.add(Fault.status(500), on="download-token", file="old.osf", times=None)
        for night in range(40):  # what lies before is seen, and need not be listed again
            empty_world.advance(DAY)
            empty_world.add_file(truck, f"{night}.osf", StorageStatus.BOTH)
            await mirror.sync()
        gone = truck.files.pop("old.osf")
        assert (await mirror.sync()).files.lost == 1
        truck.files["old.osf"] = gone
        mirror.simulator.faults.clear()
        empty_world.advance(61 * DAY)
        await mirror.sync()
        assert "old.osf" not in await mirror.missing()


async def test_a_file_that_a_list_left_out_is_no_longer_lost_when_it_is_back(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    start = empty_world.now - 20 * DAY
    empty_world.add_file(device, "old.osf", StorageStatus.DEVICE_ONLY, start=start)
    empty_world.add_file(device, "new.osf", StorageStatus.BOTH)
    async with mirror_of(empty_world) as mirror:
        await mirror.sync()
        empty_world.advance(40 * DAY)
        left_out = device.files.pop("old.osf")
        assert (await mirror.sync()).files.lost == 1
        assert "each sync looks, until 2026-06-09" in (await mirror.missing())["old.osf"].next_action
        empty_world.advance(30 * DAY)
        device.files["old.osf"] = left_out
        empty_world.set_status(device, "old.osf", StorageStatus.BOTH)
        await assert_all_is_here(mirror)


async def test_lists_that_could_not_be_compared_settle_no_window(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    old = empty_world.now - 100 * DAY
    empty_world.add_file(device, "a.osf", StorageStatus.BOTH, start=old + 45 * DAY)  # in another window
    hidden = empty_world.add_file(device, "b.osf", StorageStatus.SERVER_ONLY, start=old + HOUR)
    hidden.listed_by = ListedBy.SERVER_LIST
    request = BackfillRequest(since=empty_world.now - 120 * DAY, until=empty_world.now - 40 * DAY)
    async with mirror_of(empty_world) as mirror:
        mirror.change("limits", retries=0)
        mirror.simulator.faults.add(Fault.status(500), on="server-list", times=None)
        summary = await mirror.backfill(request)
        assert [problem.reason for problem in summary.problems] == ["not-compared"]
        assert summary.exit_code is ExitCode.PARTIAL
        mirror.simulator.faults.clear()
        await mirror.backfill(request)
        await mirror.assert_equals_server()


async def test_an_empty_list_that_is_suspect_settles_no_window(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    old = empty_world.now - 100 * DAY
    empty_world.add_file(device, "a.osf", StorageStatus.BOTH, start=old)
    request = BackfillRequest(since=empty_world.now - 120 * DAY, until=empty_world.now - 40 * DAY)
    async with mirror_of(empty_world) as mirror:
        mirror.change("limits", retries=0)
        mirror.simulator.faults.add(Fault.status(500), on="download-token", times=None)
        assert (await mirror.backfill(request)).exit_code is ExitCode.PARTIAL
        mirror.simulator.faults.clear()
        left_out = dict(device.files)
        device.files.clear()
        assert (await mirror.backfill(request)).exit_code is ExitCode.PARTIAL
        device.files.update(left_out)
        empty_world.add_file(device, "b.osf", StorageStatus.BOTH, start=old + 5 * DAY)
        assert (await mirror.backfill(request)).exit_code is ExitCode.COMPLETE
        await mirror.assert_equals_server()


async def test_waiting_makes_no_suspect_list_good(mirror_of: MirrorOf, empty_world: World) -> None:
    device = empty_world.add_device("Truck 1", behaviour=Behaviour(contact_every=HOUR, files_per_day=0))
    empty_world.add_file(device, "a.osf", StorageStatus.BOTH)
    empty_world.add_file(device, "b.osf", StorageStatus.DEVICE_ONLY)
    async with mirror_of(empty_world) as mirror:
        mirror.change("limits", retries=0)
        mirror.simulator.faults.add(Fault.status(500), on="download-token", times=None)
        await mirror.sync()
        mirror.simulator.faults.clear()
        device.files.clear()
        empty_world.advance(2 * HOUR)
        device.files.clear()
        summary = await mirror.sync(SyncRequest(wait=timedelta(seconds=0.5)))
        assert summary.exit_code is ExitCode.PARTIAL
        assert summary.devices.failed == 1


async def test_where_our_clock_is_wrong_the_platform_s_is_followed(
    mirror_of: MirrorOf, empty_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Such as on a small computer that begins in 1970."""
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    empty_world.add_file(device, "a.osf", StorageStatus.BOTH)
    async with mirror_of(empty_world) as mirror:
        empty_world.now += 90 * DAY
        empty_world.add_file(device, "b.osf", StorageStatus.BOTH)
        empty_world.now -= 90 * DAY
        monkeypatch.setattr(CloudClient, "clock_offset", 90 * DAY)
        summary = await mirror.sync()
        assert [problem.reason for problem in summary.problems] == ["clock"]
        assert "b.osf" in {row.name for row in (await mirror.files()).values() if row.state == "held"}


async def test_a_size_that_only_the_server_s_own_list_tells_shows_that_a_file_grew(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    empty_world.dialect = Dialect(size=None)
    empty_world.add_file(device, "a.osf", StorageStatus.BOTH, size=9_000)
    async with mirror_of(empty_world) as mirror:
        await mirror.sync()
        empty_world.add_file(device, "a.osf", StorageStatus.BOTH, size=20_000)
        assert (await mirror.sync()).files.fetched == 1
        await mirror.assert_equals_server()


async def test_devices_that_drop_out_are_told(mirror_of: MirrorOf, empty_world: World) -> None:
    gone, renamed, other = (empty_world.add_device(name, behaviour=DEAD) for name in ("A", "B", "C"))
    for device in (gone, renamed, other):
        empty_world.add_file(device, "a.osf", StorageStatus.BOTH)
    async with mirror_of(empty_world) as mirror:
        mirror.change("select", devices=("A", "B", "C"))
        assert (await mirror.sync()).problems == ()
        del empty_world._devices[gone.id]
        renamed.name = "B (hall 2)"
        told = {problem.device: problem for problem in (await mirror.sync()).problems}
        assert {problem.reason for problem in told.values()} == {"device-left-out"}
        assert "does not list it any more" in told["A"].explanation
        assert "'B (hall 2)' now" in told["B"].explanation
        mirror.change("select", devices=("C",))
        assert (await mirror.sync()).problems == ()


async def test_a_device_that_dropped_out_is_told_for_as_long_as_it_is(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    renamed, other = (empty_world.add_device(name, behaviour=DEAD) for name in ("A", "C"))
    empty_world.add_file(renamed, "a.osf", StorageStatus.DEVICE_ONLY)
    empty_world.add_file(other, "a.osf", StorageStatus.BOTH)
    async with mirror_of(empty_world) as mirror:
        mirror.change("select", devices=("A", "C"))
        await mirror.sync()
        renamed.name = "B"
        empty_world.advance(100 * DAY)
        (problem,) = (await mirror.sync()).problems
        assert (problem.device, problem.reason) == ("A", "device-left-out")
        assert "select.exclude_devices" in problem.explanation
        told = {row.device: row.problem async for rows in known.devices(mirror.settings) for row in rows}
        assert told["C"] is None
        assert "It is called 'B' now" in (told["A"] or "")
        missing = (await mirror.missing())["a.osf"]
        assert missing.next_action.startswith("None, as long as runs pass over the device: It is called 'B'")
        assert missing.expected is None
        mirror.change("select", devices=("A", "B", "C"))
        assert (await mirror.sync()).problems == ()
        told = {row.device: row.problem async for rows in known.devices(mirror.settings) for row in rows}
        assert told == {"B": None, "C": None}
        assert "runs pass over" not in (await mirror.missing())["a.osf"].next_action


async def test_a_device_that_was_met_under_its_new_name_is_told_all_the_same(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    """By a repair, or a run for that device alone: the selection wanted it by its former name."""
    renamed, other = (empty_world.add_device(name, behaviour=DEAD) for name in ("Truck 1", "Truck 2"))
    for device in (renamed, other):
        empty_world.add_file(device, "a.osf", StorageStatus.BOTH)
    async with mirror_of(empty_world) as mirror:

        async def told() -> list[str]:
            mirror.change("select", devices=("Truck*",))
            return [problem.device for problem in (await mirror.sync()).problems]

        assert await told() == []
        renamed.name = "Lorry"
        flip(mirror.settings.archive.path / "Truck 1" / "a.osf")
        repaired = (await mend(mirror)).verified.repair
        assert repaired is not None
        assert repaired.back == 1
        assert await told() == ["Lorry"]
        mirror.change("select", devices=("Lorry",))  # as by --device
        await mirror.sync()
        assert await told() == ["Lorry"]
        devices = {row.device: row.problem async for rows in known.devices(mirror.settings) for row in rows}
        assert "which select.devices or --device does not fit" in (devices["Lorry"] or "")


async def test_a_device_that_is_excluded_is_told_no_more(mirror_of: MirrorOf, empty_world: World) -> None:
    """One that was replaced: the new one has its name. Its id, or what it is called now, tells them apart."""
    old = empty_world.add_device("Truck 1", behaviour=DEAD)
    empty_world.add_file(old, "a.osf", StorageStatus.BOTH)
    async with mirror_of(empty_world) as mirror:
        mirror.change("select", devices=("Truck*",))
        await mirror.sync()
        old.name = "Old 1"
        new = empty_world.add_device("Truck 1", behaviour=DEAD)
        empty_world.add_file(new, "b.osf", StorageStatus.BOTH)
        (problem,) = (await mirror.sync()).problems
        assert problem.explanation.endswith(f"put '{old.id}' into select.exclude_devices.")
        for excluded in (old.id, "Old*"):
            mirror.change("select", exclude_devices=())
            assert len((await mirror.sync()).problems) == 1
            mirror.change("select", exclude_devices=(excluded,))
            empty_world.add_file(new, f"{excluded[:3]}.osf", StorageStatus.BOTH)
            summary = await mirror.sync()
            assert (summary.problems, summary.files.fetched) == ((), 1)
            rows = [row async for chunk in known.devices(mirror.settings) for row in chunk]
            assert [row.problem for row in rows] == [None, None]
        mirror.change("select", exclude_devices=())
        assert len((await mirror.sync()).problems) == 1
        mirror.change("select", devices=(new.id,))  # the user wants it no more
        await mirror.sync()
        rows = [row async for chunk in known.devices(mirror.settings) for row in chunk]
        assert [row.problem for row in rows] == [None, None]


async def test_of_many_devices_that_dropped_out_the_rest_is_counted(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    devices = [empty_world.add_device(f"D{number}", behaviour=DEAD) for number in range(25)]
    async with mirror_of(empty_world) as mirror:
        await mirror.sync()
        for device in devices[1:]:
            empty_world.remove_device(device)
        told = (await mirror.sync()).problems
        assert len(told) == 21
        assert told[-1].explanation.startswith("4 more devices were passed over")


async def test_a_device_that_moves_to_another_tenant_is_that_one_s(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    main, other = empty_world.main, empty_world.other
    mover, stays = (empty_world.add_device(name, behaviour=DEAD) for name in ("A", "B"))
    elsewhere = empty_world.add_device("C", behaviour=DEAD, tenant=other)
    for device in (mover, stays, elsewhere):
        empty_world.add_file(device, "a.osf", StorageStatus.BOTH)
    async with mirror_of(empty_world) as mirror:

        async def told(tenant: str) -> list[tuple[str, str]]:
            mirror.change("cloud", tenant=tenant)
            return [(problem.device, problem.reason) for problem in (await mirror.sync()).problems]

        assert await told(main.name) == []
        mover.tenant_id = other.id
        assert await told(other.name) == []
        assert await told(main.name) == []
        empty_world.remove_device(mover)
        assert await told(main.name) == []
        assert await told(other.name) == [("A", "device-left-out")]


async def test_a_second_reading_that_names_less_settles_no_window(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    old = empty_world.now - 100 * DAY
    empty_world.add_file(device, "a.osf", StorageStatus.BOTH, start=old)
    hidden = empty_world.add_file(device, "b.osf", StorageStatus.SERVER_ONLY, start=old + HOUR)
    hidden.listed_by = ListedBy.SERVER_LIST
    request = BackfillRequest(since=old - DAY, until=old + 5 * DAY)
    none = Fault(Replace(b'{"data": [], "totalElements": 0, "hasNext": false}', "application/json"))
    async with mirror_of(empty_world) as mirror:
        mirror.simulator.faults.add(Fault.delay(0), on="server-list", times=1)
        mirror.simulator.faults.add(none, on="server-list", times=1)
        summary = await mirror.backfill(request)
        assert [problem.reason for problem in summary.problems] == ["not-compared"]
        assert summary.exit_code is ExitCode.PARTIAL
        assert (await mirror.backfill(request)).exit_code is ExitCode.COMPLETE
        await mirror.assert_equals_server()


@pytest.mark.parametrize("dialect", [Dialect(), TERSE])
async def test_an_empty_list_that_the_servers_own_contradicts_settles_no_window(
    mirror_of: MirrorOf, empty_world: World, dialect: Dialect
) -> None:
    empty_world.dialect = dialect
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    old = empty_world.now - 100 * DAY
    empty_world.add_file(device, "a.osf", StorageStatus.BOTH, start=old)
    empty_world.add_file(device, "b.osf", StorageStatus.DEVICE_ONLY, start=old + HOUR)
    request = BackfillRequest(since=old - DAY, until=old + 5 * DAY)
    async with mirror_of(empty_world) as mirror:
        mirror.simulator.faults.add(
            Fault(Replace(b"<FileList></FileList>", "application/xml")), on="file-list", times=1
        )
        summary = await mirror.backfill(request)
        assert "empty-list" in {problem.reason for problem in summary.problems}
        assert summary.exit_code is ExitCode.PARTIAL
        assert (await mirror.backfill(request)).exit_code is ExitCode.COMPLETE
        assert set(await mirror.missing()) == {"b.osf"}
        await mirror.assert_equals_server()


@pytest.mark.parametrize("dialect", [Dialect(), TERSE])
async def test_a_known_file_from_a_clock_that_runs_ahead_is_had_when_it_is_delivered(
    mirror_of: MirrorOf, empty_world: World, dialect: Dialect
) -> None:
    empty_world.dialect = dialect
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    empty_world.add_file(device, "a.osf", StorageStatus.DEVICE_ONLY, start=empty_world.now + 3_000 * DAY)
    request = BackfillRequest(since=empty_world.now - 9 * DAY, until=empty_world.now + 4_000 * DAY)
    async with mirror_of(empty_world) as mirror:
        await mirror.backfill(request)
        empty_world.advance(DAY)
        empty_world.set_status(device, "a.osf", StorageStatus.BOTH)
        await assert_all_is_here(mirror)


async def test_what_leaves_the_only_list_that_may_be_read_is_lost(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD, readable=False)
    for name in ("a.osf", "b.osf"):
        empty_world.add_file(device, name, StorageStatus.BOTH, start=empty_world.now - 3 * DAY)
    async with mirror_of(empty_world) as mirror:
        mirror.change("limits", retries=0)
        mirror.simulator.faults.add(Fault.status(500), on="download-token", times=None, file="a.osf")
        await mirror.sync()
        empty_world.remove_file(device, "a.osf")
        empty_world.advance(DAY)
        assert (await mirror.sync()).files.lost == 1
        assert (await mirror.missing())["a.osf"].reason == "lost"
