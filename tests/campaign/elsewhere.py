"""A foreign host, to which a platform may redirect. It takes note of all that it hears."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

import anyio
from anyio.abc import SocketAttribute, SocketStream

_PAGE = b"HTTP/1.1 200 OK\r\nContent-Type: text/html\r\nContent-Length: 2\r\nConnection: close\r\n\r\nhi"


@dataclass(slots=True)
class Elsewhere:
    """What was said to the foreign host: one piece of bytes for each connection."""

    url: str
    heard: list[bytes] = field(default_factory=list)

    async def answer(self, stream: SocketStream) -> None:
        """Listen, and answer any request with a page."""
        async with stream:
            try:
                self.heard.append(await stream.receive())
                await stream.send(_PAGE)
            except anyio.EndOfStream:
                self.heard.append(b"")
            except anyio.BrokenResourceError:
                pass


@asynccontextmanager
async def elsewhere() -> AsyncIterator[Elsewhere]:
    """Another host, as far as HTTP is concerned: another port of the loopback."""
    async with (
        await anyio.create_tcp_listener(local_host="127.0.0.1", local_port=0) as listener,
        anyio.create_task_group() as group,
    ):
        port = listener.extra(SocketAttribute.local_port)  # noqa: S610 — no query of Django
        host = Elsewhere(f"http://127.0.0.1:{port}")
        group.start_soon(listener.serve, host.answer)
        yield host
        group.cancel_scope.cancel()
