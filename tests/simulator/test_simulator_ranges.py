"""Parts of a file, as HTTP has them: asked for, on a condition, refused."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

import aiohttp
import pytest

from osfsync.simulator.faults import Fault
from osfsync.simulator.fleet import SimDevice
from osfsync.simulator.ranges import Span, Validator, span_of
from osfsync.simulator.server import ServerOptions
from osfsync.simulator.world import World
from tests.simulator.simulator_kit import NOW, Reply, Visitor, visiting

NAME = "20251101/a.osf"
OLD = datetime(2020, 1, 1, tzinfo=UTC)
CONTENT = bytes(range(100))


@asynccontextmanager
async def offering(validator: Validator = Validator.ETAG) -> AsyncIterator[tuple[Visitor, SimDevice]]:
    world = World(now=NOW)
    device = world.add_device("A")
    world.add_file(device, NAME, content=CONTENT, start=OLD)
    async with visiting(world, options=ServerOptions(ranges=True, validator=validator)) as visitor:
        yield visitor, device


async def ask(visitor: Visitor, device: SimDevice, **headers: str) -> Reply:
    token = (await visitor.download_token(device, NAME)).body.decode()
    path = f"/api/device/{device.id}/data-files/CLIENT_SCOPE/token/{token}"
    told = {name.replace("_", "-"): value for name, value in headers.items()}
    async with visitor.session.get(
        visitor.sim.url + path, headers={"X-Authorization": f"Bearer {visitor.token}", **told}
    ) as response:
        return Reply(
            response.status,
            {name.lower(): value for name, value in response.headers.items()},
            await response.read(),
        )


@pytest.mark.parametrize(
    ("wanted", "start", "stop"),
    [("bytes=40-", 40, 100), ("bytes=0-9", 0, 10), ("bytes=-7", 93, 100), ("bytes=90-500", 90, 100)],
)
async def test_a_part_is_given_with_its_place(wanted: str, start: int, stop: int) -> None:
    async with offering() as (visitor, device):
        reply = await ask(visitor, device, Range=wanted)
        assert (reply.status, reply.body) == (206, CONTENT[start:stop])
        assert reply.headers["content-range"] == f"bytes {start}-{stop - 1}/100"
        assert reply.headers["content-length"] == str(stop - start)
        assert visitor.sim.spans == [(NAME, Span(start, stop))]


@pytest.mark.parametrize("wanted", ["bytes=100-", "bytes=200-300", "bytes=-0"])
async def test_a_part_that_is_not_there(wanted: str) -> None:
    async with offering() as (visitor, device):
        reply = await ask(visitor, device, Range=wanted)
        assert reply.status == 416
        assert reply.headers["content-range"] == "bytes */100"
        assert not visitor.sim.downloads


@pytest.mark.parametrize("wanted", ["bytes=9-3", "bytes=-", "lines=1-2", "bytes=0-1,5-6", "bytes=x-", ""])
async def test_what_is_no_single_range_is_ignored(wanted: str) -> None:
    async with offering() as (visitor, device):
        reply = await ask(visitor, device, Range=wanted)
        assert (reply.status, reply.body) == (200, CONTENT)
        assert reply.headers["accept-ranges"] == "bytes"


@pytest.mark.parametrize(
    ("validator", "header"), [(Validator.ETAG, "etag"), (Validator.LAST_MODIFIED, "last-modified")]
)
async def test_a_condition_means_one_version(validator: Validator, header: str) -> None:
    async with offering(validator) as (visitor, device):
        told = (await ask(visitor, device)).headers[header]
        part = await ask(visitor, device, Range="bytes=99-", If_Range=told)
        assert (part.status, part.body) == (206, CONTENT[99:])
        assert part.headers[header] == told
        visitor.sim.world.add_file(device, NAME, content=CONTENT[::-1], start=OLD)
        changed = await ask(visitor, device, Range="bytes=99-", If_Range=told)
        assert (changed.status, changed.body) == (200, CONTENT[::-1])
        assert changed.headers[header] != told


async def test_a_weak_validator_is_no_condition() -> None:
    async with offering(Validator.WEAK_ETAG) as (visitor, device):
        told = (await ask(visitor, device)).headers["etag"]
        assert told.startswith('W/"')
        assert (await ask(visitor, device, Range="bytes=99-", If_Range=told)).status == 200


async def test_without_validators_no_condition_holds() -> None:
    async with offering(Validator.NONE) as (visitor, device):
        whole = await ask(visitor, device)
        assert not {"etag", "last-modified"} & whole.headers.keys()
        assert (await ask(visitor, device, Range="bytes=99-")).status == 206
        assert (await ask(visitor, device, Range="bytes=99-", If_Range='"x"')).status == 200


async def test_no_file_is_younger_than_the_answer() -> None:
    world = World(now=NOW)
    device = world.add_device("A")
    world.add_file(device, NAME, content=CONTENT, start=datetime(2199, 1, 1, tzinfo=UTC))
    options = ServerOptions(ranges=True, validator=Validator.LAST_MODIFIED)
    async with visiting(world, options=options) as visitor:
        headers = (await ask(visitor, device)).headers
        assert parsedate_to_datetime(headers["last-modified"]) <= parsedate_to_datetime(headers["date"])


async def test_ranges_are_off_unless_asked_for() -> None:
    world = World(now=NOW)
    device = world.add_device("A")
    world.add_file(device, NAME, content=CONTENT)
    async with visiting(world) as visitor:
        reply = await ask(visitor, device, Range="bytes=40-")
        assert (reply.status, reply.body) == (200, CONTENT)
        assert not {"accept-ranges", "etag", "last-modified"} & reply.headers.keys()
        assert visitor.sim.spans == [(NAME, Span(0, 100))]


async def test_faults_act_on_a_part() -> None:
    async with offering() as (visitor, device):
        visitor.sim.faults.add(Fault.cut(10), on="download")
        visitor.sim.faults.add(Fault.flip(0), on="download")
        with pytest.raises(aiohttp.ClientPayloadError):
            await ask(visitor, device, Range="bytes=40-")
        reply = await ask(visitor, device, Range="bytes=40-")
        assert (reply.status, reply.body[0], reply.body[1:]) == (206, CONTENT[40] ^ 0xFF, CONTENT[41:])


async def test_several_files_have_no_parts() -> None:
    async with offering() as (visitor, device):
        visitor.sim.world.add_file(device, "b.osf")
        reply = await visitor.download(device, NAME, "b.osf")
        assert "Accept-Ranges" not in reply.headers
        assert not visitor.sim.spans


def test_a_weak_condition_never_holds_even_where_it_is_told() -> None:
    told = {"ETag": 'W/"x"'}
    assert span_of({"Range": "bytes=1-", "If-Range": 'W/"x"'}, told, 10) is None
