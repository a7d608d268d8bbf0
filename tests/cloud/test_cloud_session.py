import time
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest
from aiohttp import web
from anyio.abc import SocketAttribute, SocketStream

from osfsync.cloud import body as body_module
from osfsync.cloud.client import CloudClient
from osfsync.cloud.settings import LimitSettings
from osfsync.domain.errors import (
    BusyError,
    ConfigError,
    InterruptedBodyError,
    OsfsyncError,
    ProtocolError,
    ServerError,
    UnreachableError,
)
from tests.cloud.cloud_platform import DEVICE, DOWNLOAD_TOKEN, WINDOW, Platform, listening, running

DEVICES = "/api/tenants/t-1/devices"
SERVER_FILES = "/api/devices/d-1/data-files/original"
TOKEN = "/api/device/d-1/data-files/CLIENT_SCOPE/download"
FILE = f"/api/device/d-1/data-files/CLIENT_SCOPE/token/{DOWNLOAD_TOKEN}"
EMPTY = '{"data": []}'


@pytest.fixture
async def platform() -> AsyncIterator[Platform]:
    async with running() as platform:
        yield platform


async def ask(client: CloudClient) -> None:
    assert [page async for page in client.server_files(DEVICE, WINDOW)] == []


async def download(client: CloudClient) -> bytes:
    async with client.download(DEVICE, "2025/a.osfz") as body:
        return b"".join([piece async for piece in body.pieces()])


def redirecting(location: str, status: int = 302) -> Callable[[web.Request], Awaitable[web.Response]]:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=status, headers={"Location": location})

    return handler


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
async def test_a_redirect_within_the_platform_is_followed(platform: Platform, status: int) -> None:
    platform.on(SERVER_FILES, redirecting("../../elsewhere?a=b%2Fc", status))
    platform.give("/api/devices/elsewhere", EMPTY)
    async with platform.client() as client:
        await ask(client)
    assert platform.requests["/api/devices/elsewhere"] == 1
    assert dict(platform.seen[-1].query) == {"a": "b/c"}
    assert "X-Authorization" in platform.seen[-1].headers


async def test_redirects_end_somewhere(platform: Platform) -> None:
    platform.on(SERVER_FILES, redirecting(SERVER_FILES))
    async with platform.client() as client:
        with pytest.raises(ProtocolError, match="more than 5 times"):
            await ask(client)
    assert platform.requests[SERVER_FILES] == 6


async def test_a_redirect_to_another_origin_is_never_followed(platform: Platform) -> None:
    strangers: list[web.Request] = []

    async def stranger(request: web.Request) -> web.Response:
        strangers.append(request)
        return web.Response(text=EMPTY)

    async with listening(stranger) as elsewhere, platform.client() as client:
        platform.on(SERVER_FILES, redirecting(f"{elsewhere}/take?token=SECRET"))
        with pytest.raises(ProtocolError) as caught:
            await ask(client)
        assert elsewhere in str(caught.value)
        assert "take" not in str(caught.value)
        assert "SECRET" not in str(caught.value)
    assert strangers == []


@pytest.mark.parametrize(
    ("location", "words"),
    [
        ("https://127.0.0.1/x", "https://127.0.0.1"),
        ("//user:SECRET@example.com/x", "http://example.com"),
        ("file:///etc/passwd", "no valid address|file"),
        ("http://[", "no valid address"),
        ("http://[::1%[x]:9", "no valid address"),
        ("", "5 times"),
    ],
)
async def test_redirects_to_odd_places(platform: Platform, location: str, words: str) -> None:
    platform.on(SERVER_FILES, redirecting(location))
    async with platform.client() as client:
        with pytest.raises(ProtocolError, match=words) as caught:
            await ask(client)
    assert "SECRET" not in str(caught.value)


async def test_a_post_is_not_redirected(platform: Platform) -> None:
    platform.on(TOKEN, redirecting("/other"))
    async with platform.client() as client:
        with pytest.raises(ProtocolError, match="POST"):
            await download(client)
    assert platform.requests["/other"] == 0


async def test_retry_after_holds_for_all_workers(platform: Platform) -> None:
    arrivals: list[float] = []

    async def handler(_: web.Request) -> web.Response:
        arrivals.append(time.monotonic())
        if len(arrivals) == 1:
            return web.Response(status=429, headers={"Retry-After": "1"})
        return web.Response(text=EMPTY)

    platform.on(SERVER_FILES, handler)
    async with platform.client() as client, anyio.create_task_group() as group:
        group.start_soon(ask, client)
        with anyio.fail_after(1):
            while not arrivals:
                await anyio.lowlevel.checkpoint()
        await anyio.sleep(0.05)
        for _ in range(5):
            group.start_soon(ask, client)
    assert len(arrivals) == 7
    assert all(arrival - arrivals[0] >= 0.99 for arrival in arrivals[1:])


async def test_too_long_a_demand_ends_in_an_error_for_everybody(platform: Platform) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=503, headers={"Retry-After": "3600"})

    platform.on(SERVER_FILES, handler)
    async with platform.client() as client:
        for _ in range(3):
            with pytest.raises(BusyError, match="60 minutes"):
                await ask(client)
    assert platform.requests[SERVER_FILES] == 1


@pytest.mark.parametrize(("retries", "sent"), [(0, 1), (3, 4)])
async def test_errors_of_the_server_are_repeated_as_often_as_allowed(
    platform: Platform, retries: int, sent: int
) -> None:
    platform.give(SERVER_FILES, b"", status=500)
    async with platform.client(limits=LimitSettings(retries=retries)) as client:
        with pytest.raises(ServerError, match="'Crane 4'"):
            await ask(client)
    assert platform.requests[SERVER_FILES] == sent


async def test_the_pace_of_requests_is_kept_over_the_wire(platform: Platform) -> None:
    arrivals: list[float] = []

    async def handler(_: web.Request) -> web.Response:
        arrivals.append(time.monotonic())
        return web.Response(text=EMPTY)

    platform.on(SERVER_FILES, handler)
    limits = LimitSettings(requests_per_second=50)
    async with platform.client(limits=limits) as client:
        started = time.monotonic()
        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(ask, client)
    # two posts of the login came first
    assert all(arrival - started >= (n + 2) / 50 for n, arrival in enumerate(arrivals))


async def test_bandwidth_is_kept_over_the_wire(platform: Platform) -> None:
    platform.give(TOKEN, DOWNLOAD_TOKEN)
    platform.give(FILE, b"x" * 100_000)
    async with platform.client(limits=LimitSettings(bandwidth=1_000_000)) as client:
        started = time.monotonic()  # a rate counts from its beginning
        await client.tenant()
        async with anyio.create_task_group() as group:
            for _ in range(3):
                group.start_soon(download, client)
    assert time.monotonic() - started >= 0.3


def broken(kind: str) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    """The first 1,000 bytes of 2,000, and then something happens."""

    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        if kind != "chunked":
            response.content_length = 2_000
        await response.prepare(request)
        await response.write(b"x" * 1_000)
        assert request.transport is not None
        if kind == "silent":
            await anyio.sleep_forever()
        if kind == "reset":
            request.transport.abort()
        request.transport.close()
        return response

    return handler


@pytest.mark.parametrize("kind", ["cut", "chunked", "reset", "silent"])
async def test_a_body_that_breaks_off(platform: Platform, kind: str) -> None:
    platform.give(TOKEN, DOWNLOAD_TOKEN)
    platform.on(FILE, broken(kind))
    async with platform.client(idle_timeout=timedelta(seconds=0.2)) as client:
        with pytest.raises(InterruptedBodyError, match="'Crane 4'") as caught:
            await download(client)
    assert caught.value.retryable
    assert platform.requests[FILE] == 1


def dripping(pieces: int) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handler(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse()
        response.content_length = 10 * pieces
        await response.prepare(request)
        for _ in range(pieces):
            await response.write(b"x" * 10)
            await anyio.sleep(0.02)
        return response

    return handler


async def test_a_body_that_comes_too_slowly(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_module, "MEASURING_SPAN", 0.1)
    platform.give(TOKEN, DOWNLOAD_TOKEN)
    platform.on(FILE, dripping(10_000))
    async with platform.client() as client:
        with pytest.raises(InterruptedBodyError, match="too slowly"):
            await download(client)
    platform.on(FILE, dripping(10))
    async with platform.client(minimum_rate=10) as client:
        assert await download(client) == b"x" * 100


async def test_a_slow_reader_is_no_stall(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(body_module, "MEASURING_SPAN", 0.05)
    platform.give(TOKEN, DOWNLOAD_TOKEN)
    platform.give(FILE, b"x" * 600_000)
    received = 0
    async with (
        platform.client(minimum_rate=100_000_000) as client,
        client.download(DEVICE, "a") as body,
    ):
        async for piece in body.pieces():
            received += len(piece)
            await anyio.sleep(0.06)
    assert received == 600_000


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (b"SSH-2.0-OpenSSH_9.6\r\n\r\n", ProtocolError),
        (b"HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", ProtocolError),
        (b"", InterruptedBodyError),
    ],
)
async def test_what_is_no_http(answer: bytes, kind: type[OsfsyncError], platform: Platform) -> None:
    async def serve(stream: SocketStream) -> None:
        async with stream:
            await stream.receive()
            if answer:
                await stream.send(answer)

    async with (
        await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
        anyio.create_task_group() as group,
    ):
        group.start_soon(listener.serve, serve)
        port = listener.extra(SocketAttribute.local_port)  # noqa: S610 - no Django here
        async with platform.client(url=f"http://127.0.0.1:{port}") as client:
            with pytest.raises(kind, match="login"):
                await client.tenant()
        group.cancel_scope.cancel()


OK = b"HTTP/1.1 200 OK\r\n"
FRAMINGS = {
    "length": (OK + b"Content-Length: 7\r\n\r\ncontent", 7, True),
    "chunked": (OK + b"Transfer-Encoding: Chunked\r\n\r\n7\r\ncontent\r\n0\r\n\r\n", None, True),
    "neither": (OK + b"Connection: close\r\n\r\ncontent", None, False),
    "HTTP/1.0": (b"HTTP/1.0 200 OK\r\n\r\ncontent", None, False),
    "not chunked last": (OK + b"Transfer-Encoding: chunked, identity\r\n\r\ncontent", None, False),
}


@pytest.mark.parametrize(("answer", "length", "framed"), FRAMINGS.values(), ids=FRAMINGS)
async def test_a_body_tells_whether_its_end_can_be_proven(
    platform: Platform, answer: bytes, length: int | None, framed: bool
) -> None:
    async def raw(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.write(answer)
        request.transport.close()
        return web.Response()

    platform.give(TOKEN, DOWNLOAD_TOKEN)
    platform.on(FILE, raw)
    async with platform.client() as client, client.download(DEVICE, "a") as body:
        assert (body.length, body.framed) == (length, framed)
        assert b"".join([piece async for piece in body.pieces()]) == b"content"


async def test_cookies_are_returned_to_the_platform(platform: Platform) -> None:
    platform.give(SERVER_FILES, EMPTY, headers={"Set-Cookie": "session=1; Path=/"})
    async with platform.client() as client:
        await ask(client)
        await ask(client)
    assert [request.headers.get("Cookie") for request in platform.seen][-2:] == [None, "session=1"]


@pytest.mark.parametrize("way", ["setting", "environment"])
async def test_a_proxy(platform: Platform, monkeypatch: pytest.MonkeyPatch, way: str) -> None:
    proxy = platform.url.replace("http://", "http://me:secret@")
    platform.give(SERVER_FILES, EMPTY)
    options: dict[str, Any] = {"url": "http://platform.invalid"}
    if way == "setting":
        options["proxy"] = proxy
    else:
        monkeypatch.setenv("http_proxy", proxy)
    async with platform.client(**options) as client:
        await ask(client)
    assert {request.host for request in platform.seen} == {"platform.invalid"}
    assert all("Proxy-Authorization" in request.headers for request in platform.seen)


async def test_hosts_beside_the_proxy(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    platform.give(SERVER_FILES, EMPTY)
    async with platform.client() as client:
        await ask(client)


async def test_a_proxy_that_is_not_there(platform: Platform) -> None:
    async with platform.client(proxy="http://me:PROXY-SECRET@127.0.0.1:1") as client:
        with pytest.raises(UnreachableError, match="proxy") as caught:
            await client.tenant()
    assert "SECRET" not in str(caught.value)


async def test_a_proxy_that_refuses(platform: Platform) -> None:
    async with platform.client(url="https://platform.invalid", proxy=platform.url) as client:
        with pytest.raises(UnreachableError, match="proxy does not let us through"):
            await client.tenant()


async def test_a_request_is_sent_as_often_as_the_limits_say_and_no_more(platform: Platform) -> None:
    async def handler(request: web.Request) -> web.Response:
        assert request.transport is not None
        request.transport.abort()
        return web.Response()

    platform.on(SERVER_FILES, handler)
    async with platform.client(limits=LimitSettings(retries=1)) as client:
        with pytest.raises(InterruptedBodyError):
            await ask(client)
    assert platform.requests[SERVER_FILES] == 2


async def test_a_name_that_is_unknown(platform: Platform) -> None:
    async with platform.client(url="http://platform.invalid", limits=LimitSettings(retries=0)) as client:
        with pytest.raises(UnreachableError, match=r"platform\.invalid"):
            await client.tenant()


@pytest.mark.parametrize(
    "url", ["", "example.opticloud.io", "ftp://example.com", "http://", "http://[", "http://[::1%[x]:9"]
)
async def test_an_address_that_is_none(platform: Platform, url: str) -> None:
    with pytest.raises(ConfigError, match=r"cloud\.url"):
        async with platform.client(url=url):
            pass


@pytest.mark.parametrize("content", [None, b"no certificate"])
async def test_a_file_of_certificates_that_is_none(
    platform: Platform, tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "ca.pem"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=r"ca\.pem"):
        async with platform.client(ca_file=file):
            pass
