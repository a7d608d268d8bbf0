"""The simulator is as strict as the API page allows: a wrong request must not pass."""

import base64
import io
import zipfile
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import msgspec
import pytest
import xmltodict

from osfsync.domain.model import StorageStatus
from osfsync.simulator import access, endpoints
from osfsync.simulator.answers import Call
from osfsync.simulator.endpoints import SYSTEM_AUTHORITY, ServerOptions
from osfsync.simulator.fleet import SimDevice
from osfsync.simulator.listing import ATTRIBUTES, TERSE, Dialect, TimeSpelling
from osfsync.simulator.world import World
from tests.simulator.simulator_kit import NOW, visiting

NOW_S = int(NOW.timestamp())
NOW_MS = NOW_S * 1000
NAMES = ["20251101/20251101_080000.osfz", "20251101/20251101_090000.osf"]


@pytest.fixture
def world() -> World:
    return World(now=NOW, seed=5)


@pytest.fixture
def device(world: World) -> SimDevice:
    device = world.add_device("Loco")
    for name in NAMES:
        world.add_file(device, name)
    return device


@dataclass
class Hands:
    """A clock that a test moves."""

    time: float = 1_762_000_000.0

    def __call__(self) -> float:
        return self.time


def payload_of(token: str) -> Any:
    part = token.split(".")[1]
    return msgspec.json.decode(base64.urlsafe_b64decode(part + "=" * (-len(part) % 4)))


# --- login


async def test_an_entry_of_the_authorization_lacks_a_tenant(world: World) -> None:
    async with visiting(world) as visitor:
        account = {"username": world.username, "password": world.password}
        entries = (await visitor.post("/api/noauth/authorization", account)).json
        assert ["tenant" in entry for entry in entries] == [False, True, True]
        body = account | {"authorityId": SYSTEM_AUTHORITY}
        visitor.token = (await visitor.post("/api/auth/login", body)).json["token"]
        reply = await visitor.get(f"/api/tenants/{world.main.id}/devices", page=0, limit=-1)
    assert reply.status == 404


async def test_a_wrong_password_is_refused_by_both_posts(world: World) -> None:
    wrong = {"username": world.username, "password": "guess", "authorityId": world.main.authority_id}
    async with visiting(world) as visitor:
        assert (await visitor.post("/api/noauth/authorization", wrong)).status == 401
        assert (await visitor.post("/api/auth/login", wrong)).status == 401
        unknown = wrong | {"password": world.password, "authorityId": "nobody"}
        assert (await visitor.post("/api/auth/login", unknown)).status == 401
        assert (await visitor.post("/api/auth/login", {"username": "x"})).status == 400


async def test_the_token_is_a_jwt_that_expires(world: World) -> None:
    clock = Hands()
    options = ServerOptions(token_lifetime=timedelta(minutes=10), clock=clock)
    async with visiting(world, options=options) as visitor:
        assert visitor.token.count(".") == 2
        payload = payload_of(visitor.token)
        assert payload["exp"] == clock.time + 600
        assert payload["sub"] == world.username
        path = f"/api/tenants/{world.main.id}/devices"
        clock.time += 599
        assert (await visitor.get(path)).status == 200
        clock.time += 1
        assert (await visitor.get(path)).status == 401
        await visitor.log_in()
        assert (await visitor.get(path)).status == 200


def guarded(world: World, device: SimDevice) -> list[tuple[str, str, Any, dict[str, Any]]]:
    """A right request to every endpoint that wants a session."""
    files = f"/api/device/{device.id}/data-files/CLIENT_SCOPE"
    span = {"startTime": "2025-11-01T00:00:00Z", "endTime": "2025-11-02T00:00:00Z", "tag": "preview"}
    window: dict[str, Any] = {"startTime": 0, "endTime": NOW_MS, "limit": 100, "page": 0}
    listing = f"/API/filelist/list/deviceid/{device.access_token}/StartTime/0/{NOW_S}"
    telemetry = f"/api/plugins/telemetry/DEVICE/{device.id}/values/timeseries"
    return [
        ("GET", f"/api/tenants/{world.main.id}/devices", None, {"limit": -1, "page": 0}),
        ("GET", f"/api/devices/{device.id}/data-files/original", None, window),
        ("GET", f"/api/device/{device.id}/credentials", None, {}),
        ("GET", listing, None, {}),
        ("POST", f"/api/devices/{device.id}/request-list", span, {}),
        ("GET", f"/api/devices/{device.id}/communication/data", None, window),
        ("GET", telemetry, None, {"startTs": NOW_MS, "endTs": NOW_MS}),
        ("POST", f"{files}/download", [NAMES[0]], {}),
        ("GET", f"{files}/token/any", None, {}),
    ]


async def test_every_endpoint_wants_a_session(world: World, device: SimDevice) -> None:
    async with visiting(world) as visitor:
        for token in ("", "a.b.c"):
            visitor.token = token
            for method, path, body, params in guarded(world, device):
                reply = await visitor.send(method, path, accept="application/xml", json=body, **params)
                assert reply.status == 401, path
                assert reply.json["status"] == 401
    assert not world.command_log


async def test_a_device_of_another_tenant_is_unknown(world: World, device: SimDevice) -> None:
    async with visiting(world) as visitor:
        for method, path, body, params in guarded(world, device)[:-1]:
            reply = await visitor.send(method, path, accept="application/xml", json=body, **params)
            assert reply.status == 200, path
        await visitor.log_in("Other Works")
        for method, path, body, params in guarded(world, device):
            reply = await visitor.send(method, path, accept="application/xml", json=body, **params)
            assert reply.status == 404, path
    assert len(world.command_log) == 1


async def test_paths_are_as_the_page_spells_them(world: World, device: SimDevice) -> None:
    async with visiting(world) as visitor:
        for path in (
            f"/api/devices/{device.id}/credentials",
            f"/api/filelist/list/deviceid/{device.access_token}/StartTime/0/{NOW_S}",
            f"/api/device/{device.id}/data-files/original?startTime=0&endTime={NOW_MS}",
        ):
            assert (await visitor.get(path, accept="application/xml")).status == 404
        assert (await visitor.get("/api/auth/login")).status == 405


async def test_tokens_are_bounded_in_number(
    world: World, device: SimDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(access, "_MOST_SESSIONS", 2)
    monkeypatch.setattr(access, "_MOST_GRANTS", 2)
    async with visiting(world) as visitor:
        tokens = [(await visitor.download_token(device, NAMES[0])).body.decode() for _ in range(3)]
        assert [(await visitor.redeem(device, token)).status for token in tokens] == [404, 200, 200]
        first = visitor.token
        await visitor.log_in()
        await visitor.log_in()
        assert (await visitor.file_list(device)).status == 200
        visitor.token = first
        assert (await visitor.file_list(device)).status == 401


def test_secrets_stay_out_of_representations(world: World, device: SimDevice) -> None:
    secret = "s3cret-token"
    call = Call({"download_token": secret}, {}, {"X-Authorization": f"Bearer {secret}"}, secret.encode())
    assert secret not in repr(call)
    login = msgspec.convert({"username": "u", "password": secret, "authorityId": "x"}, type=endpoints._Login)
    assert secret not in repr(login)
    assert device.access_token not in repr(device)
    assert world.password not in repr(world)


# --- devices and credentials


async def test_devices_come_in_pages(world: World) -> None:
    devices = [world.add_device(f"D{number}") for number in range(7)]
    path = f"/api/tenants/{world.main.id}/devices"
    async with visiting(world, options=ServerOptions(max_page_size=3)) as visitor:
        pages = [(await visitor.get(path, page=page, limit=-1)).json for page in range(4)]
        two = (await visitor.get(path, page=1, limit=2)).json
        assert (await visitor.get(path, page=0, limit=0)).status == 400
        assert (await visitor.get(path, page=-1, limit=5)).status == 400
        assert (await visitor.get(path, page=0, limit="many")).status == 400
    assert [len(page["data"]) for page in pages] == [3, 3, 1, 0]
    assert [page["hasNext"] for page in pages] == [True, True, False, False]
    assert {(page["totalPages"], page["totalElements"]) for page in pages} == {(3, 7)}
    assert [entry["id"]["id"] for page in pages for entry in page["data"]] == [d.id for d in devices]
    assert [entry["name"] for entry in two["data"]] == ["D2", "D3"]


async def test_minus_one_means_all(world: World) -> None:
    for number in range(30):
        world.add_device(f"D{number}")
    path = f"/api/tenants/{world.main.id}/devices"
    async with visiting(world) as visitor:
        everything = (await visitor.get(path, page=0, limit=-1)).json
        usual = (await visitor.get(path)).json
    assert (len(everything["data"]), everything["hasNext"]) == (30, False)
    assert (len(usual["data"]), usual["hasNext"]) == (10, True)


async def test_credentials_need_a_permission(world: World, device: SimDevice) -> None:
    hidden = world.add_device("Hidden", readable=False)
    async with visiting(world) as visitor:
        assert (await visitor.get(f"/api/device/{hidden.id}/credentials")).status == 403
        reply = await visitor.get(f"/api/device/{device.id}/credentials")
    assert reply.json["credentialsId"] == device.access_token


# --- lists


@pytest.mark.parametrize(
    ("accept", "status"),
    [
        ("application/xml", 200),
        ("text/xml", 200),
        ("text/html, application/json, application/xhtml+xml, application/xml;q=0.9", 200),
        ("*/*", 406),
        ("application/json", 406),
        ("application/xml;q=0, application/json", 406),
    ],
)
async def test_the_xml_list_wants_an_accept_header(
    world: World, device: SimDevice, accept: str, status: int
) -> None:
    path = f"/API/filelist/list/deviceid/{device.access_token}/StartTime/0/{NOW_S}"
    async with visiting(world) as visitor:
        reply = await visitor.get(path, accept=accept)
    assert reply.status == status
    assert reply.headers["Content-Type"].startswith("application/xml") is (status == 200)


@pytest.mark.parametrize(
    "span", [f"0/{NOW_MS}", f"{NOW_MS}/{NOW_MS}", f"{NOW_S}/0", "a/b", "2025-01-01/2025-02-01", "-5/5"]
)
async def test_the_xml_list_wants_seconds(world: World, device: SimDevice, span: str) -> None:
    path = f"/API/filelist/list/deviceid/{device.access_token}/StartTime/{span}"
    async with visiting(world) as visitor:
        assert (await visitor.get(path, accept="application/xml")).status == 400


@pytest.mark.parametrize("endpoint", ["data-files/original", "communication/data"])
async def test_the_other_lists_want_milliseconds_and_all_parameters(
    world: World, device: SimDevice, endpoint: str
) -> None:
    path = f"/api/devices/{device.id}/{endpoint}"
    right: dict[str, Any] = {"startTime": 0, "endTime": NOW_MS, "limit": -1, "page": 0}
    async with visiting(world) as visitor:
        assert (await visitor.get(path, **right)).status == 200
        assert (await visitor.get(path, **right | {"endTime": NOW_S})).status == 400
        assert (await visitor.get(path, **right | {"startTime": NOW_S})).status == 400
        assert (await visitor.get(path, **right | {"endTime": "2025-11-01T00:00:00Z"})).status == 400
        assert (await visitor.get(path, **right | {"endTime": 10**17})).status == 400
        needed = ("startTime", "endTime") + (("limit", "page") if "communication" in endpoint else ())
        for name in needed:
            reply = await visitor.get(path, **{key: value for key, value in right.items() if key != name})
            assert reply.status == 400
            assert name in reply.json["message"]


async def test_one_none_and_many_files(world: World) -> None:
    device = world.add_device("A")
    async with visiting(world) as visitor:
        none = xmltodict.parse((await visitor.file_list(device)).body)
        world.add_file(device, "a.osf")
        one = xmltodict.parse((await visitor.file_list(device)).body)
        world.add_file(device, 'b <&> "ü" 測.osf')
        many = xmltodict.parse((await visitor.file_list(device)).body)
    assert none == {"FileList": None}
    assert one["FileList"]["GeoLogFile"]["FileName"] == "a.osf"
    assert [file["FileName"] for file in many["FileList"]["GeoLogFile"]] == list(device.files)


@pytest.mark.parametrize(
    ("dialect", "expected"),
    [
        (
            Dialect(),
            {
                "FileName": "a.osf",
                "Status": "1",
                "FileSize": "3000",
                "StartTime": str(NOW_S),
                "EndTime": str(NOW_S + 600),
                "Tag": "preview",
            },
        ),
        (
            ATTRIBUTES,
            {
                "@Name": "a.osf",
                "@StorageStatus": "1",
                "@Size": "3000",
                "@From": "2025-11-01T12:00:00Z",
                "@To": "2025-11-01T12:10:00Z",
                "@Tag": "preview",
            },
        ),
        (TERSE, {"Filename": "a.osf", "state": "1"}),
        (
            Dialect(size=None, end=None, tag=None, times=TimeSpelling.MILLISECONDS),
            {"FileName": "a.osf", "Status": "1", "StartTime": str(NOW_MS)},
        ),
    ],
)
async def test_lists_are_spelled_as_the_world_s_dialect_says(
    dialect: Dialect, expected: dict[str, str]
) -> None:
    world = World(now=NOW, dialect=dialect)
    device = world.add_device("A")
    world.add_file(device, "a.osf", StorageStatus.REQUESTED, start=NOW, size=3000)
    async with visiting(world) as visitor:
        listed = xmltodict.parse((await visitor.file_list(device)).body)["FileList"]["GeoLogFile"]
        devices = (await visitor.get(f"/api/tenants/{world.main.id}/devices")).json["data"]
    assert listed == expected
    assert devices[0]["id"] == (device.id if dialect.bare_ids else {"entityType": "DEVICE", "id": device.id})


async def test_a_window_holds_what_it_touches(world: World) -> None:
    device = world.add_device("A")
    for hour in range(5):
        world.add_file(device, f"{hour}.osf", start=NOW + timedelta(hours=hour))
    async with visiting(world) as visitor:
        reply = await visitor.file_list(device, NOW_S + 3600, NOW_S + 2 * 3600)
        window: dict[str, Any] = {"startTime": NOW_MS + 3_600_000, "endTime": NOW_MS + 7_200_000}
        own = await visitor.get(f"/api/devices/{device.id}/data-files/original", **window, limit=-1, page=0)
    names = [file["FileName"] for file in xmltodict.parse(reply.body)["FileList"]["GeoLogFile"]]
    assert names == ["1.osf", "2.osf"] == [file["name"] for file in own.json["data"]]


async def test_a_big_list_is_streamed(world: World) -> None:
    device = world.add_device("A")
    for number in range(5_000):
        world.add_file(device, f"{number:05d}.osf", StorageStatus.DEVICE_ONLY)
    async with visiting(world) as visitor:
        reply = await visitor.file_list(device)
    assert "Content-Length" not in reply.headers
    assert len(xmltodict.parse(reply.body)["FileList"]["GeoLogFile"]) == 5_000


# --- commands


@pytest.mark.parametrize(
    ("start", "end"),
    [
        (NOW_MS, NOW_MS),
        (str(NOW_S), str(NOW_S)),
        ("2025-11-01", "2025-11-02"),
        ("2025-11-01T00:00:00", "2025-11-02T00:00:00"),
        ("2025-11-01 00:00:00Z", "2025-11-02 00:00:00Z"),
        ("2025-11-31T00:00:00Z", "2025-12-01T00:00:00Z"),
        ("2025-11-02T00:00:00Z", "2025-11-01T00:00:00Z"),
    ],
)
async def test_request_list_wants_iso_8601(
    world: World, device: SimDevice, start: object, end: object
) -> None:
    async with visiting(world) as visitor:
        body = {"startTime": start, "endTime": end, "tag": "preview"}
        assert (await visitor.post(f"/api/devices/{device.id}/request-list", body)).status == 400
    assert not world.command_log


async def test_request_list_answers_nothing(world: World, device: SimDevice) -> None:
    async with visiting(world) as visitor:
        body = {"startTime": "2025-11-01T00:00:00.000Z", "endTime": "2025-11-02T00:00:00+00:00"}
        reply = await visitor.post(f"/api/devices/{device.id}/request-list", body)
    assert (reply.status, reply.body) == (200, b"")
    assert [command.tag for command in world.command_log] == ["preview"]


async def test_communication_tells_that_a_command_was_executed(world: World) -> None:
    device = world.add_device("A")
    world.add_file(device, "a.osf", StorageStatus.DEVICE_ONLY)
    async with visiting(world) as visitor:
        body = {"startTime": "2025-10-01T00:00:00Z", "endTime": "2025-12-02T00:00:00Z", "tag": "preview"}
        await visitor.post(f"/api/devices/{device.id}/request-list", body)
        path = f"/api/devices/{device.id}/communication/data"
        window: dict[str, Any] = {"startTime": 0, "endTime": NOW_MS + 10**9, "limit": 2147483647, "page": 0}
        before = (await visitor.get(path, **window)).json["data"]
        world.advance(timedelta(hours=4))
        after = (await visitor.get(path, **window)).json["data"]
        files = xmltodict.parse((await visitor.file_list(device)).body)
    assert before == []
    assert [event["type"] for event in after] == ["RETURN_FILE", "RETURN_LIST", "PING"]
    assert after[0]["message"] == "a.osf"
    assert {event["ts"] for event in after} == {NOW_MS + 4 * 3_600_000}
    assert files["FileList"]["GeoLogFile"]["Status"] == "3"


async def test_telemetry_of_a_device_that_never_connected_is_empty(world: World, device: SimDevice) -> None:
    path = f"/api/plugins/telemetry/DEVICE/{device.id}/values/timeseries"
    async with visiting(world) as visitor:
        assert (await visitor.get(path, startTs=NOW_MS, endTs=NOW_MS)).json == {}
        assert (await visitor.get(path, startTs=NOW_S, endTs=NOW_S)).status == 400
        world.connect(device)
        assert len((await visitor.get(path, startTs=NOW_MS, endTs=NOW_MS)).json) == 3


# --- downloads


async def test_a_download_token_works_once(world: World, device: SimDevice) -> None:
    async with visiting(world) as visitor:
        answer = await visitor.download_token(device, NAMES[0])
        token = answer.body.decode()
        assert answer.headers["Content-Type"].startswith("text/plain")
        first, second = await visitor.redeem(device, token), await visitor.redeem(device, token)
        assert visitor.sim.downloads == {(device.id, NAMES[0]): 1}
        assert visitor.sim.requests == {"download-token": 1, "download": 2}
    assert (first.status, second.status) == (200, 404)
    assert first.body == world.content(device.id, NAMES[0])
    assert first.headers["Content-Length"] == str(device.files[NAMES[0]].size)
    assert first.headers["Content-Disposition"] == "attachment; filename*=UTF-8''20251101_080000.osfz"
    assert "Content-Encoding" not in first.headers


async def test_a_download_token_expires_and_belongs_to_one_device(world: World, device: SimDevice) -> None:
    clock = Hands()
    other = world.add_device("B")
    options = ServerOptions(download_token_lifetime=timedelta(seconds=30), clock=clock)
    async with visiting(world, options=options) as visitor:
        token = (await visitor.download_token(device, NAMES[0])).body.decode()
        assert (await visitor.redeem(other, token)).status == 404
        clock.time += 29
        assert (await visitor.redeem(device, token)).status == 200
        token = (await visitor.download_token(device, NAMES[0])).body.decode()
        clock.time += 31
        assert (await visitor.redeem(device, token)).status == 404


async def test_the_token_may_come_in_quotes(world: World, device: SimDevice) -> None:
    async with visiting(world, options=ServerOptions(quoted_download_token=True)) as visitor:
        text = (await visitor.download_token(device, NAMES[0])).body.decode()
        assert text.startswith('"')
        assert text.endswith('"')
        assert (await visitor.redeem(device, text.strip('"'))).status == 200


async def test_only_files_on_the_server_can_be_had(world: World, device: SimDevice) -> None:
    world.add_file(device, "0.osf", StorageStatus.DEVICE_ONLY)
    world.add_file(device, "1.osf", StorageStatus.REQUESTED)
    async with visiting(world) as visitor:
        for names in (["0.osf"], ["1.osf"], ["unknown.osf"], [NAMES[0], "0.osf"]):
            assert (await visitor.download_token(device, *names)).status == 404
        assert (await visitor.download_token(device)).status == 400
        path = f"/api/device/{device.id}/data-files/CLIENT_SCOPE/download"
        assert (await visitor.post(path, NAMES[0])).status == 400
        token = (await visitor.download_token(device, NAMES[0])).body.decode()
        world.remove_file(device, NAMES[0])
        assert (await visitor.redeem(device, token)).status == 404


async def test_several_files_come_as_a_zip(world: World, device: SimDevice) -> None:
    big = "20251101/big.osfz"
    world.add_file(device, big, size=300_000)
    async with visiting(world) as visitor:
        reply = await visitor.download(device, *NAMES, big, NAMES[0])
        assert visitor.sim.downloads == {(device.id, name): 1 for name in (*NAMES, big)}
    assert reply.headers["Content-Type"] == "application/zip"
    with zipfile.ZipFile(io.BytesIO(reply.body)) as archive:
        assert archive.testzip() is None
        assert archive.namelist() == [*NAMES, big]
        assert all(archive.read(name) == world.content(device.id, name) for name in archive.namelist())
        assert all(not info.flag_bits & 0x08 for info in archive.infolist())  # sizes stand in front


async def test_a_big_file_is_streamed_whole(world: World, device: SimDevice) -> None:
    world.add_file(device, "big.osfz", size=3_000_001)
    async with visiting(world) as visitor:
        reply = await visitor.download(device, "big.osfz")
    assert reply.headers["Content-Length"] == "3000001"
    assert reply.body == world.content(device.id, "big.osfz")


async def test_hostile_names_pass_through_unharmed(world: World) -> None:
    device = world.add_device("A")
    names = [
        "../../etc/passwd.osf",
        "C:\\x.osf",
        "a\r\nSet-Cookie: b.osf",
        "x" * 300 + ".osf",
        "%2e%2e/測.osf",
    ]
    for name in names:
        world.add_file(device, name)
    async with visiting(world) as visitor:
        listed = xmltodict.parse((await visitor.file_list(device)).body)["FileList"]["GeoLogFile"]
        for name in names:
            reply = await visitor.download(device, name)
            assert (reply.status, reply.body) == (200, world.content(device.id, name))
            assert "Set-Cookie" not in reply.headers
    assert [file["FileName"] for file in listed] == names


async def test_what_xml_cannot_hold_is_replaced(world: World) -> None:
    device = world.add_device("A")
    world.add_file(device, "nul\x00.osf")
    async with visiting(world) as visitor:
        listed = xmltodict.parse((await visitor.file_list(device)).body)["FileList"]["GeoLogFile"]
    assert listed["FileName"] == "nul\ufffd.osf"
