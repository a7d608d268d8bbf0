"""What was ordered and what became of it, as a user asks for it."""

import csv
import io
import json
from collections.abc import AsyncIterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest

from osfsync.cli.sync import FAIL_ON
from osfsync.domain.model import StorageStatus
from osfsync.pipeline.perform import FailOn
from osfsync.simulator.behaviour import STILL, Behaviour
from osfsync.simulator.fleet import SimDevice
from osfsync.simulator.server import Simulator, serve
from osfsync.simulator.world import World
from osfsync.state.lock import hold_lock
from osfsync.state.settings import StateSettings
from tests.cli.test_cli_errors import osfsync, write_config

DEAD = Behaviour(contact_every=None, files_per_day=0)


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    """Devices that connect when a test lets them: one delivers, one only lists, one takes no commands."""
    world = World(now=datetime.now(UTC), seed=2)
    truck = world.add_device("Truck 1", behaviour=DEAD)
    world.add_file(truck, "20260101/a.osf", StorageStatus.DEVICE_ONLY)
    boat = world.add_device("Boat", behaviour=replace(DEAD, delivers=False))
    world.add_file(boat, "b.osf", StorageStatus.DEVICE_ONLY)
    world.add_file(boat, "gone.osf", StorageStatus.DEVICE_ONLY, start=world.now - timedelta(days=3))
    refused = world.add_device("Refused", behaviour=DEAD, refusal=403)
    world.add_file(refused, "c.osf", StorageStatus.DEVICE_ONLY)
    async with serve(world) as running:
        yield running


@pytest.fixture
async def mirror(tmp_path: Path, simulator: Simulator) -> "Mirror":
    """After one sync, which ordered what only the devices have."""
    write_config(tmp_path, simulator.url)
    mirror = Mirror(tmp_path, simulator)
    await mirror.sync()
    return mirror


class Mirror:
    """A folder that mirrors the simulated platform."""

    def __init__(self, folder: Path, simulator: Simulator) -> None:
        self.folder = folder
        self.world = simulator.world

    def device(self, name: str) -> SimDevice:
        return next(device for device in self.world.devices(self.world.main.id) if device.name == name)

    def catch_up(self) -> None:
        """Set the platform's clock to the present time."""
        self.world.advance(max(datetime.now(UTC) - self.world.now, timedelta(0)))

    def connect(self, name: str) -> None:
        """Let a device make contact, at the present time."""
        self.catch_up()
        self.world.connect(self.device(name))

    async def sync(self, *options: str) -> str:
        ended = await osfsync(self.folder, "sync", *options, password=self.world.password)
        assert ended.code == 0, ended.err
        return ended.out

    async def tell(self, *arguments: str) -> str:
        ended = await osfsync(self.folder, *arguments)
        assert ended.code == 0, ended.err
        return ended.out

    async def json(self, *arguments: str) -> dict[str, Any]:
        shown: dict[str, Any] = json.loads(await self.tell(*arguments))
        return shown


async def test_missing_tells_what_came_of_an_order(mirror: Mirror) -> None:
    mirror.connect("Boat")
    mirror.world.remove_file(mirror.device("Boat"), "gone.osf")
    await mirror.sync()
    shown = await mirror.json("missing", "--format", "json")
    reasons = {file["name"]: file["reason"] for file in shown["files"]}
    assert reasons == {
        "20260101/a.osf": "ordered",
        "b.osf": "ordered-not-delivered",
        "gone.osf": "lost",
        "c.osf": "no-permission",
    }
    assert shown["totals"] == {"ordered": 1, "ordered-not-delivered": 1, "lost": 1, "no-permission": 1}
    told = {file["name"]: file["explanation"] for file in shown["files"]}
    assert "No contact of it was ever seen." in told["20260101/a.osf"]
    assert "It was in contact once since, on " in told["b.osf"]
    assert "vanished from the platform's list" in told["gone.osf"]
    assert "refuses commands" in told["c.osf"]
    shown = await mirror.json("devices", "--format", "json")
    devices = {device["device"]: device for device in shown["devices"]}
    assert (devices["Boat"]["lost"], devices["Boat"]["open_orders"]) == (1, 1)
    assert devices["Boat"]["last_contact"] is not None
    assert devices["Truck 1"]["last_contact"] is None
    assert (devices["Boat"]["expected_contact"], devices["Boat"]["horizon_days"]) == (None, None)


async def test_missing_can_be_narrowed_down(mirror: Mirror) -> None:
    async def names(*options: str) -> set[object]:
        shown = await mirror.json("missing", "--format", "json", *options)
        return {file["name"] for file in shown["files"]}

    assert await names("--device", "boat") == {"b.osf", "gone.osf"}
    assert await names("--device", "TRUCK*", "--device", mirror.device("Refused").id) == {
        "20260101/a.osf",
        "c.osf",
    }
    assert await names("--reason", "no-permission", "--reason", "lost") == {"c.osf"}
    assert await names("--older-than", "2d") == {"gone.osf"}
    assert await names("--device", "truck*", "--older-than", "2d") == set()
    table = await mirror.tell("missing", "--reason", "no-permission")
    assert table.splitlines()[-1] == "1 file: 1 no-permission."
    text = await mirror.tell("missing", "--format", "csv", "--device", "boat")
    rows = list(csv.DictReader(io.StringIO(text)))
    assert [row["name"] for row in rows] == ["b.osf", "gone.osf"]


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("missing", "--reason", "laziness"), "laziness"),
        (("missing", "--older-than", "old"), "old"),
        (("orders", "cancel"), "--all"),
        (("orders", "cancel", "--all", "--device", "boat"), "--all"),
        (("orders", "--device", "boat", "cancel", "--all"), "cancel"),
        (("sync", "--fail-on", "rain"), "rain"),
        (("sync", "--dry-run", "--wait", "2h"), "--wait"),
        (("sync", "--dry-run", "--fail-on", "lost"), "--fail-on"),
    ],
)
async def test_what_cannot_be_asked(tmp_path: Path, arguments: tuple[str, ...], word: str) -> None:
    ended = await osfsync(tmp_path, *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert word in ended.err
    assert "Traceback" not in ended.err


async def test_what_is_not_known_is_told(mirror: Mirror) -> None:
    for arguments, words in (
        (("missing", "--device", "nobody"), ("nobody", "osfsync devices")),
        (("orders", "--device", "nobody"), ("nobody", "osfsync devices")),
        (("orders", "cancel", "--device", "nobody"), ("nobody", "osfsync devices")),
        (("why", "nothing.osf"), ("nothing.osf", "osfsync files")),
    ):
        ended = await osfsync(mirror.folder, *arguments)
        assert (ended.code, ended.out) == (2, "")
        ended.assert_one_message(*words)


async def test_why_tells_the_story_of_a_file_that_came(mirror: Mirror) -> None:
    mirror.connect("Truck 1")
    await mirror.sync()
    text = " ".join((await mirror.tell("why", "a.osf")).split())
    order = [
        "20260101/a.osf of Truck 1",
        "First seen: only on the device",
        "was sent to the device: files recorded",
        "First contact of the device after order",
        "and returned its list.",
        "The device delivered the file (RETURN_FILE",
        "The list shows it as on device and server",
        "Held: 4,000 bytes at Truck 1/20260101/a.osf, SHA-256 ",
        "Now: held at Truck 1/20260101/a.osf in the archive.",
    ]
    places = [text.index(words) for words in order]
    assert places == sorted(places)
    (story,) = (await mirror.json("why", "Truck 1/20260101/a.osf", "--json"))["files"]
    assert (story["state"], story["reason"], story["next_action"]) == ("held", None, None)


async def test_why_tells_the_reason_of_a_missing_file(mirror: Mirror) -> None:
    shown = await mirror.json("why", "20260101/a.osf", "--json")
    assert (shown["schema"], shown["more"]) == (1, 0)
    (story,) = shown["files"]
    assert story.keys() >= {
        "device",
        "device_id",
        "name",
        "state",
        "reason",
        "explanation",
        "next_action",
        "expected",
        "expected_by",
        "events",
    }
    assert (story["device"], story["state"], story["reason"]) == ("Truck 1", "missing", "ordered")
    assert [event.keys() for event in story["events"]] == [{"at", "what"}] * 2
    text = await mirror.tell("why", "a.osf")
    assert "Now: ordered. The device was asked for it once" in text
    assert "Next: Asked for again after" in text


async def test_why_bounds_what_it_tells(mirror: Mirror) -> None:
    for number in range(12):
        mirror.world.add_file(mirror.device("Boat"), f"{number}/many.osf", StorageStatus.DEVICE_ONLY)
    await mirror.sync()
    shown = await mirror.json("why", "many.osf", "--json")
    assert (len(shown["files"]), shown["more"]) == (10, 2)
    assert "2 more files go by this name" in await mirror.tell("why", "many.osf")


async def test_why_can_be_narrowed_down_to_devices(mirror: Mirror) -> None:
    for name in ("Boat", "Truck 1"):
        mirror.world.add_file(mirror.device(name), "twin.osf", StorageStatus.DEVICE_ONLY)
    await mirror.sync()
    assert len((await mirror.json("why", "twin.osf", "--json"))["files"]) == 2
    (story,) = (await mirror.json("why", "twin.osf", "--device", "bo*", "--json"))["files"]
    assert story["device"] == "Boat"
    ended = await osfsync(mirror.folder, "why", "twin.osf", "--device", "nobody")
    assert ended.code == 2
    ended.assert_one_message("nobody", "osfsync devices")


async def test_orders_show_how_far_each_has_come(mirror: Mirror) -> None:
    mirror.connect("Truck 1")
    mirror.connect("Boat")
    await mirror.sync("--order", "only")
    shown = await mirror.json("orders", "--format", "json")
    fates = {(order["device"], order["fate"]) for order in shown["orders"]}
    assert fates == {("Truck 1", "delivered"), ("Boat", "list-answered"), ("Boat", "contacted")}
    assert all(order["open"] and order["sent_at"] for order in shown["orders"])
    numbers = [order["order"] for order in shown["orders"]]
    assert numbers == sorted(numbers, reverse=True)
    assert shown["totals"] == {"delivered": 1, "list-answered": 1, "contacted": 1}
    (of_truck,) = (await mirror.json("orders", "--format", "json", "--device", "truck*"))["orders"]
    assert (of_truck["files"], of_truck["awaited"], of_truck["delivered"]) == (1, 1, 1)
    past = await mirror.json("orders", "--past", "--format", "json")
    refused = [order for order in past["orders"] if order["fate"] == "refused"]
    assert refused
    assert all("403" in order["explanation"] and not order["open"] for order in refused)
    rows = list(csv.DictReader(io.StringIO(await mirror.tell("orders", "--past", "--format", "csv"))))
    assert len(rows) == len(past["orders"]) > 3
    assert "list-answered" in await mirror.tell("orders")


async def test_cancelled_orders_are_given_again(mirror: Mirror) -> None:
    before = len(mirror.world.command_log)
    out = await mirror.tell("orders", "cancel", "--device", "boat")
    assert "2 orders forgotten." in out
    assert "the next sync asks for them again" in out
    assert "The platform's queue can't be recalled" in out
    assert "nothing was changed" in await mirror.tell("orders", "cancel", "--device", "boat")
    shown = await mirror.json("orders", "--past", "--format", "json", "--device", "boat")
    assert [order["fate"] for order in shown["orders"]] == ["cancelled"] * 2
    assert len((await mirror.json("orders", "--format", "json"))["orders"]) == 1
    shown = await mirror.json("missing", "--format", "json", "--device", "boat")
    assert {file["reason"] for file in shown["files"]} == {"listed-not-ordered"}
    assert "was cancelled" in await mirror.tell("why", "b.osf")
    await mirror.sync()
    again = list(mirror.world.command_log)[before:]
    assert {command.device_id for command in again} == {mirror.device("Boat").id}


async def test_all_orders_are_cancelled_where_orders_are_off(mirror: Mirror) -> None:
    write_config(mirror.folder, "https://example.opticloud.io", '[orders]\nmode = "never"')
    out = await mirror.tell("orders", "cancel", "--all")
    assert "3 orders forgotten." in out
    assert "not asked for again, because orders are switched off (orders.mode)" in out


async def test_orders_are_not_cancelled_while_a_run_works(mirror: Mirror) -> None:
    state = StateSettings(url=f"sqlite:///{(mirror.folder / 'osfsync.db').as_posix()}")
    with hold_lock(state):
        ended = await osfsync(mirror.folder, "orders", "cancel", "--all")
    assert ended.code == 11
    ended.assert_one_message("Another run")
    assert len((await mirror.json("orders", "--format", "json"))["orders"]) == 3


async def test_nothing_is_cancelled_before_any_run(tmp_path: Path) -> None:
    write_config(tmp_path, "https://example.opticloud.io")
    ended = await osfsync(tmp_path, "orders", "cancel", "--all")
    assert ended.code == 2
    ended.assert_one_message("osfsync.db")
    assert not (tmp_path / "osfsync.db").exists()


def test_every_way_to_fail_can_be_said() -> None:
    assert [way.value for way in FailOn] == list(FAIL_ON)


async def test_pending_and_lost_files_may_fail_a_run(mirror: Mirror) -> None:
    password = mirror.world.password
    pending = await osfsync(mirror.folder, "sync", "--fail-on", "pending", "--json", password=password)
    assert pending.code == 4
    assert json.loads(pending.out)["outcome"] == "complete"
    nothing_lost = await osfsync(mirror.folder, "sync", "--fail-on", "lost", password=password)
    assert nothing_lost.code == 0
    mirror.world.remove_file(mirror.device("Boat"), "gone.osf")
    lost = await osfsync(mirror.folder, "sync", "--fail-on", "lost", password=password)
    assert lost.code == 4
    assert ", 1 lost;" in lost.out
    backfill = await osfsync(
        mirror.folder, "backfill", "--since", "2026-01-01", "--fail-on", "pending", password=password
    )
    assert backfill.code == 4


async def test_when_a_device_and_its_file_are_expected(tmp_path: Path) -> None:
    """It connected every four hours for some days, and delivered."""
    now = datetime.now(UTC)
    world = World(now=now - timedelta(days=5), seed=2)
    truck = world.add_device("Truck 1", behaviour=STILL)
    for number in range(40):
        world.add_file(truck, f"{number}.osf", StorageStatus.REQUESTED)
    world.advance(timedelta(days=5))
    world.add_file(truck, "wanted.osf", StorageStatus.DEVICE_ONLY)
    async with serve(world) as simulator:
        write_config(tmp_path, simulator.url)
        mirror = Mirror(tmp_path, simulator)
        await mirror.sync()
    (device,) = (await mirror.json("devices", "--format", "json"))["devices"]
    (file,) = (await mirror.json("missing", "--format", "json"))["files"]
    expected = [
        device["expected_contact"],
        device["expected_contact_by"],
        file["expected"],
        file["expected_by"],
    ]
    moments = [datetime.fromisoformat(moment) for moment in expected]
    assert all(now < moment < now + timedelta(hours=5) for moment in moments)
    assert file["reason"] == "ordered"
    assert f"Expected around {moments[2]:%Y-%m-%d %H:%M} UTC" in file["explanation"]


async def test_a_run_may_wait_for_what_it_ordered(tmp_path: Path, simulator: Simulator) -> None:
    write_config(tmp_path, simulator.url)
    mirror = Mirror(tmp_path, simulator)
    mirror.catch_up()  # a run goes by the platform's clock where that differs from its own

    async def connect_soon() -> None:
        while not mirror.device("Truck 1").queue:  # noqa: ASYNC110 — the simulator does not notify
            await anyio.sleep(0.02)
        mirror.connect("Truck 1")

    with anyio.fail_after(60):
        async with anyio.create_task_group() as group:
            group.start_soon(connect_soon)
            out = await mirror.sync("--wait", "3s", "--device", "Truck 1", "--json")
    assert json.loads(out)["files"]["fetched"] == 1
