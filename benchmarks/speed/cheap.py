"""A platform that costs little: answers are made beforehand, so that the client is what is measured.

It knows one tenant, whose devices all have the same files, and these the same bytes. Latency is added to each
answer. `/seen?seconds=30` tells what it answered in the seconds since the first download.
"""

import asyncio
import json
import math
import re
import signal
import time
import zipfile
from collections import deque
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from io import BytesIO
from itertools import count
from multiprocessing.connection import Connection
from typing import cast

from benchmarks.speed.contents import content
from osfsync.simulator.standing import standing

USERNAME, PASSWORD, TENANT = "bench", "bench-password", "Bench"
AUTHORITY, TENANT_ID, DEVICE_ID, CREDENTIAL = "authority-1", "tenant-1", "device-0", "credential-1"

_SPAN = 2 * 86_400
"""Seconds before the benchmark in which all files were recorded."""

_HEAD = re.compile(rb"(GET|POST) ([^ ]+) HTTP/1\.1\r\n")
_DEVICE_OF = re.compile(rb"device-\d+")
_UNTIL = re.compile(rb"/StartTime/\d+/(\d+)|[?&]endTime=(\d+)")  # seconds, or milliseconds
_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)\r\n", re.IGNORECASE)


@dataclass(frozen=True, slots=True)
class Load:
    """What the platform has, and how it answers.

    Attributes:
        files: of each device, all with the same content.
        size: of each file in bytes, about.
        latency: seconds by which every answer comes later.
        status: of each file, as the device's list tells it; what is on the device only is in no other list.
        bears: requests in any second; more are put off (429). 0 means no limit.
        made: when, seconds since the epoch; the files were recorded in the two days before.
    """

    files: int
    size: int
    suffix: str = "osf"
    latency: float = 0.0
    devices: int = 1
    status: int = 3
    bears: int = 0
    made: float = field(default_factory=time.time)

    def names(self) -> list[str]:
        """The files' names."""
        return [f"{number // 1000:04}/{number:07}.{self.suffix}" for number in range(self.files)]


class Answers:
    """All answers to all requests, as bytes."""

    def __init__(self, load: Load, content: bytes) -> None:
        self._bears = load.bears
        self._admitted: deque[float] = deque()
        self._seen: list[tuple[float, int]] = []  # when each was answered, and bytes; -1 where it was put off
        self._content = content
        self._file = _answer(content, "application/octet-stream")
        self._batches: dict[bytes, list[str]] = {}
        self._tokens = count()
        self._since = load.made - _SPAN
        self._fixed = self._made(load, len(content))

    def to(self, path: bytes, body: bytes) -> bytes:
        """The answer to a request; what is put off, is put off for whole seconds."""
        if path.startswith(b"/seen"):
            return self._told(float(path.rpartition(b"=")[2]))
        now = time.monotonic()
        if self._bears and (pause := self._until_admitted(now)):
            self._seen.append((now, -1))
            return _answer(b"", "text/plain", f"429 Too Many Requests\r\nRetry-After: {math.ceil(pause)}")
        answer = self._answer_to(path, body)
        self._seen.append((now, len(answer)))
        return answer

    def _until_admitted(self, now: float) -> float:
        while self._admitted and self._admitted[0] <= now - 1:
            self._admitted.popleft()
        if len(self._admitted) >= self._bears:
            return self._admitted[0] + 1 - now
        self._admitted.append(now)
        return 0.0

    def _told(self, seconds: float) -> bytes:
        end = self._seen[0][0] + seconds if self._seen else 0.0
        sizes = [size for at, size in self._seen if at <= end]
        told = {
            "answered": sum(size >= 0 for size in sizes),
            "put_off": sum(size < 0 for size in sizes),
            "bytes": sum(size for size in sizes if size >= 0),
        }
        return _json(told)

    def _answer_to(self, path: bytes, body: bytes) -> bytes:
        """Downloads by token first, which are nearly all."""
        if path.endswith(b"/CLIENT_SCOPE/download"):
            return self._token(body)
        if b"/CLIENT_SCOPE/token/" in path:
            names = self._batches.pop(path.rpartition(b"/")[2], None)
            return self._file if names is None else self._zipped(names)
        if (until := _UNTIL.search(path)) and int(until[1] or 0) + int(until[2] or 0) / 1000 < self._since:
            return _NO_XML if until[1] else _NO_JSON
        bare = path.partition(b"?")[0]
        return self._fixed.get(_DEVICE_OF.sub(b"device-0", bare.partition(b"/StartTime/")[0]), _NOT_FOUND)

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

    def _made(self, load: Load, size: int) -> dict[bytes, bytes]:
        entries = [
            {"authorityId": {"id": "system"}},
            {"tenant": {"id": {"id": TENANT_ID}, "name": TENANT}, "authorityId": {"id": AUTHORITY}},
        ]
        devices = [
            {"id": {"id": f"device-{number}"}, "name": f"Bench device {number}"}
            for number in range(load.devices)
        ]
        listed = [
            {"name": name, "size": size, "startTime": at * 1000, "endTime": (at + 1) * 1000}
            for name, at in _records(load)
            if load.status > 1
        ]
        return {
            b"/api/noauth/authorization": _json(entries),
            b"/api/auth/login": _json({"token": "session-token"}),
            f"/api/tenants/{TENANT_ID}/devices".encode(): _json(_page(devices)),
            f"/api/device/{DEVICE_ID}/credentials".encode(): _json({"credentialsId": CREDENTIAL}),
            f"/api/devices/{DEVICE_ID}/data-files/original".encode(): _json(_page(listed)),
            f"/api/devices/{DEVICE_ID}/communication/data".encode(): _json(_page([])),
            f"/API/filelist/list/deviceid/{CREDENTIAL}".encode(): _answer(
                device_list(load, size), "application/xml"
            ),
        }


def _records(load: Load) -> list[tuple[str, int]]:
    """Names, and when they were recorded: seconds since the epoch."""
    start = load.made - _SPAN
    return [(name, int(start + number * 86_400 / load.files)) for number, name in enumerate(load.names())]


def device_list(load: Load, size: int) -> bytes:
    """The list that each device gives, of files of `size` bytes."""
    records = "".join(
        f"<GeoLogFile><FileName>{name}</FileName><Status>{load.status}</Status><FileSize>{size}</FileSize>"
        f"<StartTime>{at}</StartTime><EndTime>{at + 1}</EndTime></GeoLogFile>"
        for name, at in _records(load)
    )
    return f"<FileList>{records}</FileList>".encode()


def _page(records: Sequence[Mapping[str, object]]) -> dict[str, object]:
    return {"data": records, "totalElements": len(records), "hasNext": False}


def _json(value: object) -> bytes:
    return _answer(json.dumps(value).encode(), "application/json")


def _answer(body: bytes, kind: str, status: str = "200 OK") -> bytes:
    return f"HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {len(body)}\r\n\r\n".encode() + body


_NO_XML = _answer(b"<FileList/>", "application/xml")
_NO_JSON = _json(_page([]))
_NOT_FOUND = _answer(b"{}", "application/json", "404 Not Found")


class Link(asyncio.Protocol):
    """One connection."""

    def __init__(self, answers: Answers, latency: float) -> None:
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
            if asked:
                self.asked(asked[2], body)
            else:
                self.say(_NOT_FOUND)

    def asked(self, path: bytes, body: bytes) -> None:
        """Answer a request."""
        self.say(self._answers.to(path, body))

    def say(self, answer: bytes) -> None:
        """Send an answer, late by the latency."""
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
    answers = Answers(load, content(load.suffix, load.size))
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: Link(answers, load.latency), "127.0.0.1", 0, backlog=1024)
    async with server:
        port = server.sockets[0].getsockname()[1]
        pipe.send(f"http://127.0.0.1:{port}")
        await loop.run_in_executor(None, pipe.poll, None)  # readable once the other end is closed
