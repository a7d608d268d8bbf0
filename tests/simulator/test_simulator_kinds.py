"""Every kind of device, as a client meets it: when it connects, what it delivers, what is refused for it."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import cycle, islice, pairwise

import pytest
import xmltodict

from osfsync.domain.model import StorageStatus
from osfsync.simulator.behaviour import FLAKY, LIST_ONLY, REGULAR, SILENT, STILL, Behaviour
from osfsync.simulator.fleet import ListedBy, SimDevice
from osfsync.simulator.world import World
from tests.simulator.simulator_kit import NOW, Visitor, visiting

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
MOBILE = replace(FLAKY, files_per_day=0)
RING = replace(REGULAR, capacity=20_000)
S = StorageStatus


@pytest.fixture
def world() -> World:
    return World(now=NOW, seed=5)


def with_files(world: World, device: SimDevice, count: int = 8) -> SimDevice:
    """`count` files of 4,000 bytes that lie only on the device."""
    for number in range(count):
        start = NOW - (count - number) * HOUR
        world.add_file(device, f"{number}.osf", S.DEVICE_ONLY, start=start, size=4_000)
    return device


async def listed(visitor: Visitor, device: SimDevice) -> dict[str, StorageStatus]:
    """The files of the XML list."""
    inside = xmltodict.parse((await visitor.file_list(device)).body, force_list=("GeoLogFile",))["FileList"]
    files = [] if inside is None else inside["GeoLogFile"]
    return {file["FileName"]: S(int(file["Status"])) for file in files}


async def told(visitor: Visitor, device: SimDevice, kind: str) -> list[datetime]:
    """The moments of one kind of event, oldest first."""
    events = (await visitor.communication(device)).json["data"]
    moments = [datetime.fromtimestamp(event["ts"] / 1000, UTC) for event in events if event["type"] == kind]
    return moments[::-1]


# --- contacts


async def test_a_regular_device_connects_about_every_four_hours(world: World) -> None:
    device = world.add_device("A", behaviour=REGULAR)
    async with visiting(world) as visitor:
        world.advance(30 * DAY)
        pings = await told(visitor, device, "PING")
    pauses = [later - earlier for earlier, later in pairwise([NOW, *pings])]
    assert all(3 * HOUR <= pause <= 5 * HOUR for pause in pauses)
    assert len(set(pauses)) > 100


async def test_a_flaky_device_goes_missing_for_days_and_delivers_little_at_a_time(world: World) -> None:
    device = with_files(world, world.add_device("A", behaviour=MOBILE))
    async with visiting(world) as visitor:
        await visitor.order(device)
        world.advance(90 * DAY)
        pings = await told(visitor, device, "PING")
        deliveries = await told(visitor, device, "RETURN_FILE")
    pauses = [later - earlier for earlier, later in pairwise([NOW, *pings])]
    usual = [pause for pause in pauses if 2 * HOUR <= pause <= 6 * HOUR]
    gaps = [pause for pause in pauses if DAY + 2 * HOUR <= pause <= 3 * DAY + 6 * HOUR]
    assert len(usual) + len(gaps) == len(pauses)
    assert 0.2 < len(gaps) / len(pauses) < 0.6
    assert deliveries == sorted([*(pings[:2] * 3), *(pings[2:3] * 2)])


async def test_a_dead_device_never_connects(world: World) -> None:
    device = with_files(world, world.add_device("A", behaviour=SILENT))
    async with visiting(world) as visitor:
        assert (await visitor.order(device)).status == 200  # the platform can't know
        world.advance(400 * DAY)
        assert (await visitor.communication(device)).json["data"] == []
        assert set((await listed(visitor, device)).values()) == {S.DEVICE_ONLY}
    assert len(device.queue) == 1


async def test_a_device_that_dies_misses_the_contact_that_was_due(world: World) -> None:
    device = with_files(world, world.add_device("A", behaviour=STILL))
    async with visiting(world) as visitor:
        world.advance(5 * HOUR)
        await visitor.order(device)
        device.behaviour = SILENT
        world.advance(30 * DAY)
        assert await told(visitor, device, "PING") == [NOW + 4 * HOUR]
        assert set((await listed(visitor, device)).values()) == {S.DEVICE_ONLY}


async def test_a_dead_device_connects_where_a_test_says_so(world: World) -> None:
    device = with_files(world, world.add_device("A", behaviour=SILENT))
    async with visiting(world) as visitor:
        await visitor.order(device)
        world.connect(device)
        assert set((await listed(visitor, device)).values()) == {S.BOTH}
        world.advance(30 * DAY)
        assert await told(visitor, device, "PING") == [NOW]


# --- what a contact brings


async def test_a_device_may_list_and_never_deliver(world: World) -> None:
    device = with_files(world, world.add_device("A", behaviour=LIST_ONLY))
    world.add_file(device, "asked-for-before.osf", S.REQUESTED)
    before = dict.fromkeys((f"{number}.osf" for number in range(8)), S.DEVICE_ONLY)
    async with visiting(world) as visitor:
        await visitor.order(device)
        await visitor.order(device)
        world.advance(10 * DAY)
        after = await listed(visitor, device)
        assert len(await told(visitor, device, "RETURN_LIST")) == 2
        assert await told(visitor, device, "RETURN_FILE") == []
        assert await told(visitor, device, "ATTN")  # it records and tells of it, as any other
    assert after.items() >= before.items()
    assert after["asked-for-before.osf"] is S.REQUESTED
    assert set(after.values()) == {S.DEVICE_ONLY, S.REQUESTED}
    assert not device.queue


async def test_a_device_that_delivers_again_wants_to_be_asked_again(world: World) -> None:
    device = with_files(world, world.add_device("A", behaviour=replace(STILL, delivers=False)))
    async with visiting(world) as visitor:
        await visitor.order(device)
        world.advance(DAY)
        device.behaviour = STILL
        world.advance(DAY)
        assert set((await listed(visitor, device)).values()) == {S.DEVICE_ONLY}
        await visitor.order(device)
        world.advance(DAY)
        assert set((await listed(visitor, device)).values()) == {S.BOTH}


async def test_a_ring_buffer_loses_what_was_asked_for_too_late(world: World) -> None:
    device = with_files(world, world.add_device("A", behaviour=replace(STILL, capacity=20_000)))
    async with visiting(world) as visitor:
        await visitor.order(device)
        assert len(await listed(visitor, device)) == 8
        world.advance(DAY)
        assert await listed(visitor, device) == dict.fromkeys(
            (f"{number}.osf" for number in range(3, 8)), S.BOTH
        )


# --- refused commands


@pytest.mark.parametrize("status", [400, 403, 429])
async def test_commands_of_a_device_are_refused(world: World, status: int) -> None:
    device = with_files(world, world.add_device("A", refusal=status))
    other = with_files(world, world.add_device("B"))
    async with visiting(world) as visitor:
        reply = await visitor.order(device)
        assert (reply.status, reply.json["status"]) == (status, status)
        assert (await visitor.order(other)).status == 200
        world.advance(DAY)
        assert await told(visitor, device, "RETURN_LIST") == []
        assert set((await listed(visitor, device)).values()) == {S.DEVICE_ONLY}
        assert set((await listed(visitor, other)).values()) == {S.BOTH}
        device.refusal = None
        assert (await visitor.order(device)).status == 200
    assert [command.device_id for command in world.command_log] == [other.id, device.id]


async def test_only_commands_are_refused(world: World) -> None:
    device = world.add_device("A", refusal=403)
    world.add_file(device, "a.osf")
    async with visiting(world) as visitor:
        assert (await visitor.get(f"/api/device/{device.id}/credentials")).status == 200
        assert [file["name"] for file in (await visitor.server_list(device)).json["data"]] == ["a.osf"]
        assert (await visitor.download(device, "a.osf")).status == 200


# --- two lists


async def test_a_file_may_be_known_to_one_list_only(world: World) -> None:
    device = world.add_device("A")
    for place in ListedBy:
        world.add_file(device, f"{place}.osf").listed_by = place
    async with visiting(world) as visitor:
        whole = await listed(visitor, device)
        own = [file["name"] for file in (await visitor.server_list(device)).json["data"]]
        replies = [await visitor.download(device, name) for name in device.files]
    assert list(whole) == ["both.osf", "device-list.osf"]
    assert own == ["both.osf", "server-list.osf"]
    assert [reply.status for reply in replies] == [200, 200, 200]


# --- a fleet of all kinds


async def test_fifty_devices_of_six_kinds(world: World) -> None:
    kinds: list[tuple[Behaviour, int | None, set[StorageStatus]]] = [
        (REGULAR, None, {S.BOTH}),
        (FLAKY, None, {S.BOTH}),
        (SILENT, None, {S.DEVICE_ONLY}),
        (RING, None, {S.SERVER_ONLY}),  # what came in before the device needed the room
        (REGULAR, 403, {S.DEVICE_ONLY}),
        (LIST_ONLY, None, {S.DEVICE_ONLY}),
    ]
    fleet = [
        (with_files(world, world.add_device(f"D{number}", behaviour=behaviour, refusal=refusal)), expected)
        for number, (behaviour, refusal, expected) in enumerate(islice(cycle(kinds), 50))
    ]
    async with visiting(world) as visitor:
        for device, _ in fleet:
            assert (await visitor.order(device)).status == (device.refusal or 200)
        world.advance(60 * DAY)
        for device, expected in fleet:
            files = await listed(visitor, device)
            asked_for = {status for name, status in files.items() if "/" not in name}
            assert asked_for == expected, device.name
            assert len(files) >= 5
