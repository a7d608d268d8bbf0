"""Login: two posts, one tenant, one token for all workers, renewed in time."""

import math
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta

import anyio

from osfsync.cloud import calls, parsing
from osfsync.cloud.calls import Call
from osfsync.cloud.parsing import LONGEST_ID, Authority
from osfsync.cloud.refusals import refusal
from osfsync.cloud.session import Session
from osfsync.domain.errors import LoginRefusedError, OsfsyncError, TenantError
from osfsync.domain.model import Tenant, utc_now

MARGIN = timedelta(minutes=1)
"""A token is renewed so long before its end, or in the last fifth of a shorter life."""

_LARGEST_ANSWER = 4_000_000  # bytes; ten thousand tenants
_REFUSED = frozenset({401, 403})
_SHOWN = 20  # tenants


@dataclass(frozen=True, slots=True)
class LoggedIn:
    """A login that worked. `renew_at` is a reading of the monotonic clock."""

    tenant: Tenant
    token: str = field(repr=False)
    renew_at: float


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
        return LoggedIn(chosen.tenant, token, _renew_at(parsing.token_lifetime(token, utc_now())))

    async def _authorities(self, password: str) -> list[Authority]:
        return parsing.authorities(await self._post(calls.authorization(self._username, password)))

    async def _post(self, call: Call) -> bytes:
        answer = await self._session.exchange(call)
        with closing(answer.body):
            if answer.status in _REFUSED:
                raise LoginRefusedError(
                    f"The platform does not accept the user name {self._username!r} with its password.",
                    hint="Check cloud.username and where the password comes from.",
                )
            if (error := refusal(call, answer.status, answer.headers)) is not None:
                raise error
            return await answer.body.read(_LARGEST_ANSWER)


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
