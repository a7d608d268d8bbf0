"""The rest of a broken download: asked for on a condition, taken only where it is provably that."""

from collections.abc import AsyncIterator
from typing import Any

import pytest
from aiohttp import web
from hypothesis import given
from hypothesis import strategies as st

from osfsync.cloud import calls
from osfsync.cloud.client import CloudClient
from osfsync.cloud.ranges import Proof, Reply, Rest, asking_for, proof_of, reply_to
from osfsync.domain.errors import ForbiddenError, InterruptedBodyError, ProtocolError, ServerError
from tests.cloud.cloud_platform import DEVICE, DOWNLOAD_TOKEN, Platform, running

TOKEN = "/api/device/d-1/data-files/CLIENT_SCOPE/download"
FILE = f"/api/device/d-1/data-files/CLIENT_SCOPE/token/{DOWNLOAD_TOKEN}"
CONTENT = bytes(range(100))
LATER = "Tue, 24 Nov 2026 12:00:00 GMT"
EARLIER = "Tue, 24 Nov 2026 11:59:00 GMT"
JUST_NOW = "Tue, 24 Nov 2026 11:59:30 GMT"
BY_ETAG, BY_DATE, BY_SIZE = Proof('"v1"'), Proof(EARLIER), Proof(None)


def rest_of(proof: Proof = BY_ETAG, start: int = 40) -> Rest:
    return Rest(start, 100, proof)


@pytest.mark.parametrize(
    ("headers", "proof"),
    [
        ({"ETag": '"v1"'}, BY_ETAG),
        ({"ETag": '""'}, Proof('""')),
        ({"ETag": '"v1"', "Last-Modified": EARLIER, "Date": LATER}, BY_ETAG),
        ({"Last-Modified": EARLIER, "Date": LATER}, BY_DATE),
        ({}, BY_SIZE),
        # What proves nothing is worse than nothing.
        ({"ETag": 'W/"v1"'}, None),
        ({"ETag": 'W/"v1"', "Last-Modified": EARLIER, "Date": LATER}, None),
        ({"ETag": "v1"}, None),
        ({"ETag": '"a\x80"'}, None),
        ({"ETag": '"a"b"'}, None),
        ({"ETag": f'"{"x" * 999}"'}, None),
        ({"Last-Modified": JUST_NOW, "Date": LATER}, None),
        ({"Last-Modified": LATER, "Date": EARLIER}, None),
        ({"Last-Modified": EARLIER}, None),
        ({"Last-Modified": "yesterday", "Date": LATER}, None),
        ({"Last-Modified": "Xxx, 99 Yyy 2026 99:99:99 GMT", "Date": LATER}, None),
    ],
)
def test_what_would_prove_a_file_the_same(headers: dict[str, str], proof: Proof | None) -> None:
    assert proof_of(200, {"Accept-Ranges": "bytes", **headers}) == proof
    assert proof_of(206, {"Accept-Ranges": "bytes", **headers}) is None
    assert proof_of(200, {"Accept-Ranges": "none", **headers}) is None
    assert proof_of(200, headers) is None


def test_a_rest_is_asked_for_on_a_condition() -> None:
    assert asking_for(None) == {}
    assert asking_for(rest_of(BY_ETAG)) == {"Range": "bytes=40-", "If-Range": '"v1"'}
    assert asking_for(rest_of(BY_DATE)) == {"Range": "bytes=40-", "If-Range": EARLIER}
    assert asking_for(rest_of(BY_SIZE)) == {"Range": "bytes=40-"}
    assert calls.download(DEVICE, "a.osf", "T", rest_of()).rest == rest_of()


@pytest.mark.parametrize(
    ("proof", "headers", "reply"),
    [
        (BY_ETAG, {"ETag": '"v1"'}, Reply.REST),
        (BY_ETAG, {"ETag": '"v1"', "Last-Modified": LATER}, Reply.REST),
        (BY_ETAG, {}, Reply.OTHER),
        (BY_ETAG, {"Last-Modified": EARLIER}, Reply.OTHER),
        (BY_ETAG, {"ETag": '"v2"'}, Reply.OTHER),
        (BY_ETAG, {"ETag": 'W/"v1"'}, Reply.OTHER),
        (BY_DATE, {}, Reply.OTHER),
        (BY_DATE, {"Last-Modified": EARLIER}, Reply.REST),
        (BY_DATE, {"Last-Modified": LATER}, Reply.OTHER),
        (BY_DATE, {"Last-Modified": EARLIER, "ETag": '"v1"'}, Reply.OTHER),
        (BY_SIZE, {}, Reply.REST),
        (BY_SIZE, {"ETag": '"v1"'}, Reply.OTHER),
        (BY_SIZE, {"Last-Modified": EARLIER}, Reply.OTHER),
        (BY_SIZE, {"Content-Length": "60"}, Reply.REST),
        (BY_SIZE, {"Content-Length": "59"}, Reply.OTHER),
    ],
)
def test_a_part_counts_where_the_version_is_the_same(
    proof: Proof, headers: dict[str, str], reply: Reply
) -> None:
    assert reply_to(rest_of(proof), 206, {"Content-Range": "bytes 40-99/100", **headers}) is reply


@pytest.mark.parametrize(
    "told",
    [
        None,
        "",
        "bytes 0-99/100",
        "bytes 39-99/100",
        "bytes 41-99/100",
        "bytes 40-98/100",
        "bytes 40-99/101",
        "bytes 40-100/101",
        "bytes 40-99/*",
        "bytes */100",
        "items 40-99/100",
        "bytes 40-99/100, bytes 40-99/100",
        "bytes 40-99/1000000000000000000000000000",
    ],
)
def test_a_part_counts_only_where_it_says_that_it_is_the_rest(told: str | None) -> None:
    headers = {} if told is None else {"Content-Range": told}
    assert reply_to(rest_of(BY_SIZE), 206, headers) is Reply.OTHER


def test_the_whole_is_the_whole_and_an_unasked_part_is_neither() -> None:
    assert reply_to(None, 200, {}) is Reply.WHOLE
    assert reply_to(rest_of(), 200, {"Content-Range": "bytes 40-99/100"}) is Reply.WHOLE
    assert reply_to(None, 206, {"Content-Range": "bytes 0-99/100"}) is Reply.OTHER


@given(
    start=st.integers(1, 99),
    told=st.tuples(st.integers(0, 120), st.integers(0, 120), st.integers(0, 120)),
    etag=st.sampled_from([None, '"v1"', '"v2"', 'W/"v1"']),
)
def test_no_other_bytes_ever_count_as_the_rest(
    start: int, told: tuple[int, int, int], etag: str | None
) -> None:
    first, last, size = told
    headers = {"Content-Range": f"bytes {first}-{last}/{size}"} | ({} if etag is None else {"ETag": etag})
    right = told == (start, 99, 100) and etag == '"v1"'
    assert (reply_to(rest_of(start=start), 206, headers) is Reply.REST) == right


@pytest.fixture
async def platform() -> AsyncIterator[Platform]:
    async with running() as platform:
        platform.give(TOKEN, DOWNLOAD_TOKEN)
        yield platform


async def fetch(client: CloudClient, rest: Rest | None) -> tuple[Reply, bytes]:
    async with client.download(DEVICE, "a.osf", rest) as body:
        return body.reply, b"".join([piece async for piece in body.pieces()])


def whole_or(part: Any) -> Any:
    """Answers a range with `part` (status, body, headers), and everything else with the whole."""

    async def handler(request: web.Request) -> web.Response:
        if "Range" not in request.headers:
            return web.Response(body=CONTENT)
        status, body, headers = part
        return web.Response(status=status, body=body, headers=headers)

    return handler


async def test_the_rest_comes(platform: Platform) -> None:
    platform.on(FILE, whole_or((206, CONTENT[40:], {"Content-Range": "bytes 40-99/100", "ETag": '"v1"'})))
    async with platform.client() as client:
        assert await fetch(client, rest_of()) == (Reply.REST, CONTENT[40:])
    asked = platform.seen[-1].headers
    assert (asked["Range"], asked["If-Range"]) == ("bytes=40-", '"v1"')
    assert (platform.requests[TOKEN], platform.requests[FILE]) == (1, 1)


async def test_an_answer_with_the_whole_is_taken_as_such(platform: Platform) -> None:
    platform.on(FILE, whole_or((200, CONTENT, {"ETag": '"v2"', "Accept-Ranges": "bytes"})))
    async with platform.client() as client, client.download(DEVICE, "a.osf", rest_of()) as body:
        assert (body.reply, body.length, body.proof) == (Reply.WHOLE, 100, Proof('"v2"'))
    assert (platform.requests[TOKEN], platform.requests[FILE]) == (1, 1)


@pytest.mark.parametrize(
    "part",
    [
        (416, b"", {"Content-Range": "bytes */100"}),
        (400, b"", {}),
        (206, CONTENT[39:99], {"Content-Range": "bytes 39-98/100", "ETag": '"v1"'}),
        (206, CONTENT[40:], {"Content-Range": "bytes 40-99/120", "ETag": '"v1"'}),
        (206, CONTENT[40:], {"Content-Range": "bytes 40-99/100", "ETag": '"v2"'}),
        (206, CONTENT[40:], {"Content-Range": "bytes 40-99/100"}),
        (206, CONTENT[40:], {"ETag": '"v1"'}),
        (206, CONTENT[40:], {"Content-Type": "multipart/byteranges; boundary=x"}),
    ],
)
async def test_an_answer_that_is_neither_is_let_go_for_the_whole(platform: Platform, part: Any) -> None:
    platform.on(FILE, whole_or(part))
    async with platform.client() as client:
        assert await fetch(client, rest_of()) == (Reply.WHOLE, CONTENT)
        assert await fetch(client, None) == (Reply.WHOLE, CONTENT)  # the connections are in order
    assert (platform.requests[TOKEN], platform.requests[FILE]) == (3, 3)  # each with a token of its own


@pytest.mark.parametrize(("status", "kind"), [(403, ForbiddenError), (500, ServerError)])
async def test_what_is_no_matter_of_parts_stays_an_error(
    platform: Platform, status: int, kind: type[Exception]
) -> None:
    platform.on(FILE, whole_or((status, b"", {})))
    async with platform.client() as client:
        with pytest.raises(kind):
            await fetch(client, rest_of())
    assert platform.requests[FILE] == 1


async def test_a_token_that_has_run_out_is_renewed_for_a_rest_too(platform: Platform) -> None:
    async def handler(_: web.Request) -> web.Response:
        if platform.requests[FILE] == 1:
            return web.Response(status=404)
        headers = {"Content-Range": "bytes 40-99/100"}
        return web.Response(status=206, body=CONTENT[40:], headers=headers)

    platform.on(FILE, handler)
    async with platform.client() as client:
        assert await fetch(client, rest_of(BY_SIZE)) == (Reply.REST, CONTENT[40:])
    assert platform.requests[FILE] == 2


async def test_a_part_that_nobody_asked_for_is_refused(platform: Platform) -> None:
    platform.give(FILE, CONTENT[:50], status=206, headers={"Content-Range": "bytes 0-49/100"})
    async with platform.client() as client:
        with pytest.raises(ProtocolError, match="not asked for"):
            await fetch(client, None)


async def test_a_rest_that_breaks_off_is_an_interruption(platform: Platform) -> None:
    async def handler(request: web.Request) -> web.StreamResponse:
        head = {"Content-Range": "bytes 40-99/100", "Content-Length": "60"}
        response = web.StreamResponse(status=206, headers=head)
        await response.prepare(request)
        await response.write(CONTENT[40:50])
        assert request.transport is not None
        request.transport.close()
        return response

    platform.on(FILE, handler)
    async with platform.client() as client:
        with pytest.raises(InterruptedBodyError):
            await fetch(client, rest_of(BY_SIZE))
