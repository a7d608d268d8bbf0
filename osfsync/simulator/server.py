"""Serves a world over real HTTP: the REST API of the API page, with scripted faults."""

import math
import socket
from collections import Counter, deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager, closing, suppress
from dataclasses import replace
from datetime import datetime
from email.utils import format_datetime
from typing import assert_never

import anyio
import msgspec
from aiohttp import web

from osfsync.simulator import wire
from osfsync.simulator.answers import Answer, Call, Endpoint, Refusal
from osfsync.simulator.endpoints import Desk, ServerOptions
from osfsync.simulator.faults import (
    Crowd,
    Cut,
    Delay,
    Doctype,
    Drip,
    ExpireTokens,
    Fault,
    Faults,
    Flip,
    RateLimit,
    Redirect,
    Replace,
    Reset,
    Silence,
    SpendToken,
    Status,
    Tear,
)
from osfsync.simulator.ranges import Span
from osfsync.simulator.routes import ROUTES, Route
from osfsync.simulator.world import World

__all__ = ["ServerOptions", "Simulator", "serve"]

_GRACE = 0.2  # seconds that a request under way is given when the simulator closes
_BACKLOG = 512
_MOST_BODY = 4_000_000
_DEFAULTS = ServerOptions()


class Simulator:
    """A world that is being served.

    Attributes:
        url: where, without a slash at the end.
        requests: how many requests came, by endpoint label (see `Endpoint`), faults included.
        downloads: how many bodies went out to their end, by (device id, file name).
        most_at_once: requests that a `crowd` fault worked on at once, at the most.
    """

    def __init__(self, url: str, world: World, options: ServerOptions, faults: Faults) -> None:
        self.url = url
        self.world = world
        self.faults = faults
        self.requests: Counter[str] = Counter()
        self.downloads: Counter[tuple[str, str]] = Counter()
        self._desk = Desk(world, options)
        self._admitted: deque[float] = deque()  # moments of the requests that a rate limit let pass
        self._worked_on = 0  # requests of a crowd
        self.most_at_once = 0
        self._closing = anyio.Event()

    @property
    def spans(self) -> list[tuple[str, Span]]:
        """Which bytes of single files were asked for, by file name, oldest first; the last 10,000."""
        return list(self._desk.spans)

    def expire_tokens(self) -> None:
        """End all sessions: everybody's next call meets a 401."""
        self._desk.sessions.expire_all()

    def close(self) -> None:
        """Let go of requests that are being held up on purpose."""
        self._closing.set()

    async def handle(self, route: Route, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        self.requests[route.endpoint.value] += 1
        call = Call(
            request.match_info,
            request.query,
            request.headers,
            await request.read() if request.body_exists else b"",
        )
        fault = self._fault(route.endpoint, call) if self.faults.watches(route.endpoint) else None
        try:
            if fault is None:
                return await self._send(request, self._answer(route, call))
            return await self._misbehave(request, route, call, fault)
        except ConnectionError:  # the client went away, the simulator is closing, or a fault wants it
            return wire.abort(request)

    def _answer(self, route: Route, call: Call) -> Answer:
        try:
            return route.answer(self._desk, call)
        except Refusal as refusal:
            return refusal.answer()

    async def _send(self, request: web.Request, answer: Answer) -> web.StreamResponse:
        response = await wire.send(request, answer)
        self.downloads.update(answer.carries)
        return response

    def _fault(self, endpoint: Endpoint, call: Call) -> Fault | None:
        device_id = call.path.get("device_id")
        if endpoint is Endpoint.FILE_LIST:
            device = self.world.device_of_token(call.path["credentials_id"])
            device_id = None if device is None else device.id
        return self.faults.take(endpoint, device_id, self._names(endpoint, call))

    def _names(self, endpoint: Endpoint, call: Call) -> tuple[str, ...]:
        if endpoint is Endpoint.DOWNLOAD:
            return self._desk.grants.peek(call.path["download_token"])
        if endpoint is Endpoint.DOWNLOAD_TOKEN:
            try:
                return msgspec.json.decode(call.body, type=tuple[str, ...])
            except msgspec.DecodeError:
                return ()
        return ()

    async def _misbehave(
        self, request: web.Request, route: Route, call: Call, fault: Fault
    ) -> web.StreamResponse:
        match fault.kind:
            case Status() | Replace() | Redirect() as instead:
                return await wire.send(request, _instead(instead))
            case Flip() | Doctype() as change:
                return await self._send(request, _changed(self._answer(route, call), change))
            case Cut() | Tear() | Drip() as broken:
                return await self._spoil(request, self._answer(route, call), broken)
            case Reset():
                raise ConnectionResetError("a fault of the script")
            case RateLimit() as limit:
                wait = self._until_admitted(limit)
                if wait > 0:
                    refusal = Status(503, None) if limit.bare else Status(429, math.ceil(wait))
                    return await wire.send(request, _instead(refusal))
            case Crowd() as crowd:
                if self._worked_on >= crowd.requests:
                    return await wire.send(request, _instead(Status(503, None)))
                await self._work(crowd.seconds)
            case Silence() | Delay() | ExpireTokens() | SpendToken() as first:
                await self._let_happen(first, call)
            case _ as never:
                assert_never(never)
        return await self._send(request, self._answer(route, call))

    async def _spoil(
        self, request: web.Request, answer: Answer, fault: Cut | Tear | Drip
    ) -> web.StreamResponse:
        match fault:
            case Cut():
                return wire.cut(request, answer, fault)
            case Tear():
                return await wire.tear(request, answer, fault, self._pause)
            case Drip():
                response = await wire.drip(request, answer, fault, self._pause)
                self.downloads.update(answer.carries)
                return response

    async def _let_happen(self, fault: Silence | Delay | ExpireTokens | SpendToken, call: Call) -> None:
        match fault:
            case Silence():
                await self._pause(math.inf)
            case Delay(seconds):
                await self._pause(seconds)
            case ExpireTokens():
                self.expire_tokens()
            case SpendToken():
                self._spend(call)

    def _spend(self, call: Call) -> None:
        with suppress(KeyError, Refusal):  # another endpoint, or spent before
            self._desk.grants.redeem(call.path["download_token"], call.path["device_id"])

    def _until_admitted(self, limit: RateLimit) -> float:
        """Seconds until one more request is let pass; 0 admits this one."""
        now = anyio.current_time()
        while self._admitted and self._admitted[0] <= now - limit.seconds:
            self._admitted.popleft()
        if len(self._admitted) >= limit.requests:
            return self._admitted[0] + limit.seconds - now
        self._admitted.append(now)
        return 0.0

    async def _work(self, seconds: float) -> None:
        self._worked_on += 1
        self.most_at_once = max(self.most_at_once, self._worked_on)
        try:
            await self._pause(seconds)
        finally:
            self._worked_on -= 1

    async def _pause(self, seconds: float) -> None:
        """Wait. Raises ConnectionAbortedError where the simulator closes meanwhile."""
        with anyio.move_on_after(seconds):
            await self._closing.wait()
            raise ConnectionAbortedError("the simulator is closing")


def _instead(fault: Status | Replace | Redirect) -> Answer:
    match fault:
        case Status(code, None):
            return Refusal(code, "A fault of the script").answer()
        case Status(code, datetime() as moment):
            later = {"Retry-After": format_datetime(moment, usegmt=True)}
            return replace(Refusal(code, "A fault of the script").answer(), headers=later)
        case Status(code, seconds):
            later = {"Retry-After": str(seconds)}
            return replace(Refusal(code, "A fault of the script").answer(), headers=later)
        case Replace(body, content_type):
            return Answer(200, body, content_type)
        case Redirect(url, code):
            return Answer(code, headers={"Location": url})


def _changed(answer: Answer, fault: Flip | Doctype) -> Answer:
    body = answer.joined()
    match fault:
        case Flip(at):
            damaged = bytearray(body)
            if damaged:
                place = len(damaged) // 2 if at is None else min(at, len(damaged) - 1)
                damaged[place] ^= 0xFF
            return replace(answer, body=bytes(damaged))
        case Doctype():
            declaration, mark, rest = body.rpartition(b"?>")
            return replace(answer, body=declaration + mark + b"\n<!DOCTYPE FileList>" + rest)


def _bound(sim: Simulator, route: Route) -> Callable[[web.Request], Awaitable[web.StreamResponse]]:
    async def handler(request: web.Request) -> web.StreamResponse:
        return await sim.handle(route, request)

    return handler


def _listen(host: str, port: int) -> tuple[socket.socket, str]:
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    bound = socket.create_server((host, port), family=family, backlog=_BACKLOG)
    shown = f"[{host}]" if family == socket.AF_INET6 else host
    return bound, f"http://{shown}:{bound.getsockname()[1]}"


@asynccontextmanager
async def serve(
    world: World,
    *,
    host: str = "127.0.0.1",
    port: int = 0,
    options: ServerOptions = _DEFAULTS,
    faults: Faults | None = None,
) -> AsyncIterator[Simulator]:
    """Serve `world` until the block ends.

    The socket is bound here, so that a free port (0) is never raced for. Leaving the block, in whatever
    way, takes well under a second, whatever clients hold open. Raises OSError where the address is taken.
    """
    listening, url = _listen(host, port)
    with closing(listening):
        sim = Simulator(url, world, options, faults or Faults())
        app = web.Application(client_max_size=_MOST_BODY)
        app.add_routes([web.route(route.method, route.path, _bound(sim, route)) for route in ROUTES])
        runner = web.AppRunner(app, access_log=None, handler_cancellation=True, shutdown_timeout=_GRACE)
        try:
            await runner.setup()
            await web.SockSite(runner, listening, backlog=_BACKLOG).start()
            yield sim
        finally:
            sim.close()
            with anyio.CancelScope(shield=True):
                await runner.cleanup()
