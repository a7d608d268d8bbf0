"""A long JSON list taken apart while it is read, so that it never lies in memory as a whole. Sans-IO.

A piece is cut off where an object ends and the next one begins, and taken if it is a list by itself. Inside
of a text or of a nested list no such cut gives one: what stands before it is left open.
"""

import re
from collections.abc import Callable

from osfsync.cloud.bounds import Raws

_TRIED = 4
_LOOKED_AT = 16_384  # bytes in front of a cut
_BETWEEN = re.compile(rb"\}[ \t\n\r]*,[ \t\n\r]*\{")  # JSON knows no other blanks


class Elements:
    """Takes the text behind its head in chunks, and gives the elements that are whole.

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

    @property
    def rest(self) -> bytes:
        """What was not given yet: the last elements, and all that stands behind the list."""
        return bytes(self._rest)
