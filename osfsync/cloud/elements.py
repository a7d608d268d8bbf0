"""A long JSON list taken apart while it is read, so that it never lies in memory as a whole. Sans-IO.

A piece is cut off where an object ends and the next one begins, and taken if it is a list by itself. Inside
of a text or of a nested list no such cut gives one: what stands before it is left open.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass

from osfsync.cloud.bounds import Raws

_TRIED = 4
_LOOKED_AT = 16_384  # bytes in front of a cut
_BETWEEN = re.compile(rb"\}\s*,\s*\{")


@dataclass(frozen=True, slots=True)
class Frame:
    """What stands around the elements of the only list in a text: together, the text without them."""

    head: bytes
    tail: bytes

    @classmethod
    def of(cls, first: bytes, last: bytes) -> "Frame | None":
        """From the first and the last bytes of a long text; None where it may hold other lists as well."""
        head, opening, _ = first.partition(b"[")
        _, closing, tail = last.rpartition(b"]")
        if not opening or not closing or b"]" in head or b"[" in tail:
            return None
        return cls(head + opening, closing + tail)


class Elements:
    """Takes the text between the brackets in chunks, and gives the elements that are whole.

    Args:
        records: takes a list apart; None where the text is none.
        smallest: bytes from which on a cut is tried; after one that fails, twice as many.
    """

    def __init__(self, records: Callable[[bytes], Raws | None], smallest: int = 65_536) -> None:
        self._records = records
        self._rest = bytearray()
        self._smallest = self._enough = smallest

    def feed(self, chunk: bytes) -> Raws:
        """One more chunk; raises what `records` raises."""
        self._rest += chunk
        if len(self._rest) < self._enough:
            return ()
        cuts = list(_BETWEEN.finditer(self._rest, max(0, len(self._rest) - _LOOKED_AT)))
        for cut in reversed(cuts[-_TRIED:]):
            found = self._records(b"[" + self._rest[: cut.start() + 1] + b"]")
            if found is not None:
                end = cut.end() - 1
                del cuts, cut  # a match keeps the buffer from being resized
                del self._rest[:end]
                self._enough = self._smallest
                return found
        self._enough = 2 * len(self._rest)
        return ()

    def end(self) -> Raws | None:
        """The last elements; None where the text was no list."""
        return self._records(b"[" + self._rest + b"]")
