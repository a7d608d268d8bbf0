"""The API page's sample code runs unchanged against the simulator."""

import inspect
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio.to_thread
import pytest

from osfsync.simulator.server import Simulator, serve
from osfsync.simulator.world import World
from tests.simulator import simulator_page_sample as page
from tests.simulator.simulator_kit import NOW

PAGE = Path(__file__).parents[2].parent / "shared" / "opticloud-api.txt"
SECONDS = (0, int(NOW.timestamp()))
MILLISECONDS = (0, SECONDS[1] * 1000)


@pytest.fixture
def world() -> World:
    return World.generate(seed=11, devices=3, files_per_device=30, now=NOW)


async def run(function: Callable[..., Any], *args: object) -> Any:
    return await anyio.to_thread.run_sync(function, *args)


async def logged_in(sim: Simulator) -> Any:
    account = {"username": sim.world.username, "password": sim.world.password}
    return await run(page.login, sim.url, account, "Demo Fleet")


FUNCTIONS = [
    page.login,
    page.get_devices,
    page.get_processed_osf_files,
    page.get_listed_files,
    page.download_processed_osf_file,
    page.get_latest_telemetry,
    page.get_device_communication,
    page.request_list,
]


@pytest.mark.parametrize("function", FUNCTIONS)
def test_the_sample_is_the_page_s_own(function: Callable[..., Any]) -> None:
    if not PAGE.exists():
        pytest.skip("the API page's text is not beside this repository")
    lines = [line.strip() for line in inspect.getsource(function).splitlines()]
    assert "\n".join(lines) in PAGE.read_text(encoding="utf-8")


async def test_login_and_devices(world: World) -> None:
    async with serve(world) as sim:
        header = await logged_in(sim)
        devices = await run(page.get_devices, sim.url, header, world.main.id)
    assert [device["id"]["id"] for device in devices] == [
        device.id for device in world.devices(world.main.id)
    ]
    assert [device["name"] for device in devices] == ["Loco 185-042", "Crane 4/5: North", "Test Bench"]


async def test_login_picks_among_tenants_and_knows_no_others(world: World) -> None:
    async with serve(world) as sim:
        account = {"username": world.username, "password": world.password}
        header = await run(page.login, sim.url, account, "Other Works")
        assert len(await run(page.get_devices, sim.url, header, world.other.id)) == 2
        with pytest.raises(RuntimeError, match="Tenant not found"):
            await run(page.login, sim.url, account, "MyTenant")


async def test_the_server_s_own_files(world: World) -> None:
    device = world.devices(world.main.id)[0]
    async with serve(world) as sim:
        header = await logged_in(sim)
        files = await run(page.get_processed_osf_files, sim.url, header, device.id, *MILLISECONDS)
    held = [name for device_id, name in world.available() if device_id == device.id]
    assert [file["name"] for file in files] == held
    assert 0 < len(held) < 30


async def test_all_files_with_their_status(world: World) -> None:
    device = world.devices(world.main.id)[0]
    async with serve(world) as sim:
        header = await logged_in(sim)
        files = await run(page.get_listed_files, sim.url, header, device.id, *SECONDS)
    told = {file["FileName"]: int(file["Status"]) for file in files}
    assert told == {name: int(file.status) for name, file in device.files.items()}
    assert set(told.values()) == {0, 1, 2, 3}


async def test_download(world: World, tmp_path: Path) -> None:
    async with serve(world) as sim:
        header = await logged_in(sim)
        for device_id, name in list(world.available())[:5]:
            target = await run(
                page.download_processed_osf_file, sim.url, header, device_id, name, str(tmp_path)
            )
            assert await run(Path(target).read_bytes) == world.content(device_id, name)
        assert sum(sim.downloads.values()) == 5


async def test_telemetry(world: World) -> None:
    device = world.devices(world.main.id)[0]
    async with serve(world) as sim:
        values = await run(page.get_latest_telemetry, sim.url, await logged_in(sim), device.id)
    assert set(values) == {"Engine.Speed", "Battery.Voltage", "System.Modem.RSSI"}
    last = device.last_contact
    assert last is not None
    assert all([value["ts"] for value in series] == [last.timestamp() * 1000] for series in values.values())


async def test_communication(world: World) -> None:
    device = world.devices(world.main.id)[0]
    async with serve(world) as sim:
        header = await logged_in(sim)
        answer = await run(page.get_device_communication, sim.url, header, device.id, *MILLISECONDS)
    assert len(answer["data"]) == len(device.events)
    assert {event["type"] for event in answer["data"]} == {"PING"}


async def test_request_list_queues_a_command(world: World) -> None:
    device = world.devices(world.main.id)[0]
    async with serve(world) as sim:
        header = await logged_in(sim)
        span = ("2025-10-20T00:00:00Z", "2025-10-30T02:00:00+02:00")
        await run(page.request_list, sim.url, header, device.id, *span, "preview")
    (command,) = world.command_log
    assert (command.device_id, command.tag, command.at) == (device.id, "preview", NOW)
    assert str(command.window) == "2025-10-20 00:00 – 2025-10-30 00:00 UTC"
    assert list(device.queue) == [command]
