"""Answers that are no HTTP, or too much of it, written past the library that would refuse to send them."""

import socket
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
from aiohttp import web

from tests.cloud.cloud_platform import DOWNLOAD_TOKEN, Platform, running

SERVER_FILES = "/api/devices/d-1/data-files/original"
TOKEN = "/api/device/d-1/data-files/CLIENT_SCOPE/download"
FILE = f"/api/device/d-1/data-files/CLIENT_SCOPE/token/{DOWNLOAD_TOKEN}"
OK = b"HTTP/1.1 200 OK\r\n"
CHUNKED = OK + b"Transfer-Encoding: chunked\r\n\r\n"

_WAITING = 300_000  # bytes that wait to be sent before no more are added
_SOCKET = (
    100_000  # bytes that the system holds for the other side: it would take up to 40 MB of its own accord
)


@dataclass
class Pour:
    """Sends `head`, and then `again` until the other side has had enough.

    Attributes:
        sent: bytes that were handed to the connection.
    """

    head: bytes
    again: bytes = b""
    sent: int = field(default=0, init=False)

    async def __call__(self, request: web.Request) -> web.StreamResponse:
        transport = request.transport
        assert transport is not None
        transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, _SOCKET)
        transport.write(self.head)
        self.sent += len(self.head)
        while self.again and not transport.is_closing():
            if transport.get_write_buffer_size() < _WAITING:
                transport.write(self.again)
                self.sent += len(self.again)
            await anyio.sleep(0.0001)
        transport.close()
        return web.Response()


Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def platform_with(path: str, handler: Handler) -> AsyncIterator[Platform]:
    """A platform that misbehaves at one path."""
    async with running() as platform:
        platform.give(TOKEN, DOWNLOAD_TOKEN)
        platform.on(path, handler)
        yield platform
