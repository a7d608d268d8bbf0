"""Lists in wrappers that the API page does not name, and pages that are numbered or counted otherwise."""

import json
from collections.abc import AsyncIterator
from typing import Any

import msgspec
import pytest
from aiohttp import web

from osfsync.cloud import parsing
from osfsync.cloud.parsing import DEVICES as NAMES
from osfsync.cloud.parsing import EVENTS, FILES
from osfsync.cloud.wrappers import head_of
from osfsync.domain.errors import ProtocolError
from tests.cloud.cloud_platform import Platform, running

WRAPPERS = ["data", "Data", "content", "items", "results", "records", "devices", "list", "rows"]
ENTRIES: list[Any] = [{"id": "d1"}, {"id": "d2"}]


DEVICES = "/api/tenants/t-1/devices"


@pytest.fixture
async def platform() -> AsyncIterator[Platform]:
    async with running() as platform:
        yield platform


def as_json(value: Any) -> bytes:
    return json.dumps(value).encode()


def read(body: bytes, names: tuple[str, ...] = NAMES) -> list[Any]:
    return [msgspec.json.decode(raw) for raw in parsing.page(body, "list", names).records]


@pytest.mark.parametrize(
    "answer",
    [
        ENTRIES,
        *({name: ENTRIES} for name in WRAPPERS),
        {"deviceList": ENTRIES, "total": 2},
        {"fleet": ENTRIES},
        {"data": {"content": ENTRIES}},
        {"result": {"items": ENTRIES}, "id": 1},
        {"response": {"body": {"devices": ENTRIES}}},
        {"_embedded": {"deviceDtoList": ENTRIES}, "_links": {"self": {"href": "x"}}, "page": {"size": 2}},
        {"content": ENTRIES, "sort": [{"property": "name"}], "pageable": {"sort": [{"by": "x"}]}},
        {"data": ENTRIES, "items": [{"key": "other"}]},
        {"data": ["d1", "d2"], "devices": ENTRIES},
        {"devices": ENTRIES, "items": [{"key": "other"}]},
        {"devices": ENTRIES, "groups": [{"id": "g"}], "errors": []},
        {"items": ENTRIES, "tags": ["a"], "results": [1, 2]},
        {"data": ENTRIES, "error": None, "success": True, "status": 200},
    ],
)
def test_a_list_is_found_in_any_wrapper(answer: Any) -> None:
    assert read(as_json(answer)) == ENTRIES


@pytest.mark.parametrize(
    "answer",
    [
        {"items": ENTRIES, "results": [{"id": "other"}]},
        {"data": {"items": ENTRIES, "content": [{"id": "other"}]}},
        {"fleet": ENTRIES, "crew": [{"id": "other"}]},
        {"id": "d1", "name": "Crane", "sensors": ENTRIES},
        {"errors": ENTRIES},
        {"links": ENTRIES},
        {"data": [], "error": "gone"},
        {"data": None, "success": False},
        {"data": None, "errors": [{"code": 7}]},
        {"data": None, "status": 500},
        {"message": "no"},
        {"filter": {"devices": ENTRIES}},
        {"data": "x"},
    ],
)
def test_a_list_is_not_guessed(answer: Any) -> None:
    with pytest.raises(ProtocolError, match="list"):
        read(as_json(answer))


@pytest.mark.parametrize("names", [NAMES, FILES, EVENTS])
@pytest.mark.parametrize(
    "body",
    [
        b"",
        b" \r\n",
        b"\xef\xbb\xbf",
        b"null",
        b"[]",
        b"{}",
        b'{"data": null}',
        b'{"data": {}}',
        b'{"items": []}',
        b'{"data": {"content": null}}',
        b'{"total": 0}',
        b'{"data": null, "error": null, "errors": []}',
    ],
)
def test_nothing_is_said_in_many_ways(body: bytes, names: tuple[str, ...]) -> None:
    assert read(body, names) == []


@pytest.mark.parametrize(
    "body",
    [
        b'\xef\xbb\xbf{"data": [{"name": "K\xc3\xb6ln"}]}',
        '{"data": [{"name": "Köln"}]}'.encode("utf-16"),
        b'{"data": [{"name": "K\xf6ln"}]}',
        b'{"k\xf6nig": 1, "data": [{"name": "K\xf6ln"}]}',
        b'{"data": [{"name": "K\xc3\xb6ln"}]}\r\n \0\0',
    ],
)
def test_the_text_of_a_list_is_decoded_tolerantly(body: bytes) -> None:
    (event,) = parsing.events(parsing.page(body, "list").records, "list")
    assert event.extra == (("name", "Köln"),)


def test_numbers_that_are_none_are_null_and_texts_are_kept() -> None:
    body = b'{"data": [{"a": NaN, "b": -Infinity, "c": [Infinity], "d": "NaN \\" Infinity"}]}'
    assert read(body) == [{"a": None, "b": None, "c": [None], "d": 'NaN " Infinity'}]
    elements = parsing.elements(b'[{"a": NaN}, {"a": "\\"NaN"}]', "list")
    assert [msgspec.json.decode(raw) for raw in elements or ()] == [{"a": None}, {"a": '"NaN'}]


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        ({"totalCount": 7}, (7, None, None)),
        ({"total": "7", "last": False}, (7, None, True)),
        ({"page": {"totalElements": 7, "totalPages": 3, "number": 0}}, (7, 3, None)),
        ({"meta": {"pagination": {"total": 7}}, "last": True}, (7, None, False)),
        ({"next": None}, (None, None, False)),
        ({"next": "/devices?page=1"}, (None, None, True)),
        ({"_links": {"next": {"href": "x"}}}, (None, None, True)),
        ({"total": -1, "pages": None}, (None, None, None)),
    ],
)
def test_what_an_answer_says_of_its_pages(told: Any, expected: Any) -> None:
    page = parsing.page(as_json({"content": ENTRIES} | told), "list", NAMES)
    assert (page.total, page.total_pages, page.has_next) == expected


@pytest.mark.parametrize(
    ("text", "path"),
    [
        (b'[{"a"', ()),
        (b'\xef\xbb\xbf {"content" : [{"a"', ("content",)),
        (b'{"page":{"size":1},"_embedded":{"deviceDtoList":[{"a"', ("embedded", "devicedtolist")),
        (b'{"total":2,"Data":{"note":"x","items":[{"a"', ("data", "items")),
        (b'{"fleet":[{"a"', None),
        (b'{"filter":{"devices":[{"a"', None),
        (b'{"sort":["a"],"content":[{"a"', None),
    ],
)
def test_a_long_list_is_streamed_from_any_usual_wrapper(text: bytes, path: Any) -> None:
    found = head_of(text, NAMES)
    assert (None if found is None else found[1]) == path
    assert found is None or found[0] == text[: -len(b'{"a"')]


def numbered(total: int, size: int, *, first: int, clamped: bool, told: dict[str, Any]) -> Any:
    async def handler(request: web.Request) -> web.Response:
        page = int(request.query["page"]) - first
        start = max(page, 0) * size if clamped else page * size
        ids = range(start, min(start + size, total)) if start >= 0 else range(0)
        return web.json_response({"items": [{"id": f"d{n}"} for n in ids]} | told)

    return handler


@pytest.mark.parametrize("clamped", [True, False])
@pytest.mark.parametrize("told", [{"total": 25}, {"count": 25}, {"totalPages": 3}])
async def test_pages_may_be_numbered_from_1(platform: Platform, clamped: bool, told: dict[str, Any]) -> None:
    platform.on(DEVICES, numbered(25, 10, first=1, clamped=clamped, told=told))
    async with platform.client() as client:
        assert [device.id for device in await client.devices()] == [f"d{n}" for n in range(25)]
    assert platform.requests[DEVICES] == 4


async def test_a_count_of_the_page_is_no_total(platform: Platform) -> None:
    platform.give(DEVICES, '{"items": [{"id": "d1"}], "count": 1}')
    async with platform.client() as client:
        assert [device.id for device in await client.devices()] == ["d1"]
    assert platform.requests[DEVICES] == 1


async def test_no_content_is_an_empty_list(platform: Platform) -> None:
    platform.give(DEVICES, b"", status=204)
    async with platform.client() as client:
        assert await client.devices() == []
