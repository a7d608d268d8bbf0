"""The world lives as devices do, and the same seed gives the same world."""

import time
from collections import Counter
from dataclasses import replace
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from osfsync.domain.model import StorageStatus, TimeWindow
from osfsync.simulator.behaviour import REGULAR, SILENT, STILL, Behaviour
from osfsync.simulator.fleet import EventKind, SimDevice
from osfsync.simulator.world import World
from tests.simulator.simulator_kit import NOW

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
WEEK = TimeWindow(NOW - 7 * DAY, NOW)
S = StorageStatus


def portrait(world: World) -> list[object]:
    """All that a client could ever see of it."""
    return [
        (
            device.id,
            device.name,
            device.access_token,
            device.last_contact,
            tuple(device.events),
            tuple(
                (file.name, file.status, file.size, file.start, file.tag) for file in device.files.values()
            ),
        )
        for tenant in world.tenants
        for device in world.devices(tenant.id)
    ]


def statuses(device: SimDevice) -> Counter[StorageStatus]:
    return Counter(file.status for file in device.files.values())


def kinds(device: SimDevice) -> list[EventKind]:
    return [event.kind for event in device.events]


@pytest.fixture
def world() -> World:
    return World(now=NOW, seed=5)


def add_hours(
    world: World, device: SimDevice, count: int, status: StorageStatus, tag: str = "preview"
) -> None:
    """`count` files, one an hour, the last one an hour ago."""
    for back in range(count, 0, -1):
        world.add_file(device, f"{tag}/{back:03d}.osfz", status, start=NOW - back * HOUR, tag=tag)


def test_a_generated_fleet_shows_every_oddity() -> None:
    world = World.generate(seed=1, devices=15, files_per_device=40, now=NOW)
    devices = world.devices(world.main.id)
    names = Counter(device.name for device in devices)
    assert len(devices) == len({device.id for device in devices}) == 15
    assert names["Test Bench"] == 2
    assert any("/" in name and ":" in name for name in names)
    assert any(not name.isascii() for name in names)
    assert any(not device.readable for device in devices)
    assert any(device.behaviour.contact_every is None for device in devices)
    assert any(device.behaviour.outage_chance > 0 for device in devices)
    assert any(device.behaviour.capacity is not None for device in devices)
    assert any(not device.behaviour.delivers for device in devices)
    assert {file.status for device in devices for file in device.files.values()} == set(S)
    suffixes = Counter(name.rpartition(".")[2] for device in devices for name in device.files)
    assert set(suffixes) == {"osf", "osfz"}
    assert world.devices(world.other.id)
    assert {device_id for device_id, _ in world.available()} <= {device.id for device in devices}


@given(seed=st.integers(0, 10_000), days=st.integers(0, 20), pieces=st.integers(1, 5))
@settings(max_examples=25, deadline=None)
def test_the_same_seed_gives_the_same_world_however_time_is_sliced(seed: int, days: int, pieces: int) -> None:
    one, two = (World.generate(seed=seed, devices=6, files_per_device=12, now=NOW) for _ in range(2))
    assert portrait(one) == portrait(two)
    one.advance(days * DAY)
    for _ in range(pieces):
        two.advance(days * DAY / pieces)
    two.advance(one.now - two.now)
    assert portrait(one) == portrait(two)
    for key in list(one.available())[:3]:
        assert one.content(*key) == two.content(*key)
        assert len(one.content(*key)) == one.available()[key]


def test_another_seed_gives_another_world() -> None:
    one, two = (World.generate(seed=seed, devices=3, files_per_device=5, now=NOW) for seed in (1, 2))
    assert portrait(one) != portrait(two)


def test_content_survives_the_cache_and_changes_with_the_version(world: World) -> None:
    small = World(now=NOW, seed=5, cache_bytes=10_000)
    device = small.add_device("A")
    for number in range(5):
        small.add_file(device, f"{number}.osfz")
    first = [small.content(device.id, name) for name in device.files]
    assert first == [small.content(device.id, name) for name in device.files]
    assert len(set(first)) == 5
    assert small._made_bytes <= 10_000
    small.add_file(device, "0.osfz", size=5_000)
    assert len(small.content(device.id, "0.osfz")) == 5_000
    small.add_file(device, "0.osfz", content=b"by hand")
    assert small.content(device.id, "0.osfz") == b"by hand"
    assert small.available()[device.id, "0.osfz"] == 7
    other = world.add_device("A")
    world.add_file(other, "notes.txt", size=3)
    assert len(world.content(other.id, "notes.txt")) == 3


def test_available_is_what_lies_on_the_main_tenant_s_server(world: World) -> None:
    device, foreign = world.add_device("A"), world.add_device("B", tenant=world.other)
    for status in S:
        world.add_file(device, f"{int(status)}.osf", status, size=3_000)
        world.add_file(foreign, f"{int(status)}.osf", status)
    assert world.available() == {(device.id, "2.osf"): 3_000, (device.id, "3.osf"): 3_000}
    world.set_status(device, "0.osf", S.BOTH)
    world.remove_file(device, "2.osf")
    assert set(world.available()) == {(device.id, "0.osf"), (device.id, "3.osf")}
    world.remove_device(device)
    assert world.available() == {}
    world.advance(DAY)
    assert device.last_contact is None


def test_a_command_waits_for_the_contact_and_is_delivered_over_several(world: World) -> None:
    device = world.add_device("A", behaviour=replace(STILL, files_per_contact=3))
    add_hours(world, device, 8, S.DEVICE_ONLY)
    world.queue(device, WEEK, "preview")
    world.advance(4 * HOUR - timedelta(seconds=1))
    assert statuses(device) == {S.DEVICE_ONLY: 8}
    world.advance(timedelta(seconds=1))
    assert statuses(device) == {S.REQUESTED: 5, S.BOTH: 3}
    assert kinds(device) == [EventKind.PING, EventKind.RETURN_LIST, *[EventKind.RETURN_FILE] * 3]
    assert device.last_contact == world.now == NOW + 4 * HOUR
    world.advance(4 * HOUR)
    assert statuses(device) == {S.REQUESTED: 2, S.BOTH: 6}
    world.advance(4 * HOUR)
    assert statuses(device) == {S.BOTH: 8}
    assert len(world.available()) == 8
    assert not device.queue
    assert len(world.command_log) == 1


def test_a_command_means_its_window_and_its_tag(world: World) -> None:
    device = world.add_device("A")
    add_hours(world, device, 6, S.DEVICE_ONLY)
    add_hours(world, device, 6, S.DEVICE_ONLY, tag="trigger")
    world.queue(device, TimeWindow(NOW - 3 * HOUR, NOW), "trigger")
    world.connect(device)
    assert {name for _, name in world.available()} == {f"trigger/{back:03d}.osfz" for back in (1, 2, 3)}


def test_each_contact_takes_one_command(world: World) -> None:
    device = world.add_device("A")
    add_hours(world, device, 2, S.DEVICE_ONLY)
    world.queue(device, TimeWindow(NOW - HOUR, NOW), "preview")
    world.queue(device, WEEK, "preview")
    world.connect(device)
    assert statuses(device) == {S.DEVICE_ONLY: 1, S.BOTH: 1}
    world.connect(device)
    assert statuses(device) == {S.BOTH: 2}


def test_new_recordings_are_told_at_the_next_contact(world: World) -> None:
    device = world.add_device("A", behaviour=Behaviour(contact_every=DAY, files_per_day=6.0))
    world.advance(DAY - timedelta(seconds=1))
    assert device.files == {}
    world.advance(timedelta(seconds=1))
    assert statuses(device) == {S.DEVICE_ONLY: 6}
    assert all(file.announced for file in device.files.values())
    assert [event.detail for event in device.events if event.kind is EventKind.ATTN] == ["6 new files"]
    assert next(iter(device.files)).startswith("20251101/20251101_120000.osf")


def test_a_silent_device_never_connects(world: World) -> None:
    device = world.add_device("A", behaviour=SILENT)
    add_hours(world, device, 3, S.DEVICE_ONLY)
    world.queue(device, WEEK, "preview")
    world.advance(400 * DAY)
    assert statuses(device) == {S.DEVICE_ONLY: 3}
    assert device.last_contact is None
    assert not device.events
    assert len(device.queue) == 1


def test_a_full_ring_buffer_loses_the_oldest_files(world: World) -> None:
    device = world.add_device("A", behaviour=Behaviour(contact_every=DAY, capacity=40_000, files_per_day=4.0))
    world.add_file(device, "old.osfz", S.DEVICE_ONLY, start=NOW - 9 * DAY, size=10_000)
    world.add_file(device, "kept-by-server.osfz", S.BOTH, start=NOW - 8 * DAY, size=10_000)
    world.add_file(device, "asked-for.osfz", S.REQUESTED, start=NOW - 7 * DAY, size=10_000)
    world.add_file(device, "server.osfz", S.SERVER_ONLY, start=NOW - 10 * DAY, size=10_000)
    world.advance(DAY)
    assert "old.osfz" not in device.files
    world.advance(9 * DAY)
    assert device.files["kept-by-server.osfz"].status is S.SERVER_ONLY
    assert device.files["asked-for.osfz"].status is S.SERVER_ONLY
    assert device.files["server.osfz"].status is S.SERVER_ONLY
    stored = sum(file.size for file in device.files.values() if file.on_device)
    assert 30_000 < stored <= 40_000


@given(
    every=st.integers(1, 48).map(lambda hours: hours * HOUR),
    jitter=st.floats(0, 0.9),
    outage=st.floats(0, 1),
    capacity=st.none() | st.integers(0, 60_000),
    burst=st.integers(0, 5),
    steps=st.lists(st.sampled_from(["advance", "order", "add"]), max_size=15),
)
@settings(max_examples=60, deadline=None)
def test_what_holds_for_every_device(
    every: timedelta,
    jitter: float,
    outage: float,
    capacity: int | None,
    burst: int,
    steps: list[str],
) -> None:
    behaviour = Behaviour(every, jitter, outage, files_per_contact=burst, capacity=capacity)
    world = World(now=NOW, seed=3)
    device = world.add_device("A", behaviour=behaviour)
    for number, step in enumerate(steps):
        held = set(world.available())
        match step:
            case "advance":
                world.advance(DAY)
            case "order":
                world.queue(device, TimeWindow(NOW - DAY, world.now), "preview")
            case _:
                world.add_file(device, f"{number}.osfz", S.DEVICE_ONLY, start=world.now - HOUR)
        assert held <= set(world.available())  # the server forgets nothing by itself
    times = [event.at for event in device.events]
    assert times == sorted(times)
    assert all(NOW <= at <= world.now for at in times)
    deliveries = Counter(event.at for event in device.events if event.kind is EventKind.RETURN_FILE)
    assert all(count <= burst for count in deliveries.values())
    lists = kinds(device).count(EventKind.RETURN_LIST)
    assert lists + len(device.queue) == len(world.command_log)
    assert all(file.announced for file in device.files.values())


def test_time_does_not_run_backwards(world: World) -> None:
    with pytest.raises(ValueError, match="backwards"):
        world.advance(-HOUR)
    with pytest.raises(ValueError, match="zone-aware"):
        World(now=NOW.replace(tzinfo=None))


def test_an_id_is_given_once(world: World) -> None:
    device = world.add_device("A", device_id="one")
    with pytest.raises(ValueError, match="already"):
        world.add_device("B", device_id="one")
    assert world.device("one") is device
    assert world.device_of_token(device.access_token) is device
    assert device.access_token not in repr(device)


def test_devices_stray_around_their_interval(world: World) -> None:
    device = world.add_device("A", behaviour=replace(REGULAR, files_per_day=0))
    world.advance(10 * DAY)
    pauses = [b.at - a.at for a, b in zip(list(device.events), list(device.events)[1:], strict=False)]
    assert len(set(pauses)) > 10
    assert all(3 * HOUR <= pause <= 5 * HOUR for pause in pauses)


def test_big_worlds_are_cheap() -> None:
    before = time.process_time()
    world = World.generate(seed=1, devices=1, files_per_device=20_000, now=NOW)
    keys = list(world.available())[:2_000]
    for key in keys:
        world.content(*key)
    assert len(keys) == 2_000
    assert time.process_time() - before < 5  # measured: 0.3 s; a slip to another order shows
