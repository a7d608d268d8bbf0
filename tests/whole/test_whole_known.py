"""A server's own list that names files "already known to the server" which the server does not have."""

from datetime import timedelta

from osfsync.domain.errors import ExitCode
from osfsync.domain.model import OrderMode, StorageStatus
from osfsync.domain.summary import RunSummary
from osfsync.simulator.faults import Fault
from osfsync.simulator.fleet import SimDevice
from osfsync.simulator.listing import Dialect
from osfsync.simulator.world import World
from tests.whole.conftest import Mirror, MirrorOf

KNOWN = "a/on-device.osf"


def sealed(world: World) -> SimDevice:
    """A device whose own list can't be read, with one file on the server and one only on the device."""
    world.dialect = Dialect(json_lists_known=True)
    device = world.add_device("Sealed", readable=False)
    world.add_file(device, "a/on-server.osf", StorageStatus.BOTH)
    world.add_file(device, KNOWN, StorageStatus.DEVICE_ONLY)
    return device


def reasons(summary: RunSummary) -> list[str]:
    return sorted(problem.reason for problem in summary.problems)


async def nights(mirror: Mirror, count: int) -> list[RunSummary]:
    summaries = []
    for _ in range(count):
        summaries.append(await mirror.sync())
        mirror.world.advance(timedelta(days=1))
    return summaries


async def test_a_known_file_that_the_server_lacks_is_on_the_device_and_fails_no_run(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    empty_world.add_file(sealed(empty_world), "a/other.osf", StorageStatus.DEVICE_ONLY)
    async with mirror_of(empty_world) as mirror:
        mirror.change("orders", mode=OrderMode.NEVER)
        first = await mirror.sync()
        assert (first.exit_code, first.files.failed) == (ExitCode.COMPLETE, 0)
        assert (first.files.fetched, first.files.device_only, first.files.left) == (1, 2, 0)
        assert reasons(first) == ["no-permission", "not-on-server"]  # one for both files
        row = (await mirror.missing())[KNOWN]
        assert (row.reason, row.storage_status) == ("listed-not-ordered", StorageStatus.DEVICE_ONLY)


async def test_a_known_file_is_ordered_and_downloaded_once_the_device_was_in_contact(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    device = sealed(empty_world)
    async with mirror_of(empty_world) as mirror:
        _, second = await nights(mirror, 2)
        assert second.orders.sent == 1
        empty_world.set_status(device, KNOWN, StorageStatus.BOTH)
        third = await mirror.sync()
        assert (third.exit_code, third.files.fetched) == (ExitCode.COMPLETE, 1)
        await mirror.assert_equals_server()


async def test_a_known_file_is_not_asked_for_each_night_and_never_given_up(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    device = sealed(empty_world)
    async with mirror_of(empty_world) as mirror:
        mirror.change("orders", mode=OrderMode.NEVER)
        await mirror.sync()
        mirror.simulator.requests.clear()
        summaries = await nights(mirror, 12)
        assert {summary.exit_code for summary in summaries} == {ExitCode.COMPLETE}
        assert {summary.files.device_only for summary in summaries} == {1}
        assert 1 <= mirror.simulator.requests["download-token"] <= 4  # two tries, two tokens each
        empty_world.set_status(device, KNOWN, StorageStatus.BOTH)
        await nights(mirror, 8)
        await mirror.assert_equals_server()


async def test_a_file_that_the_devices_list_says_is_on_the_server_still_fails_with_404(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    device = empty_world.add_device("Open")
    empty_world.add_file(device, "a/gone.osf", StorageStatus.BOTH)
    async with mirror_of(empty_world) as mirror:
        mirror.simulator.faults.add(Fault.status(404), on="download-token", times=None)
        summary = await mirror.sync()
        assert (summary.exit_code, summary.files.failed) == (ExitCode.PARTIAL, 1)
        assert reasons(summary) == ["not-found"]


async def test_a_storage_status_in_the_servers_own_list_is_believed(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    device = sealed(empty_world)
    empty_world.dialect = Dialect(json_lists_known=True, json_status="storageStatus")
    async with mirror_of(empty_world) as mirror:
        mirror.change("orders", mode=OrderMode.NEVER)
        first = await mirror.sync()
        assert (first.files.fetched, first.files.device_only) == (1, 1)
        assert reasons(first) == ["no-permission"]  # the other file was not asked for
        empty_world.set_status(device, KNOWN, StorageStatus.BOTH)
        mirror.simulator.faults.add(Fault.status(404), on="download-token", times=None)
        second = await mirror.sync()
        assert (second.exit_code, second.files.failed) == (ExitCode.PARTIAL, 1)
