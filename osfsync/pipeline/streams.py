"""Bounded ways between stages: batches by size and age, a feed that workers share, a budget of bytes."""

from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from typing import Generic, TypeVar

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream

T = TypeVar("T")


async def batches(
    stream: MemoryObjectReceiveStream[T],
    *,
    most: int,
    patience: Callable[[T], float],
    weigh: Callable[[T], int],
) -> AsyncGenerator[list[T], None]:
    """Items of `stream` in batches.

    A batch ends when its weight reaches `most`, when the most hurried of its items has waited for its
    `patience` (seconds), or with the stream. No item is lost when the wait for the next one ends.
    """
    ended = False
    while not ended:
        batch: list[T] = []
        weight = 0
        deadline = float("inf")
        while weight < most:
            try:
                item = await _next(stream, deadline)
            except anyio.EndOfStream:
                ended = True
                break
            except TimeoutError:
                break
            batch.append(item)
            weight += weigh(item)
            deadline = min(deadline, anyio.current_time() + patience(item))
        if batch:
            yield batch


async def _next(stream: MemoryObjectReceiveStream[T], deadline: float) -> T:
    """The next item. Raises TimeoutError at the deadline, EndOfStream."""
    try:
        return stream.receive_nowait()  # nearly always, in bulk
    except anyio.WouldBlock:
        with anyio.fail_after(deadline - anyio.current_time()):
            return await stream.receive()


class Feed(Generic[T]):
    """Hands the items of pages to many workers, and takes items back that need another try.

    It ends when the stream has ended and every item handed out was settled: until then one may come back.
    """

    def __init__(
        self,
        stream: MemoryObjectReceiveStream[Sequence[T]],
        prepare: Callable[[Sequence[T]], Awaitable[None]],
    ) -> None:
        self._stream = stream
        self._prepare = prepare
        self._ready: deque[T] = deque()
        self._open = 0
        self._reading = False
        self._ended = False
        self._changed = anyio.Event()
        self._waiting = 0

    async def take(self) -> T:
        """The next item. Raises anyio.EndOfStream when nothing more can come."""
        while True:
            if self._ready:
                self._open += 1
                return self._ready.popleft()
            if not self._ended and not self._reading:
                await self._read_page()
            elif self._ended and self._open == 0:
                raise anyio.EndOfStream
            else:
                await self._wait()

    def more(self, joins: Callable[[T], bool]) -> list[T]:
        """Items that are ready and come next, as long as they join."""
        taken = []
        while self._ready and joins(self._ready[0]):
            self._open += 1
            taken.append(self._ready.popleft())
        return taken

    def settle(self) -> None:
        """One item that was taken has met its end."""
        self._open -= 1
        self._wake()

    def give_back(self, item: T) -> None:
        """One item that was taken needs another try."""
        self._open -= 1
        self._ready.append(item)
        self._wake()

    async def _read_page(self) -> None:
        self._reading = True
        try:
            page = await self._stream.receive()
            await self._prepare(page)
            self._ready.extend(page)
        except anyio.EndOfStream:
            self._ended = True
        finally:
            self._reading = False
            self._wake()

    async def _wait(self) -> None:
        self._waiting += 1
        try:
            await self._changed.wait()
        finally:
            self._waiting -= 1

    def _wake(self) -> None:
        if self._waiting:
            self._changed.set()
            self._changed = anyio.Event()


class ByteBudget:
    """Bounds the bytes that are in memory at once. Whoever asks first is served first."""

    def __init__(self, capacity: int) -> None:
        self._capacity = capacity
        self._free = capacity
        self._waiting: deque[tuple[int, anyio.Event]] = deque()

    async def take(self, size: int) -> int:
        """Wait until `size` bytes are free and take them; answers what to give back."""
        share = min(size, self._capacity)
        if self._waiting or share > self._free:
            granted = anyio.Event()
            self._waiting.append((share, granted))
            try:
                await granted.wait()
            except BaseException:
                if granted.is_set():
                    self.give(share)
                else:
                    self._waiting.remove((share, granted))
                    self._grant()
                raise
        else:
            self._free -= share
        return share

    def give(self, share: int) -> None:
        """Give bytes back."""
        self._free += share
        self._grant()

    def _grant(self) -> None:
        while self._waiting and self._waiting[0][0] <= self._free:
            share, granted = self._waiting.popleft()
            self._free -= share
            granted.set()
