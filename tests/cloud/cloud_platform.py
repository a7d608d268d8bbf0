"""A platform of a few lines, so that each test can make it behave as badly as it likes."""

import base64
import io
import json
import ssl
import time
from collections import Counter
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import stamina
from aiohttp import web

from osfsync.cloud import login
from osfsync.cloud.client import CloudClient, open_client
from osfsync.cloud.settings import CloudSettings, LimitSettings
from osfsync.domain.model import Device, TimeWindow

DEVICE = Device("d-1", "Crane 4")
WINDOW = TimeWindow(datetime(2025, 6, 1, tzinfo=UTC), datetime(2025, 6, 30, tzinfo=UTC))
CREDENTIAL = "CREDENTIAL-SECRET"
PASSWORD = "PASSWORD-SECRET"
DOWNLOAD_TOKEN = "DOWNLOAD-SECRET"
SECRETS = (CREDENTIAL, PASSWORD, DOWNLOAD_TOKEN, "LOGIN-SECRET")

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


def jwt(number: int, lifetime: timedelta) -> str:
    now = time.time()
    payload = {"iat": now, "exp": now + lifetime.total_seconds(), "n": number}
    part = base64.urlsafe_b64encode(json.dumps(payload).encode()).rstrip(b"=").decode()
    return f"LOGIN-SECRET-{number}.{part}.signature"


def entry(name: str, tenant_id: str) -> dict[str, Any]:
    return {
        "authorityId": {"entityType": "AUTHORITY", "id": f"authority-{tenant_id}"},
        "tenant": {"id": {"entityType": "TENANT", "id": tenant_id}, "name": name},
    }


async def ask_password() -> str:
    return PASSWORD


@dataclass
class Platform:
    """Logs in, and answers by the handlers that a test sets; counts requests by path."""

    url: str = ""
    entries: list[dict[str, Any]] = field(default_factory=lambda: [entry("Works", "t-1")])
    lifetime: timedelta = timedelta(hours=2)
    handlers: dict[str, Handler] = field(default_factory=dict)
    requests: Counter[str] = field(default_factory=Counter)
    logins: list[str] = field(default_factory=list)
    valid: set[str] = field(default_factory=set)
    seen: list[web.Request] = field(default_factory=list)
    passwords: tuple[str, ...] = (PASSWORD,)

    def on(self, path: str, handler: Handler) -> None:
        self.handlers[path] = handler

    def give(self, path: str, body: bytes | str, **options: Any) -> None:
        data = body.encode() if isinstance(body, str) else body

        async def handler(_: web.Request) -> web.Response:
            return web.Response(body=io.BytesIO(data), **options)

        self.on(path, handler)

    def give_list(self, body: bytes | str, **options: Any) -> None:
        """The XML list and the credential that leads to it."""
        self.give("/api/device/d-1/credentials", json.dumps({"credentialsId": CREDENTIAL}))
        self.give(list_path(), body, content_type="application/xml", **options)

    def client(
        self,
        *,
        limits: LimitSettings = LimitSettings(retries=2),  # noqa: B008 - frozen
        ask: Callable[[], Awaitable[str]] = ask_password,
        **cloud: Any,
    ) -> AbstractAsyncContextManager[CloudClient]:
        """Open a client; `cloud` are settings."""
        settings = CloudSettings(**({"url": self.url, "username": "user@example.com"} | cloud))
        return open_client(
            settings,
            limits,
            password=ask,
            user_agent="osfsync/test",
            outage_patience=cloud.get("outage_patience", timedelta(0)),
        )

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.requests[request.path] += 1
        self.seen.append(request)
        handler = self.handlers.get(request.path)
        if request.path == "/api/noauth/authorization":
            return await (handler or self._authorization)(request)
        if request.path == "/api/auth/login":
            return await (handler or self._login)(request)
        if request.headers.get("X-Authorization", "").removeprefix("Bearer ") not in self.valid:
            return web.Response(status=401)
        return await handler(request) if handler is not None else web.Response(status=404)

    async def _authorization(self, request: web.Request) -> web.Response:
        if (await request.json())["password"] not in self.passwords:
            return web.Response(status=401)
        return web.json_response(self.entries)

    async def _login(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.logins.append(body["authorityId"])
        token = jwt(len(self.logins), self.lifetime)
        self.valid.add(token)
        return web.json_response({"token": token, "refreshToken": "LOGIN-SECRET-refresh"})


def list_path(window: TimeWindow = WINDOW) -> str:
    start, end = int(window.start.timestamp()), int(window.end.timestamp())
    return f"/API/filelist/list/deviceid/{CREDENTIAL}/StartTime/{start}/{end}"


@asynccontextmanager
async def listening(handler: Handler, tls: ssl.SSLContext | None = None, port: int = 0) -> AsyncIterator[str]:
    """Serve on loopback, by default on a free port."""
    app = web.Application(client_max_size=1_000_000)
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=0.1)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", port, ssl_context=tls)
        await site.start()
        scheme = "https" if tls else "http"
        yield f"{scheme}://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def running(tls: ssl.SSLContext | None = None, fresh: float = 0.0) -> AsyncIterator[Platform]:
    """A platform, and retries without waits; a new token may be refused for `fresh` seconds."""
    platform = Platform()
    with pytest.MonkeyPatch.context() as patch, stamina.set_testing(True, attempts=100, cap=True):
        patch.setattr(login, "FRESH", fresh)
        async with listening(platform.handle, tls) as platform.url:
            yield platform
