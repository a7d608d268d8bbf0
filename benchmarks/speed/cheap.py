"""A platform that costs little: answers are made beforehand, so that the client is what is measured.

It knows one tenant with one device, whose files all have the same bytes. Latency is added to each answer.
"""

import asyncio
import json
import re
import signal
import zipfile
from contextlib import AbstractContextManager
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from io import BytesIO
from itertools import count
from multiprocessing.connection import Connection
from typing import cast

from osfsync.simulator.standing import standing

USERNAME, PASSWORD, TENANT = "bench", "bench-password", "Bench"
AUTHORITY, TENANT_ID, DEVICE_ID, CREDENTIAL = "authority-1", "tenant-1", "device-1", "credential-1"
DEVICE = "Bench device"

_HEAD = re.compile(rb"(GET|POST) ([^ ]+) HTTP/1\.1\r\n")
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Load:
    """What the platform has: so many files, each of these bytes; every answer comes this much later."""

    files: int
    content: bytes
    suffix: str = "osf"
    latency: float = 0.0

    def names(self) -> list[str]:
        """The files' names."""
        return [f"{number // 1000:04}/{number:07}.{self.suffix}" for number in range(self.files)]


class _Answers:
    """All answers to all requests, as bytes."""

    def __init__(self, load: Load) -> None:
        self._names = load.names()
        self._content = load.content
        self._file = _answer(load.content, "application/octet-stream")
        self._batches: dict[bytes, list[str]] = {}
        self._tokens = count()
        self._fixed = self._made(load)

    def to(self, path: bytes, body: bytes) -> bytes:
        """The answer to a request; downloads by token first, which are nearly all."""
        if path.endswith(b"/CLIENT_SCOPE/download"):
            return self._token(body)
        if b"/CLIENT_SCOPE/token/" in path:
            names = self._batches.pop(path.rpartition(b"/")[2], None)
            return self._file if names is None else self._zipped(names)
        bare = path.partition(b"?")[0]
        if bare.startswith(b"/API/filelist/list/"):
            bare = b"/API/filelist/list/"
        return self._fixed.get(bare, _NOT_FOUND)

    def _token(self, body: bytes) -> bytes:
        token = b"t%d" % next(self._tokens)
        if body.count(b'"') > 2:  # more than one name
            self._batches[token] = json.loads(body)
        return _answer(token, "text/plain")

    def _zipped(self, names: list[str]) -> bytes:
        packed = BytesIO()
        with zipfile.ZipFile(packed, "w", zipfile.ZIP_STORED) as archive:
            for name in names:
                archive.writestr(zipfile.ZipInfo(name), self._content)
        return _answer(packed.getvalue(), "application/zip")

    def _made(self, load: Load) -> dict[bytes, bytes]:
        entries = [
            {"authorityId": {"id": "system"}},
            {"tenant": {"id": {"id": TENANT_ID}, "name": TENANT}, "authorityId": {"id": AUTHORITY}},
        ]
        devices = [{"id": {"id": DEVICE_ID}, "name": DEVICE}]
        start = datetime.now(UTC).replace(microsecond=0) - timedelta(days=2)
        size = len(load.content)
        records = [
            (name, int((start + timedelta(milliseconds=number * 10)).timestamp()))
            for number, name in enumerate(self._names)
        ]
        xml = "".join(
            f"<GeoLogFile><FileName>{name}</FileName><Status>3</Status><FileSize>{size}</FileSize>"
            f"<StartTime>{at}</StartTime><EndTime>{at + 1}</EndTime></GeoLogFile>"
            for name, at in records
        )
        listed = [
            {"name": name, "size": size, "startTime": at * 1000, "endTime": (at + 1) * 1000}
            for name, at in records
        ]
        return {
            b"/api/noauth/authorization": _json(entries),
            b"/api/auth/login": _json({"token": "session-token"}),
            f"/api/tenants/{TENANT_ID}/devices".encode(): _json(_page(devices)),
            f"/api/device/{DEVICE_ID}/credentials".encode(): _json({"credentialsId": CREDENTIAL}),
            f"/api/devices/{DEVICE_ID}/data-files/original".encode(): _json(_page(listed)),
            f"/api/devices/{DEVICE_ID}/communication/data".encode(): _json(_page([])),
            b"/API/filelist/list/": _answer(f"<FileList>{xml}</FileList>".encode(), "application/xml"),
        }


def _page(records: list[dict[str, object]]) -> dict[str, object]:
    return {"data": records, "totalElements": len(records), "hasNext": False}


def _json(value: object) -> bytes:
    return _answer(json.dumps(value).encode(), "application/json")


def _answer(body: bytes, kind: str, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


_NOT_FOUND = _answer(b"{}", "application/json", "404 Not Found")


class _Connection(asyncio.Protocol):
    def __init__(self, answers: _Answers, latency: float) -> None:
        self._answers = answers
        self._latency = latency
        self._waiting = b""
        self._transport: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by its type

    def data_received(self, data: bytes) -> None:
        self._waiting += data
        while (end := self._waiting.find(b"\r\n\r\n")) >= 0:
            head = self._waiting[: end + 2]
            told = _LENGTH.search(head)
            whole = end + 4 + (int(told[1]) if told else 0)
            if len(self._waiting) < whole:
                return
            body, self._waiting = self._waiting[end + 4 : whole], self._waiting[whole:]
            asked = _HEAD.match(head)
            self._say(self._answers.to(asked[2], body) if asked else _NOT_FOUND)

    def _say(self, answer: bytes) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        if self._latency:
            asyncio.get_running_loop().call_later(self._latency, self._transport.write, answer)
        else:
            self._transport.write(answer)


def serving(load: Load) -> AbstractContextManager[str]:
    """Serve from a process of its own; yields the url. The process ends with the block."""
    return standing(_stand, load)


def _stand(load: Load, pipe: Connection) -> None:
    import uvloop  # noqa: PLC0415 - in the server's process only

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with pipe:
        uvloop.run(_serve(load, pipe))


async def _serve(load: Load, pipe: Connection) -> None:
    answers = _Answers(load)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(
        lambda: _Connection(answers, load.latency), "127.0.0.1", 0, backlog=1024
    )
    async with server:
        port = server.sockets[0].getsockname()[1]
        pipe.send(f"http://127.0.0.1:{port}")
        await loop.run_in_executor(None, pipe.poll, None)  # readable once the other end is closed
