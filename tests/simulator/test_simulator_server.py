"""The server comes up at once, goes down quickly, and stands in a process of its own."""

import multiprocessing
import socket
from functools import partial
from time import monotonic

import aiohttp
import anyio
import pytest

from osfsync.simulator.faults import Fault, Faults
from osfsync.simulator.server import serve
from osfsync.simulator.standing import SimulatorStartError, own_process, run_clock
from osfsync.simulator.world import World
from tests.simulator.simulator_kit import NOW, until, visiting

QUICK = 1.5


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


def refused(url: str) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port_of(url))) != 0


async def test_the_url_works_at_once_and_not_afterwards() -> None:
    async with serve(World(now=NOW)) as one, serve(World(now=NOW)) as two:
        assert one.url != two.url
        async with aiohttp.ClientSession() as session, session.get(one.url + "/") as response:
            assert response.status == 404
    assert refused(one.url)
    assert refused(two.url)


async def test_a_taken_port_is_an_error() -> None:
    async with serve(World(now=NOW)) as sim:
        with pytest.raises(OSError, match=r"in use|permitted|forbidden"):
            async with serve(World(now=NOW), port=port_of(sim.url)):
                raise AssertionError("two servers on one port")


async def test_open_connections_and_hanging_requests_do_not_hold_it_up() -> None:
    world = World(now=NOW)
    device = world.add_device("A")
    world.add_file(device, "big.osf", size=30_000_000)
    errors: list[Exception] = []
    faults = Faults()

    async def suffer(session: aiohttp.ClientSession, url: str) -> None:
        try:
            async with session.get(url, headers={"X-Authorization": "Bearer x"}) as response:
                await response.read()
        except aiohttp.ClientError as error:
            errors.append(error)

    async with anyio.create_task_group() as tasks, aiohttp.ClientSession() as session:
        async with visiting(world, faults=faults) as visitor:
            token = (await visitor.download_token(device, "big.osf")).body.decode()
            unread = await session.get(  # a body that nobody reads
                f"{visitor.sim.url}/api/device/{device.id}/data-files/CLIENT_SCOPE/token/{token}",
                headers={"X-Authorization": f"Bearer {visitor.token}"},
            )
            kinds = [Fault.silence(), Fault.delay(3600), Fault.drip(0.01)]
            for fault in kinds:
                faults.add(fault, on="credentials")
                tasks.start_soon(suffer, session, f"{visitor.sim.url}/api/device/x/credentials")
            await until(lambda: faults.acted["credentials"] == len(kinds))
            before = monotonic()
        assert monotonic() - before < QUICK
        unread.close()
    assert len(errors) == len(kinds)


async def test_cancelling_closes_it_too() -> None:
    urls = []
    with anyio.CancelScope() as scope:
        async with serve(World(now=NOW)) as sim, aiohttp.ClientSession() as session:
            urls.append(sim.url)
            sim.faults.add(Fault.silence())
            async with anyio.create_task_group() as tasks:
                tasks.start_soon(session.get, sim.url + "/api/device/x/credentials")
                await until(lambda: sim.faults.acted)
                before = monotonic()
                scope.cancel()
    assert monotonic() - before < QUICK
    assert scope.cancelled_caught
    assert refused(urls[0])


async def test_an_error_inside_passes_through() -> None:
    with pytest.raises(ValueError, match="inside"):
        async with serve(World(now=NOW)):
            raise ValueError("inside")


async def test_a_running_clock_moves_the_world() -> None:
    world = World(now=NOW)
    device = world.add_device("A")
    async with anyio.create_task_group() as tasks:
        tasks.start_soon(run_clock, world, 100_000.0)
        await until(lambda: device.last_contact)
        tasks.cancel_scope.cancel()
    assert device.last_contact is not None
    assert world.now > device.last_contact > NOW


async def test_it_stands_in_a_process_of_its_own() -> None:
    build = partial(World.generate, seed=4, devices=2, files_per_device=5, now=NOW)
    with own_process(build) as url:
        (child,) = multiprocessing.active_children()
        world = build()
        account = {"username": world.username, "password": world.password}
        async with (
            aiohttp.ClientSession() as session,
            session.post(url + "/api/noauth/authorization", json=account) as response,
        ):
            entries = await response.json()
        assert [entry["tenant"]["name"] for entry in entries[1:]] == ["Demo Fleet", "Other Works"]
        assert child.is_alive()
    assert refused(url)
    assert not multiprocessing.active_children()


def test_a_process_that_cannot_start_says_so(capfd: pytest.CaptureFixture[str]) -> None:
    build = partial(World, now=NOW.replace(tzinfo=None))
    with pytest.raises(SimulatorStartError, match="ended before it served"), own_process(build):
        raise AssertionError("it started")
    assert "zone-aware" in capfd.readouterr().err
