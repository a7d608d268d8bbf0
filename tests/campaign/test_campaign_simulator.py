"""The faults that the campaigns ask for show on the wire as their names say."""

from collections.abc import AsyncIterator

import aiohttp
import anyio
import pytest

from osfsync.simulator.faults import Fault
from osfsync.simulator.fleet import SimDevice
from osfsync.simulator.world import World
from tests.simulator.simulator_kit import NOW, Visitor, visiting

NAME = "20251101/20251101_080000.osfz"


@pytest.fixture
def world() -> World:
    return World(now=NOW, seed=9)


@pytest.fixture
def device(world: World) -> SimDevice:
    device = world.add_device("Loco")
    world.add_file(device, NAME)
    return device


@pytest.fixture
async def visitor(world: World, device: SimDevice) -> AsyncIterator[Visitor]:
    assert device.files
    async with visiting(world) as visitor:
        yield visitor


async def token_of(visitor: Visitor, device: SimDevice) -> str:
    return (await visitor.download_token(device, NAME)).body.decode()


async def test_a_torn_body_gives_its_first_bytes_and_uses_up_the_token(
    visitor: Visitor, world: World, device: SimDevice
) -> None:
    visitor.sim.faults.add(Fault.tear(700), on="download")
    token = await token_of(visitor, device)
    path = f"{visitor.sim.url}/api/device/{device.id}/data-files/CLIENT_SCOPE/token/{token}"
    headers = {"X-Authorization": f"Bearer {visitor.token}"}
    received = bytearray()

    async def read(response: aiohttp.ClientResponse) -> None:
        async for piece in response.content.iter_any():
            received.extend(piece)

    async with visitor.session.get(path, headers=headers) as response:
        assert response.content_length == 4_000
        with pytest.raises(aiohttp.ClientPayloadError, match="ConnectionResetError"):
            await read(response)
    assert received == world.content(device.id, NAME)[:700]
    assert (await visitor.redeem(device, token)).status == 404
    assert visitor.sim.downloads[device.id, NAME] == 0


async def test_a_head_may_drip_too(visitor: Visitor, world: World, device: SimDevice) -> None:
    visitor.sim.faults.add(Fault.drip(100_000, head=True), on="download")
    reply = await visitor.download(device, NAME)
    assert reply.status == 200
    assert reply.body == world.content(device.id, NAME)
    assert visitor.sim.downloads[device.id, NAME] == 1


async def test_a_spent_token_is_unknown(visitor: Visitor, device: SimDevice) -> None:
    visitor.sim.faults.add(Fault.spend_token(), on="download")
    visitor.sim.faults.add(Fault.spend_token(), on="file-list")
    assert (await visitor.download(device, NAME)).status == 404
    assert (await visitor.download(device, NAME)).status == 200
    assert (await visitor.file_list(device)).status == 200


async def test_a_rate_limit_puts_off_what_is_too_much(visitor: Visitor, device: SimDevice) -> None:
    visitor.sim.faults.add(Fault.rate_limit(3, seconds=30), times=None)
    replies = [await visitor.file_list(device) for _ in range(5)]
    assert [reply.status for reply in replies] == [200, 200, 200, 429, 429]
    assert 1 <= int(replies[-1].headers["Retry-After"]) <= 30
    visitor.sim.faults.clear()
    visitor.sim.faults.add(Fault.rate_limit(4, seconds=30), times=None)
    assert [(await visitor.file_list(device)).status for _ in range(2)] == [200, 429]


async def test_a_rate_limit_may_be_told_by_a_bare_503(visitor: Visitor, device: SimDevice) -> None:
    visitor.sim.faults.add(Fault.rate_limit(1, seconds=30, bare=True), times=None)
    replies = [await visitor.file_list(device) for _ in range(2)]
    assert [reply.status for reply in replies] == [200, 503]
    assert "Retry-After" not in replies[-1].headers


async def test_a_crowd_is_refused_beyond_so_many_at_once(visitor: Visitor, device: SimDevice) -> None:
    visitor.sim.faults.add(Fault.crowd(2, seconds=0.2), times=None)
    statuses: list[int] = []

    async def ask() -> None:
        statuses.append((await visitor.file_list(device)).status)

    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(ask)
    assert sorted(statuses) == [200, 200, 503, 503]
    assert visitor.sim.most_at_once == 2


@pytest.mark.parametrize("code", [301, 302, 303, 307, 308])
async def test_redirects_of_all_kinds(visitor: Visitor, device: SimDevice, code: int) -> None:
    visitor.sim.faults.add(Fault.redirect("http://example.com/", code=code), on="credentials")
    reply = await visitor.get(f"/api/device/{device.id}/credentials")
    assert (reply.status, reply.headers["Location"]) == (code, "http://example.com/")
