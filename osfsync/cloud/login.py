"""Login: two posts, one tenant, one token for all workers, renewed in time."""

import math
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import closing, suppress
from dataclasses import dataclass, field
from datetime import timedelta

import anyio

from osfsync.cloud import calls, parsing
from osfsync.cloud.calls import Call
from osfsync.cloud.device_records import LONGEST_ID
from osfsync.cloud.faults import wrong_scheme
from osfsync.cloud.parsing import Authority
from osfsync.cloud.refusals import (
    MOST_OF_PAGE,
    BlockedError,
    asks_for_own_login,
    is_from_between,
    may_be_page,
    may_speak,
    refusal,
)
from osfsync.cloud.session import Answer, Session
from osfsync.domain.errors import CloudError, LoginRefusedError, OsfsyncError, TenantError
from osfsync.domain.model import Tenant, utc_now

MARGIN = timedelta(minutes=1)
"""A token is renewed so long before its end, or in the last fifth of a shorter life."""

_LARGEST_ANSWER = 4_000_000  # bytes; ten thousand tenants
_BAD_REQUEST, _UNAUTHORIZED, _FORBIDDEN = 400, 401, 403
_REFUSED = frozenset({_UNAUTHORIZED, _FORBIDDEN})
_PAGE_SECONDS = 2.0

FRESH = 10.0
"""Seconds in which the nodes of a platform may learn of a new token: a 401 then is no refusal yet."""

RECHECK = 30.0
"""Seconds between two logins that only find out that a 403 is about a permission."""

_FORBIDDEN_ROW = 3
_SHOWN = 20  # tenants


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A login that worked. `renew_at` and `since` are readings of the monotonic clock."""

    tenant: Tenant
    token: str = field(repr=False)
    renew_at: float
    since: float = field(default_factory=time.monotonic)


class GatewayLoginError(BlockedError):
    """A gateway wants a login of its own. Trying again does not change that."""

    retryable = False


class Login:
    """Logs in when somebody needs a token, once for all who need it then.

    Whoever waits while another one's login fails gets the same failure, and so does whoever comes after a
    refusal: a wrong password is sent once and not by every worker, for accounts get locked by less.
    """

    def __init__(
        self, session: Session, username: str, tenant: str | None, password: Callable[[], Awaitable[str]]
    ) -> None:
        self._session = session
        self._username = username
        self._wanted = tenant
        self._password = password
        self._lock = anyio.Lock()
        self._current: LoggedIn | None = None
        self._flights = 0
        self._failure: OsfsyncError | None = None
        self._worked: set[str] = set()  # sorts of calls that were accepted with the present token
        self._forbidden_row = 0
        self._rechecked = -math.inf

    async def tenants(self) -> list[Tenant]:
        """Tenants that the account reaches; the first login post only."""
        return [authority.tenant for authority in await self._authorities(await self._password())]

    async def tenant(self) -> Tenant:
        """The chosen tenant; logs in if need be."""
        return (await self._logged_in()).tenant

    async def token(self) -> str:
        """The token of the present login; logs in if need be."""
        return (await self._logged_in()).token

    def refused(self, token: str) -> None:
        """The platform did not take this token. If it is the present one, the next call logs in."""
        if self._current is not None and self._current.token == token:
            self._current = None

    def accepted(self, token: str, sort: str) -> None:
        """The platform took this token for a call."""
        if self._current is not None and self._current.token == token:
            self._worked.add(sort)
            self._forbidden_row = 0

    def is_fresh(self, token: str) -> bool:
        """Whether a refused token may only not be known everywhere yet."""
        current = self._current
        if current is None or current.token != token:
            return False
        return time.monotonic() - current.since < FRESH

    @property
    def known_tenant(self) -> Tenant | None:
        """The tenant of the present login; None without one."""
        return None if self._current is None else self._current.tenant

    @property
    def proven(self) -> bool:
        """Whether the present token was accepted for any call."""
        return bool(self._worked)

    def may_have_expired(self, token: str, sort: str) -> bool:
        """Whether a 403 may mean the session's end: such calls were accepted before, or all are refused now.

        Notes it as a reason for a new login; one that changes nothing is made every RECHECK seconds at most.
        """
        if self._current is None or self._current.token != token:
            return True  # renewed meanwhile
        self._forbidden_row += 1
        if sort not in self._worked and self._forbidden_row < _FORBIDDEN_ROW:
            return False
        now = time.monotonic()
        if now - self._rechecked < RECHECK:
            return False
        self._rechecked = now
        self.refused(token)
        return True

    def was_expired(self) -> None:
        """A new login helped against a 403."""
        self._rechecked = -math.inf

    async def _logged_in(self) -> LoggedIn:
        if (current := self._fresh()) is not None:
            return current
        flights = self._flights
        async with self._lock:
            if (current := self._fresh()) is not None:
                return current
            final = isinstance(self._failure, LoginRefusedError)
            if self._failure is not None and (final or self._flights != flights):
                raise type(self._failure)(self._failure.message, hint=self._failure.hint)
            try:
                self._current = await self._log_in()
            except OsfsyncError as error:
                self._failure = error
                raise
            else:
                self._failure = None
                return self._current
            finally:
                self._flights += 1

    def _fresh(self) -> LoggedIn | None:
        current = self._current
        return current if current is not None and time.monotonic() < current.renew_at else None

    async def _log_in(self) -> LoggedIn:
        password = await self._password()
        chosen = choose(await self._authorities(password), self._wanted)
        answer = await self._post(calls.login(self._username, password, chosen.authority_id))
        token = parsing.login_token(answer)
        self._worked.clear()
        renew_at = _renew_at(parsing.token_lifetime(token, utc_now()))
        return LoggedIn(chosen.tenant, token, renew_at)

    async def _authorities(self, password: str) -> list[Authority]:
        return parsing.authorities(await self._post(calls.authorization(self._username, password)))

    async def _post(self, call: Call) -> bytes:
        try:
            return await self._post_once(call)
        except CloudError as error:
            if error.retryable:
                self._session.outage.confirm()  # a login is what the platform must be able to give
            raise

    async def _post_once(self, call: Call) -> bytes:
        answer = await self._session.exchange(call)
        with closing(answer.body):
            page = await beginning_of_page(answer)
            if answer.status == _UNAUTHORIZED and asks_for_own_login(answer.headers):
                raise GatewayLoginError(
                    "A gateway before the platform asks for a user name and password of its own (401).",
                    hint="Ask whoever runs the gateway for an address without it.",
                )
            blocked = answer.status == _FORBIDDEN and is_from_between(answer.status, answer.headers, page)
            if answer.status in _REFUSED and not blocked:
                raise LoginRefusedError(
                    f"The platform does not accept the user name {self._username!r} with its password.",
                    hint="Check cloud.username and where the password comes from.",
                )
            if answer.status == _BAD_REQUEST and await self._session.is_wrong_scheme():
                raise wrong_scheme(self._session.origin)
            if (error := refusal(call, answer.status, answer.headers, page)) is not None:
                raise error
            return await answer.body.read(_LARGEST_ANSWER)


async def beginning_of_page(answer: Answer) -> bytes:
    """The first bytes of a refusal that may be a page or a reason; none where they do not come in time."""
    page = bytearray()
    if may_be_page(answer.status, answer.headers) or may_speak(answer.status, answer.headers):
        with suppress(CloudError), anyio.move_on_after(_PAGE_SECONDS):
            while len(page) < MOST_OF_PAGE and (piece := await answer.body.piece()):
                page += piece
    return bytes(page[:MOST_OF_PAGE])


def choose(authorities: list[Authority], wanted: str | None) -> Authority:
    """The authority of the tenant `wanted` (its name or id); without one, the only one there is.

    Raises:
        TenantError: there is none such, or more than one.
    """
    fitting = [a for a in authorities if wanted is None or wanted in {a.tenant.name, a.tenant.id}]
    if fitting and len({authority.tenant.id for authority in fitting}) == 1:
        return fitting[0]
    if not authorities:
        raise TenantError("The account reaches no tenant.", hint="Ask an administrator of the tenant.")
    names = _listed(authority.tenant.name for authority in authorities)
    if wanted is None:
        raise TenantError(f"The account reaches several tenants: {names}.", hint="Name one in cloud.tenant.")
    if not fitting:
        raise TenantError(
            f"The account does not reach a tenant {wanted!r}, but these: {names}.",
            hint="Correct cloud.tenant.",
        )
    ids = _listed(authority.tenant.id for authority in fitting)
    raise TenantError(f"Several tenants are named {wanted!r}.", hint=f"Put an id into cloud.tenant: {ids}.")


def _listed(texts: Iterable[str]) -> str:
    """Texts of the platform for a message: bounded, control characters made visible."""
    told = [repr(text) for text in sorted({text[:LONGEST_ID] for text in texts})]
    more = len(told) - _SHOWN
    return ", ".join(told[:_SHOWN]) + (f" and {more} more" if more > 0 else "")


def _renew_at(lifetime: timedelta | None) -> float:
    if lifetime is None:
        return math.inf
    return time.monotonic() + (lifetime - min(MARGIN, lifetime / 5)).total_seconds()
