"""Sends calls with a login, and again where that helps."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import ExitStack, closing, suppress
from dataclasses import replace
from datetime import timedelta
from typing import TypeVar

import anyio
import stamina

from osfsync.cloud import calls
from osfsync.cloud.attempts import Attempts, Tries, Worth
from osfsync.cloud.body import Body
from osfsync.cloud.calls import Call
from osfsync.cloud.lanes import Lanes
from osfsync.cloud.login import Login, beginning_of_page
from osfsync.cloud.outage import Verdict
from osfsync.cloud.refusals import refusal, worth_repeating
from osfsync.cloud.session import Answer, Session, SilentError
from osfsync.domain.errors import (
    CloudError,
    ForbiddenError,
    OsfsyncError,
    RefusedError,
    UnauthorizedError,
    UnreachableError,
)

_T = TypeVar("_T")

_UNAUTHORIZED = 401
_PROBE_SECONDS = 30.0
_FIRST_PAUSE, _LONGEST_PAUSE = 0.25, 2.0
"""Seconds between tries of a call whose new token is refused."""


class Sender:
    """What all workers of a client share to reach the platform.

    Args:
        retries: more tries after the first.
    """

    def __init__(self, session: Session, login: Login, retries: int) -> None:
        self._session = session
        self._login = login
        self._retries = retries
        self._outage = session.outage
        self._asking = anyio.Lock()
        self._denied: set[str] = set()  # labels of calls for which no login helped

    @property
    def clock_offset(self) -> timedelta | None:
        """How far the platform's clock is ahead of ours; None before its first answer."""
        return self._session.clock_offset

    @property
    def answers(self) -> Mapping[int, int]:
        """How many answers there were, by HTTP status."""
        return self._session.answers

    @property
    def lanes(self) -> Lanes:
        """On which downloads and lists go."""
        return self._session.lanes

    def wait_before_retry(self, kind: str, tries: Tries, error: Exception) -> float | None:
        """Seconds until the next try of what failed with an error; None where it was tried often enough.

        An outage of the platform is waited for, and no try counts meanwhile. Where nothing is waited for, a
        platform that never answered is not tried for long: a person waits, and the address may be wrong.
        """
        if isinstance(error, CloudError):
            match self._outage.wait(error):
                case Verdict.OVER_PATIENCE:
                    return None
                case Verdict.NO_OUTAGE:
                    if not (self._outage.waits or self._outage.ever_answered) and _is_first_word(
                        tries, error
                    ):
                        return None
                case float() as seconds:
                    return seconds
        return tries.next_after(
            error,
            kind,
            self.lanes.patience,
            most=self._retries,
            chance=random.random(),  # noqa: S311
        )

    def attempts(self, label: str, worth: Worth, tries: Tries | None = None) -> Attempts:
        """Tries with jittered waits between them, as long as `worth` says yes; `tries` counts them."""
        counted = tries or Tries()

        def wait(error: Exception) -> float | bool:
            seconds = self.wait_before_retry(label, counted, error) if worth(error) else None
            return False if seconds is None else seconds

        def retries() -> AsyncIterator[stamina.Attempt]:
            attempts = stamina.retry_context(on=wait, attempts=None, timeout=None)
            return aiter(attempts.with_name(label, (), {}))

        return Attempts(retries)

    async def repeat(self, label: str, action: Callable[[], Awaitable[_T]]) -> _T:
        """Do something until it succeeds or fails with what can't be helped by repeating."""
        async for attempt in self.attempts(label, retryable):
            with attempt:
                return await action()
        raise AssertionError("stamina ends with a result or an error")

    async def send(self, call: Call, receive: Callable[[Body], Awaitable[_T]]) -> _T:
        """Send a call and let `receive` read its answer, both again where that helps and does no harm."""
        async for attempt in self.attempts(call.label, lambda error: worth_repeating(call, error)):
            with attempt, closing(await self.once(call)) as body:
                return await receive(body)
        raise AssertionError("stamina ends with a result or an error")

    async def once(self, call: Call, hedges: int = 0) -> Body:
        """One try, but for a login that has run out: it is renewed, and the call repeated, once.

        The body must be closed. `hedges` as in `Session.exchange`.

        Raises:
            UnauthorizedError: the platform accepts the login, and refuses this call with it.
            LoginRefusedError: it does not accept the login either.
            CloudError: whatever else its status means.
        """
        renewed, pause = False, _FIRST_PAUSE
        while True:
            answer = await self._exchange(call, hedges)
            with ExitStack() as stack:
                stack.callback(answer.body.close)
                page = await beginning_of_page(answer)
                error = refusal(call, answer.status, answer.headers, page, answer.bearer)
                if error is None:
                    stack.pop_all()
            if error is None:
                self._note_accepted(call, answer.bearer, renewed=renewed)
                return answer.body
            error.put_off, error.pause = answer.put_off, answer.pause
            match error:
                case ForbiddenError():
                    again = not renewed and self._login.may_have_expired(answer.bearer, _sort(call))
                    renewed = True
                case RefusedError() if answer.status == _UNAUTHORIZED:
                    again = True
                    if self._waits_for_token(call, answer.bearer, renewed=renewed):
                        await anyio.sleep(pause)
                        pause = min(2 * pause, _LONGEST_PAUSE)
                    elif renewed:
                        self._denied.add(call.label)
                        raise self._unauthorized(call)
                    else:
                        self._login.refused(answer.bearer)
                        renewed = True
                case _:
                    again = False
            if not again:
                raise error

    def _waits_for_token(self, call: Call, token: str, *, renewed: bool) -> bool:
        """Whether a 401 may pass: the token is new, and not every node of the platform may know it yet."""
        if call.label in self._denied or not self._login.is_fresh(token):
            return False
        return renewed or not self._login.proven

    def _note_accepted(self, call: Call, token: str, *, renewed: bool) -> None:
        self._login.accepted(token, _sort(call))
        self._denied.discard(call.label)
        if renewed:
            self._login.was_expired()

    def _unauthorized(self, call: Call) -> UnauthorizedError:
        # The renewed login is kept: it was accepted, and the other calls go on with it.
        return UnauthorizedError(
            f"The platform refuses the {call.what} (401), though it accepts the login.",
            hint="Several servers may share the address without sharing logins, or it lacks the permission. "
            "Ask an administrator.",
        )

    async def _exchange(self, call: Call, hedges: int) -> Answer:
        """One exchange; where the platform looks as if it was down, it is asked whether it is."""
        try:
            return await self._session.exchange(call, self._login.token, hedges)
        finally:
            if self._outage.suspected:
                await self._confirm_outage()

    async def _confirm_outage(self) -> None:
        async with self._asking:
            tenant = self._login.known_tenant
            if not self._outage.suspected:  # somebody asked meanwhile
                return
            if tenant is not None:
                probe = replace(calls.devices(tenant.id, 0), params=(("page", "0"), ("limit", "1")))
                with suppress(CloudError), anyio.move_on_after(_PROBE_SECONDS):
                    answer = await self._session.exchange(probe, self._login.token)
                    answer.body.close()
            if self._outage.suspected:
                self._outage.confirm()


def _sort(call: Call) -> str:
    return f"{call.method} {call.label}"


def _is_first_word(tries: Tries, error: CloudError) -> bool:
    return isinstance(error, UnreachableError) or tries.failures > 0


def retryable(error: Exception) -> bool:
    """Whether an error says that trying again may help."""
    return isinstance(error, OsfsyncError) and error.retryable


async def hedged(once: Callable[[int], Awaitable[Body]]) -> Body:
    """The body of a flow that is repeated early where it is silent."""
    hedges = 0
    while True:
        try:
            return await once(hedges)
        except SilentError:
            hedges += 1
