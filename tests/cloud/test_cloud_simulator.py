"""Every verb against the simulator, which shares no line with the client."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import anyio
import pytest
import stamina

from osfsync.cloud.client import CloudClient, open_client
from osfsync.cloud.settings import CloudSettings, FieldNames, LimitSettings, ListFields
from osfsync.domain.errors import (
    BusyError,
    CloudError,
    ForbiddenError,
    InterruptedBodyError,
    LoginRefusedError,
    NotFoundError,
    OsfsyncError,
    ProtocolError,
    ServerError,
    TenantError,
)
from osfsync.domain.model import DataFile, Device, StorageStatus, TimeWindow
from osfsync.simulator.endpoints import ServerOptions
from osfsync.simulator.faults import Fault, Framing
from osfsync.simulator.fleet import SimDevice
from osfsync.simulator.listing import ATTRIBUTES, TERSE, Dialect, TimeSpelling
from osfsync.simulator.server import Simulator, serve
from osfsync.simulator.world import World

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
MONTH = TimeWindow(NOW - timedelta(days=30), NOW)
ODD = Dialect("Path", "Code", "Octets", "Begin", "Finish", "Timeline", times=TimeSpelling.MILLISECONDS)


@pytest.fixture(autouse=True)
def quick_retries() -> Iterator[None]:
    with stamina.set_testing(True, attempts=100, cap=True):
        yield


@asynccontextmanager
async def connected(
    world: World, *, options: ServerOptions | None = None, retries: int = 2, **cloud: Any
) -> AsyncIterator[tuple[Simulator, CloudClient]]:
    async def password() -> str:
        return world.password

    async with serve(world, options=options or ServerOptions()) as sim:
        values = {"url": sim.url, "username": world.username, "tenant": world.main.name} | cloud
        limits = LimitSettings(retries=retries)
        async with open_client(
            CloudSettings(**values), limits, password=password, user_agent="test"
        ) as client:
            yield sim, client


def world_of(**options: Any) -> World:
    return World.generate(seed=5, devices=6, files_per_device=30, now=NOW, **options)


def small_world(content: bytes = b"content") -> tuple[World, SimDevice, Device]:
    world = World(now=NOW)
    twin = world.add_device("Crane 4")
    world.add_file(twin, "20260301/a.osf", StorageStatus.BOTH, content=content)
    return world, twin, Device(twin.id, twin.name)


async def listed(client: CloudClient, device: Device) -> list[DataFile]:
    return [file async for page in client.files(device, MONTH) for file in page]


async def download(client: CloudClient, device: Device, name: str) -> bytes:
    async with client.download(device, name) as body:
        return b"".join([piece async for piece in body.pieces()])


async def download_repeatedly(client: CloudClient, device: Device, name: str) -> bytes:
    async for attempt in client.retrying():
        with attempt:
            return await download(client, device, name)
    raise AssertionError


@pytest.mark.parametrize("page_size", [None, 4])
@pytest.mark.parametrize("bare_ids", [True, False])
async def test_tenants_and_devices(page_size: int | None, bare_ids: bool) -> None:
    world = world_of(dialect=Dialect(bare_ids=bare_ids))
    async with connected(world, options=ServerOptions(max_page_size=page_size)) as (_, client):
        assert {tenant.name for tenant in await client.tenants()} == {world.main.name, world.other.name}
        assert (await client.tenant()).id == world.main.id
        devices = await client.devices()
    assert devices == [Device(twin.id, twin.name) for twin in world.devices(world.main.id)]


@pytest.mark.parametrize(
    ("dialect", "names"),
    [
        (Dialect(), FieldNames()),
        (Dialect(times=TimeSpelling.ISO), FieldNames()),
        (ATTRIBUTES, FieldNames()),
        (TERSE, FieldNames()),
        (
            ODD,
            FieldNames(
                xml=ListFields(
                    name="path", status="code", size="octets", start="begin", end="finish", tag="timeline"
                )
            ),
        ),
    ],
)
async def test_file_lists_in_every_dialect(dialect: Dialect, names: FieldNames) -> None:
    world = world_of(dialect=dialect)
    async with connected(world, fields=names) as (_, client):
        for twin in world.devices(world.main.id):
            if twin.readable:
                found = {file.name: file for file in await listed(client, Device(twin.id, twin.name))}
                assert found.keys() == twin.files.keys()
                for name, file in twin.files.items():
                    assert found[name].status is file.status
                    assert found[name].size == (file.size if dialect.size else None)
                    assert found[name].tag == (file.tag if dialect.tag else None)
                    if dialect.start:
                        moment = found[name].start
                        assert moment is not None
                        assert abs(moment - file.start) < timedelta(seconds=1)


async def test_a_dialect_that_nobody_knows_is_told() -> None:
    world = world_of(dialect=ODD)
    twin = next(twin for twin in world.devices(world.main.id) if twin.readable)
    async with connected(world) as (_, client):
        with pytest.raises(ProtocolError, match=r"storage status.*\[cloud\.fields\.xml\]"):
            await listed(client, Device(twin.id, twin.name))


@pytest.mark.parametrize("page_size", [None, 7])
async def test_files_of_a_device_whose_credentials_are_refused(page_size: int | None) -> None:
    world = world_of()
    twin = next(twin for twin in world.devices(world.main.id) if not twin.readable)
    device = Device(twin.id, twin.name)
    async with connected(world, options=ServerOptions(max_page_size=page_size)) as (_, client):
        with pytest.raises(ForbiddenError, match=twin.name):
            await listed(client, device)
        pages = [page async for page in client.server_files(device, MONTH)]
    found = {file.name: file.size for page in pages for file in page}
    assert found == {file.name: file.size for file in twin.files.values() if file.status.on_server}
    assert {file.status for page in pages for file in page} == {StorageStatus.SERVER_ONLY}


async def test_windows_are_kept_to() -> None:
    world, twin, device = small_world()
    start = NOW - timedelta(days=10)
    world.add_file(twin, "old.osf", StorageStatus.BOTH, start=start)
    async with connected(world) as (_, client):
        week = TimeWindow(NOW - timedelta(days=7), NOW)
        pages = [page async for page in client.files(device, week)]
        assert [file.name for page in pages for file in page] == ["20260301/a.osf"]
        instant = TimeWindow(start, start)
        pages = [page async for page in client.server_files(device, instant)]
        assert [file.name for page in pages for file in page] == ["old.osf"]


async def test_an_order_is_carried_out_and_its_story_is_told() -> None:
    world, twin, device = small_world()
    world.add_file(twin, "b.osf", StorageStatus.DEVICE_ONLY)
    async with connected(world) as (_, client):
        await client.order(device, MONTH, "preview")
        (command,) = world.command_log
        assert (command.device_id, command.window, command.tag) == (twin.id, MONTH, "preview")
        world.connect(twin)
        world.advance(timedelta(hours=8))
        window = TimeWindow(MONTH.start, world.now)
        events = await client.communication(device, window)
        files = [file async for page in client.files(device, window) for file in page]
        readings = await client.telemetry(device)
    assert {"PING", "RETURN_LIST", "RETURN_FILE"} <= {event.kind for event in events}
    assert all(event.at is not None and event.at >= NOW for event in events)
    assert {file.name: file.status for file in files}["b.osf"] is StorageStatus.BOTH
    assert readings == sorted(readings, key=lambda reading: reading.channel)
    assert all(reading.value and reading.at for reading in readings)


@pytest.mark.parametrize("quoted", [True, False])
async def test_downloads(quoted: bool) -> None:
    world = world_of()
    async with connected(world, options=ServerOptions(quoted_download_token=quoted)) as (sim, client):
        names = {twin.id: Device(twin.id, twin.name) for twin in world.devices(world.main.id)}
        limit = anyio.CapacityLimiter(16)

        async def fetch(device_id: str, name: str) -> None:
            async with limit:
                content = await download(client, names[device_id], name)
            assert content == world.content(device_id, name)

        async with anyio.create_task_group() as group:
            for key in world.available():
                group.start_soon(fetch, *key)
        assert sim.requests["login"] == 1
    assert sim.downloads.keys() == world.available().keys()


@pytest.mark.parametrize("name", ["ä ö/ü.osf", "a?b&c=d#e.osf", "../../etc/passwd", "a\\b", 'q"uote.osf'])
async def test_odd_names(name: str) -> None:
    world, twin, device = small_world()
    world.add_file(twin, name, content=b"odd")
    async with connected(world) as (_, client):
        assert name in [file.name for file in await listed(client, device)]
        assert await download(client, device, name) == b"odd"


async def test_a_device_id_can_not_lead_elsewhere() -> None:
    world = World(now=NOW)
    twin = world.add_device("odd", device_id="a/../b?c")
    world.add_file(twin, "x.osf", content=b"x")
    async with connected(world) as (_, client):
        assert await download(client, Device(twin.id, twin.name), "x.osf") == b"x"


async def test_a_file_that_has_gone() -> None:
    world, _, device = small_world()
    async with connected(world) as (sim, client):
        with pytest.raises(NotFoundError, match="'Crane 4'"):
            await download_repeatedly(client, device, "gone.osf")
        assert sim.requests["download-token"] <= 2


async def test_a_wrong_password_and_a_wrong_tenant() -> None:
    world = world_of()
    async with connected(world, username="nobody") as (sim, client):
        with pytest.raises(LoginRefusedError):
            await client.devices()
        assert sim.requests["authorization"] == 1
    async with connected(world, tenant="Nowhere") as (_, client):
        with pytest.raises(TenantError, match=world.main.name):
            await client.devices()


async def test_tokens_that_expire_all_the_time() -> None:
    world, _, device = small_world()
    async with connected(world) as (sim, client):
        for endpoint in ("devices", "credentials", "file-list", "download-token", "download", "request-list"):
            sim.faults.add(Fault.expire_tokens(), on=endpoint)
        assert await client.devices() == [device]
        assert len(await listed(client, device)) == 1
        assert await download(client, device, "20260301/a.osf") == b"content"
        await client.order(device, MONTH, "preview")
        assert sim.requests["login"] == 7
    assert len(world.command_log) == 1


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault.reset(), None),
        (Fault.status(500), None),
        (Fault.status(502), None),
        (Fault.status(503, retry_after=0), None),
        (Fault.status(429), None),
        (Fault.cut(20), None),
        (Fault.cut(20, framing=Framing.CHUNKED), None),
        (Fault.cut(20, framing=Framing.CLOSE), None),
        (Fault.silence(), None),
        (Fault.delay(0.05), None),
        (Fault.html(), ProtocolError),
        (Fault.empty(), ProtocolError),
        (Fault.wrong_json(), ProtocolError),
        (Fault.wrong_json("no data"), ProtocolError),
        (Fault.status(400), CloudError),
        (Fault.redirect("http://other.invalid/x"), ProtocolError),
    ],
)
@pytest.mark.parametrize("endpoint", ["devices", "file-list", "server-list"])
async def test_faults_while_listing(fault: Fault, kind: type[CloudError] | None, endpoint: str) -> None:
    world, _, device = small_world()
    async with connected(world, idle_timeout=timedelta(seconds=0.15)) as (sim, client):

        async def list_all() -> None:
            if endpoint == "devices":
                assert await client.devices() == [device]
            elif endpoint == "file-list":
                assert len(await listed(client, device)) == 1
            else:
                assert [len(page) async for page in client.server_files(device, MONTH)] == [1]

        sim.faults.add(fault, on=endpoint)
        if kind is None:
            await list_all()
        else:
            with pytest.raises(kind):
                await list_all()
        assert sim.faults.acted[endpoint] == 1


@pytest.mark.parametrize("fault", [Fault.bad_xml(), Fault.doctype_xml()])
async def test_bad_xml(fault: Fault) -> None:
    world, _, device = small_world()
    async with connected(world) as (sim, client):
        sim.faults.add(fault, on="file-list", times=None)
        with pytest.raises(OsfsyncError, match="'Crane 4'"):
            await listed(client, device)


@pytest.mark.parametrize(
    ("fault", "kind"),
    [
        (Fault.reset(), InterruptedBodyError),
        (Fault.status(500), ServerError),
        (Fault.status(429, retry_after=0), BusyError),
        (Fault.cut(3), InterruptedBodyError),
        (Fault.cut(3, framing=Framing.CHUNKED), InterruptedBodyError),
        (Fault.silence(), InterruptedBodyError),
    ],
)
async def test_faults_while_downloading(fault: Fault, kind: type[CloudError]) -> None:
    world, _, device = small_world()
    async with connected(world, idle_timeout=timedelta(seconds=0.15)) as (sim, client):
        sim.faults.add(fault, on="download", times=2)
        with pytest.raises(kind):
            await download(client, device, "20260301/a.osf")
        assert await download_repeatedly(client, device, "20260301/a.osf") == b"content"


@pytest.mark.parametrize(("fault", "sent"), [(Fault.status(503), 1), (Fault.status(500), 0)])
async def test_an_order_is_queued_once_or_not_at_all(fault: Fault, sent: int) -> None:
    world, _, device = small_world()
    async with connected(world) as (sim, client):
        sim.faults.add(fault, on="request-list")
        if sent:
            await client.order(device, MONTH, "preview")
        else:
            with pytest.raises(ServerError):
                await client.order(device, MONTH, "preview")
    assert len(world.command_log) == sent
