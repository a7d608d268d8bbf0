"""Sends calls with a login, and again where that helps."""

import random
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import closing
from datetime import timedelta
from typing import TypeVar

import stamina

from osfsync.cloud.attempts import MOST_PUT_OFF, Attempts, Tries, Worth
from osfsync.cloud.body import Body
from osfsync.cloud.calls import Call
from osfsync.cloud.lanes import Lanes
from osfsync.cloud.login import Login
from osfsync.cloud.refusals import refusal, worth_repeating
from osfsync.cloud.session import Session
from osfsync.domain.errors import OsfsyncError, UnauthorizedError

_T = TypeVar("_T")

_UNAUTHORIZED = 401


class Sender:
    """What all workers of a client share to reach the platform.

    Args:
        retries: more tries after the first.
    """

    def __init__(self, session: Session, login: Login, retries: int) -> None:
        self._session = session
        self._login = login
        self._retries = retries

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
        """Seconds until the next try of what failed with an error; None where it was tried often enough."""
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
            attempts = stamina.retry_context(on=wait, attempts=self._retries + MOST_PUT_OFF + 1, timeout=None)
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
        for may_renew in (True, False):
            answer = await self._session.exchange(call, self._login.token, hedges)
            error = refusal(call, answer.status, answer.headers)
            if error is None:
                return answer.body
            answer.body.close()
            error.put_off, error.pause = answer.put_off, answer.pause
            if answer.status != _UNAUTHORIZED:
                raise error
            if may_renew:
                self._login.refused(answer.bearer)
        # The renewed login is kept: it was accepted, and the other calls go on with it.
        raise UnauthorizedError(
            f"The platform refuses the {call.what} (401), though it accepts the login.",
            hint="Ask an administrator of the tenant whether the account may have it.",
        )


def retryable(error: Exception) -> bool:
    """Whether an error says that trying again may help."""
    return isinstance(error, OsfsyncError) and error.retryable
