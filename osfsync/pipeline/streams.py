"""Bounded ways between stages: batches by size and age, a feed that workers share, a budget of bytes."""

import math
from collections import deque
from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from heapq import heappop, heappush
from itertools import count
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

    Args:
        stream: pages of items.
        prepare: called with each page before its items are handed out.
        most_waiting: items that wait for another try at the same time; where they are as many, no new item
            is handed out until one of them was.
    """

    def __init__(
        self,
        stream: MemoryObjectReceiveStream[Sequence[T]],
        prepare: Callable[[Sequence[T]], Awaitable[None]],
        most_waiting: int = 16,
    ) -> None:
        self._stream = stream
        self._prepare = prepare
        self._most_waiting = most_waiting
        self._ready: deque[T] = deque()
        self._later: list[tuple[float, int, T]] = []  # a heap: when, and in which order they came
        self._numbers = count()
        self._open = 0
        self._reading = False
        self._ended = False
        self._changed = anyio.Event()
        self._waiting = 0

    async def take(self) -> T:
        """The next item. Raises anyio.EndOfStream when nothing more can come."""
        while True:
            if (item := self._next()) is not None:
                self._open += 1
                return item
            if not (self._ended or self._reading or self._crowded):
                await self._read_page()
            elif self._ended and self._open == 0 and not (self._later or self._ready):
                raise anyio.EndOfStream
            else:
                await self._wait()

    def more(self, joins: Callable[[T], bool]) -> list[T]:
        """Items that are ready and come next, as long as they join."""
        taken: list[T] = []
        while (item := self._next(joins)) is not None:
            self._open += 1
            taken.append(item)
        return taken

    @property
    def _crowded(self) -> bool:
        return len(self._later) >= self._most_waiting

    def _next(self, joins: Callable[[T], bool] | None = None) -> T | None:
        if self._later and self._later[0][0] <= anyio.current_time():
            item = self._later[0][2]
            if joins is None or joins(item):
                return heappop(self._later)[2]
            return None
        if self._ready and not self._crowded and (joins is None or joins(self._ready[0])):
            return self._ready.popleft()
        return None

    def settle(self) -> None:
        """One item that was taken has met its end."""
        self._open -= 1
        self._wake()

    def give_back(self, item: T, delay: float = 0.0) -> None:
        """One item that was taken needs another try, not before so many seconds."""
        self._open -= 1
        heappush(self._later, (anyio.current_time() + delay, next(self._numbers), item))
        self._wake()

    async def _read_page(self) -> None:
        """Read a page, unless an item is due before it comes."""
        self._reading = True
        page: Sequence[T] | None = None
        try:
            with anyio.CancelScope(deadline=self._due()):
                page = await self._stream.receive()
            if page is not None:
                await self._prepare(page)
                self._ready.extend(page)
        except anyio.EndOfStream:
            self._ended = True
        finally:
            self._reading = False
            self._wake()

    def _due(self) -> float:
        """When the next item is worth another try."""
        return self._later[0][0] if self._later else math.inf

    async def _wait(self) -> None:
        """Wait for a change, or until an item is due."""
        self._waiting += 1
        try:
            with anyio.CancelScope(deadline=self._due()):
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
