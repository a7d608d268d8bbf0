"""Tries of one thing, as long as that may help. The first costs nothing: nearly all are the only one."""

from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from types import TracebackType
from typing import Self

import stamina

Worth = Callable[[Exception], bool]
"""Whether an error says that trying again may help."""

Retries = Callable[[], AsyncIterator[stamina.Attempt]]
"""Makes the library's tries, whose waits grow; its own first one is ours, which failed."""


@dataclass(slots=True)
class FirstTry:
    """`with` it, the first try is made; `error` is what it failed with, where that is worth another."""

    worth: Worth
    error: Exception | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        if isinstance(error, Exception) and self.worth(error):
            self.error = error
            return True
        return False


@dataclass(slots=True)
class Attempts:
    """`async for attempt in …: with attempt: …`; raises what the last try failed with.

    The library's machinery costs as much as a request, so it is made when the first try has failed.
    """

    worth: Worth
    retries: Retries
    _first: FirstTry | None = None
    _rest: AsyncIterator[stamina.Attempt] | None = None

    def __aiter__(self) -> Self:
        return self

    async def __anext__(self) -> FirstTry | stamina.Attempt:
        if self._first is None:
            self._first = FirstTry(self.worth)
            return self._first
        if self._first.error is None:
            raise StopAsyncIteration
        if self._rest is None:
            self._rest = self.retries()
            with await anext(self._rest):
                raise self._first.error
        return await anext(self._rest)
