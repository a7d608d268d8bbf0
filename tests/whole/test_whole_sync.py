"""`sync` from end to end, against the simulator over real HTTP."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import timedelta
from typing import Any

import pytest

from osfsync.app.runs import BackfillRequest, SyncRequest
from osfsync.domain.errors import ExitCode
from osfsync.domain.model import OrderMode, StorageStatus
from osfsync.domain.summary import RunOutcome
from osfsync.simulator.behaviour import Behaviour
from osfsync.simulator.faults import Fault
from osfsync.simulator.world import World

LISTS = Behaviour(contact_every=timedelta(hours=4), files_per_day=0, delivers=False)

MirrorOf = Callable[..., AbstractAsyncContextManager[Any]]


async def test_a_sync_mirrors_all_that_the_server_can_give(mirror_of: MirrorOf, small_world: World) -> None:
    async with mirror_of(small_world) as mirror:
        summary = await mirror.sync()
        await mirror.assert_equals_server()
        assert summary.outcome is RunOutcome.COMPLETE
        assert summary.exit_code is ExitCode.COMPLETE
        assert summary.files.fetched == len(small_world.available())
        assert summary.bytes == sum(small_world.available().values())
        assert (
            summary.files.listed
            == summary.files.fetched + summary.files.device_only + summary.files.requested
        )
        assert summary.devices.seen == summary.devices.listed == 8


async def test_a_second_run_fetches_nothing_and_makes_no_download_request(
    mirror_of: MirrorOf, small_world: World
) -> None:
    async with mirror_of(small_world) as mirror:
        first = await mirror.sync()
        mirror.simulator.requests.clear()
        second = await mirror.sync()
        assert mirror.simulator.requests["download-token"] == 0
        assert mirror.simulator.requests["download"] == 0
        assert second.files.held == first.files.fetched
        assert second.files.fetched == 0
        await mirror.assert_equals_server()


async def test_each_file_is_downloaded_once(mirror_of: MirrorOf, small_world: World) -> None:
    async with mirror_of(small_world) as mirror:
        await mirror.sync()
        assert set(mirror.simulator.downloads.values()) == {1}
        assert mirror.simulator.downloads.keys() == small_world.available().keys()


async def test_files_that_devices_deliver_come_the_next_night(
    mirror_of: MirrorOf, small_world: World
) -> None:
    async with mirror_of(small_world) as mirror:
        first = await mirror.sync()
        assert first.orders.sent > 0
        small_world.advance(timedelta(days=1))
        second = await mirror.sync()
        assert second.files.fetched > 0
        await mirror.assert_equals_server()


async def test_device_only_files_are_ordered_once_within_patience(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    device = empty_world.add_device("Truck 1", behaviour=LISTS)
    for hour in range(5):
        start = empty_world.now - timedelta(hours=2 + hour)
        empty_world.add_file(device, f"a/{hour}.osf", StorageStatus.DEVICE_ONLY, start=start)
    far = empty_world.now - timedelta(days=10)
    empty_world.add_file(device, "a/far.osf", StorageStatus.DEVICE_ONLY, start=far)
    async with mirror_of(empty_world) as mirror:
        first = await mirror.sync()
        assert first.orders.sent == len(empty_world.command_log) == 2  # two windows, not six commands
        for file in device.files.values():
            assert any(command.window.start <= file.start for command in empty_world.command_log)
            assert any(file.end <= command.window.end for command in empty_world.command_log)
        # Executed by the contacts after 4 and 8 hours; patience counts from there.
        for hours, sent in ((51, 0), (2, 1), (4, 1), (90, 0)):
            empty_world.advance(timedelta(hours=hours))
            assert (await mirror.sync()).orders.sent == sent
        assert {row.reason for row in (await mirror.missing()).values()} == {"ordered-not-delivered"}


async def test_an_order_carries_the_files_own_tag(mirror_of: MirrorOf, empty_world: World) -> None:
    device = empty_world.add_device("Truck 1")
    empty_world.add_file(device, "a/1.osf", StorageStatus.DEVICE_ONLY, tag="raw")
    async with mirror_of(empty_world) as mirror:
        await mirror.sync()
        assert [command.tag for command in empty_world.command_log] == ["raw"]


async def test_order_modes(mirror_of: MirrorOf, small_world: World) -> None:
    async with mirror_of(small_world) as mirror:
        mirror.change("orders", mode=OrderMode.NEVER)
        never = await mirror.sync()
        assert never.orders.sent == len(small_world.command_log) == 0
        assert "listed-not-ordered" in {row.reason for row in (await mirror.missing()).values()}
        mirror.change("orders", mode=OrderMode.ONLY)
        small_world.advance(timedelta(days=1))
        mirror.simulator.requests.clear()
        only = await mirror.sync()
        assert only.orders.sent > 0
        assert mirror.simulator.requests["download"] == 0


async def test_a_forbidden_device_is_mirrored_from_the_servers_own_list(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    device = empty_world.add_device("Sealed", readable=False)
    empty_world.add_file(device, "a/on-server.osf", StorageStatus.BOTH)
    empty_world.add_file(device, "a/on-device.osf", StorageStatus.DEVICE_ONLY)
    async with mirror_of(empty_world) as mirror:
        summary = await mirror.sync()
        await mirror.assert_equals_server()
        assert summary.exit_code is ExitCode.COMPLETE
        (problem,) = summary.problems
        assert (problem.device, problem.reason) == ("Sealed", "no-permission")


@pytest.mark.parametrize("fault", [Fault.bad_xml(), Fault.doctype_xml(), Fault.html(), Fault.empty()])
async def test_one_devices_bad_list_fails_that_device_only(
    mirror_of: MirrorOf, small_world: World, fault: Fault
) -> None:
    broken = small_world.devices(small_world.main.id)[0]
    async with mirror_of(small_world) as mirror:
        mirror.simulator.faults.add(fault, on="file-list", device=broken.id, times=None)
        summary = await mirror.sync()
        assert summary.exit_code is ExitCode.PARTIAL
        assert summary.outcome is RunOutcome.PARTIAL
        assert summary.devices.failed == 1
        reasons = {p.reason for p in summary.problems if p.device == broken.name}
        assert reasons <= {"bad-answer", "connection-broken"}
        assert reasons
        mirror.simulator.faults.clear()
        assert (await mirror.sync()).exit_code is ExitCode.COMPLETE
        await mirror.assert_equals_server()


async def test_passing_faults_are_overcome(mirror_of: MirrorOf, small_world: World) -> None:
    async with mirror_of(small_world) as mirror:
        mirror.change("limits", retries=5)
        packed = next(name for _, name in small_world.available() if name.endswith(".osfz"))
        faults = mirror.simulator.faults
        faults.add(Fault.status(503, retry_after=0), on="devices", times=1)
        faults.add(Fault.status(500), on="file-list", times=2)
        faults.add(Fault.reset(), on="download", times=3)
        faults.add(Fault.cut(100), on="download", times=3)
        faults.add(Fault.flip(), on="download", file=packed, times=1)  # plain .osf has nothing that shows it
        faults.add(Fault.html(), on="download", times=1)
        faults.add(Fault.empty(), on="download", times=1)
        faults.add(Fault.expire_tokens(), on="download-token", times=1)
        summary = await mirror.sync()
        assert summary.exit_code is ExitCode.COMPLETE
        await mirror.assert_equals_server()


async def test_a_file_that_cannot_be_had_has_its_reason_and_comes_when_it_can(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    device = empty_world.add_device("Truck 1")
    for name in ("a/gone.osf", "a/damaged.osfz", "a/fine.osf"):
        empty_world.add_file(device, name, StorageStatus.BOTH)
    async with mirror_of(empty_world) as mirror:
        mirror.simulator.faults.add(Fault.status(404), on="download-token", file="a/gone.osf", times=None)
        damage = Fault.flip(1_000, step=1)  # the same damage twice would be the source's
        mirror.simulator.faults.add(damage, on="download", file="a/damaged.osfz", times=None)
        summary = await mirror.sync()
        assert summary.exit_code is ExitCode.PARTIAL
        assert (summary.files.fetched, summary.files.failed, summary.files.quarantined) == (1, 1, 1)
        reasons = {name: row.reason for name, row in (await mirror.missing()).items()}
        assert reasons == {"a/gone.osf": "retrying", "a/damaged.osfz": "quarantined"}
        mirror.simulator.faults.clear()
        assert (await mirror.sync()).files.fetched == 2
        await mirror.assert_equals_server()


async def test_a_changed_file_replaces_the_old_one_only_when_it_is_whole(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    device = empty_world.add_device("Truck 1")
    empty_world.add_file(device, "a/1.osf", StorageStatus.BOTH, size=4_000)
    async with mirror_of(empty_world) as mirror:
        await mirror.sync()
        (before,) = mirror.on_disk().values()
        empty_world.add_file(device, "a/1.osf", StorageStatus.BOTH, size=5_000)
        mirror.simulator.faults.add(Fault.cut(1_000), on="download", times=None)
        assert (await mirror.sync()).files.failed == 1
        assert list(mirror.on_disk().values()) == [before]
        assert "a/1.osf" in await mirror.missing()
        mirror.simulator.faults.clear()
        assert (await mirror.sync()).files.fetched == 1
        await mirror.assert_equals_server()


async def test_what_the_cloud_stops_listing_stays_here(mirror_of: MirrorOf, small_world: World) -> None:
    async with mirror_of(small_world) as mirror:
        await mirror.sync()
        before = mirror.on_disk()
        for device in small_world.devices(small_world.main.id):
            for name in list(device.files):
                small_world.remove_file(device, name)
        assert (await mirror.sync()).exit_code is ExitCode.COMPLETE
        assert mirror.on_disk() == before


async def test_old_gaps_are_listed_again_beyond_the_lookback(mirror_of: MirrorOf, empty_world: World) -> None:
    device = empty_world.add_device("Truck 1")
    old = empty_world.now - timedelta(days=20)
    empty_world.add_file(device, "a/old.osf", StorageStatus.DEVICE_ONLY, start=old)
    async with mirror_of(empty_world) as mirror:
        await mirror.sync()
        empty_world.advance(timedelta(days=60))
        empty_world.set_status(device, "a/old.osf", StorageStatus.BOTH)
        assert (await mirror.sync()).files.fetched == 1
        await mirror.assert_equals_server()


async def test_hostile_names_land_in_the_archive(mirror_of: MirrorOf, empty_world: World) -> None:
    names = [
        "../../etc/passwd.osf",
        "/absolute.osf",
        "C:\\windows\\x.osf",
        "a/CON.osf",
        "a/" + "x" * 300 + ".osf",
        "twin.osf",
        "TWIN.osf",
        "e\u0301.osf",
        "\u00e9.osf",
    ]
    one = empty_world.add_device("..\\evil/../name")
    two = empty_world.add_device("..\\EVIL/../name", readable=False)  # its list is JSON
    for device in (one, two):
        for name in names:
            empty_world.add_file(device, name, StorageStatus.BOTH)
    empty_world.add_file(two, "nul\x00and\x1bescape.osf", StorageStatus.BOTH)  # XML can't carry such a name
    async with mirror_of(empty_world) as mirror:
        summary = await mirror.sync()
        assert summary.files.fetched == 2 * len(names) + 1
        await mirror.assert_equals_server()
        root = mirror.settings.archive.path
        assert sorted(path.name for path in root.parent.iterdir()) == [
            "mirror",
            *sorted(path.name for path in root.parent.iterdir() if path.name.startswith("osfsync.db")),
        ]


async def test_a_renamed_device_keeps_its_folder(mirror_of: MirrorOf, empty_world: World) -> None:
    device = empty_world.add_device("Old name")
    empty_world.add_file(device, "1.osf", StorageStatus.BOTH)
    async with mirror_of(empty_world) as mirror:
        await mirror.sync()
        device.name = "New name"
        empty_world.add_file(device, "2.osf", StorageStatus.BOTH)
        await mirror.sync()
        assert sorted(mirror.on_disk()) == ["Old name/1.osf", "Old name/2.osf"]


async def test_large_files_are_streamed(mirror_of: MirrorOf, empty_world: World) -> None:
    device = empty_world.add_device("Truck 1")
    empty_world.add_file(device, "large.osf", StorageStatus.BOTH, size=9_000_000)
    empty_world.add_file(device, "edge.osf", StorageStatus.BOTH, size=4_000_000)
    async with mirror_of(empty_world) as mirror:
        assert (await mirror.sync()).files.fetched == 2
        await mirror.assert_equals_server()


async def test_a_dry_run_changes_nothing(mirror_of: MirrorOf, small_world: World) -> None:
    async with mirror_of(small_world) as mirror:
        summary = await mirror.rehearse()
        assert summary.dry_run
        assert summary.files.left == len(small_world.available())
        assert summary.orders.sent > 0
        assert small_world.command_log == type(small_world.command_log)()
        assert mirror.on_disk() == {}
        assert await mirror.files() == {}
        assert mirror.simulator.requests["download-token"] == 0


async def test_a_transfer_limit_ends_the_downloads(mirror_of: MirrorOf, small_world: World) -> None:
    async with mirror_of(small_world) as mirror:
        mirror.change("limits", downloads=1)
        summary = await mirror.sync(SyncRequest(max_transfer=20_000))
        assert summary.exit_code is ExitCode.MAX_TRANSFER
        assert 0 < summary.files.fetched < len(small_world.available())
        assert summary.files.left == len(small_world.available()) - summary.files.fetched
        assert (await mirror.sync()).exit_code is ExitCode.COMPLETE
        await mirror.assert_equals_server()


async def test_a_time_limit_ends_the_run_and_the_next_goes_on(
    mirror_of: MirrorOf, small_world: World
) -> None:
    async with mirror_of(small_world) as mirror:
        mirror.simulator.faults.add(Fault.silence(), on="download", times=None)
        summary = await mirror.sync(SyncRequest(max_duration=timedelta(seconds=0.5)))
        assert summary.exit_code is ExitCode.MAX_DURATION
        assert summary.outcome is RunOutcome.INTERRUPTED
        mirror.simulator.faults.clear()
        await mirror.sync()
        await mirror.assert_equals_server()


async def test_a_backfill_walks_the_archive_and_resumes(mirror_of: MirrorOf, empty_world: World) -> None:
    device = empty_world.add_device("Truck 1")
    for day in range(0, 300, 10):
        start = empty_world.now - timedelta(days=day, hours=5)
        empty_world.add_file(device, f"{day:03}.osf", StorageStatus.BOTH, start=start)
    since = empty_world.now - timedelta(days=301)
    async with mirror_of(empty_world) as mirror:
        mirror.change("limits", downloads=1)
        first = await mirror.backfill(BackfillRequest(since=since, max_transfer=50_000))
        assert first.exit_code is ExitCode.MAX_TRANSFER
        assert 0 < first.files.fetched < 30
        mirror.simulator.requests.clear()
        second = await mirror.backfill(BackfillRequest(since=since))
        resumed = mirror.simulator.requests["file-list"]
        assert second.exit_code is ExitCode.COMPLETE
        await mirror.assert_equals_server()
        mirror.simulator.requests.clear()
        third = await mirror.backfill(BackfillRequest(since=since))
        assert third.files.fetched == 0
        assert mirror.simulator.requests["file-list"] > resumed  # complete before: this one began anew


async def test_two_devices_of_one_name_get_two_folders(mirror_of: MirrorOf, empty_world: World) -> None:
    for _ in range(2):
        device = empty_world.add_device("Twin")
        empty_world.add_file(device, "1.osf", StorageStatus.BOTH)
    async with mirror_of(empty_world) as mirror:
        assert (await mirror.sync()).files.fetched == 2
        await mirror.assert_equals_server()


async def test_filtered_files_are_known_and_left(mirror_of: MirrorOf, empty_world: World) -> None:
    device = empty_world.add_device("Truck 1")
    empty_world.add_file(device, "1.osf", StorageStatus.BOTH)
    empty_world.add_file(device, "tmp/2.osf", StorageStatus.BOTH)
    async with mirror_of(empty_world) as mirror:
        mirror.change("select", exclude_files=("tmp/*",))
        summary = await mirror.sync()
        assert (summary.files.fetched, summary.files.filtered) == (1, 1)
        missing = await mirror.missing()
        assert missing["tmp/2.osf"].reason == "filtered"
        assert "tmp/*" in missing["tmp/2.osf"].explanation
