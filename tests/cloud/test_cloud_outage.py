"""Outages of the platform: which are waited for, how long, and what is none."""

import socket
from collections.abc import AsyncIterator, MutableMapping
from datetime import timedelta
from typing import Any

import anyio
import pytest
from aiohttp import web
from anyio.abc import SocketAttribute, SocketStream
from structlog.testing import capture_logs

from osfsync.cloud import outage as outage_module
from osfsync.cloud.client import CloudClient
from osfsync.cloud.outage import Outage, Verdict
from osfsync.cloud.settings import LimitSettings
from osfsync.domain.errors import LoginRefusedError, ServerError, UnreachableError
from tests.cloud.cloud_platform import DEVICE, WINDOW, Platform, listening

FILES = "/api/devices/d-1/data-files/original"
DEVICES = "/api/tenants/t-1/devices"
LOGIN = "/api/noauth/authorization"
EMPTY = '{"data": []}'
MINUTES = timedelta(minutes=5)
NO_RETRY = LimitSettings(retries=0)
UNREACHED = UnreachableError("No connection.")


@pytest.fixture
async def platform() -> AsyncIterator[Platform]:
    """A platform whose failures are waited out for real."""
    platform = Platform()
    async with listening(platform.handle) as platform.url:
        yield platform


@pytest.fixture(autouse=True)
def short_waits(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outage_module, "_SHORTEST", 0.02)


def _waiting(logs: list[MutableMapping[str, Any]]) -> list[MutableMapping[str, Any]]:
    return [entry for entry in logs if entry["event"] == "waiting for the platform"]


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_waits_grow_with_the_outage_and_end_with_the_patience() -> None:
    clock = Clock()
    outage = Outage(timedelta(minutes=1), clock=clock)
    outage.failed(UNREACHED)
    assert outage.wait(UNREACHED) == 0.02
    clock.now = 20
    assert outage.wait(UNREACHED) == 5
    clock.now = 58
    assert outage.wait(UNREACHED) == 2
    clock.now = 60
    assert outage.wait(UNREACHED) is Verdict.OVER_PATIENCE
    outage.answered()
    outage.failed(UNREACHED)
    assert outage.wait(UNREACHED) is Verdict.NO_OUTAGE  # a single refused connection is none
    outage.failed(UNREACHED)
    assert outage.wait(UNREACHED) == 0.02  # a new outage, with patience of its own


def test_answers_of_a_gateway_are_an_outage_only_once_the_platform_was_asked() -> None:
    outage = Outage(MINUTES, clock=Clock())
    outage.answered()
    for _ in range(outage_module.SUSPECTED_AFTER):
        outage.failed()
    before, verdict = outage.suspected, outage.wait(ServerError("504"))
    outage.confirm()
    assert (before, outage.suspected) == (True, False)
    assert verdict is Verdict.NO_OUTAGE
    assert isinstance(outage.wait(ServerError("504")), float)


async def test_a_platform_that_is_down_at_the_start_is_waited_for_with_a_word_at_once(
    platform: Platform,
) -> None:
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        port = place.getsockname()[1]
    url = f"http://127.0.0.1:{port}"

    async def serve_later() -> None:
        while not logs:  # noqa: ASYNC110 - a log entry is no event
            await anyio.sleep(0.01)
        async with listening(platform.handle, port=port):
            await anyio.sleep_forever()

    with capture_logs() as logs, anyio.fail_after(20):
        async with anyio.create_task_group() as group:
            group.start_soon(serve_later)
            async with platform.client(limits=NO_RETRY, url=url, outage_patience=MINUTES) as client:
                assert (await client.tenant()).name == "Works"
            group.cancel_scope.cancel()
    waiting = _waiting(logs)
    assert len(waiting) == 1
    assert f"127.0.0.1:{port}" in waiting[0]["error"]


@pytest.mark.parametrize("status", [502, 503, 504])
async def test_a_gateway_whose_platform_is_down_is_waited_for(platform: Platform, status: int) -> None:
    down = True

    async def gateway(request: web.Request) -> web.StreamResponse:
        if down and request.path != LOGIN:
            return web.Response(status=status, text="<html>Bad gateway</html>", content_type="text/html")
        return await platform.handle(request)

    platform.give(FILES, EMPTY)
    platform.give(DEVICES, EMPTY)
    ends: list[str] = []
    async with listening(gateway) as url:
        down = False
        async with platform.client(limits=NO_RETRY, url=url, outage_patience=MINUTES) as client:
            await client.tenant()
            down = True
            with capture_logs() as logs, anyio.fail_after(20):
                async with anyio.create_task_group() as group:
                    for _ in range(5):
                        group.start_soon(_list, client, ends)
                    while not _waiting(logs):  # noqa: ASYNC110 - a log entry is no event
                        await anyio.sleep(0.01)
                    down = False
    assert ends.count("listed") >= 1


async def _list(client: CloudClient, ends: list[str]) -> None:
    try:
        assert [page async for page in client.server_files(DEVICE, WINDOW)] == []
    except ServerError:
        ends.append("failed")
    else:
        ends.append("listed")


async def test_failing_lists_of_one_device_are_no_outage(platform: Platform) -> None:
    platform.give(FILES, "", status=504)
    platform.give(DEVICES, EMPTY)
    limits = LimitSettings(retries=3)
    with anyio.fail_after(30):
        async with platform.client(limits=limits, outage_patience=timedelta(hours=1)) as client:
            with pytest.raises(ServerError, match="504"):
                assert [page async for page in client.server_files(DEVICE, WINDOW)] == []
    assert platform.requests[FILES] == 4


async def test_an_outage_that_outlasts_the_patience_ends_in_its_error(platform: Platform) -> None:
    platform.give(LOGIN, "", status=503)
    patience = timedelta(seconds=0.2)
    with anyio.fail_after(20):
        async with platform.client(limits=NO_RETRY, outage_patience=patience) as client:
            with pytest.raises(ServerError, match="503"):
                await client.tenant()
    assert platform.requests[LOGIN] >= 3


async def test_a_wrong_password_is_not_waited_for(platform: Platform) -> None:
    platform.passwords = ("another",)
    with anyio.fail_after(10):
        async with platform.client(outage_patience=MINUTES) as client:
            with pytest.raises(LoginRefusedError):
                await client.tenant()
    assert platform.requests[LOGIN] == 1


async def test_an_interactive_command_does_not_try_a_wrong_port_for_long(platform: Platform) -> None:
    connections = 0

    async def serve(stream: SocketStream) -> None:
        nonlocal connections
        connections += 1
        async with stream:
            await stream.receive()

    async with (
        await anyio.create_tcp_listener(local_host="127.0.0.1") as listener,
        anyio.create_task_group() as group,
    ):
        group.start_soon(listener.serve, serve)
        port = listener.extra(SocketAttribute.local_port)  # noqa: S610 - no Django here
        async with platform.client(limits=LimitSettings(retries=5), url=f"http://127.0.0.1:{port}") as client:
            with pytest.raises(Exception, match="connection broke"):
                await client.tenant()
        group.cancel_scope.cancel()
    assert connections <= 5  # two tries, and each a look whether the port speaks TLS


async def test_the_wait_for_a_platform_ends_when_it_is_cancelled(platform: Platform) -> None:
    with socket.socket() as place:
        place.bind(("127.0.0.1", 0))
        port = place.getsockname()[1]
    with capture_logs() as logs:
        async with platform.client(url=f"http://127.0.0.1:{port}", outage_patience=MINUTES) as client:
            with anyio.move_on_after(0.3) as scope:
                await client.tenant()
    assert scope.cancelled_caught
    assert len(_waiting(logs)) == 1
