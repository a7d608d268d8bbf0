import errno
import gc
import gzip
import json
import tempfile
import threading
import zlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import aiofiles
import anyio
import pytest
from aiofiles.tempfile.temptypes import AsyncSpooledTemporaryFile
from aiohttp import web

from osfsync.cloud import listing, spool
from osfsync.cloud.client import CloudClient
from osfsync.cloud.settings import LimitSettings
from osfsync.domain.errors import (
    CloudError,
    ConfigError,
    DiskFullError,
    ForbiddenError,
    InterruptedBodyError,
    NotFoundError,
    OsfsyncError,
    ProtocolError,
    ServerError,
)
from osfsync.domain.model import DataFile, Device, StorageStatus
from tests.cloud.cloud_platform import (
    CREDENTIAL,
    DEVICE,
    DOWNLOAD_TOKEN,
    WINDOW,
    Platform,
    list_path,
    running,
)

if TYPE_CHECKING:
    from aiofiles.threadpool.binary import AsyncBufferedReader

DEVICES = "/api/tenants/t-1/devices"
SERVER_FILES = "/api/devices/d-1/data-files/original"
ORDER = "/api/devices/d-1/request-list"
TOKEN = "/api/device/d-1/data-files/CLIENT_SCOPE/download"
FILE = f"/api/device/d-1/data-files/CLIENT_SCOPE/token/{DOWNLOAD_TOKEN}"


@pytest.fixture
async def platform() -> AsyncIterator[Platform]:
    async with running() as platform:
        yield platform


DECLARATION = b'<?xml version="1.0" encoding="UTF-8"?>'


def xml_of(count: int) -> str:
    records = (
        f"<GeoLogFile><FileName>2025/{n}.osfz</FileName><Status>{n % 4}</Status></GeoLogFile>"
        for n in range(count)
    )
    return f"<FileList>{''.join(records)}</FileList>"


def paged(total: int, size: int, **overrides: Any) -> Any:
    """A list that is given in pages whatever the limit."""

    async def handler(request: web.Request) -> web.Response:
        assert request.query["limit"] == "-1"
        start = int(request.query["page"]) * size
        entries = [
            {"id": {"entityType": "DEVICE", "id": f"d{n}"}, "name": f"Crane {n}"}
            for n in range(start, min(start + size, total))
        ]
        told = {
            "totalElements": total,
            "totalPages": -(-total // size),
            "hasNext": start + size < total,
        } | overrides
        told = {field: value for field, value in told.items() if value is not None}
        return web.json_response({"data": entries} | told)

    return handler


def parser_threads() -> int:
    return sum(thread.name == "osfsync-file-list" for thread in threading.enumerate())


@pytest.mark.parametrize(
    "told",
    [
        {},
        {"totalPages": None, "hasNext": None},
        {"totalElements": None, "totalPages": None},
        {"totalElements": None, "hasNext": None},
    ],
)
async def test_devices_come_complete_however_the_pages_are_told(
    platform: Platform, told: dict[str, Any]
) -> None:
    platform.on(DEVICES, paged(25, 10, **told))
    async with platform.client() as client:
        assert await client.devices() == [Device(f"d{n}", f"Crane {n}") for n in range(25)]
    assert platform.requests[DEVICES] == 3


@pytest.mark.parametrize(
    ("told", "requests"),
    [
        ({"totalElements": 10}, 3),  # it counts the page
        ({"totalElements": 25, "hasNext": True, "totalPages": None}, 4),  # the last page has none behind it
        ({"totalElements": 10, "totalPages": None}, 3),
    ],
)
async def test_pages_that_contradict_themselves_are_read_to_their_end(
    platform: Platform, told: dict[str, Any], requests: int
) -> None:
    platform.on(DEVICES, paged(25, 10, **told))
    async with platform.client() as client:
        assert await client.devices() == [Device(f"d{n}", f"Crane {n}") for n in range(25)]
    assert platform.requests[DEVICES] == requests


@pytest.mark.parametrize("following", ["the same", "none"])
async def test_a_total_that_is_the_page_s_own_proves_nothing(platform: Platform, following: str) -> None:
    """It tells of a next page, which can't be had."""

    async def handler(request: web.Request) -> web.Response:
        data = [{"id": {"id": "d1"}, "name": "Crane 1"}]
        if following == "none" and request.query["page"] != "0":
            data = []
        return web.json_response({"data": data, "totalElements": 1, "hasNext": True})

    platform.on(DEVICES, handler)
    async with platform.client() as client:
        with pytest.raises(ProtocolError, match="incomplete"):
            await client.devices()


async def test_pages_that_overlap_are_incomplete(platform: Platform) -> None:
    """The total counts devices; so must we."""

    async def handler(request: web.Request) -> web.Response:
        start = int(request.query["page"]) * 2
        ids = [0, 1, 1, 2][start : start + 2]
        data = [{"id": {"id": f"d{n}"}, "name": f"Crane {n}"} for n in ids]
        return web.json_response({"data": data, "totalElements": 4, "hasNext": start == 0})

    platform.on(DEVICES, handler)
    async with platform.client() as client:
        with pytest.raises(ProtocolError, match="3 entries of 4"):
            await client.devices()


async def test_devices_in_one_answer_need_one_request(platform: Platform) -> None:
    platform.give(DEVICES, '{"data": [{"id": {"id": "d1"}, "name": "A"}]}')
    async with platform.client() as client:
        assert await client.devices() == [Device("d1", "A")]
    assert platform.requests[DEVICES] == 1


@pytest.mark.parametrize(
    ("total", "size", "overrides"),
    [
        (25, 10, {"totalElements": 26, "hasNext": False}),
        (25, 10, {"hasNext": True, "totalElements": 99}),
        (0, 10, {"hasNext": True, "totalElements": None}),
    ],
)
async def test_a_device_list_that_is_known_to_be_incomplete_is_an_error(
    platform: Platform, total: int, size: int, overrides: dict[str, Any]
) -> None:
    platform.on(DEVICES, paged(total, size, **overrides))
    async with platform.client() as client:
        with pytest.raises(ProtocolError, match="incomplete") as caught:
            await client.devices()
    assert caught.value.exit_code == 13


async def test_a_platform_that_gives_the_same_page_for_ever_is_not_believed(platform: Platform) -> None:
    platform.give(DEVICES, '{"data": [{"id": "d1", "name": "A"}], "hasNext": true}')
    async with platform.client() as client:
        with pytest.raises(ProtocolError, match="incomplete"):
            await client.devices()
    # Read three times; each time the second page is asked for by both ways of numbering.
    assert platform.requests[DEVICES] == 9


async def test_a_device_list_that_contradicts_itself_for_a_moment_is_read_again(platform: Platform) -> None:
    """A device was added or removed while the pages were read."""
    answers = [{"totalElements": 3}, {"totalElements": 2, "hasNext": False}]

    async def handler(request: web.Request) -> web.Response:
        told = answers[0] if platform.requests[DEVICES] <= 2 else answers[1]
        data = [{"id": "d1", "name": "A"}, {"id": "d2", "name": "B"}] if request.query["page"] == "0" else []
        return web.json_response({"data": data, **told})

    platform.on(DEVICES, handler)
    async with platform.client() as client:
        assert [device.id for device in await client.devices()] == ["d1", "d2"]


async def test_the_number_of_pages_is_bounded(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "MOST_PAGES", 4)
    platform.on(DEVICES, paged(100, 1))
    async with platform.client() as client:
        with pytest.raises(ProtocolError, match="more than 4 pages"):
            await client.devices()


@pytest.fixture(params=[1_000, 131_072], ids=["in pieces", "in one hop"])
def chunk(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is short is taken apart in another way than what is long."""
    monkeypatch.setattr(listing, "_CHUNK", request.param)


@pytest.mark.usefixtures("chunk")
async def test_files_come_in_pages(platform: Platform) -> None:
    platform.give_list(xml_of(1_234))
    async with platform.client() as client:
        pages = [page async for page in client.files(DEVICE, WINDOW)]
    assert [len(page) for page in pages] == [100] * 12 + [34]
    assert pages[0][3] == DataFile("d-1", "2025/3.osfz", StorageStatus.BOTH)
    assert parser_threads() == 0


async def test_the_credential_is_asked_for_once_and_again_after_a_failure(platform: Platform) -> None:
    platform.give_list(xml_of(1))
    async with platform.client() as client:
        for _ in range(3):
            assert [page async for page in client.files(DEVICE, WINDOW)]
        assert platform.requests["/api/device/d-1/credentials"] == 1
        del platform.handlers[list_path()]
        with pytest.raises(NotFoundError):
            assert [page async for page in client.files(DEVICE, WINDOW)]
        platform.give_list(xml_of(1))
        assert [page async for page in client.files(DEVICE, WINDOW)]
    assert platform.requests["/api/device/d-1/credentials"] == 2


async def test_credentials_that_are_refused(platform: Platform) -> None:
    platform.give("/api/device/d-1/credentials", "{}", status=403)
    async with platform.client() as client:
        with pytest.raises(ForbiddenError, match="'Crane 4'"):
            assert [page async for page in client.files(DEVICE, WINDOW)]
    assert platform.requests["/api/device/d-1/credentials"] == 1


async def test_a_disk_that_is_full_for_the_last_bytes_alone(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They stand in a buffer until then."""
    flush = AsyncSpooledTemporaryFile.flush

    async def refuse(_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    platform.give(SERVER_FILES, json.dumps({"data": [{"fileName": "a.osf"}]}))
    async with platform.client() as client:
        with monkeypatch.context() as patched:
            patched.setattr(AsyncSpooledTemporaryFile, "flush", refuse)
            with pytest.raises(DiskFullError, match="temporary files"):
                assert [page async for page in client.server_files(DEVICE, WINDOW)]
        assert AsyncSpooledTemporaryFile.flush is flush
        assert [len(page) async for page in client.server_files(DEVICE, WINDOW)] == [1]


async def test_what_a_full_disk_left_in_a_buffer_is_no_second_error(monkeypatch: pytest.MonkeyPatch) -> None:
    def on_a_full_disk(**_: object) -> Any:
        file: Any = open("/dev/full", "wb")  # noqa: PTH123, SIM115 - the spool closes it
        file._rolled = True
        return file

    async def fill() -> None:
        with spool.open_spool() as opened:
            await spool._keep(opened, b"the last bytes")
            with spool._room():
                await opened.flush()

    if not await anyio.Path("/dev/full").exists():
        pytest.skip("there is no /dev/full")
    monkeypatch.setattr(spool, "SpooledTemporaryFile", on_a_full_disk)
    with pytest.raises(DiskFullError):
        await fill()


async def test_a_list_may_lie_on_the_disk(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(spool, "_IN_MEMORY", 10_000)
    platform.give_list(xml_of(5_000))
    async with platform.client() as client:
        assert sum([len(page) async for page in client.files(DEVICE, WINDOW)]) == 5_000


async def test_a_system_without_a_folder_for_temporary_files(
    platform: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spool, "_IN_MEMORY", 10_000)
    monkeypatch.setattr(tempfile, "tempdir", None)
    monkeypatch.setattr(tempfile, "_candidate_tempdir_list", list)  # as where none of them can be written
    platform.give_list(xml_of(5_000))
    async with platform.client() as client:
        with pytest.raises(ConfigError, match="none can be written"):
            assert [page async for page in client.files(DEVICE, WINDOW)]


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full on this system")
async def test_a_full_disk_is_told_as_such() -> None:
    async with aiofiles.open("/dev/full", "wb", buffering=0) as full:
        with pytest.raises(DiskFullError, match="temporary files"):
            await spool._keep(cast("AsyncBufferedReader", full), b"<FileList>")


async def test_a_list_that_is_too_large(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "LARGEST_XML", 1_000)
    platform.give_list(xml_of(100))
    async with platform.client() as client:
        with pytest.raises(ProtocolError, match="larger than 1000 bytes"):
            assert [page async for page in client.files(DEVICE, WINDOW)]


async def until_tidy(tasks: int) -> None:
    gc.collect()
    with anyio.fail_after(1):
        while parser_threads() or len(anyio.get_running_tasks()) > tasks:
            await anyio.lowlevel.checkpoint()


async def test_who_leaves_a_list_early_leaves_no_thread(platform: Platform) -> None:
    platform.give_list(xml_of(20_000))
    async with platform.client() as client:
        await client.tenant()
        tasks = len(anyio.get_running_tasks())
        async for page in client.files(DEVICE, WINDOW):
            assert len(page) == 100
            assert parser_threads() == 1
            break
        await until_tidy(tasks)


async def test_who_is_cancelled_within_a_list_leaves_no_thread(platform: Platform) -> None:
    platform.give_list(xml_of(20_000))
    seen = 0

    async def read(client: CloudClient, scope: anyio.CancelScope) -> None:
        nonlocal seen
        async for page in client.files(DEVICE, WINDOW):
            seen += len(page)
            scope.cancel()
            await anyio.lowlevel.checkpoint()

    async with platform.client() as client:
        await client.tenant()
        tasks = len(anyio.get_running_tasks())
        with anyio.CancelScope() as scope:
            await read(client, scope)
        assert seen == 100
        await until_tidy(tasks)


@pytest.mark.usefixtures("chunk")
async def test_who_is_cancelled_before_a_list_is_taken_apart_leaves_no_thread(platform: Platform) -> None:
    platform.give_list(xml_of(100))

    async def read(client: CloudClient) -> int:
        return sum([len(page) async for page in client.files(DEVICE, WINDOW)])

    async with platform.client() as client:
        await client.tenant()
        tasks = len(anyio.get_running_tasks())
        parsing = client._lanes.parsing
        async with parsing, anyio.create_task_group() as group:  # another list is taken apart
            group.start_soon(read, client)
            with anyio.fail_after(5):
                while not parsing.statistics().tasks_waiting:
                    await anyio.lowlevel.checkpoint()
            group.cancel_scope.cancel()
        await until_tidy(tasks)
        assert await read(client) == 100


async def test_the_loop_stays_awake_while_a_list_is_parsed(platform: Platform) -> None:
    platform.give_list(xml_of(20_000))
    worst, parsing = 0.0, True

    async def watch() -> None:
        nonlocal worst
        while parsing:
            asked = anyio.current_time()
            await anyio.sleep(0.001)
            worst = max(worst, anyio.current_time() - asked)

    async with platform.client() as client, anyio.create_task_group() as group:
        await client.tenant()
        group.start_soon(watch)
        started = anyio.current_time()
        assert sum([len(page) async for page in client.files(DEVICE, WINDOW)]) == 20_000
        taken = anyio.current_time() - started
        parsing = False
    assert worst < taken / 3


@pytest.mark.parametrize(
    ("body", "words"),
    [
        ("", "empty"),
        ("<!DOCTYPE html><html/>", "web page"),
        ("<!DOCTYPE FileList><FileList/>", "DOCTYPE"),
        (xml_of(600)[:-300] + "\n</FileList>", "no complete XML"),
        ("<FileList><GeoLogFile><Name>a</Name></GeoLogFile></FileList>", "storage status"),
    ],
)
@pytest.mark.usefixtures("chunk")
async def test_a_bad_list_is_an_error_of_that_device(platform: Platform, body: str, words: str) -> None:
    platform.give_list(body)
    async with platform.client() as client:
        with pytest.raises(ProtocolError, match=words) as caught:
            assert [page async for page in client.files(DEVICE, WINDOW)]
    assert "'Crane 4'" in str(caught.value)
    assert CREDENTIAL not in str(caught.value)
    assert parser_threads() == 0


@pytest.mark.usefixtures("chunk")
async def test_what_a_list_names_before_it_turns_out_to_be_none_is_given(platform: Platform) -> None:
    platform.give_list(xml_of(350).replace("</FileList>", "<!-- </FileList>"))
    lengths = []

    async def read(client: CloudClient) -> None:
        async for page in client.files(DEVICE, WINDOW):
            lengths.append(len(page))  # noqa: PERF401 - it ends with an error

    async with platform.client() as client:
        with pytest.raises(ProtocolError, match="no complete XML"):
            await read(client)
    assert lengths == [100, 100, 100]


async def test_elements_beside_the_files_that_tell_of_no_trouble_do_no_harm(platform: Platform) -> None:
    beside = "<DefaultTag>raw</DefaultTag><ErrorCount>0</ErrorCount><LastError/><Count>1</Count>"
    platform.give_list(xml_of(1).replace("</FileList>", beside + "</FileList>"))
    async with platform.client() as client:
        assert sum([len(page) async for page in client.files(DEVICE, WINDOW)]) == 1


@pytest.mark.parametrize("here", [40_000, len(DECLARATION)])
async def test_a_list_that_is_cut_without_a_length_is_fetched_again(platform: Platform, here: int) -> None:
    platform.give_list("")
    whole = DECLARATION + xml_of(900).encode()

    async def handler(request: web.Request) -> web.StreamResponse:
        if platform.requests[request.path] > 1:
            return web.Response(body=whole)
        assert request.transport is not None
        request.transport.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + whole[:here])
        request.transport.close()
        return web.Response()

    platform.on(list_path(), handler)
    async with platform.client() as client:
        assert sum([len(page) async for page in client.files(DEVICE, WINDOW)]) == 900
    assert platform.requests[list_path()] == 2


@pytest.mark.parametrize(
    "whole",
    [
        DECLARATION
        + b'<FileList version=""><GeoLogFile><FileName>a.osfz</FileName><Tag/><Status>3</Status></GeoLogFile>'
        b"</FileList>",
        b"<FileList/>",
    ],
)
async def test_wherever_a_list_is_cut_without_a_length_it_counts_as_cut(
    platform: Platform, whole: bytes
) -> None:
    platform.give_list("")
    here = 0

    async def handler(request: web.Request) -> web.StreamResponse:
        assert request.transport is not None
        request.transport.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + whole[:here])
        request.transport.close()
        return web.Response()

    platform.on(list_path(), handler)
    async with platform.client(limits=LimitSettings(retries=0)) as client:
        for here in range(1, len(whole)):  # noqa: B007 - the handler reads it
            with pytest.raises(InterruptedBodyError):
                assert [page async for page in client.files(DEVICE, WINDOW)]
        here = len(whole)
        assert sum([len(page) async for page in client.files(DEVICE, WINDOW)]) == whole.count(b"<GeoLogFile>")


@pytest.mark.parametrize("more", [{}, {"sort": [{"by": "name"}, {"by": "size"}], "hasNext": False}])
async def test_server_files_in_pages(platform: Platform, more: dict[str, object]) -> None:
    entries = [{"fileName": f"2025/{n}.osfz", "fileSize": n} for n in range(12_000)]
    platform.give(SERVER_FILES, json.dumps({"data": entries, **more}))  # long enough to be read in pieces
    async with platform.client() as client:
        pages = [page async for page in client.server_files(DEVICE, WINDOW)]
    assert [len(page) for page in pages] == [100] * 120
    assert pages[0][7] == DataFile("d-1", "2025/7.osfz", StorageStatus.SERVER_ONLY, 7)


async def test_a_json_list_that_is_too_large(platform: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "LARGEST_JSON", 10)
    platform.give(SERVER_FILES, '{"data": []}')
    async with platform.client() as client:
        with pytest.raises(ProtocolError, match="larger than 10 bytes"):
            assert [page async for page in client.server_files(DEVICE, WINDOW)]


TEXT = b'{"data": [{"name": "a.osf", "size": 7}]}'


@pytest.mark.parametrize(
    ("body", "encoding"),
    [
        (gzip.compress(TEXT), "gzip"),
        (gzip.compress(TEXT), "x-gzip"),
        (zlib.compress(TEXT), "deflate"),
        (zlib.compress(TEXT, wbits=-15), "deflate"),
        (TEXT, "gzip"),
    ],
    ids=["gzip", "x-gzip", "zlib", "raw deflate", "a label only"],
)
async def test_a_text_that_a_gateway_has_compressed_is_read(
    platform: Platform, body: bytes, encoding: str
) -> None:
    platform.give(SERVER_FILES, body, headers={"Content-Encoding": encoding})
    async with platform.client() as client:
        pages = [page async for page in client.server_files(DEVICE, WINDOW)]
    assert [(file.name, file.size) for page in pages for file in page] == [("a.osf", 7)]


@pytest.mark.parametrize(
    ("body", "words"),
    [
        (gzip.compress(b" " * 200_000_000, 1), "larger than"),
        (gzip.compress(TEXT)[:-9], "ended early"),
        (b"\x1f\x8b...", "can't be unpacked"),
    ],
    ids=["a bomb", "cut", "damaged"],
)
async def test_a_compressed_text_is_bounded_and_whole(platform: Platform, body: bytes, words: str) -> None:
    platform.give(SERVER_FILES, body, headers={"Content-Encoding": "gzip"})
    async with platform.client(limits=LimitSettings(retries=0)) as client:
        with pytest.raises(CloudError, match=words):
            assert [page async for page in client.server_files(DEVICE, WINDOW)]


async def test_compressed_data_that_was_not_asked_for(platform: Platform) -> None:
    platform.give(SERVER_FILES, b"\x1f\x8b...", headers={"Content-Encoding": "br"})
    async with platform.client() as client:
        with pytest.raises(ProtocolError, match="compressed"):
            assert [page async for page in client.server_files(DEVICE, WINDOW)]
    assert platform.seen[-1].headers["Accept-Encoding"] == "identity"


async def test_an_order_is_sent_as_the_api_page_has_it(platform: Platform) -> None:
    bodies: list[Any] = []

    async def handler(request: web.Request) -> web.Response:
        bodies.append(await request.json())
        return web.Response()

    platform.on(ORDER, handler)
    async with platform.client() as client:
        await client.order(DEVICE, WINDOW, "preview")
    assert bodies == [
        {"startTime": "2025-06-01T00:00:00.000Z", "endTime": "2025-06-30T00:00:00.000Z", "tag": "preview"}
    ]


@pytest.mark.parametrize(("status", "sent"), [(429, 3), (503, 3), (500, 1), (502, 1), (504, 1), (400, 8)])
async def test_an_order_is_repeated_only_where_it_was_not_taken(
    platform: Platform, status: int, sent: int
) -> None:
    platform.give(ORDER, b"", status=status)
    async with platform.client() as client:
        with pytest.raises(OsfsyncError, match=str(status)):
            await client.order(DEVICE, WINDOW, "preview")
    assert platform.requests[ORDER] == sent  # 400: each spelling of the times once


@pytest.mark.parametrize("answered", [True, False])
async def test_an_order_that_may_have_been_queued_is_not_sent_again(
    platform: Platform, answered: bool
) -> None:
    async def handler(request: web.Request) -> web.Response:
        await request.read()
        if answered:
            assert request.transport is not None
            request.transport.abort()
        await anyio.sleep_forever()
        raise AssertionError

    platform.on(ORDER, handler)
    async with platform.client(idle_timeout=datetime.resolution * 100_000) as client:
        with pytest.raises(InterruptedBodyError):
            await client.order(DEVICE, WINDOW, "preview")
    assert platform.requests[ORDER] == 1


async def download(client: CloudClient, name: str = "2025/a.osfz") -> bytes:
    async with client.download(DEVICE, name) as body:
        return b"".join([piece async for piece in body.pieces()])


async def download_repeatedly(client: CloudClient) -> None:
    async for attempt in client.retrying():
        with attempt:
            await download(client)


async def test_a_download_takes_two_steps(platform: Platform) -> None:
    asked: list[Any] = []

    async def handler(request: web.Request) -> web.Response:
        asked.append(await request.json())
        return web.Response(text=f'"{DOWNLOAD_TOKEN}"')

    platform.on(TOKEN, handler)
    platform.give(FILE, b"\x1f\x8bcontent" * 50_000, headers={"Content-Encoding": "identity"})
    async with platform.client() as client, client.download(DEVICE, "2025/ä.osfz") as body:
        assert body.length == 450_000
        assert b"".join([piece async for piece in body.pieces()]) == b"\x1f\x8bcontent" * 50_000
    assert asked == [["2025/ä.osfz"]]


@pytest.mark.parametrize("encoding", ["gzip", "BR", "identity, gzip"])
async def test_a_download_that_was_compressed_on_the_way(platform: Platform, encoding: str) -> None:
    platform.give(TOKEN, DOWNLOAD_TOKEN)
    platform.give(FILE, b"\x1f\x8bcontent", headers={"Content-Encoding": encoding})
    async with platform.client() as client:
        with pytest.raises(ProtocolError, match="compressed") as caught:
            async with client.download(DEVICE, "2025/a.osfz"):
                pytest.fail("the body was given")
    assert "'2025/a.osfz' of device 'Crane 4'" in str(caught.value)
    assert (platform.requests[TOKEN], platform.requests[FILE]) == (1, 1)


@pytest.mark.parametrize("encoding", ["gzip", "x-gzip", "br", "identity, gzip"])
async def test_a_label_is_not_believed_over_the_listed_size(platform: Platform, encoding: str) -> None:
    platform.give(TOKEN, DOWNLOAD_TOKEN)
    platform.give(FILE, b"\x1f\x8bcontent", headers={"Content-Encoding": encoding})
    async with platform.client() as client:
        async with client.download(DEVICE, "2025/a.osfz", listed=9) as body:
            assert b"".join([piece async for piece in body.pieces()]) == b"\x1f\x8bcontent"
        with pytest.raises(ProtocolError, match="compressed"):
            async with client.download(DEVICE, "2025/a.osfz", listed=10):
                pytest.fail("the body was given")


@pytest.mark.parametrize("encoding", ["none", "binary", "Identity, identity"])
async def test_labels_that_change_no_byte_are_taken(platform: Platform, encoding: str) -> None:
    platform.give(TOKEN, DOWNLOAD_TOKEN, headers={"Content-Encoding": encoding})
    platform.give(FILE, b"\x1f\x8bcontent", headers={"Content-Encoding": encoding})
    async with platform.client() as client:
        assert await download(client) == b"\x1f\x8bcontent"
        assert await client.batch(DEVICE, ["a", "b"], 100) == b"\x1f\x8bcontent"


async def test_a_login_that_ends_between_the_steps_costs_no_second_token(platform: Platform) -> None:
    async def handler(_: web.Request) -> web.Response:
        platform.valid.clear()
        return web.Response(text=DOWNLOAD_TOKEN)

    platform.on(TOKEN, handler)
    platform.give(FILE, b"content")
    async with platform.client() as client:
        assert await download(client) == b"content"
    assert (platform.requests[TOKEN], platform.requests[FILE], len(platform.logins)) == (1, 2, 2)


async def test_a_download_token_that_has_run_out_is_renewed_once(platform: Platform) -> None:
    async def handler(_: web.Request) -> web.Response:
        return web.Response(status=404 if platform.requests[FILE] == 1 else 200, body=b"content")

    platform.give(TOKEN, DOWNLOAD_TOKEN)
    platform.on(FILE, handler)
    async with platform.client() as client:
        assert await download(client) == b"content"
        del platform.handlers[FILE]
        with pytest.raises(NotFoundError):
            await download(client)
    assert (platform.requests[TOKEN], platform.requests[FILE]) == (4, 4)


async def test_a_download_is_one_try(platform: Platform) -> None:
    platform.give(TOKEN, DOWNLOAD_TOKEN)
    platform.give(FILE, b"", status=502)
    async with platform.client() as client:
        with pytest.raises(ServerError):
            await download(client)
        assert (platform.requests[TOKEN], platform.requests[FILE]) == (1, 1)
        with pytest.raises(ServerError):
            await download_repeatedly(client)
    assert (platform.requests[TOKEN], platform.requests[FILE]) == (4, 4)


async def test_what_can_not_be_helped_is_not_repeated(platform: Platform) -> None:
    platform.give(TOKEN, "<html>Login</html>")
    async with platform.client() as client:
        with pytest.raises(ProtocolError, match="download token"):
            await download_repeatedly(client)
    assert platform.requests[TOKEN] == 1


async def test_an_error_of_the_reader_stays_what_it_is(platform: Platform) -> None:
    platform.give(TOKEN, DOWNLOAD_TOKEN)
    platform.give(FILE, b"content")
    async with platform.client() as client:
        with pytest.raises(NotFoundError, match="mine"):
            async with client.download(DEVICE, "a"):
                raise NotFoundError("mine")
        assert await download(client) == b"content"
    assert platform.requests[FILE] == 2


async def test_communication_and_telemetry(platform: Platform) -> None:
    at = int(datetime(2025, 6, 2, tzinfo=UTC).timestamp() * 1000)
    platform.give("/api/devices/d-1/communication/data", json.dumps([{"ts": at, "type": "PING"}]))
    platform.give(
        "/api/plugins/telemetry/DEVICE/d-1/values/timeseries", json.dumps({"t": [{"ts": at, "value": "4"}]})
    )
    async with platform.client() as client:
        (event,) = await client.communication(DEVICE, WINDOW)
        (reading,) = await client.telemetry(DEVICE)
    assert (event.kind, event.at) == ("PING", datetime(2025, 6, 2, tzinfo=UTC))
    assert (reading.channel, reading.value, reading.at) == ("t", "4", event.at)


async def test_calls_carry_the_login_and_who_we_are(platform: Platform) -> None:
    platform.give(DEVICES, '{"data": []}')
    async with platform.client() as client:
        assert await client.devices() == []
    first, *_, last = platform.seen
    assert "X-Authorization" not in first.headers
    assert last.headers["X-Authorization"].removeprefix("Bearer ") in platform.valid
    assert last.headers["User-Agent"] == "osfsync/test"
    assert last.headers["Accept"] == (
        "text/html, application/json, application/xhtml+xml, application/xml;q=0.9"
    )
