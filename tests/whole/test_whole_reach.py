"""How far back a sync looks, where lists come and go: nothing that could be seen later stays unseen."""

from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from osfsync.app.runs import BackfillRequest
from osfsync.domain.errors import ExitCode
from osfsync.domain.model import StorageStatus
from osfsync.simulator.behaviour import Behaviour
from osfsync.simulator.faults import Fault, Replace
from osfsync.simulator.fleet import ListedBy, SimDevice, SimFile
from osfsync.simulator.listing import TERSE, Dialect
from osfsync.simulator.world import World

MirrorOf = Callable[..., AbstractAsyncContextManager[Any]]
DEAD = Behaviour(contact_every=None, files_per_day=0)
DAY, HOUR = timedelta(days=1), timedelta(hours=1)
BOTH, DEVICE_ONLY = StorageStatus.BOTH, StorageStatus.DEVICE_ONLY
NO_XML = Fault(Replace(b"<FileList/>", "application/xml"))
NO_JSON = Fault(Replace(b'{"data": [], "totalElements": 0, "hasNext": false}', "application/json"))


@pytest.fixture
def truck(empty_world: World) -> SimDevice:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    empty_world.add_file(device, "0.osf", BOTH)
    return device


def add_to_the_server_s_list(world: World, device: SimDevice, name: str) -> None:
    """A file that only the server's own list names."""
    hidden = world.add_file(device, name, StorageStatus.SERVER_ONLY, start=world.now - HOUR)
    hidden.listed_by = ListedBy.SERVER_LIST


async def nights(mirror: Any, world: World, device: SimDevice, *days: int) -> Any:
    """So many days later each a sync; a new file each time. Answers the last summary."""
    summaries = []
    for step in days:
        world.advance(step * DAY)
        world.add_file(device, f"{world.now:%m%d}.osf", BOTH, start=world.now - HOUR)
        summaries.append(await mirror.sync())
    return summaries[-1]


async def test_what_only_the_device_has_is_looked_for_once_its_list_may_be_read(
    mirror_of: MirrorOf, empty_world: World, truck: SimDevice
) -> None:
    truck.readable = False
    async with mirror_of(empty_world) as mirror:
        await nights(mirror, empty_world, truck, 0, 5)
        empty_world.add_file(truck, "device.osf", DEVICE_ONLY, start=empty_world.now)
        await nights(mirror, empty_world, truck, *[8] * 5)
        truck.readable = True
        await nights(mirror, empty_world, truck, 1, 1)
        assert "device.osf" in await mirror.missing()


@pytest.mark.parametrize("status", [404, 500])
async def test_what_only_the_server_s_own_list_names_is_looked_for_once_it_is_back(
    mirror_of: MirrorOf, empty_world: World, truck: SimDevice, status: int
) -> None:
    async with mirror_of(empty_world) as mirror:
        mirror.change("limits", retries=0)
        await mirror.sync()
        mirror.simulator.faults.add(Fault.status(status), on="server-list", times=None)
        hidden = empty_world.add_file(truck, "server.osf", StorageStatus.SERVER_ONLY)
        hidden.listed_by = ListedBy.SERVER_LIST
        summary = await nights(mirror, empty_world, truck, *[9] * 5)
        assert "not-compared" in {problem.reason for problem in summary.problems}
        mirror.simulator.faults.clear()
        await nights(mirror, empty_world, truck, 1, 1)
        await mirror.assert_equals_server()


@pytest.mark.parametrize("first", [True, False])
async def test_lists_that_fail_for_weeks_from_the_first_night_on_or_later(
    mirror_of: MirrorOf, empty_world: World, truck: SimDevice, first: bool
) -> None:
    async with mirror_of(empty_world) as mirror:
        mirror.change("limits", retries=0)
        if not first:
            await mirror.sync()
        for label in ("file-list", "server-list"):
            mirror.simulator.faults.add(Fault.status(500), on=label, times=None)
        summary = await nights(mirror, empty_world, truck, *[10] * 6)
        assert summary.exit_code is ExitCode.PARTIAL
        mirror.simulator.faults.clear()
        mirror.simulator.faults.add(Fault.status(404), on="file-list", times=1)
        assert (await nights(mirror, empty_world, truck, 1)).exit_code is ExitCode.PARTIAL
        assert (await nights(mirror, empty_world, truck, 1)).exit_code is ExitCode.COMPLETE
        await mirror.assert_equals_server()


async def test_a_backlog_that_is_told_over_two_nights(
    mirror_of: MirrorOf, empty_world: World, truck: SimDevice
) -> None:
    async with mirror_of(empty_world) as mirror:
        for _ in range(6):
            await mirror.sync()
            empty_world.advance(10 * DAY)
        await nights(mirror, empty_world, truck, 1)
        for days in range(5, 60, 9):
            empty_world.add_file(truck, f"late{days}.osf", BOTH, start=empty_world.now - days * DAY)
        await nights(mirror, empty_world, truck, 1)
        await mirror.assert_equals_server()


async def test_days_that_a_platform_refuses_each_night_are_told_and_left(
    mirror_of: MirrorOf, empty_world: World, truck: SimDevice
) -> None:
    async with mirror_of(empty_world) as mirror:
        mirror.change("limits", retries=0)
        await mirror.sync()
        empty_world.advance(60 * DAY)
        codes = []
        for _ in range(8):
            mirror.simulator.faults.add(Fault.delay(0), on="file-list", times=1)  # the newest days
            mirror.simulator.faults.add(Fault.status(400), on="file-list", times=None)
            summary = await nights(mirror, empty_world, truck, 1)
            mirror.simulator.faults.clear()
            codes.append(summary.exit_code)
            told = {problem.reason for problem in summary.problems}
            assert ("days-refused" in told) == (len(codes) == 7)
        assert codes[:7] == [ExitCode.PARTIAL] * 7
        summary = await nights(mirror, empty_world, truck, 1)
        assert summary.exit_code is ExitCode.COMPLETE


async def test_older_days_that_fail_hold_up_no_newest_ones(
    mirror_of: MirrorOf, empty_world: World, truck: SimDevice
) -> None:
    """Files that never come join each day to the next: that must be no window that gets longer for ever."""
    for days in range(100):
        start = empty_world.now - days * DAY
        empty_world.add_file(truck, f"never/{days}.osf", DEVICE_ONLY, start=start)
    since = empty_world.now - 100 * DAY
    async with mirror_of(empty_world) as mirror:
        mirror.change("limits", retries=0)
        await mirror.backfill(BackfillRequest(since=since))
        for _ in range(3):
            mirror.simulator.faults.add(Fault.delay(0), on="file-list", times=1)  # the newest days
            mirror.simulator.faults.add(Fault.status(504), on="file-list", times=None)
            summary = await nights(mirror, empty_world, truck, 1)
            mirror.simulator.faults.clear()
            assert summary.exit_code is ExitCode.PARTIAL
            assert summary.files.fetched == 1
        summary = await nights(mirror, empty_world, truck, 1)
        assert summary.files.device_only + summary.files.requested == 100
        await mirror.assert_equals_server()


async def test_older_days_that_may_not_be_listed_take_no_newest_ones_away(
    mirror_of: MirrorOf, empty_world: World, truck: SimDevice
) -> None:
    """A platform may answer 403 for days beyond what it keeps; the credentials are as good as ever."""
    since = empty_world.now - 80 * DAY
    empty_world.add_file(truck, "never.osf", DEVICE_ONLY, start=since + DAY)
    async with mirror_of(empty_world) as mirror:
        await mirror.backfill(BackfillRequest(since=since))
        for night in range(3):
            empty_world.add_file(truck, f"only/{night}.osf", DEVICE_ONLY, start=empty_world.now)
            mirror.simulator.faults.add(Fault.delay(0), on="file-list", times=1)  # the newest days
            mirror.simulator.faults.add(Fault.status(403), on="file-list", times=None)
            summary = await nights(mirror, empty_world, truck, 1)
            mirror.simulator.faults.clear()
            assert (summary.files.fetched, summary.files.device_only) == (1, night + 1)
            told = {problem.explanation for problem in summary.problems}
            assert any("Of older days, such as" in text for text in told)
            assert not any("credentials" in text for text in told)


async def test_older_days_whose_comparison_fails_are_not_taken_for_refused(
    mirror_of: MirrorOf, empty_world: World, truck: SimDevice
) -> None:
    other = empty_world.add_device("Truck 2", behaviour=DEAD)
    async with mirror_of(empty_world) as mirror:
        mirror.change("limits", retries=0, listings=1)
        await mirror.sync()
        for night in range(60):
            empty_world.advance(DAY)
            empty_world.add_file(truck, f"night/{night}.osf", BOTH, start=empty_world.now - HOUR)
            add_to_the_server_s_list(empty_world, truck, f"server/{night}.osf")
        for night in range(9):
            add_to_the_server_s_list(empty_world, other, f"server/{100 + night}.osf")
            for device in (truck, other):
                mirror.simulator.faults.add(Fault.delay(0), on="server-list", times=1, device=device.id)
            mirror.simulator.faults.add(Fault.status(504), on="server-list", times=None, device=truck.id)
            summary = await nights(mirror, empty_world, truck, 1)
            mirror.simulator.faults.clear()
            assert summary.exit_code is ExitCode.PARTIAL
            assert not any(problem.reason == "days-refused" for problem in summary.problems)
            held = [name for _, name in await mirror.files() if name.startswith("server/")]
            assert len(held) > night  # what another device's newest days have is compared all the same
        assert (await nights(mirror, empty_world, truck, 1)).exit_code is ExitCode.COMPLETE
        await mirror.assert_equals_server()


async def test_a_newer_version_that_vanishes_before_it_was_had_is_lost(
    mirror_of: MirrorOf, empty_world: World, truck: SimDevice
) -> None:
    empty_world.add_file(truck, "grows.osf", BOTH, size=3_000)
    async with mirror_of(empty_world) as mirror:
        mirror.change("limits", retries=0)
        await mirror.sync()
        start = empty_world.now - HOUR
        empty_world.add_file(truck, "grows.osf", BOTH, size=9_000, start=start)
        mirror.simulator.faults.add(Fault.status(500), on="download", file="grows.osf", times=None)
        assert (await mirror.sync()).exit_code is ExitCode.PARTIAL
        empty_world.remove_file(truck, "grows.osf")
        summary = await nights(mirror, empty_world, truck, 1)
        assert (summary.files.lost, summary.files.fetched) == (1, 1)
        [row] = [row for row in (await mirror.missing()).values() if row.name == "grows.osf"]
        assert row.reason == "lost"
        assert "An older version of it is held." in row.explanation
        assert (await nights(mirror, empty_world, truck, 1)).files.lost == 0


@pytest.mark.parametrize("dialect", [Dialect(), Dialect(start=None)])
async def test_known_files_that_lie_ahead_are_listed_again(
    mirror_of: MirrorOf, empty_world: World, truck: SimDevice, dialect: Dialect
) -> None:
    now, empty_world.dialect = empty_world.now, dialect
    empty_world.add_file(truck, "ahead.osf", BOTH, start=now + 400 * DAY)
    async with mirror_of(empty_world) as mirror:
        mirror.change("limits", retries=0)
        mirror.simulator.faults.add(Fault.status(500), on="download-token", file="ahead.osf", times=None)
        await mirror.backfill(BackfillRequest(since=now - DAY, until=now + 500 * DAY))
        mirror.simulator.faults.clear()
        await nights(mirror, empty_world, truck, 3)
        await mirror.assert_equals_server()


async def test_windows_that_were_seen_in_part_are_listed_again_by_a_resumed_backfill(
    mirror_of: MirrorOf, empty_world: World, truck: SimDevice
) -> None:
    now = empty_world.now
    truck.readable = False
    for window in range(4):
        start = now - (115 - 30 * window) * DAY
        empty_world.add_file(truck, f"server{window}.osf", BOTH, start=start, size=50_000)
        empty_world.add_file(truck, f"device{window}.osf", DEVICE_ONLY, start=start + DAY)
    async with mirror_of(empty_world) as mirror:
        part = BackfillRequest(since=now - 120 * DAY, until=now, max_transfer=60_000)
        assert (await mirror.backfill(part)).exit_code is ExitCode.MAX_TRANSFER
        truck.readable = True
        await mirror.backfill(BackfillRequest(since=now - 120 * DAY, until=now))
        assert {f"device{window}.osf" for window in range(4)} <= (await mirror.missing()).keys()


async def test_empty_lists_of_days_whose_files_are_held_are_suspect(
    mirror_of: MirrorOf, empty_world: World, truck: SimDevice
) -> None:
    async with mirror_of(empty_world) as mirror:
        await mirror.sync()
        mirror.simulator.faults.add(NO_XML, on="file-list", times=None)
        mirror.simulator.faults.add(NO_JSON, on="server-list", times=None)
        summary = await nights(mirror, empty_world, truck, *[8] * 3)
        assert [problem.reason for problem in summary.problems] == ["empty-list"]
        empty_world.advance(40 * DAY)
        await mirror.sync()
        mirror.simulator.faults.clear()
        await mirror.sync()
        await mirror.assert_equals_server()


async def test_a_backfill_is_resumed_or_begun_anew_whatever_the_clock_said(
    mirror_of: MirrorOf, empty_world: World, truck: SimDevice
) -> None:
    now = empty_world.now
    for days in (75, 50, 25):
        empty_world.add_file(truck, f"{days}.osf", BOTH, start=now - days * DAY, size=50_000)
    request = BackfillRequest(since=now - 100 * DAY, until=now)
    async with mirror_of(empty_world) as mirror:
        empty_world.now = datetime(2099, 1, 1, tzinfo=UTC)
        part = BackfillRequest(since=request.since, until=now, max_transfer=40_000)
        assert (await mirror.backfill(part)).exit_code is ExitCode.MAX_TRANSFER
        empty_world.now = now + DAY
        await mirror.backfill(request)
        empty_world.add_file(truck, "late.osf", BOTH, start=now - 60 * DAY)
        await mirror.backfill(request)
        await mirror.assert_equals_server()


@pytest.mark.usefixtures("truck")
async def test_a_list_that_holds_an_error_is_no_list(mirror_of: MirrorOf, empty_world: World) -> None:
    error = b"<FileList><Error>query timed out</Error></FileList>"
    async with mirror_of(empty_world) as mirror:
        mirror.simulator.faults.add(Fault(Replace(error, "application/xml")), on="file-list", times=None)
        summary = await mirror.sync()
        assert summary.exit_code is ExitCode.PARTIAL
        assert "'Error'" in summary.problems[0].explanation


def record_in_silence(world: World, device: SimDevice) -> SimFile:
    """A recording that the device has told nobody of."""
    name = f"silent/{world.now:%m%d}.osf"
    hidden = world.add_file(device, name, DEVICE_ONLY, start=world.now - 10 * HOUR)
    hidden.announced, hidden.listed_by = False, ListedBy.DEVICE_LIST
    return hidden


def tell(hidden: SimFile) -> None:
    hidden.announced, hidden.listed_by, hidden.status = True, ListedBy.BOTH, BOTH


@pytest.mark.parametrize("dialect", [TERSE, Dialect()])
async def test_what_was_recorded_in_a_long_silence_is_seen(
    mirror_of: MirrorOf, empty_world: World, truck: SimDevice, dialect: Dialect
) -> None:
    empty_world.dialect = dialect
    async with mirror_of(empty_world) as mirror:
        await nights(mirror, empty_world, truck, *[3] * 7)
        hidden = []
        for _ in range(15):
            empty_world.advance(3 * DAY)
            hidden.append(record_in_silence(empty_world, truck))
            await mirror.sync()
        for file in hidden:
            tell(file)
        await nights(mirror, empty_world, truck, 1, 1, 1)
        await mirror.assert_equals_server()


@pytest.mark.parametrize("dialect", [TERSE, Dialect()])
@pytest.mark.parametrize("listed_by", [ListedBy.BOTH, ListedBy.SERVER_LIST])
async def test_files_that_others_put_on_the_server_are_no_news_of_a_device_out_of_contact(
    mirror_of: MirrorOf, empty_world: World, truck: SimDevice, dialect: Dialect, listed_by: ListedBy
) -> None:
    empty_world.dialect = dialect
    async with mirror_of(empty_world) as mirror:
        for _ in range(7):
            empty_world.connect(truck)
            await nights(mirror, empty_world, truck, 3)
        hidden = []
        for _ in range(60):
            empty_world.advance(DAY)
            hidden.append(record_in_silence(empty_world, truck))
            name, start = f"others/{empty_world.now:%m%d}.osf", empty_world.now - HOUR
            others = empty_world.add_file(truck, name, StorageStatus.SERVER_ONLY, start=start)
            others.listed_by = listed_by
            await mirror.sync()
        empty_world.connect(truck)
        for file in hidden:
            tell(file)
        await nights(mirror, empty_world, truck, 1, 1, 1)
        await mirror.assert_equals_server()


async def test_a_contact_that_was_seen_is_remembered_where_no_sync_ran_for_weeks(
    mirror_of: MirrorOf, empty_world: World, truck: SimDevice
) -> None:
    """A device that drops what it uploads falls silent; at the next sync its log shows no contact."""
    world = empty_world

    def put_on_the_server() -> None:
        name, start = f"server/{world.now:%m%d}.osf", world.now - HOUR
        world.add_file(truck, name, StorageStatus.SERVER_ONLY, start=start)

    async with mirror_of(world) as mirror:
        for _ in range(20):
            world.connect(truck)
            world.advance(DAY)
            put_on_the_server()
            await mirror.sync()
        hidden = []
        for day in range(80):
            world.advance(DAY)
            hidden.append(record_in_silence(world, truck))
            put_on_the_server()
            if day >= 32:
                await mirror.sync()
        world.connect(truck)
        for file in hidden:
            tell(file)
        for _ in range(3):
            world.advance(DAY)
            await mirror.sync()
        await mirror.assert_equals_server()


async def test_a_backfill_asks_for_no_log_to_tell_whose_news_it_is(
    mirror_of: MirrorOf, empty_world: World, truck: SimDevice
) -> None:
    """How far back syncs look is not its business."""
    now, truck.files = empty_world.now, {}
    empty_world.add_file(truck, "up.osf", StorageStatus.SERVER_ONLY, start=now - HOUR)
    async with mirror_of(empty_world) as mirror:
        await mirror.backfill(BackfillRequest(since=now - DAY))
        assert mirror.simulator.requests["communication"] == 0
        await mirror.sync()
        assert mirror.simulator.requests["communication"] > 0


async def test_a_device_that_drops_what_it_has_uploaded_is_listed_no_further_back(
    mirror_of: MirrorOf, empty_world: World, truck: SimDevice
) -> None:
    async with mirror_of(empty_world) as mirror:
        for _ in range(80):
            empty_world.connect(truck)
            empty_world.advance(DAY)
            name, start = f"up/{empty_world.now:%m%d}.osf", empty_world.now - HOUR
            empty_world.add_file(truck, name, StorageStatus.SERVER_ONLY, start=start)
            await mirror.sync()
        passed_over = empty_world.add_file(truck, "old.osf", BOTH, start=empty_world.now - 50 * DAY)
        await mirror.sync()
        assert passed_over.name not in {name for _, name in await mirror.files()}


async def test_a_backlog_that_is_told_in_bits_is_seen_whatever_the_lookback(
    mirror_of: MirrorOf, empty_world: World, truck: SimDevice
) -> None:
    async with mirror_of(empty_world) as mirror:
        mirror.change("select", lookback=3 * DAY)
        await nights(mirror, empty_world, truck, *[1] * 6)
        hidden = []
        for _ in range(10):
            empty_world.advance(DAY)
            hidden.append(record_in_silence(empty_world, truck))
            await mirror.sync()
        for file in reversed(hidden):  # the newest first, two a night
            tell(file)
            if file in hidden[::2]:
                await nights(mirror, empty_world, truck, 1)
        await nights(mirror, empty_world, truck, *[1] * 4)
        await mirror.assert_equals_server()
