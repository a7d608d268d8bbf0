"""A parser that wants to pull its input, run in a thread of its own, and fed piece by piece from the loop.

The parser works only while `feed` waits for it. So nothing runs ahead of the consumer, and leaving early
needs no more than an end of input. It is no task group, because an async generator must not hold one open
over a `yield`: where its consumer drops it, it would be closed in another task.
"""

import queue
import threading
from collections.abc import Callable, Iterator
from typing import Generic, TypeVar

_T = TypeVar("_T")

Parse = Callable[[Iterator[bytes], Callable[[_T], None]], None]
"""Reads chunks to their end, and calls the second argument with each thing found."""


class _AbandonedError(Exception):
    """Nobody wants the rest."""


class Lockstep(Generic[_T]):
    """Runs `parse` on the chunks that are fed. Use it as a context manager: the thread ends with it.

    All methods block; call them off the loop. One caller at a time.
    """

    def __init__(self, parse: Parse[_T]) -> None:
        self._parse = parse
        self._input: queue.SimpleQueue[bytes | None] = queue.SimpleQueue()
        self._idle = threading.Semaphore(0)
        self._found: list[_T] = []
        self._failure: Exception | None = None
        # A daemon: whoever forgets to close it must not keep the process from ending.
        self._thread = threading.Thread(target=self._run, name="osfsync-file-list", daemon=True)
        self._ended = False

    def feed(self, chunk: bytes) -> list[_T]:
        """Parse one more chunk; an empty one is the end. Gives what was found; raises what `parse` raised."""
        if self._thread.ident is None:
            self._thread.start()
            self._idle.acquire()
        if not self._ended:
            self._input.put(chunk)
            self._idle.acquire()
        if self._failure is not None:
            raise self._failure
        found, self._found = self._found, []
        return found

    def close(self) -> None:
        """End the thread, wherever the parser stands. May be called more than once."""
        if self._thread.ident is not None:
            self._input.put(None)
            self._thread.join()

    def _run(self) -> None:
        try:
            self._parse(self._chunks(), self._found_one)
        except _AbandonedError:
            self._found = []
        except Exception as error:  # noqa: BLE001 - handed to the caller of feed
            self._failure = error
        finally:
            self._ended = True
            self._idle.release()

    def _found_one(self, thing: _T) -> None:
        self._found.append(thing)

    def _chunks(self) -> Iterator[bytes]:
        while True:
            self._idle.release()
            chunk = self._input.get()
            if chunk is None:
                raise _AbandonedError
            if not chunk:
                return
            yield chunk
