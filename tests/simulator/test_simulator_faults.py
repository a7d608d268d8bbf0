"""Each fault shows on the wire as its name says."""

import asyncio
import gzip
from collections import Counter
from collections.abc import AsyncIterator
from datetime import timedelta
from time import monotonic
from xml.parsers.expat import ExpatError

import aiohttp
import pytest
import xmltodict

from osfsync.simulator.answers import Endpoint
from osfsync.simulator.faults import Fault, Faults, Framing
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
    world.add_file(device, "other.osf")
    return device


@pytest.fixture
async def visitor(world: World, device: SimDevice) -> AsyncIterator[Visitor]:
    assert device.files
    async with visiting(world) as visitor:
        yield visitor


@pytest.fixture
def right(world: World, device: SimDevice) -> bytes:
    return world.content(device.id, NAME)


async def test_status_with_retry_after(visitor: Visitor, device: SimDevice, right: bytes) -> None:
    faults = visitor.sim.faults
    faults.add(Fault.status(503, retry_after=1), on="download")
    faults.add(Fault.status(429, retry_after=NOW), on="download")
    faults.add(Fault.status(500), on="download")
    token = (await visitor.download_token(device, NAME)).body.decode()
    replies = [await visitor.redeem(device, token) for _ in range(4)]
    assert [reply.status for reply in replies] == [503, 429, 500, 200]
    assert replies[0].headers["Retry-After"] == "1"
    assert replies[1].headers["Retry-After"] == "Sat, 01 Nov 2025 12:00:00 GMT"
    assert "Retry-After" not in replies[2].headers
    assert replies[3].body == right  # an error status does not use up the token
    assert visitor.sim.downloads == {(device.id, NAME): 1}
    assert visitor.sim.requests["download"] == 4
    assert faults.acted == {"download": 3}


async def test_delay(visitor: Visitor, device: SimDevice, right: bytes) -> None:
    visitor.sim.faults.add(Fault.delay(0.1), on="download")
    before = monotonic()
    assert (await visitor.download(device, NAME)).body == right
    assert monotonic() - before >= 0.1


async def test_reset_before_headers(visitor: Visitor, device: SimDevice) -> None:
    visitor.sim.faults.add(Fault.reset(), on="credentials", times=3)
    reader, writer = await asyncio.open_connection(*visitor.sim.url.removeprefix("http://").split(":"))
    writer.write(f"GET /api/device/{device.id}/credentials HTTP/1.1\r\nHost: x\r\n\r\n".encode())
    with pytest.raises(ConnectionResetError):
        await reader.read()
    writer.close()
    with pytest.raises(
        aiohttp.ClientConnectionError
    ):  # aiohttp itself repeats a GET once on a kept connection
        await visitor.get(f"/api/device/{device.id}/credentials")


async def test_cut_with_a_content_length(visitor: Visitor, device: SimDevice) -> None:
    visitor.sim.faults.add(Fault.cut(1_000), on="download")
    with pytest.raises(aiohttp.ClientPayloadError, match="Not enough data"):
        await visitor.download(device, NAME)
    assert not visitor.sim.downloads


async def test_cut_of_a_chunked_body(visitor: Visitor, device: SimDevice) -> None:
    visitor.sim.faults.add(Fault.cut(1_000, framing=Framing.CHUNKED), on="download")
    with pytest.raises(aiohttp.ClientPayloadError):
        await visitor.download(device, NAME)


async def test_cut_that_nothing_shows(visitor: Visitor, device: SimDevice, right: bytes) -> None:
    visitor.sim.faults.add(Fault.cut(1_000, framing=Framing.CLOSE), on="download")
    reply = await visitor.download(device, NAME)
    assert reply.body == right[:1_000]
    assert "Content-Length" not in reply.headers
    assert not visitor.sim.downloads


@pytest.mark.parametrize("framing", Framing)
async def test_cut_before_the_first_byte(visitor: Visitor, device: SimDevice, framing: Framing) -> None:
    visitor.sim.faults.add(Fault.cut(0, framing=framing), on="download")
    if framing is Framing.CLOSE:
        assert (await visitor.download(device, NAME)).body == b""
    else:
        with pytest.raises(aiohttp.ClientPayloadError):
            await visitor.download(device, NAME)


async def test_flip(visitor: Visitor, device: SimDevice, right: bytes) -> None:
    visitor.sim.faults.add(Fault.flip(), on="download")
    visitor.sim.faults.add(Fault.flip(3), on="download")
    middle, third = [(await visitor.download(device, NAME)).body for _ in range(2)]
    assert [at for at, byte in enumerate(right) if middle[at] != byte] == [len(right) // 2]
    assert [at for at, byte in enumerate(right) if third[at] != byte] == [3]
    with pytest.raises((gzip.BadGzipFile, EOFError, OSError)):
        gzip.decompress(third)


async def test_html_page_with_200(visitor: Visitor, device: SimDevice) -> None:
    visitor.sim.faults.add(Fault.html(), on="download-token")
    reply = await visitor.download_token(device, NAME)
    assert (reply.status, reply.headers["Content-Type"].split(";")[0]) == (200, "text/html")
    assert b"<html>" in reply.body


async def test_empty_body(visitor: Visitor, device: SimDevice) -> None:
    visitor.sim.faults.add(Fault.empty(), on="file-list")
    reply = await visitor.file_list(device)
    assert (reply.status, reply.body) == (200, b"")


async def test_drip(visitor: Visitor, device: SimDevice, right: bytes) -> None:
    visitor.sim.faults.add(Fault.drip(20_000), on="download")
    before = monotonic()
    assert (await visitor.download(device, NAME)).body == right
    assert monotonic() - before >= 0.9 * len(right) / 20_000
    assert visitor.sim.downloads == {(device.id, NAME): 1}


async def test_silence(visitor: Visitor, device: SimDevice) -> None:
    visitor.sim.faults.add(Fault.silence(), on="download")
    token = (await visitor.download_token(device, NAME)).body.decode()
    with pytest.raises(TimeoutError):
        await asyncio.wait_for(visitor.redeem(device, token), 0.1)
    assert (await visitor.redeem(device, token)).status == 200


async def test_redirect(visitor: Visitor, device: SimDevice) -> None:
    visitor.sim.faults.add(Fault.redirect("http://elsewhere.invalid/"), on="file-list")
    reply = await visitor.file_list(device)
    assert (reply.status, reply.headers["Location"]) == (302, "http://elsewhere.invalid/")


async def test_bad_xml(visitor: Visitor, device: SimDevice) -> None:
    visitor.sim.faults.add(Fault.bad_xml(), on="file-list")
    with pytest.raises(ExpatError):
        xmltodict.parse((await visitor.file_list(device)).body)


async def test_doctype_xml(visitor: Visitor, device: SimDevice) -> None:
    right = (await visitor.file_list(device)).body
    visitor.sim.faults.add(Fault.doctype_xml(), on="file-list")
    damaged = (await visitor.file_list(device)).body
    assert damaged.replace(b"\n<!DOCTYPE FileList>", b"") == right
    assert damaged != right
    assert xmltodict.parse(damaged) == xmltodict.parse(right)


async def test_wrong_json(visitor: Visitor, world: World) -> None:
    path = f"/api/tenants/{world.main.id}/devices"
    visitor.sim.faults.add(Fault.wrong_json(), on="devices")
    visitor.sim.faults.add(Fault.wrong_json("[1, 2"), on="devices")
    assert (await visitor.get(path)).json == {"unexpected": True}
    assert (await visitor.get(path)).body == b"[1, 2"


async def test_expired_tokens_in_the_middle(visitor: Visitor, device: SimDevice, right: bytes) -> None:
    visitor.sim.faults.add(Fault.expire_tokens(), on="download-token")
    assert (await visitor.download_token(device, NAME)).status == 401
    assert (await visitor.file_list(device)).status == 401
    await visitor.log_in()
    assert (await visitor.download(device, NAME)).body == right


async def test_a_rule_may_mean_one_device_and_one_file(
    visitor: Visitor, world: World, device: SimDevice
) -> None:
    other = world.add_device("B")
    faults = visitor.sim.faults
    faults.add(Fault.status(500), on="file-list", device=other.id, times=None)
    assert (await visitor.file_list(device)).status == 200
    assert [(await visitor.file_list(other)).status for _ in range(3)] == [500] * 3
    faults.clear()
    assert (await visitor.file_list(other)).status == 200
    faults.add(Fault.status(502), on="download", file=NAME)
    faults.add(Fault.status(504), on="download-token", file="other.osf")
    assert (await visitor.download_token(device, "other.osf")).status == 504
    assert (await visitor.download(device, "other.osf")).status == 200
    assert (await visitor.download(device, NAME)).status == 502
    assert (await visitor.download(device, NAME)).status == 200


async def test_a_rule_may_mean_every_endpoint(visitor: Visitor, device: SimDevice) -> None:
    visitor.sim.faults.add(Fault.status(503), times=2)
    assert (await visitor.file_list(device)).status == 503
    assert (await visitor.download_token(device, NAME)).status == 503
    assert (await visitor.file_list(device)).status == 200


async def test_faults_are_no_way_around_the_body(visitor: Visitor, device: SimDevice) -> None:
    visitor.sim.faults.add(Fault.status(500), on="download-token", file=NAME)
    path = f"/api/device/{device.id}/data-files/CLIENT_SCOPE/download"
    assert (await visitor.post(path, {"not": "a list"})).status == 400


def test_a_probability_is_drawn_from_the_seed() -> None:
    def hits(seed: int) -> list[bool]:
        faults = Faults(seed=seed)
        faults.add(Fault.reset(), on="download", times=None, probability=0.3)
        return [faults.take(Endpoint.DOWNLOAD, None, ()) is not None for _ in range(1_000)]

    assert hits(1) == hits(1) != hits(2)
    assert 250 < Counter(hits(1))[True] < 350


def test_an_unknown_label_is_refused() -> None:
    with pytest.raises(ValueError, match="downloads"):
        Faults().add(Fault.reset(), on="downloads")


def test_rules_act_in_order_and_run_out() -> None:
    faults = Faults()
    one, two = Fault.status(500), Fault.delay(1)
    faults.add(one, on="login", times=2)
    faults.add(two)
    taken = [faults.take(Endpoint.LOGIN, None, ()) for _ in range(4)]
    assert taken == [one, one, two, None]
    assert not faults.watches(Endpoint.LOGIN)
    assert faults.acted == {"login": 3}


def test_the_clock_of_a_retry_after_may_be_any_moment() -> None:
    assert Fault.status(503, retry_after=NOW) != Fault.status(503, retry_after=NOW + timedelta(seconds=1))
