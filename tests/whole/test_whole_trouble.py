"""What concerns a whole run: refusals, a dead line, a state that fails, a caller that cancels."""

import hashlib
import shutil
import sqlite3
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest

from osfsync.app.runs import BackfillRequest, SyncRequest
from osfsync.cloud.client import CloudClient
from osfsync.cloud.settings import BatchMode
from osfsync.domain.errors import ExitCode, StateError
from osfsync.domain.model import StorageStatus
from osfsync.domain.outcomes import Fact
from osfsync.domain.summary import RunOutcome
from osfsync.pipeline.lifeline import GIVE_UP_AFTER
from osfsync.simulator.behaviour import Behaviour
from osfsync.simulator.faults import Fault
from osfsync.simulator.world import World
from osfsync.state import share
from osfsync.state.writer import Writer
from tests.whole.conftest import PART_FOLDER

DEAD = Behaviour(contact_every=None, files_per_day=0)

MirrorOf = Callable[..., AbstractAsyncContextManager[Any]]


async def test_a_line_that_dies_ends_the_run_soon(mirror_of: MirrorOf, empty_world: World) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    for number in range(200):
        empty_world.add_file(device, f"{number}.osf", StorageStatus.BOTH)
    async with mirror_of(empty_world) as mirror:
        # One after the other: what still comes of several at once would begin the row of failures anew.
        mirror.change("limits", retries=0, downloads=1, batch=BatchMode.NEVER)
        mirror.simulator.faults.add(Fault.delay(0), on="download-token", times=20)
        mirror.simulator.faults.add(Fault.reset(), on="download-token", times=None)
        mirror.simulator.faults.add(Fault.delay(0), on="devices", times=1)
        mirror.simulator.faults.add(Fault.reset(), on="devices", times=None)
        summary = await mirror.sync()
        assert summary.outcome is RunOutcome.FAILED
        assert summary.exit_code is ExitCode.UNREACHABLE
        assert mirror.simulator.requests["download-token"] == 20 + GIVE_UP_AFTER
        assert summary.files.fetched == len(mirror.on_disk()) == 20  # what came before is safe
        mirror.simulator.faults.clear()
        await mirror.sync()
        await mirror.assert_equals_server()


async def test_a_login_that_is_refused_in_the_middle_ends_the_run(
    mirror_of: MirrorOf, small_world: World
) -> None:
    async with mirror_of(small_world) as mirror:
        mirror.simulator.faults.add(Fault.expire_tokens(), on="download-token", times=1)
        mirror.simulator.faults.add(Fault.delay(0), on="login", times=1)
        mirror.simulator.faults.add(Fault.status(401), on="login", times=None)
        summary = await mirror.sync()
        assert summary.exit_code is ExitCode.LOGIN_REFUSED
        assert summary.outcome is RunOutcome.FAILED
        mirror.simulator.faults.clear()
        await mirror.sync()
        await mirror.assert_equals_server()


async def test_a_state_that_fails_ends_the_run_and_nothing_is_put_in_place_unknown(
    mirror_of: MirrorOf, small_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = Writer.commit
    calls = 0

    async def failing(self: Writer, facts: list[Fact]) -> None:
        nonlocal calls
        calls += 1
        if calls > 2:
            raise StateError("The state can't be written.")
        await commit(self, facts)

    async with mirror_of(small_world) as mirror:
        with monkeypatch.context() as patch:
            patch.setattr(Writer, "commit", failing)
            with anyio.fail_after(20):
                summary = await mirror.sync()
        assert summary.exit_code is ExitCode.USAGE
        assert "can't be written" in summary.error
        known = {row.path for row in (await mirror.files()).values()}
        assert mirror.on_disk().keys() <= known
        await mirror.sync()
        await mirror.assert_equals_server()


async def test_a_caller_that_cancels_leaves_a_run_that_says_so(
    mirror_of: MirrorOf, small_world: World
) -> None:
    async with mirror_of(small_world) as mirror:
        mirror.simulator.faults.add(Fault.silence(), on="download", times=None)
        async with anyio.create_task_group() as group:
            group.start_soon(mirror.sync)
            with anyio.fail_after(20):
                while mirror.simulator.requests["download"] == 0:  # noqa: ASYNC110 — the simulator counts, it does not notify
                    await anyio.sleep(0.01)
            group.cancel_scope.cancel()
        path = mirror.settings.state.url.removeprefix("sqlite:///")
        with sqlite3.connect(path) as database:
            rows = database.execute("SELECT outcome, exit_code FROM runs").fetchall()
        database.close()
        assert rows == [("interrupted", 130)]
        mirror.simulator.faults.clear()
        await mirror.sync()
        await mirror.assert_equals_server()


async def test_what_lies_in_the_archive_whole_is_adopted(mirror_of: MirrorOf, small_world: World) -> None:
    async with mirror_of(small_world) as mirror:
        await mirror.sync()
        path = mirror.settings.state.url.removeprefix("sqlite:///")
        with sqlite3.connect(path) as database:  # as if the run had been killed before it told
            database.execute(
                "UPDATE files SET sha256 = NULL, held_size = NULL, fetched_at = NULL, verification = NULL,"
                " adopted = NULL, fetched_run = NULL"
            )
        database.close()
        mirror.simulator.requests.clear()
        summary = await mirror.sync()
        assert summary.files.fetched == len(small_world.available())
        assert summary.bytes == 0
        assert mirror.simulator.requests["download"] == 0
        await mirror.assert_equals_server()


def forget(mirror: Any) -> None:
    """The plain tree came back without its hidden folder, and the state is new."""
    shutil.rmtree(mirror.settings.archive.path / PART_FOLDER)
    state = Path(mirror.settings.state.url.removeprefix("sqlite:///"))
    for file in state.parent.glob(f"{state.name}*"):
        file.unlink()


@pytest.mark.parametrize("beside", ["of another tenant", "not selected"])
async def test_whose_files_nobody_knows_are_adopted_by_nobody(
    mirror_of: MirrorOf, empty_world: World, beside: str
) -> None:
    """Two devices had one name."""
    world = empty_world
    tenants = [world.main, world.other if beside == "of another tenant" else world.main]
    devices = [world.add_device("Logger", behaviour=DEAD, tenant=tenant) for tenant in tenants]
    for device in devices:
        world.add_file(device, "a.osf", StorageStatus.BOTH, size=5_000)
    async with mirror_of(world) as mirror:

        async def sync_with(number: int) -> None:
            mirror.change("cloud", tenant=tenants[number].name)
            mirror.change("select", devices=(devices[number].id,))
            await mirror.sync()

        for number in (0, 1):
            await sync_with(number)
        assert set(mirror.on_disk()) >= {"Logger/a.osf"}
        forget(mirror)
        for number in (1, 0):
            await sync_with(number)
        for row in (await mirror.files()).values():
            assert row.sha256 == hashlib.sha256(world.content(row.device_id, row.name)).hexdigest()
            assert mirror.on_disk()[row.path] == world.content(row.device_id, row.name)


async def test_a_tree_whose_names_are_all_different_is_adopted(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    for name in ("Truck 1", "Truck 2", "CON"):
        device = empty_world.add_device(name, behaviour=DEAD)
        empty_world.add_file(device, "day/a.osf", StorageStatus.BOTH)
    async with mirror_of(empty_world) as mirror:
        await mirror.sync()
        forget(mirror)
        mirror.simulator.downloads.clear()
        await mirror.sync()
        assert not mirror.simulator.downloads
        await mirror.assert_equals_server()


async def test_what_lies_there_damaged_is_fetched_anew(mirror_of: MirrorOf, empty_world: World) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    empty_world.add_file(device, "a.osfz", StorageStatus.BOTH)
    async with mirror_of(empty_world) as mirror:
        folder = mirror.settings.archive.path / "Truck 1"
        folder.mkdir(parents=True)
        (folder / "a.osfz").write_bytes(b"<html>no file at all</html>")
        assert (await mirror.sync()).files.fetched == 1
        await mirror.assert_equals_server()


async def test_an_empty_device_list_is_suspect(mirror_of: MirrorOf, small_world: World) -> None:
    async with mirror_of(small_world) as mirror:
        await mirror.sync()
        mirror.simulator.faults.add(
            Fault.wrong_json('{"data": [], "totalElements": 0, "hasNext": false}'), on="devices", times=None
        )
        summary = await mirror.sync()
        assert summary.exit_code is ExitCode.UNREACHABLE
        assert "8 are known" in summary.error


async def test_a_device_without_an_id_is_reported_and_the_others_are_listed(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    device = empty_world.add_device("Truck 1")
    empty_world.add_file(device, "a.osfz", StorageStatus.BOTH)
    entries = f'[{{"id": null, "name": "?"}}, null, {{"id": "{device.id}", "name": "Truck 1"}}]'
    async with mirror_of(empty_world) as mirror:
        mirror.simulator.faults.add(
            Fault.wrong_json(f'{{"devices": {entries}, "total": 3}}'), on="devices", times=None
        )
        summary = await mirror.sync()
        assert (summary.exit_code, summary.files.fetched) == (ExitCode.PARTIAL, 1)
        assert (summary.devices.seen, summary.devices.failed) == (3, 2)
        assert [problem.reason for problem in summary.problems] == ["unreadable-records"]


async def test_a_selection_that_fits_no_device_is_told(mirror_of: MirrorOf, small_world: World) -> None:
    async with mirror_of(small_world) as mirror:
        mirror.change("select", devices=("nobody*",))
        summary = await mirror.sync()
        assert summary.exit_code is ExitCode.USAGE
        assert "None of the tenant's 8 devices" in summary.error


async def test_an_archive_that_is_gone_is_told(mirror_of: MirrorOf, small_world: World) -> None:
    async with mirror_of(small_world) as mirror:
        await mirror.sync()
        mirror.settings.archive.path.rename(mirror.settings.archive.path.with_name("unmounted"))
        summary = await mirror.sync()
        assert summary.exit_code is ExitCode.USAGE
        assert "mounted" in summary.error
        assert mirror.on_disk() == {}


async def test_a_period_that_ends_before_it_begins_is_told(mirror_of: MirrorOf, small_world: World) -> None:
    async with mirror_of(small_world) as mirror:
        later = small_world.now + timedelta(days=400)
        for summary in (
            await mirror.sync(SyncRequest(since=later)),
            await mirror.backfill(BackfillRequest(since=later)),
        ):
            assert summary.exit_code is ExitCode.USAGE
            assert "before it begins" in summary.error
        early = await mirror.sync(SyncRequest(until=small_world.now - timedelta(days=90)))
        assert early.exit_code is ExitCode.COMPLETE


async def test_a_shrunken_cut_file_replaces_no_whole_one(mirror_of: MirrorOf, empty_world: World) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    empty_world.add_file(device, "a.osf", StorageStatus.BOTH, size=8_000)
    async with mirror_of(empty_world) as mirror:
        await mirror.sync()
        (whole,) = mirror.on_disk().values()
        empty_world.add_file(device, "a.osf", StorageStatus.BOTH, content=whole[:300])
        summary = await mirror.sync()
        assert summary.files.quarantined == 1
        assert list(mirror.on_disk().values()) == [whole]


async def test_what_is_nobodys_is_moved_and_never_overwritten(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    empty_world.add_file(device, "a.osf", StorageStatus.BOTH)
    async with mirror_of(empty_world) as mirror:
        root = mirror.settings.archive.path
        (root / "Truck 1").mkdir(parents=True)
        (root / "Truck 1" / "a.osf").write_bytes(b"somebody's only copy")
        summary = await mirror.sync()
        assert summary.files.fetched == 1
        assert [problem.reason for problem in summary.problems] == ["set-aside"]
        (kept,) = (root / ".osfsync-part" / "set-aside").iterdir()
        assert kept.read_bytes() == b"somebody's only copy"
        await mirror.assert_equals_server()


async def test_a_backfill_comes_back_to_windows_in_which_files_failed(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    for day in (1, 40, 80):
        start = empty_world.now - timedelta(days=day)
        empty_world.add_file(device, f"{day}.osf", StorageStatus.BOTH, start=start)
    since = empty_world.now - timedelta(days=100)
    async with mirror_of(empty_world) as mirror:
        mirror.simulator.faults.add(Fault.status(404), on="download-token", file="40.osf", times=None)
        assert (await mirror.backfill(BackfillRequest(since=since))).exit_code is ExitCode.PARTIAL
        mirror.simulator.faults.clear()
        mirror.simulator.requests.clear()
        again = await mirror.backfill(BackfillRequest(since=since))
        assert again.exit_code is ExitCode.COMPLETE
        assert again.files.fetched == 1
        assert mirror.simulator.requests["file-list"] < 3  # windows in which all is here are passed over
        await mirror.assert_equals_server()


async def test_filtered_files_widen_no_listing(mirror_of: MirrorOf, empty_world: World) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    for day in range(0, 300, 30):
        start = empty_world.now - timedelta(days=day, hours=1)
        empty_world.add_file(device, f"{day}.csv", StorageStatus.BOTH, start=start)
    async with mirror_of(empty_world) as mirror:
        await mirror.backfill(BackfillRequest(since=empty_world.now - timedelta(days=301)))
        mirror.simulator.requests.clear()
        await mirror.sync()
        assert mirror.simulator.requests["file-list"] == 1


async def test_a_platform_that_is_down_for_weeks_gives_no_file_up(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    for number in range(4):
        empty_world.add_file(device, f"{number}.osf", StorageStatus.BOTH)
    async with mirror_of(empty_world) as mirror:
        mirror.change("limits", retries=0)
        mirror.simulator.faults.add(Fault.status(502), on="download-token", times=None)
        for _ in range(7):
            assert (await mirror.sync()).exit_code is ExitCode.PARTIAL
        mirror.simulator.faults.clear()
        assert (await mirror.sync()).files.fetched == 4


async def test_one_file_that_is_unauthorized_fails_alone(mirror_of: MirrorOf, small_world: World) -> None:
    (_, name), *_ = small_world.available()
    async with mirror_of(small_world) as mirror:
        mirror.simulator.faults.add(Fault.status(401), on="download-token", file=name, times=None)
        summary = await mirror.sync()
        assert summary.exit_code is ExitCode.PARTIAL
        assert summary.files.fetched > 0
        assert {problem.file for problem in summary.problems} >= {name}


async def test_a_limit_of_time_covers_the_login(mirror_of: MirrorOf, small_world: World) -> None:
    async with mirror_of(small_world) as mirror:
        mirror.simulator.faults.add(Fault.silence(), on="login", times=None)
        with anyio.fail_after(10):
            summary = await mirror.sync(SyncRequest(max_duration=timedelta(seconds=0.3)))
        assert summary.exit_code is ExitCode.MAX_DURATION


async def test_a_file_of_no_bytes_is_held_as_such(mirror_of: MirrorOf, empty_world: World) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    empty_world.add_file(device, "a.osf", StorageStatus.BOTH, content=b"")
    async with mirror_of(empty_world) as mirror:
        assert (await mirror.sync()).exit_code is ExitCode.COMPLETE
        await mirror.assert_equals_server()


async def test_large_files_let_small_ones_pass(mirror_of: MirrorOf, empty_world: World) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    for number in range(12):
        empty_world.add_file(device, f"large-{number:02}.osf", StorageStatus.BOTH, size=5_000_000)
    empty_world.add_file(device, "small.osf", StorageStatus.BOTH)
    async with mirror_of(empty_world) as mirror:
        for number in range(12):
            name = f"large-{number:02}.osf"
            mirror.simulator.faults.add(Fault.drip(20_000), on="download", file=name, times=None)
        async with anyio.create_task_group() as group:
            group.start_soon(mirror.sync)
            with anyio.fail_after(20):
                while not mirror.simulator.downloads:  # noqa: ASYNC110 — the simulator counts, it does not notify
                    await anyio.sleep(0.02)
            group.cancel_scope.cancel()
        assert [name for _, name in mirror.simulator.downloads] == ["small.osf"]


async def test_a_file_over_a_windows_edge_counts_once_however_it_went(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    epoch = datetime(1970, 1, 1, tzinfo=UTC)
    length = timedelta(days=30)
    edge = epoch + (empty_world.now - timedelta(days=40) - epoch) // length * length
    start = edge - timedelta(hours=1)
    empty_world.add_file(device, "a.osf", StorageStatus.BOTH, start=start, end=edge + timedelta(hours=1))
    since = empty_world.now - timedelta(days=90)
    async with mirror_of(empty_world) as mirror:
        mirror.simulator.faults.add(Fault.status(404), on="download-token", times=2)
        summary = await mirror.backfill(BackfillRequest(since=since))
        assert (
            mirror.simulator.requests["download-token"] > 2
        )  # it failed in one window, and came in the next
        assert (summary.files.listed, summary.files.fetched, summary.files.failed) == (1, 1, 0)
        assert summary.files.left == 0
        assert summary.exit_code is ExitCode.COMPLETE


async def test_a_clock_that_is_days_off_is_told(
    mirror_of: MirrorOf, small_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(CloudClient, "clock_offset", timedelta(days=-9))
    async with mirror_of(small_world) as mirror:
        summary = await mirror.sync()
        assert "clock" in {problem.reason for problem in summary.problems}


async def test_bad_files_of_one_device_hold_up_no_other(mirror_of: MirrorOf, empty_world: World) -> None:
    bad = empty_world.add_device("Bad", behaviour=DEAD)
    good = empty_world.add_device("Good", behaviour=DEAD)
    for number in range(40):
        empty_world.add_file(bad, f"{number}.osf", StorageStatus.BOTH)
    for number in range(5):
        empty_world.add_file(good, f"{number}.osf", StorageStatus.BOTH)
    async with mirror_of(empty_world) as mirror:
        mirror.change("limits", retries=0, downloads=2, listings=1)
        mirror.simulator.faults.add(Fault.status(500), on="download-token", device=bad.id, times=None)
        summary = await mirror.sync()
        assert summary.exit_code is ExitCode.PARTIAL
        assert summary.files.fetched == 5
        assert GIVE_UP_AFTER <= summary.files.failed <= GIVE_UP_AFTER + 2
        assert summary.files.left == 40 - summary.files.failed


async def test_strangers_at_paths_that_were_given_long_ago_are_moved_too(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    empty_world.add_file(device, "a.osf", StorageStatus.DEVICE_ONLY)
    async with mirror_of(empty_world) as mirror:
        await mirror.sync()
        root = mirror.settings.archive.path
        (root / "Truck 1").mkdir()
        (root / "Truck 1" / "a.osf").write_bytes(b"somebody's only copy")
        empty_world.set_status(device, "a.osf", StorageStatus.BOTH)
        assert (await mirror.sync()).files.fetched == 1
        (kept,) = (root / ".osfsync-part" / "set-aside").iterdir()
        assert kept.read_bytes() == b"somebody's only copy"


async def test_a_backfill_settles_no_window_whose_listing_failed(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    for number in range(20):
        empty_world.add_file(device, f"{number}.osf", StorageStatus.BOTH)
    request = BackfillRequest(since=empty_world.now - timedelta(days=20))
    async with mirror_of(empty_world) as mirror:
        mirror.change("limits", retries=0, downloads=1)
        await mirror.backfill(replace(request, max_transfer=20_000))
        mirror.simulator.faults.add(Fault.status(500), on="file-list", times=None)
        assert (await mirror.backfill(request)).exit_code is ExitCode.PARTIAL
        mirror.simulator.faults.clear()
        assert (await mirror.backfill(request)).exit_code is ExitCode.COMPLETE
        await mirror.assert_equals_server()


async def test_an_empty_version_replaces_no_good_one_and_a_grown_cut_one_does(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    empty_world.add_file(device, "a.osf", StorageStatus.BOTH, size=9_000)
    async with mirror_of(empty_world) as mirror:
        await mirror.sync()
        (whole,) = mirror.on_disk().values()
        empty_world.add_file(device, "a.osf", StorageStatus.BOTH, content=b"")
        assert (await mirror.sync()).files.quarantined == 1
        assert list(mirror.on_disk().values()) == [whole]
        empty_world.add_file(device, "a.osf", StorageStatus.BOTH, content=whole + whole[-40:-3])
        assert (await mirror.sync()).files.fetched == 1
        await mirror.assert_equals_server()


async def test_a_dry_run_meets_anothers_archive(mirror_of: MirrorOf, small_world: World) -> None:
    async with mirror_of(small_world) as mirror:
        await mirror.sync()
        url = mirror.settings.state.url
        mirror.change("state", url=url.replace("osfsync.db", "other.db"))
        assert (await mirror.rehearse()).exit_code is ExitCode.USAGE
        assert (await mirror.sync()).exit_code is ExitCode.USAGE
        mirror.change("state", url=url)
        assert (await mirror.sync()).exit_code is ExitCode.COMPLETE


async def test_a_state_on_a_network_share_is_warned_of(
    mirror_of: MirrorOf, small_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with mirror_of(small_world) as mirror:
        assert "network-share" not in {problem.reason for problem in (await mirror.sync()).problems}
        # No such file system can be had here; everything else is real.
        monkeypatch.setattr(share, "file_system_of", lambda _mounts, _device: "nfs4")
        summary = await mirror.sync()
        assert summary.exit_code is ExitCode.COMPLETE
        told = next(problem for problem in summary.problems if problem.reason == "network-share")
        assert "nfs4" in told.explanation
        assert "state.url" in told.explanation
