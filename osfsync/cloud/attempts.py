"""Tries of one thing, as long as that may help. The first costs nothing: nearly all are the only one."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Final, Self

import stamina

from osfsync.cloud.patience import Patience
from osfsync.domain.errors import CloudError

MOST_PUT_OFF: Final = 4
"""Times that one thing is put off for the load of others, which is no failure of its own."""

Worth = Callable[[Exception], bool]
"""Whether an error says that trying again may help."""

Retries = Callable[[], AsyncIterator[stamina.Attempt]]
"""Makes the library's tries, whose waits grow; its own first one is ours, which failed."""


@dataclass(slots=True)
class Tries:
    """How often one thing was tried in vain."""

    failures: int = 0
    put_off: int = 0

    def next_after(
        self, error: Exception, kind: str, patience: Patience, *, most: int, chance: float
    ) -> float | None:
        """Count an error that is worth another try.

        Returns:
            Seconds until that try; None where there were enough.
        """
        asked = 0.0
        if isinstance(error, CloudError):
            asked = error.pause
            if error.put_off and self.put_off < MOST_PUT_OFF:
                self.put_off += 1
                return max(asked, patience.put_off(self.put_off, chance))
        self.failures += 1
        if self.failures > most:
            return None
        return max(asked, patience.retry_after(kind, self.failures, chance))


@dataclass(slots=True)
class FirstTry:
    """`with` it, the first try is made; `error` is what it failed with."""

    error: Exception | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        if isinstance(error, Exception):
            self.error = error
            return True
        return False


@dataclass(slots=True)
class Attempts:
    """`async for attempt in …: with attempt: …`; raises what the last try failed with.

    The library's machinery costs as much as a request, so it is made when the first try has failed; it
    decides whether there is another.
    """

    retries: Retries
    _first: FirstTry | None = None
    _rest: AsyncIterator[stamina.Attempt] | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> FirstTry | stamina.Attempt:
        if self._first is None:
            self._first = FirstTry()
            return self._first
        if self._first.error is None:
            raise StopAsyncIteration
        if self._rest is None:
            self._rest = self.retries()
            with await anext(self._rest):
                raise self._first.error
        return await anext(self._rest)
