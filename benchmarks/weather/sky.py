"""The cheap platform in bad weather: failures at random, limits of rate and concurrency, a slow line."""

import asyncio
import json
import signal
import socket
import struct
from collections import Counter, deque
from collections.abc import Callable, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from multiprocessing.connection import Connection
from random import Random
from typing import cast

from benchmarks.speed.cheap import Answers, Link, Load
from benchmarks.speed.contents import content
from osfsync.simulator.standing import standing

_SEGMENT = 1_460
_HTML = b"<!DOCTYPE html>\n<html><body><h1>We'll be back soon</h1></body></html>\n"


@dataclass(frozen=True, slots=True)
class Weather:
    """What goes wrong.

    Attributes:
        shares: of requests that meet a kind of failure (see `KINDS`), whatever the load.
        rate: requests a second that are accepted (0: all), after a burst of `burst`.
        status: of what is refused for its rate.
        at_once: requests that are worked on at once (0: all); latency grows with them, more get a 503.
        bits: a second that all answers share (0: no limit).
        seed: of the failures.
    """

    shares: Mapping[str, float] = field(default_factory=dict)
    rate: float = 0.0
    burst: int = 5
    status: int = 503
    at_once: int = 0
    bits: float = 0.0
    seed: int = 1


def head(status: str, length: int | None, *more: str) -> bytes:
    """Status line and headers."""
    lines = [f"HTTP/1.1 {status}", "Content-Type: application/octet-stream", *more]
    if length is not None:
        lines.append(f"Content-Length: {length}")
    return "\r\n".join([*lines, "", ""]).encode()


class Sky:
    """The state of the weather, for all connections."""

    def __init__(self, weather: Weather, latency: float) -> None:
        self.weather = weather
        self.latency = latency
        self.random = Random(weather.seed)
        self.met: Counter[str] = Counter()
        self.line = _Line(weather.bits) if weather.bits else None
        self._excess, self._at = 0.0, 0.0
        self.under_way = 0
        self._busy, self._since, self._first = 0.0, 0.0, 0.0
        self.accepted: list[float] = []
        self.refused: list[float] = []

    def admits(self, now: float) -> bool:
        """Whether the rate allows one more request, as nginx counts: `limit_req … nodelay`."""
        weather = self.weather
        if not weather.rate:
            return True
        excess = max(0.0, self._excess - (now - self._at) * weather.rate) + 1
        if excess > weather.burst + 1:
            return False
        self._excess, self._at = excess, now
        return True

    def begin(self, now: float) -> float | None:
        """Seconds that a request takes; None where too many are under way."""
        weather = self.weather
        if not weather.at_once:
            return self.latency
        if self.under_way >= weather.at_once:
            return None
        self._note(now)
        self.under_way += 1
        return self.latency * (1 + self.under_way / weather.at_once)

    def end(self, now: float) -> None:
        """A request is done."""
        self._note(now)
        self.under_way -= 1

    def _note(self, now: float) -> None:
        self._first = self._first or now
        self._busy += self.under_way * (now - (self._since or now))
        self._since = now

    def told(self) -> bytes:
        """What was seen, as JSON."""
        span = self.accepted[-1] - self.accepted[0] if len(self.accepted) > 1 else 0.0
        late = self.accepted[0] + span / 3 if span else 0.0
        accepted, refused = (sum(at > late for at in times) for times in (self.accepted, self.refused))
        return json.dumps(
            {
                "met": dict(self.met),
                "accepted": len(self.accepted),
                "refused": len(self.refused),
                "seconds": span,
                "late_refused": refused / max(1, accepted + refused),
                "at_once": self._busy / max(0.001, self._since - self._first),
            }
        ).encode()


class _Line:
    """A line of so many bits a second that all connections share, in turn."""

    def __init__(self, bits: float) -> None:
        self._gap = 8 * _SEGMENT / bits
        self._queues: deque[tuple[asyncio.Transport, deque[bytes]]] = deque()
        self._free = 0.0
        self._running = False

    def send(self, transport: asyncio.Transport, data: bytes) -> None:
        pieces = [data[at : at + _SEGMENT] for at in range(0, len(data), _SEGMENT)]
        for known, queue in self._queues:
            if known is transport:
                queue.extend(pieces)
                break
        else:
            self._queues.append((transport, deque(pieces)))
        if not self._running:
            self._running = True
            self._step()

    def _step(self) -> None:
        loop = asyncio.get_running_loop()
        while self._queues and self._queues[0][0].is_closing():
            self._queues.popleft()
        if not self._queues:
            self._running = False
            return
        transport, queue = self._queues.popleft()
        transport.write(queue.popleft())
        if queue:
            self._queues.append((transport, queue))
        self._free = max(self._free, loop.time()) + self._gap
        loop.call_at(self._free, self._step)


class _Stormy(Link):
    def __init__(self, answers: Answers, sky: Sky) -> None:
        super().__init__(answers, 0.0)
        self._sky = sky
        self._wire: asyncio.Transport | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._wire = cast("asyncio.Transport", transport)

    def asked(self, path: bytes, body: bytes) -> None:
        """Answer a request, or let it fail."""
        sky, loop = self._sky, asyncio.get_running_loop()
        now = loop.time()
        if path == b"/weather":
            told = sky.told()
            self._send(head("200 OK", len(told)) + told)
            return
        takes = sky.begin(now) if sky.admits(now) else None
        if takes is None:
            sky.refused.append(now)
            loop.call_later(sky.latency / 2, self._send, head(f"{sky.weather.status} Refused", 0))
            return
        sky.accepted.append(now)
        loop.call_later(takes, self._work, path, body)

    def _work(self, path: bytes, body: bytes) -> None:
        sky = self._sky
        if sky.weather.at_once:
            sky.end(asyncio.get_running_loop().time())
        chance = sky.random.random()
        for kind, share in sky.weather.shares.items():
            chance -= share
            if chance < 0:
                sky.met[kind] += 1
                KINDS[kind](self, path, body)
                return
        self._send(self._answers.to(path, body))

    def _send(self, data: bytes) -> None:
        if self._wire is None or self._wire.is_closing():
            return
        if self._sky.line is None:
            self._wire.write(data)
        else:
            self._sky.line.send(self._wire, data)

    def close(self) -> None:
        """End the connection in good order."""
        if self._wire is not None:
            self._wire.close()

    def reset(self) -> None:
        """End it with RST."""
        if self._wire is None or self._wire.is_closing():
            return
        self._wire.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0)
        )
        self._wire.abort()

    def parts(self, path: bytes, body: bytes) -> tuple[bytes, bytes]:
        """Head and body of the right answer."""
        above, _, below = self._answers.to(path, body).partition(b"\r\n\r\n")
        return above + b"\r\n\r\n", below

    def send(self, *data: bytes) -> None:
        """Send these bytes now."""
        self._send(b"".join(data))


Kind = Callable[[_Stormy, bytes, bytes], None]


def _status(status: str, *more: str) -> Kind:
    def act(link: _Stormy, _path: bytes, _body: bytes) -> None:
        link.send(head(status, len(_HTML), *more), _HTML)

    return act


def _instead(data: bytes, kind: str) -> Kind:
    def act(link: _Stormy, _path: bytes, _body: bytes) -> None:
        link.send(
            f"HTTP/1.1 200 OK\r\nContent-Type: {kind}\r\nContent-Length: {len(data)}\r\n\r\n".encode(), data
        )

    return act


def _reset(link: _Stormy, _path: bytes, _body: bytes) -> None:
    link.reset()


def _silence(link: _Stormy, _path: bytes, _body: bytes) -> None:
    """Nothing comes until the client goes away."""


def _close(link: _Stormy, _path: bytes, _body: bytes) -> None:
    link.close()


def _half(then: Callable[[_Stormy], None] | None, *, framing: bytes | None = None) -> Kind:
    def act(link: _Stormy, path: bytes, body: bytes) -> None:
        above, below = link.parts(path, body)
        if framing is not None:
            lines = [line for line in above.split(b"\r\n") if not line.lower().startswith(b"content-length")]
            above = b"\r\n".join([*lines[:-2], framing, b"", b""])
        half = below[: len(below) // 2]
        if framing is not None and b"chunked" in framing:
            half = b"%x\r\n%b\r\n" % (len(half), half) if half else b""
        link.send(above, half)
        if then is not None:
            asyncio.get_running_loop().call_later(0.02, then, link)

    return act


def _after_head(then: Callable[[_Stormy], None] | None) -> Kind:
    def act(link: _Stormy, path: bytes, body: bytes) -> None:
        link.send(link.parts(path, body)[0])
        if then is not None:
            asyncio.get_running_loop().call_later(0.02, then, link)

    return act


def _slowly(link: _Stormy, path: bytes, body: bytes) -> None:
    above, below = link.parts(path, body)
    link.send(above)
    step = max(1, len(below) // 20)
    for number, at in enumerate(range(0, len(below), step)):
        asyncio.get_running_loop().call_later(0.2 * number, link.send, below[at : at + step])


def _late(link: _Stormy, path: bytes, body: bytes) -> None:
    asyncio.get_running_loop().call_later(3, link.send, *link.parts(path, body))


def _flipped(link: _Stormy, path: bytes, body: bytes) -> None:
    above, below = link.parts(path, body)
    place = len(below) // 2
    link.send(
        above, below[:place], bytes(255 - byte for byte in below[place : place + 8]), below[place + 8 :]
    )


def _short(link: _Stormy, path: bytes, body: bytes) -> None:
    _, below = link.parts(path, body)
    link.send(head("200 OK", len(below) // 2), below[: len(below) // 2])


KINDS: dict[str, Kind] = {
    "500": _status("500 Internal Server Error"),
    "502": _status("502 Bad Gateway"),
    "503": _status("503 Service Unavailable"),
    "503, Retry-After": _status("503 Service Unavailable", "Retry-After: 1"),
    "504": _status("504 Gateway Timeout"),
    "429": _status("429 Too Many Requests"),
    "429, Retry-After": _status("429 Too Many Requests", "Retry-After: 1"),
    "408": _status("408 Request Timeout", "Connection: close"),
    "425": _status("425 Too Early"),
    "reset": _reset,
    "closed": _close,
    "silence": _silence,
    "reset after the head": _after_head(_Stormy.reset),
    "reset in the body": _half(_Stormy.reset),
    "silence after the head": _after_head(None),
    "silence in the body": _half(None),
    "cut, with length": _half(_Stormy.close),
    "cut, chunked": _half(_Stormy.close, framing=b"Transfer-Encoding: chunked"),
    "cut, without length": _half(_Stormy.close, framing=b"Connection: close"),
    "slow body": _slowly,
    "late": _late,
    "HTML page": _instead(_HTML, "text/html"),
    "empty body": _instead(b"", "application/octet-stream"),
    "damaged bytes": _flipped,
    "shorter than listed": _short,
    "404": _status("404 Not Found"),
    "garbage": lambda link, _path, _body: link.send(b"\x16\x03\x01\x02garbage\r\n\r\n"),
}


def raining(load: Load, weather: Weather) -> AbstractContextManager[str]:
    """Serve from a process of its own; yields the url. The process ends with the block."""
    return standing(_stand, load, weather)


def _stand(load: Load, weather: Weather, pipe: Connection) -> None:
    import uvloop  # noqa: PLC0415 - in the server's process only

    signal.signal(signal.SIGINT, signal.SIG_IGN)
    with pipe:
        uvloop.run(_serve(load, weather, pipe))


async def _serve(load: Load, weather: Weather, pipe: Connection) -> None:
    answers = Answers(load, content(load.suffix, load.size))
    sky = Sky(weather, load.latency)
    loop = asyncio.get_running_loop()
    server = await loop.create_server(lambda: _Stormy(answers, sky), "127.0.0.1", 0, backlog=1024)
    async with server:
        port = server.sockets[0].getsockname()[1]
        pipe.send(f"http://127.0.0.1:{port}")
        await loop.run_in_executor(None, pipe.poll, None)  # readable once the other end is closed
