"""Answers of proxies and gateways, and passing ones, say nothing about accounts and files."""

from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable

import pytest
from aiohttp import web
from yarl import URL

from osfsync.cloud.client import CloudClient
from osfsync.cloud.cookies import LARGEST_COOKIE, MOST_COOKIES, OriginCookies
from osfsync.cloud.refusals import BlockedError, NotReadyError
from osfsync.cloud.settings import LimitSettings
from osfsync.domain.errors import (
    ForbiddenError,
    LoginRefusedError,
    NotFoundError,
    ProtocolError,
    UnreachableError,
)
from tests.cloud.cloud_platform import DEVICE, DOWNLOAD_TOKEN, WINDOW, Platform, listening, running

FILES = "/api/devices/d-1/data-files/original"
TOKEN = "/api/device/d-1/data-files/CLIENT_SCOPE/download"
FILE = f"/api/device/d-1/data-files/CLIENT_SCOPE/token/{DOWNLOAD_TOKEN}"
CREDENTIALS = "/api/device/d-1/credentials"
LOGIN = "/api/noauth/authorization"
EMPTY = '{"data": []}'
PAGE = "<html><head><title>403 Forbidden</title></head><body>nginx</body></html>"
TOMCAT = "<!doctype html><html><head><title>HTTP Status 404 – Not Found</title></head></html>"

Handler = Callable[[web.Request], Awaitable[web.Response]]


@pytest.fixture
async def platform() -> AsyncIterator[Platform]:
    async with running(fresh=5.0) as platform:
        yield platform


async def ask(client: CloudClient) -> None:
    assert [page async for page in client.server_files(DEVICE, WINDOW)] == []


async def download(client: CloudClient) -> bytes:
    async with client.download(DEVICE, "2025/a.osfz") as body:
        return b"".join([piece async for piece in body.pieces()])


def first(times: int, answer: Callable[[], web.Response], later: str = EMPTY) -> Handler:
    """So many odd answers, then what was asked for."""
    left = [times]

    async def handler(_: web.Request) -> web.Response:
        if left[0] > 0:
            left[0] -= 1
            return answer()
        return web.Response(text=later)

    return handler


def page(status: int, **options: str) -> Callable[[], web.Response]:
    return lambda: web.Response(status=status, text=PAGE, content_type="text/html", headers=options)


@pytest.mark.parametrize(
    "odd",
    [
        page(400),
        page(403),
        page(404),
        page(403, Via="1.1 proxy"),
        lambda: web.Response(status=408),
        lambda: web.Response(status=425),
        lambda: web.Response(status=202, text='{"status": "pending"}'),
        page(511),
        page(502),
    ],
    ids=["400", "403", "404", "via", "408", "425", "202", "511", "502"],
)
async def test_a_passing_answer_from_in_between_is_tried_again(
    platform: Platform, odd: Callable[[], web.Response]
) -> None:
    platform.on(FILES, first(2, odd))
    async with platform.client() as client:
        await ask(client)
    assert platform.requests[FILES] == 3


@pytest.mark.parametrize("status", [401, 403, 404, 410])
async def test_a_web_page_is_no_word_on_a_file_and_is_named(platform: Platform, status: int) -> None:
    platform.give(TOKEN, PAGE, status=status, content_type="text/html")
    async with platform.client() as client:
        with pytest.raises(BlockedError, match=f"proxy or gateway on the way answered {status}") as caught:
            await download(client)
    assert caught.value.retryable


async def test_a_page_of_the_platforms_own_server_is_its_word(platform: Platform) -> None:
    platform.give(TOKEN, TOMCAT, status=404, content_type="text/html")
    async with platform.client() as client:
        with pytest.raises(NotFoundError):
            await download(client)


@pytest.mark.parametrize("status", [403, 404])
async def test_a_json_refusal_through_a_proxy_is_the_platforms_word(platform: Platform, status: int) -> None:
    platform.give(TOKEN, "{}", status=status, content_type="application/json", headers={"Via": "1.1 p"})
    async with platform.client() as client:
        with pytest.raises((ForbiddenError, NotFoundError)):
            await download(client)


async def test_a_file_that_is_not_ready_is_no_file(platform: Platform) -> None:
    platform.give(TOKEN, DOWNLOAD_TOKEN)
    platform.give(FILE, "please wait", status=202)
    async with platform.client() as client:
        with pytest.raises(NotReadyError) as caught:
            await download(client)
    assert caught.value.retryable


async def test_a_command_may_be_accepted_by_202(platform: Platform) -> None:
    platform.give("/api/devices/d-1/request-list", "", status=202)
    async with platform.client() as client:
        await client.order(DEVICE, WINDOW, "preview")
    assert platform.requests["/api/devices/d-1/request-list"] == 1


async def test_a_firewalls_page_at_the_login_is_no_refused_login(platform: Platform) -> None:
    platform.on(LOGIN, first(1, page(403), later=""))
    async with platform.client(limits=LimitSettings(retries=0)) as client:
        with pytest.raises(BlockedError):
            await client.tenant()


async def test_a_gateway_with_a_login_of_its_own_is_named(platform: Platform) -> None:
    platform.give(LOGIN, PAGE, status=401, headers={"WWW-Authenticate": 'Basic realm="intranet"'})
    async with platform.client() as client:
        with pytest.raises(BlockedError, match="gateway"):
            await client.tenant()
    assert platform.requests[LOGIN] == 1


async def test_a_refused_login_stays_one(platform: Platform) -> None:
    platform.give(LOGIN, "{}", status=401, content_type="application/json")
    async with platform.client() as client:
        with pytest.raises(LoginRefusedError):
            await client.tenant()
    assert platform.requests[LOGIN] == 1


async def test_a_proxy_that_wants_a_password_is_blamed_and_not_asked_again(platform: Platform) -> None:
    platform.give(LOGIN, PAGE, status=407)
    async with platform.client(url="http://platform.invalid", proxy=platform.url) as client:
        with pytest.raises(UnreachableError, match=r"\(407\).*cloud\.proxy"):
            await client.tenant()
    assert platform.requests[LOGIN] == 1


async def test_a_new_token_that_is_refused_for_a_while_is_waited_for(platform: Platform) -> None:
    refused = Counter[str]()

    async def handler(request: web.Request) -> web.Response:
        token = request.headers["X-Authorization"]
        refused[token] += 1
        return web.Response(status=401) if refused[token] < 3 else web.Response(text=EMPTY)

    platform.on(FILES, handler)
    async with platform.client() as client:
        await ask(client)
    assert len(platform.logins) == 1


async def test_a_session_that_ends_with_403_is_renewed(platform: Platform) -> None:
    alive: set[str] = set()

    async def handler(request: web.Request) -> web.Response:
        token = request.headers["X-Authorization"]
        if len(platform.logins) == 2:
            alive.add(token)
        elif not alive and platform.requests[FILES] > 1:
            return web.json_response({"message": "forbidden"}, status=403)
        return web.Response(text=EMPTY)

    platform.on(FILES, handler)
    async with platform.client() as client:
        await ask(client)
        await ask(client)
    assert len(platform.logins) == 2


async def test_a_missing_permission_costs_one_login_at_most(platform: Platform) -> None:
    platform.give(FILES, EMPTY)
    platform.give(CREDENTIALS, "{}", status=403)
    async with platform.client() as client:
        await ask(client)
        for _ in range(6):
            with pytest.raises(ForbiddenError):
                await client.check_listing(DEVICE)
    assert len(platform.logins) <= 2


async def test_two_nodes_that_know_only_their_own_sessions(platform: Platform) -> None:
    """A load balancer sends each request to the next node, unless a cookie names one."""
    nodes, turn = [Platform(), Platform()], [0]
    for node in nodes:
        node.give(FILES, EMPTY)

    async def balancer(request: web.Request) -> web.StreamResponse:
        named = request.cookies.get("NODE")
        turn[0] += named is None
        number = int(named) if named is not None else turn[0] % 2
        answer = await nodes[number].handle(request)
        answer.set_cookie("NODE", str(number), path="/", httponly=True)
        return answer

    async with (
        listening(balancer) as url,
        platform.client(url=url, limits=LimitSettings(retries=0)) as client,
    ):
        for _ in range(5):
            await ask(client)
    assert sorted(len(node.logins) for node in nodes) == [0, 1]


async def test_cookies_go_to_the_exact_origin_only() -> None:
    origin = URL("https://a.example.com:8443")
    jar = OriginCookies(origin)
    jar.update_cookies({"other": "1"}, URL("https://b.example.com:8443/"))
    jar.update_cookies({"other": "1"}, URL("https://a.example.com/"))
    assert len(jar) == 0
    jar.update_cookies({"node": "1"}, origin / "x")
    assert list(jar.filter_cookies(origin / "x")) == ["node"]
    for other in ("http://a.example.com:8443/x", "https://a.example.com/x", "https://example.com:8443/x"):
        assert not jar.filter_cookies(URL(other))


async def test_cookies_are_bounded() -> None:
    origin = URL("https://a.example.com")
    jar = OriginCookies(origin)
    for number in range(10 * MOST_COOKIES):
        jar.update_cookies({f"c{number}": "x"}, origin)
    jar.update_cookies({"large": "x" * LARGEST_COOKIE}, origin)
    assert len(jar) <= MOST_COOKIES
    assert "large" not in jar.filter_cookies(origin)


async def test_a_header_line_of_sixty_kilobytes_is_read(platform: Platform) -> None:
    platform.give(FILES, EMPTY, headers={"Content-Security-Policy": "x" * 60_000})
    async with platform.client() as client:
        await ask(client)
    assert platform.requests[FILES] == 1


async def test_a_larger_header_line_is_refused_by_the_name_of_the_limit(platform: Platform) -> None:
    platform.give(FILES, EMPTY, headers={"Content-Security-Policy": "x" * 100_000})
    async with platform.client() as client:
        with pytest.raises(ProtocolError, match="65,536 bytes"):
            await ask(client)


async def test_many_cookies_in_one_answer_are_read(platform: Platform) -> None:
    async def handler(_: web.Request) -> web.Response:
        answer = web.Response(text=EMPTY)
        for number in range(200):
            answer.headers.add("Set-Cookie", f"c{number}=1; Path=/")
        return answer

    platform.on(FILES, handler)
    async with platform.client() as client:
        await ask(client)
    assert platform.requests[FILES] == 1
