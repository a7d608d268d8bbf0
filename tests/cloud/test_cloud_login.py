from collections.abc import AsyncIterator
from datetime import timedelta

import anyio
import pytest
from aiohttp import web

from osfsync.cloud.client import CloudClient
from osfsync.domain.errors import (
    ConfigError,
    ExitCode,
    LoginRefusedError,
    ServerError,
    TenantError,
    UnauthorizedError,
    UnreachableError,
)
from osfsync.domain.model import Tenant
from tests.cloud.cloud_platform import DEVICE, PASSWORD, WINDOW, Platform, entry, running

FILES = "/api/devices/d-1/data-files/original"
DEVICES = "/api/tenants/t-1/devices"
TOKEN = "/api/device/d-1/data-files/CLIENT_SCOPE/download"
AUTHORIZATION = "/api/noauth/authorization"
EMPTY = b'{"data": []}'


@pytest.fixture
async def platform() -> AsyncIterator[Platform]:
    async with running() as platform:
        yield platform


async def list_once(client: CloudClient) -> None:
    assert [page async for page in client.server_files(DEVICE, WINDOW)] == []


async def test_tenants_need_the_first_post_only(platform: Platform) -> None:
    platform.entries = [{"authorityId": {"id": "x"}}, entry("Works", "t-1"), entry("Other", "t-2")]
    async with platform.client() as client:
        assert await client.tenants() == [Tenant("t-1", "Works"), Tenant("t-2", "Other")]
    assert platform.logins == []


async def test_the_tenant_by_name_and_the_only_one(platform: Platform) -> None:
    async with platform.client() as client:
        assert await client.tenant() == Tenant("t-1", "Works")
    platform.entries.append(entry("Other", "t-2"))
    async with platform.client(tenant="Other") as client:
        assert await client.tenant() == Tenant("t-2", "Other")
    assert platform.logins == ["authority-t-1", "authority-t-2"]


@pytest.mark.parametrize("tenant", [None, "Nowhere"])
async def test_a_tenant_that_is_not_clear_names_those_there_are(
    platform: Platform, tenant: str | None
) -> None:
    platform.entries.append(entry("Other", "t-2"))
    async with platform.client(tenant=tenant) as client:
        with pytest.raises(TenantError, match="'Other', 'Works'"):
            await client.tenant()
    assert platform.requests[AUTHORIZATION] == 1


async def test_a_wrong_password_is_sent_once_for_all_workers(platform: Platform) -> None:
    platform.passwords = ("another",)
    refused: list[LoginRefusedError] = []

    async def worker(client: CloudClient) -> None:
        with pytest.raises(LoginRefusedError) as caught:
            await list_once(client)
        refused.append(caught.value)

    async with platform.client() as client, anyio.create_task_group() as group:
        for _ in range(12):
            group.start_soon(worker, client)
    assert platform.requests[AUTHORIZATION] == 1
    assert len({id(error) for error in refused}) == 12
    assert all("'user@example.com'" in str(error) and PASSWORD not in str(error) for error in refused)


async def test_one_login_for_all_workers_and_one_renewal(platform: Platform) -> None:
    platform.give(FILES, EMPTY)
    asked = 0

    async def password() -> str:
        nonlocal asked
        asked += 1
        return PASSWORD

    async def work(client: CloudClient) -> None:
        async with anyio.create_task_group() as group:
            for _ in range(20):
                group.start_soon(list_once, client)

    async with platform.client(ask=password) as client:
        await work(client)
        assert (len(platform.logins), asked) == (1, 1)
        platform.valid.clear()
        await work(client)
        assert (len(platform.logins), asked) == (2, 2)
    lanes = 8  # so many were under way, and refused, before the login was renewed
    assert platform.requests[FILES] == 20 + lanes + 20


async def test_a_token_is_renewed_before_it_ends(platform: Platform) -> None:
    platform.lifetime = timedelta(seconds=0.5)
    statuses: list[str] = []

    async def handler(request: web.Request) -> web.Response:
        statuses.append(request.headers["X-Authorization"])
        return web.Response(body=EMPTY)

    platform.on(FILES, handler)
    async with platform.client() as client:
        await list_once(client)
        await list_once(client)
        assert len(platform.logins) == 1
        await anyio.sleep(0.45)
        await list_once(client)
    assert len(platform.logins) == 2
    assert len(set(statuses)) == 2
    assert platform.requests[FILES] == 3


async def unauthorized(_: web.Request) -> web.Response:
    return web.Response(status=401)


async def test_a_call_that_no_login_helps_is_no_refused_login(platform: Platform) -> None:
    platform.on(FILES, unauthorized)
    async with platform.client() as client:
        with pytest.raises(UnauthorizedError, match="401") as caught:
            await list_once(client)
        assert (platform.requests[FILES], len(platform.logins)) == (2, 2)
        platform.give(DEVICES, EMPTY)
        assert await client.devices() == []  # the login that was made last is kept, and others go on with it
    assert len(platform.logins) == 2
    assert "server's file list of device 'Crane 4'" in caught.value.message
    assert "administrator" in caught.value.hint
    assert (caught.value.exit_code, caught.value.retryable) == (ExitCode.UNREACHABLE, False)


async def test_a_download_that_no_login_helps_names_the_file(platform: Platform) -> None:
    platform.on(TOKEN, unauthorized)

    async def download(client: CloudClient) -> None:
        async for attempt in client.retrying():
            with attempt:
                async with client.download(DEVICE, "2025/a.osfz"):
                    pytest.fail("the body was given")

    async with platform.client() as client:
        with pytest.raises(UnauthorizedError, match=r"file '2025/a\.osfz' of device 'Crane 4'"):
            await download(client)
    assert (platform.requests[TOKEN], len(platform.logins)) == (2, 2)


async def test_calls_that_no_login_helps_cost_one_renewal_each_at_most(platform: Platform) -> None:
    platform.on(FILES, unauthorized)

    async def worker(client: CloudClient) -> None:
        with pytest.raises(UnauthorizedError):
            await list_once(client)

    async with platform.client() as client:
        async with anyio.create_task_group() as group:
            for _ in range(12):
                group.start_soon(worker, client)
        for _ in range(3):
            await worker(client)
    assert platform.requests[FILES] == 30
    assert len(platform.logins) <= 16


async def test_a_login_that_is_refused_when_it_is_renewed_is_final(platform: Platform) -> None:
    platform.on(FILES, unauthorized)
    async with platform.client() as client:
        await client.tenant()
        platform.passwords = ("another",)
        with pytest.raises(LoginRefusedError):
            await list_once(client)
    assert (platform.requests[FILES], platform.requests[AUTHORIZATION]) == (1, 2)


async def test_a_login_is_repeated_while_the_platform_is_ill(platform: Platform) -> None:
    async def ill(_: web.Request) -> web.Response:
        if platform.requests[AUTHORIZATION] < 3:
            return web.Response(status=500)
        return web.json_response(platform.entries)

    platform.on(AUTHORIZATION, ill)
    async with platform.client() as client:
        assert (await client.tenant()).name == "Works"
    assert platform.requests[AUTHORIZATION] == 3


async def test_an_ill_platform_is_not_asked_by_each_worker_in_turn(platform: Platform) -> None:
    async def ill(_: web.Request) -> web.Response:
        return web.Response(status=500)

    platform.on(AUTHORIZATION, ill)

    async def worker(client: CloudClient) -> None:
        with pytest.raises(ServerError):
            await list_once(client)

    async with platform.client() as client, anyio.create_task_group() as group:
        for _ in range(10):
            group.start_soon(worker, client)
    assert platform.requests[AUTHORIZATION] <= 6


async def test_who_cancels_a_login_does_not_fail_the_others(platform: Platform) -> None:
    started, proceed = anyio.Event(), anyio.Event()

    async def slow(_: web.Request) -> web.Response:
        started.set()
        await proceed.wait()
        return web.json_response(platform.entries)

    platform.on(AUTHORIZATION, slow)
    platform.give(FILES, EMPTY)
    async with platform.client() as client, anyio.create_task_group() as group:
        with anyio.CancelScope() as first:

            async def cancel_first() -> None:
                await started.wait()
                group.start_soon(list_once, client)
                first.cancel()
                proceed.set()

            group.start_soon(cancel_first)
            await list_once(client)
    assert first.cancelled_caught
    assert platform.requests[FILES] == 1


async def test_a_password_that_can_not_be_had_is_asked_for_once(platform: Platform) -> None:
    asked = 0

    async def password() -> str:
        nonlocal asked
        asked += 1
        await anyio.sleep(0.01)
        raise ConfigError("The password command failed.", hint="Correct it.")

    async def worker(client: CloudClient) -> None:
        with pytest.raises(ConfigError, match="Correct it"):
            await client.tenant()

    async with platform.client(ask=password) as client, anyio.create_task_group() as group:
        for _ in range(5):
            group.start_soon(worker, client)
    assert asked == 1


async def test_nothing_is_sent_before_the_first_verb(platform: Platform) -> None:
    async with platform.client():
        pass
    assert not platform.requests


async def test_a_platform_that_is_not_there(platform: Platform) -> None:
    async with platform.client(url="http://127.0.0.1:1") as client:
        with pytest.raises(UnreachableError, match=r"http://127\.0\.0\.1:1"):
            await client.tenant()
