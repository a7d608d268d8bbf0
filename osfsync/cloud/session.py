"""HTTP through aiohttp: one try of one call. The only place where aiohttp's errors are caught.

They are never chained to ours: their texts hold addresses, and those hold credentials and tokens.
"""

import asyncio
import os
import time
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta

import aiohttp
import msgspec
import structlog
from anyio import to_thread
from yarl import URL

from osfsync.cloud.body import Body
from osfsync.cloud.calls import Call, Hedge, Repeat
from osfsync.cloud.cookies import OriginCookies
from osfsync.cloud.faults import LARGEST_HEADER, LINE_ERRORS, Route, fault, proxy_unauthorized, wrong_scheme
from osfsync.cloud.lanes import Ceiling, Lanes
from osfsync.cloud.outage import GATEWAY_STATUSES, Outage
from osfsync.cloud.proxies import proxy_for
from osfsync.cloud.ranges import asking_for, is_chunked, proof_of, reply_to
from osfsync.cloud.redirects import origin_of, redirected
from osfsync.cloud.refusals import clock_offset, retry_after
from osfsync.cloud.settings import CloudSettings, LimitSettings
from osfsync.cloud.throttle import Throttle
from osfsync.cloud.tls import speaks_tls, trusting
from osfsync.domain.errors import (
    CloudError,
    InterruptedBodyError,
    ProtocolError,
    UnreachableError,
)
from osfsync.domain.model import utc_now

log = structlog.get_logger(__name__)

_REDIRECTS = frozenset({301, 302, 303, 307, 308})
_MOST_REDIRECTS = 5
_TOO_MANY = 429
_PUT_OFF = frozenset({_TOO_MANY, 503})
_SERVER_ERROR = 500
_NO_CONTENT = 204
_PROXY_UNAUTHORIZED = 407
_FIRST_WORD = 5.0
"""Seconds without any answer after which that is logged."""

_HEDGES = 2
"""Times that one thing is asked for early again; each time it may be silent for longer."""

_MOST_HEADERS = 500

_PIECE = "piece of a body"

LONGEST_PAUSE_ASIDE = timedelta(minutes=1)
"""Calls that a run can do without, and that the platform puts off for longer, are left to the next run."""

_SPARE_CONNECTIONS = 16
"""Beyond those of downloads and listings: commands, logins, questions."""

Bearer = Callable[[], Awaitable[str]]
"""Gives the login token. Asked after the throttle: a pause may outlast a token."""


@dataclass(frozen=True, slots=True)
class Answer:
    """An answer whose body is still on the line, and must be closed.

    Attributes:
        status: HTTP status.
        put_off: the load of all requests is why it refuses this one; `pause` seconds are asked for.
        headers: names compare without case.
        bearer: the login token that the request carried; empty where it carried none.
    """

    status: int
    headers: Mapping[str, str] = field(repr=False)
    bearer: str = field(repr=False)
    body: Body
    put_off: bool = False
    pause: float = 0.0


class SilentError(InterruptedBodyError):
    """A request was silent for many times as long as usual; it is worth repeating at once."""


@dataclass(frozen=True, slots=True)
class Control:
    """What governs when, how fast and how many requests are sent."""

    throttle: Throttle
    lanes: Lanes
    outage: Outage


@dataclass(frozen=True, slots=True)
class _Line:
    """Reads the body of one answer."""

    response: aiohttp.ClientResponse = field(repr=False)
    call: Call
    route: Route
    within: float
    lanes: Lanes

    async def read(self) -> bytes:
        """At least one byte, or none at the end, within so many seconds. Raises InterruptedBodyError.

        The idle limit alone lets a platform go on for ever with what is no byte of the body, such as
        the extension of a chunk.
        """
        content = self.response.content
        try:
            if (piece := content.read_nowait()) or content.at_eof():  # nearly always, and no timer is needed
                return piece
            return await self._wait(content)
        except LINE_ERRORS as error:
            self.lanes.failed(time.monotonic())
            raise fault(error, self.call.what, self.route) from None

    async def _wait(self, content: aiohttp.StreamReader) -> bytes:
        """Wait for bytes; not for long where this body alone stands still."""
        began, received = time.monotonic(), self.lanes.received
        patience = self.lanes.patience
        for before in range(_HEDGES) if self.call.repeat is Repeat.NEVER else ():
            silence = patience.silence(_PIECE, before, like_others=True)
            if silence >= self.within:
                break
            if (piece := await _read_until(content, began + silence)) is not None:
                patience.note(_PIECE, time.monotonic() - began)
                return piece
            if (before > 0 or self.lanes.received > received) and patience.hedge(_PIECE, silence):
                raise SilentError(f"The {self.call.what} came to a standstill.")
        async with asyncio.timeout(began + self.within - time.monotonic()):
            return await content.readany()


async def _read_until(content: aiohttp.StreamReader, deadline: float) -> bytes | None:
    """What comes before the deadline of the monotonic clock; None where nothing does."""
    limit = asyncio.timeout(deadline - time.monotonic())
    try:
        async with limit:
            return await content.readany()
    except TimeoutError:
        if limit.expired():
            return None
        raise


class Session:
    """Sends calls to one platform. Made by `open_session`.

    Commands and logs wait for their own pauses only: a platform that wants fewer of them still gives files.
    `answers` counts all answers by HTTP status.
    """

    def __init__(
        self,
        http: aiohttp.ClientSession,
        route: Route,
        cloud: CloudSettings,
        control: Control,
    ) -> None:
        self._http = http
        self._route = route
        self.outage = control.outage
        self._throttle = control.throttle
        self.lanes = control.lanes
        self._aside: defaultdict[str, Throttle] = defaultdict(lambda: Throttle(0, 0, LONGEST_PAUSE_ASIDE))
        self._minimum_rate = cloud.minimum_rate
        # A platform may think for `idle_timeout`, and take as long again to say how it answers or goes on.
        self._piece_within = (2 * cloud.idle_timeout).total_seconds()
        self._head_within = cloud.connect_timeout.total_seconds() + self._piece_within
        self.clock_offset: timedelta | None = None
        self.answers: Counter[int] = Counter()

    @property
    def origin(self) -> str:
        """Scheme, host and port of the platform."""
        return self._route.origin

    async def exchange(self, call: Call, bearer: Bearer | None = None, hedges: int = 0) -> Answer:
        """One try: send a call, follow redirects within the platform, give the answer whatever its status.

        A pause that the platform asks for is noted for all workers. The answer's body must be closed.
        `hedges` counts how often the flow was repeated before because it was silent.

        Raises:
            SilentError: it is silent for unusually long; the whole flow is worth repeating.
            CloudError: no answer, or none that may be followed.
        """
        url = URL(self._route.origin + call.path, encoded=True)
        if call.params:
            url = url.with_query(call.params)
        for _ in range(_MOST_REDIRECTS + 1):
            if call.aside:
                await self._aside[call.label].turn()
            await self._throttle.turn(urgent=call.second)
            token = await bearer() if bearer is not None else ""
            sent, response = await self._hedged(call, url, token, hedges)
            self.answers[response.status] += 1
            try:
                if response.status == _PROXY_UNAUTHORIZED:
                    raise proxy_unauthorized(self._route)
                if response.status in GATEWAY_STATUSES:
                    self.outage.failed()
                else:
                    self.outage.answered()
                if response.status not in _REDIRECTS:
                    put_off, pause = self._heed(call, response, sent)
                    body = self._body(call, response)
                    return Answer(response.status, response.headers, token, body, put_off, pause)
                url = redirected(call, url, response.headers.get("Location", ""))
            except BaseException:
                response.release()
                raise
            response.release()
        raise ProtocolError(
            f"The request for the {call.what} is redirected more than {_MOST_REDIRECTS} times."
        )

    async def _hedged(
        self, call: Call, url: URL, token: str, hedges: int
    ) -> tuple[float, aiohttp.ClientResponse]:
        """The answer, and when it was asked for: again, on another connection, where the first is silent."""
        patience = self.lanes.patience
        while True:
            sent = time.monotonic()
            silence = patience.silence(call.kind, hedges, like_others=call.repeat is Repeat.NEVER)
            if silence >= self._head_within:
                return sent, await self._request(call, url, token, self._head_within)
            if call.hedge is Hedge.NEVER or hedges >= _HEDGES or not patience.may_hedge:
                with self.lanes.lending(silence):
                    return sent, await self._request(call, url, token, self._head_within)
            try:
                return sent, await self._request(call, url, token, silence)
            except SilentError:
                patience.hedge(call.kind, silence)
                self.lanes.failed(sent)
                if call.hedge is Hedge.FLOW:
                    raise
            hedges += 1
            await self._throttle.turn()

    async def _request(self, call: Call, url: URL, token: str, within: float) -> aiohttp.ClientResponse:
        headers = {"Accept": call.accept, **asking_for(call.rest)}
        if token:
            headers["X-Authorization"] = f"Bearer {token}"
        data = None
        if call.json is not None:
            data = msgspec.json.encode(call.json)
            headers["Content-Type"] = "application/json"
        limit = asyncio.timeout(within)
        sent = time.monotonic()
        first = None
        if not self.outage.ever_answered:
            first = asyncio.get_running_loop().call_later(_FIRST_WORD, _log_silence, self._route.origin)
        try:
            async with limit:
                return await self._http.request(
                    call.method, url, data=data, headers=headers, allow_redirects=False
                )
        except LINE_ERRORS as error:
            if limit.expired() and within < self._head_within:
                raise SilentError(f"The request for the {call.what} is silent.") from None
            self.lanes.failed(sent)
            raise await self._fault(error, call) from None
        finally:
            if first is not None:
                first.cancel()

    async def _fault(self, error: Exception, call: Call) -> CloudError:
        """What an error of the line means; before the first answer, the scheme may be the wrong one."""
        told = fault(error, call.what, self._route)
        self.outage.failed(told)
        if not isinstance(told, UnreachableError) and await self.is_wrong_scheme():
            return wrong_scheme(self._route.origin)
        return told

    async def is_wrong_scheme(self) -> bool:
        """Whether the port speaks TLS and the address says http://; only asked at the beginning."""
        url = URL(self._route.origin)
        if self.answers.total() > 1 or self._route.proxy is not None or url.scheme != "http":
            return False
        return await speaks_tls(url.host or "", url.port or 0)

    def _body(self, call: Call, response: aiohttp.ClientResponse) -> Body:
        length = response.content_length
        return Body(
            call=call,
            length=length,
            framed=length is not None or response.status == _NO_CONTENT or is_chunked(response.headers),
            encoding=", ".join(response.headers.getall("Content-Encoding", ())).strip().lower(),
            reply=reply_to(call.rest, response.status, response.headers),
            proof=proof_of(response.status, response.headers),
            close=response.release,
            _read=_Line(response, call, self._route, self._piece_within, self.lanes).read,
            _lanes=self.lanes,
            _minimum_rate=self._minimum_rate,
            _before=self.lanes.received,
        )

    def _heed(self, call: Call, response: aiohttp.ClientResponse, sent: float) -> tuple[bool, float]:
        """Learn from an answer how hard the platform may be driven.

        Returns whether the load of all requests is why it refuses this one, and the seconds it asks to wait.
        """
        if self.clock_offset is None:
            self.clock_offset = clock_offset(response.headers, utc_now())
        throttle = self._aside[call.label] if call.aside else self._throttle
        if response.status not in _PUT_OFF:
            throttle.granted(sent)
            if response.status >= _SERVER_ERROR:
                self.lanes.failed(sent)
            else:
                self.lanes.answered(call.kind, sent)
            return False, 0.0
        pause = retry_after(response.headers, utc_now())
        seconds = 0.0 if pause is None else pause.total_seconds()
        if not call.aside and self.lanes.is_stubborn(call.what):
            return False, seconds
        told_rate = response.status == _TOO_MANY
        if told_rate:
            throttle.refused(sent, pause)
        elif pause is not None:
            throttle.pause(pause, sent)
        if call.aside:
            return False, 0.0
        self.lanes.refused(sent, told_rate=told_rate)
        return self.lanes.overloaded or told_rate, 0.0


def _log_silence(origin: str) -> None:
    log.warning("no answer yet", address=origin, setting="cloud.connect_timeout")


@asynccontextmanager
async def open_session(
    cloud: CloudSettings, limits: LimitSettings, user_agent: str, ceiling: Ceiling, patience: timedelta
) -> AsyncIterator[Session]:
    """Open the connections to the platform; they are closed at the end.

    Args:
        cloud: which platform.
        limits: how hard it may be driven.
        user_agent: who we are.
        ceiling: may hold downloads back.
        patience: how long to wait for a platform that is down.

    Raises:
        ConfigError: the address, the proxy or the file of certificates can't be used.
    """
    origin = origin_of(cloud.url)
    proxy = proxy_for(URL(origin), cloud.proxy, os.environ)
    route = Route(origin, proxy, has_ca_file=cloud.ca_file is not None)
    connector = aiohttp.TCPConnector(
        limit=limits.downloads + limits.listings + _SPARE_CONNECTIONS,
        ssl=await to_thread.run_sync(trusting, cloud.ca_file) if cloud.ca_file else True,
    )
    connect = cloud.connect_timeout.total_seconds()
    throttle = Throttle(limits.requests_per_second, limits.bandwidth)
    async with aiohttp.ClientSession(
        connector=connector,
        cookie_jar=OriginCookies(URL(origin)),
        # The bytes of a file are wanted exactly as they lie on the server.
        auto_decompress=False,
        middlewares=(_send_once,),
        headers={"Accept-Encoding": "identity", "User-Agent": user_agent},
        proxy=None if proxy is None else proxy.url,
        max_line_size=LARGEST_HEADER,
        max_field_size=LARGEST_HEADER,
        max_headers=_MOST_HEADERS,
        timeout=aiohttp.ClientTimeout(
            total=None, connect=connect, sock_connect=connect, sock_read=cloud.idle_timeout.total_seconds()
        ),
    ) as http:
        control = Control(
            throttle, Lanes(limits, throttle, ceiling), Outage(patience, retries=limits.retries)
        )
        yield Session(http, route, cloud, control)


async def _send_once(
    request: aiohttp.ClientRequest, handler: aiohttp.ClientHandlerType
) -> aiohttp.ClientResponse:
    """Keep aiohttp from sending a GET again by itself, past our pace and our count of tries."""
    try:
        return await handler(request)
    except aiohttp.ClientConnectorError:
        raise
    except (aiohttp.ClientOSError, aiohttp.ServerDisconnectedError):
        raise aiohttp.ClientConnectionError from None
