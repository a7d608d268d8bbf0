"""Heads without measure and bodies without end: each becomes an error of ours, soon and in little memory."""

import tracemalloc
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from datetime import timedelta
from itertools import count
from typing import Any

import anyio
import pytest
from aiohttp import web

from osfsync.cloud import client as cloud_client
from osfsync.cloud import listing, spool
from osfsync.cloud.client import CloudClient
from osfsync.cloud.settings import LimitSettings
from osfsync.domain.errors import CloudError, InterruptedBodyError, ProtocolError, TooLargeError
from tests.cloud.cloud_platform import CREDENTIAL, DEVICE, WINDOW, list_path, running
from tests.hostile.pouring import CHUNKED, FILE, OK, SERVER_FILES, TOKEN, Pour, platform_with

END = b'Content-Length: 12\r\n\r\n{"data": []}'
ONCE = LimitSettings(retries=0)
IMPATIENT: dict[str, Any] = {
    "idle_timeout": timedelta(seconds=0.3),
    "connect_timeout": timedelta(seconds=0.3),
}
SOON = 20.0  # seconds; generous: nothing here should take more than one


@contextmanager
def memory_below(most: int) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < most


async def ask(client: CloudClient) -> None:
    assert [page async for page in client.server_files(DEVICE, WINDOW)] == []


async def download(client: CloudClient, listed: int | None = None) -> int:
    length = 0
    async with client.download(DEVICE, "a.osf", listed=listed) as body:
        async for piece in body.pieces():
            length += len(piece)
    return length


HEADS = {
    "thousands of headers": Pour(OK + b"".join(b"X-%d: 1\r\n" % n for n in range(5_000)) + END),
    "a header of megabytes": Pour(OK + b"X: " + b"a" * 5_000_000 + b"\r\n" + END),
    "a header's name of megabytes": Pour(OK + b"a" * 5_000_000 + b": 1\r\n" + END),
    "a header without end": Pour(OK + b"X: ", b"a" * 60_000),
    "a header's name without end": Pour(OK, b"a" * 60_000),
    "headers without end": Pour(OK, b"X: 1\r\n" * 1_000),
    "a status line of megabytes": Pour(b"HTTP/1.1 200 " + b"a" * 5_000_000 + b"\r\n" + END),
    "a status line without end": Pour(b"HTTP/1.1 200 ", b"a" * 60_000),
    "cookies": Pour(OK + b"Set-Cookie: a=b; Path=/\r\n" * 10_000 + END),
    "a cookie of megabytes": Pour(OK + b"Set-Cookie: a=" + b"b" * 5_000_000 + b"\r\n" + END),
    "garbage without end": Pour(b"", b"\0" * 60_000),
    "trailers without end": Pour(CHUNKED + b'c\r\n{"data": []}\r\n0\r\n', b"X: 1\r\n" * 1_000),
    "a chunk without measure": Pour(CHUNKED + b"f" * 20 + b"\r\n"),
    "a length without measure": Pour(OK + b"Content-Length: " + b"9" * 30 + b"\r\n\r\n{}"),
    "a negative length": Pour(OK + b"Content-Length: -1\r\n\r\n{}"),
    "two lengths": Pour(OK + b"Content-Length: 5\r\n" + END),
    "a length and chunks": Pour(OK + b"Transfer-Encoding: chunked\r\n" + END),
    "a NUL in a header": Pour(OK + b"X: a\0b\r\n" + END),
    "an escape in a header": Pour(OK + b"X: \x1b[2J\x00\r\n" + END),
    "a status that is none": Pour(b"HTTP/1.1 99999 Hm\r\n" + END),
    "a version that is none": Pour(b"HTTP/9.9 200 OK\r\n" + END),
    "no HTTP": Pour(b"<html>hello</html>"),
}


async def test_a_trailer_without_end_is_cut_off_by_the_idle_limit() -> None:
    """The library stops reading there, and says nothing."""
    pour = Pour(CHUNKED + b'c\r\n{"data": []}\r\n0\r\nX: ', b"a" * 60_000)
    with memory_below(30_000_000), anyio.fail_after(SOON):
        async with (
            platform_with(SERVER_FILES, pour) as platform,
            platform.client(limits=ONCE, **IMPATIENT) as client,
        ):
            with pytest.raises(CloudError, match="'Crane 4'"):
                await ask(client)
    assert pour.sent < 6_000_000


@pytest.mark.parametrize("name", HEADS)
async def test_a_head_without_measure(name: str) -> None:
    pour = HEADS[name]
    with memory_below(30_000_000), anyio.fail_after(SOON):
        async with platform_with(SERVER_FILES, pour) as platform, platform.client(limits=ONCE) as client:
            with pytest.raises(
                ProtocolError, match=r"'Crane 4'.*(not valid HTTP|too large headers)"
            ) as caught:
                await ask(client)
    assert str(caught.value).isprintable()
    assert pour.sent < 6_000_000


@pytest.mark.parametrize(
    "pour",
    [
        Pour(b"", b"HTTP/1.1 100 Continue\r\n\r\n" * 1_000),
        Pour(b"", b"HTTP/1.1 103 Early Hints\r\nLink: </a>\r\n\r\n" * 1_000),
        Pour(b"", b"\r\n" * 1_000),
        Pour(CHUNKED + b"5;", b"a" * 60_000),
        Pour(CHUNKED + b"5;a=b\r\n", b""),
    ],
    ids=["100", "103", "line breaks", "a chunk's extension", "silence"],
)
async def test_what_never_gets_to_the_point(pour: Pour) -> None:
    with memory_below(30_000_000), anyio.fail_after(SOON):
        async with (
            platform_with(SERVER_FILES, pour) as platform,
            platform.client(limits=ONCE, **IMPATIENT) as client,
        ):
            with pytest.raises(InterruptedBodyError, match="'Crane 4'"):
                await ask(client)


@pytest.mark.parametrize(
    "head",
    [
        b"HTTP/1.1 100 Continue\r\n\r\n" * 1_000 + OK + END,
        OK
        + b"".join(b"Set-Cookie: \xff%d=%s; Domain=x; Expires=q\r\n" % (n, b"x" * 90) for n in range(90))
        + END,
        OK + b"X: a\r\n b\r\n" + END,
    ],
    ids=["interim answers", "odd cookies", "folded headers"],
)
async def test_what_is_odd_and_does_no_harm(head: bytes) -> None:
    async with platform_with(SERVER_FILES, Pour(head)) as platform, platform.client(limits=ONCE) as client:
        await ask(client)


@pytest.mark.parametrize("status", [b"101 Switching Protocols", b"000 None", b"600 More", b"999 Most"])
async def test_a_status_that_means_nothing(status: bytes) -> None:
    pour = Pour(b"HTTP/1.1 " + status + b"\r\n" + END)
    async with platform_with(SERVER_FILES, pour) as platform, platform.client(limits=ONCE) as client:
        with pytest.raises(ProtocolError, match="answered"):
            await ask(client)


@pytest.mark.parametrize(
    "location",
    [
        b"http://\xff\xfe[::1",
        b"/" + b"a/" * 10_000,
        b"//",
        b"\x80",
        b"http://x:99999/",
        b"http://a\x0b.example/",
        b"http://[::1%[x]:9",
    ],
)
async def test_a_redirect_to_nonsense(location: bytes) -> None:
    pour = Pour(b"HTTP/1.1 302 Found\r\nContent-Length: 0\r\nLocation: " + location + b"\r\n\r\n")
    async with platform_with(SERVER_FILES, pour) as platform, platform.client(limits=ONCE) as client:
        with pytest.raises(CloudError) as caught:
            await ask(client)
    assert str(caught.value).isprintable()


async def ask_telemetry(client: CloudClient) -> None:
    await client.telemetry(DEVICE)


async def ask_credentials(client: CloudClient) -> None:
    await client.check_listing(DEVICE)


@pytest.mark.parametrize(
    ("path", "most", "use"),
    [
        ("/api/noauth/authorization", 4_000_000, ask_credentials),
        ("/api/auth/login", 4_000_000, ask_credentials),
        ("/api/device/d-1/credentials", 1_000_000, ask_credentials),
        (TOKEN, 1_000_000, download),
        ("/api/plugins/telemetry/DEVICE/d-1/values/timeseries", 8_000_000, ask_telemetry),
    ],
)
async def test_small_answers_have_their_own_bounds(
    path: str, most: int, use: Callable[[CloudClient], Awaitable[object]]
) -> None:
    pour = Pour(CHUNKED, b"%x\r\n%b\r\n" % (60_000, b" " * 60_000))
    async with platform_with(path, pour) as platform, platform.client(limits=ONCE) as client:
        with anyio.fail_after(SOON), pytest.raises(ProtocolError, match=f"larger than {most} bytes"):
            await use(client)
    assert pour.sent < most + 8_000_000  # what sockets hold on the way


async def test_the_answer_to_a_command_is_not_read() -> None:
    pour = Pour(OK + b"\r\n", b"a" * 60_000)
    async with (
        platform_with("/api/devices/d-1/request-list", pour) as platform,
        platform.client(limits=ONCE) as client,
    ):
        with anyio.fail_after(SOON):
            await client.order(DEVICE, WINDOW, "preview")
    assert pour.sent < 4_000_000


ENDLESS_LISTS = {
    "XML records": Pour(
        OK + b"\r\n<FileList>",
        b"<GeoLogFile><FileName>a.osf</FileName><Status>3</Status></GeoLogFile>" * 1_000,
    ),
    "JSON records": Pour(OK + b'\r\n{"data": [', b'{"name": "a.osf"},' * 3_000),
    "blanks": Pour(OK + b"\r\n", b" " * 60_000),
}


@pytest.mark.parametrize("kind", ENDLESS_LISTS)
async def test_a_list_without_end(monkeypatch: pytest.MonkeyPatch, kind: str) -> None:
    """Cut at its bound, and neither memory nor the spool on the disk takes more."""
    most = 12_000_000
    monkeypatch.setattr(listing, "LARGEST_XML", most)
    monkeypatch.setattr(listing, "LARGEST_JSON", most)
    spooled = 0
    keep = spool._keep

    async def keep_and_count(target: spool._Writable, piece: bytes) -> None:
        nonlocal spooled
        spooled += len(piece)
        await keep(target, piece)

    monkeypatch.setattr(spool, "_keep", keep_and_count)
    pour = ENDLESS_LISTS[kind]
    path = SERVER_FILES if kind == "JSON records" else list_path()
    async with platform_with(path, pour) as platform, platform.client(limits=ONCE) as client:
        platform.give("/api/device/d-1/credentials", f'{{"credentialsId": "{CREDENTIAL}"}}')
        files = (
            client.server_files(DEVICE, WINDOW) if kind == "JSON records" else client.files(DEVICE, WINDOW)
        )
        with (
            memory_below(12_000_000),
            anyio.fail_after(60),
            pytest.raises(ProtocolError, match="larger than"),
        ):
            async for _ in files:
                pass
    assert spooled <= most
    assert pour.sent < most + 8_000_000  # what sockets hold on the way


async def test_pages_without_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MOST_RECORDS", 2_000)
    number = 0

    async def another(_: web.Request) -> web.Response:
        nonlocal number
        number += 1
        return web.json_response({"data": [{"name": f"{number}-{n}"} for n in range(100)], "hasNext": True})

    async with running() as platform, platform.client(limits=ONCE) as client:
        platform.on(SERVER_FILES, another)
        with anyio.fail_after(SOON), pytest.raises(ProtocolError, match="more than 2,000 entries"):
            async for _ in client.server_files(DEVICE, WINDOW):
                pass
    assert number == 21


async def test_more_events_than_memory_is_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloud_client, "MOST_EVENTS", 250)

    async def another(_: web.Request) -> web.Response:
        first = 1_700_000_000_000 + 100 * next(numbers)
        events = [{"ts": first + number, "type": "PING"} for number in range(100)]
        return web.json_response({"data": events, "hasNext": True})

    numbers = count()
    async with running() as platform, platform.client(limits=ONCE) as client:
        platform.on("/api/devices/d-1/communication/data", another)
        with anyio.fail_after(SOON), pytest.raises(ProtocolError, match="more than 250 entries"):
            await client.communication(DEVICE, WINDOW)


@pytest.mark.parametrize("most", [100_000, 10_000_000])
async def test_a_file_without_end_is_cut_at_the_largest_size(most: int) -> None:
    pour = Pour(OK + b"\r\n", b"a" * 60_000)
    limits = LimitSettings(retries=0, max_file_size=most)
    with memory_below(12_000_000), anyio.fail_after(SOON):
        async with platform_with(FILE, pour) as platform, platform.client(limits=limits) as client:
            with pytest.raises(TooLargeError, match=rf"'a\.osf'.*\({most:,}\)\. Raise limits\.max_file_size"):
                await download(client)
    assert pour.sent < most + 8_000_000  # what sockets hold on the way


async def test_a_file_that_is_announced_too_large_is_not_read() -> None:
    pour = Pour(OK + b"Content-Length: 1001\r\n\r\n", b"a")
    limits = LimitSettings(retries=0, max_file_size=1_000)
    async with platform_with(FILE, pour) as platform, platform.client(limits=limits) as client:
        with anyio.fail_after(SOON), pytest.raises(TooLargeError):
            await download(client)
        platform.give(FILE, b"a" * 1_000)
        assert await download(client, listed=1_000) == 1_000
        platform.requests.clear()
        with pytest.raises(TooLargeError):
            await download(client, listed=1_001)
        assert platform.requests[TOKEN] == 0
    async with running() as platform, platform.client(limits=LimitSettings(max_file_size=0)) as client:
        platform.give(TOKEN, FILE.rpartition("/")[2])
        platform.give(FILE, b"a" * 2_000)
        assert await download(client, listed=2_000) == 2_000
