"""Passwords, login tokens, device credentials and download tokens appear nowhere but on the line."""

import json
import logging
import traceback
from collections.abc import AsyncIterator, Awaitable, Callable
from datetime import timedelta

import anyio
import pytest
import stamina
from aiohttp import web

from osfsync.cloud.client import CloudClient
from osfsync.cloud.login import LoggedIn
from osfsync.cloud.settings import LimitSettings
from osfsync.domain.errors import OsfsyncError
from osfsync.domain.model import Tenant
from tests.cloud.cloud_platform import (
    CREDENTIAL,
    DEVICE,
    DOWNLOAD_TOKEN,
    SECRETS,
    WINDOW,
    Platform,
    list_path,
    running,
)

TOKEN = "/api/device/d-1/data-files/CLIENT_SCOPE/download"
FILE = f"/api/device/d-1/data-files/CLIENT_SCOPE/token/{DOWNLOAD_TOKEN}"


@pytest.fixture
async def platform() -> AsyncIterator[Platform]:
    async with running() as platform:
        platform.give("/api/device/d-1/credentials", json.dumps({"credentialsId": CREDENTIAL}))
        platform.give(TOKEN, DOWNLOAD_TOKEN)
        yield platform


async def answer(request: web.Request, way: str) -> web.StreamResponse:
    """Goes wrong, and repeats the secrets while doing so."""
    told = " ".join(SECRETS) + str(request.url)
    match way:
        case "reset":
            assert request.transport is not None
            request.transport.abort()
            return web.Response()
        case "silence":
            await anyio.sleep_forever()
            raise AssertionError
        case "redirect":
            return web.Response(
                status=302, headers={"Location": f"http://other.invalid{request.path}?{told}"}
            )
        case "text":
            return web.Response(text=told)
        case "xml":
            return web.Response(text=f"<FileList><GeoLogFile><a>{told}</a></GeoLogFile></FileList>")
        case status:
            return web.Response(status=int(status), text=told, reason="Failed")


async def list_files(client: CloudClient) -> None:
    async for page in client.files(DEVICE, WINDOW):
        assert page


async def download(client: CloudClient) -> None:
    async with client.download(DEVICE, "a.osf") as body:
        assert not [piece async for piece in body.pieces() if b"SECRET" not in piece]


VERBS: dict[str, tuple[Callable[[CloudClient], Awaitable[object]], str]] = {
    "login": (CloudClient.tenant, "/api/auth/login"),
    "first-login": (CloudClient.tenant, "/api/noauth/authorization"),
    "credentials": (list_files, "/api/device/d-1/credentials"),
    "files": (list_files, list_path()),
    "download-token": (download, TOKEN),
    "download": (download, FILE),
}
WAYS = ["reset", "silence", "redirect", "text", "xml", "400", "401", "403", "404", "406", "429", "500", "503"]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("verb", VERBS)
async def test_no_failure_tells_a_secret(
    platform: Platform,
    caplog: pytest.LogCaptureFixture,
    capfd: pytest.CaptureFixture[str],
    verb: str,
    way: str,
) -> None:
    caplog.set_level(logging.DEBUG)
    action, path = VERBS[verb]

    async def handler(request: web.Request) -> web.StreamResponse:
        return await answer(request, way)

    platform.on(path, handler)
    told = ""
    limits = LimitSettings(retries=1)
    async with platform.client(limits=limits, idle_timeout=timedelta(seconds=0.05)) as client:
        try:
            await action(client)
        except OsfsyncError as error:
            told = "".join(traceback.format_exception(error)) + repr(error) + error.hint
    assert told or (verb, way) in {("download", "text"), ("download", "xml")}
    written = capfd.readouterr()
    everything = told + caplog.text + written.out + written.err
    assert [secret for secret in SECRETS if secret in everything] == []


def test_a_login_does_not_show_its_token() -> None:
    assert "SECRET" not in repr(LoggedIn(Tenant("t", "Works"), "LOGIN-SECRET", 0.0))


async def test_a_repetition_is_logged_by_its_label(
    platform: Platform, caplog: pytest.LogCaptureFixture
) -> None:
    platform.give(list_path(), b"", status=500)
    stamina.instrumentation.set_on_retry_hooks([stamina.instrumentation.LoggingOnRetryHook])
    try:
        async with platform.client(limits=LimitSettings(retries=1)) as client:
            with pytest.raises(OsfsyncError):
                await list_files(client)
    finally:
        stamina.instrumentation.set_on_retry_hooks(None)
    (record,) = [record for record in caplog.records if record.name == "stamina"]
    assert record.__dict__["stamina.callable"] == "file list"
    assert CREDENTIAL not in repr(record.__dict__)
