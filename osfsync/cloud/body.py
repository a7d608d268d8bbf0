"""An answer's body as it comes off the line: paced, watched for stalls, bounded where it is kept."""

import time
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field

from osfsync.cloud.ranges import Proof, Reply
from osfsync.cloud.throttle import Throttle
from osfsync.domain.errors import InterruptedBodyError, ProtocolError, TooLargeError

MEASURING_SPAN = 30.0
"""Seconds of waiting over which the rate of a body is measured."""

_PLAIN = frozenset({"", "identity"})


@dataclass(frozen=True, slots=True, eq=False)
class Body:
    """A body that is read once.

    Attributes:
        what: it belongs to, in the words of a message.
        length: Content-Length in bytes, None where the platform does not tell it. A body that ends before it
            is an error here.
        framed: the end of the body can be proven, by Content-Length or chunked transfer encoding. Otherwise
            only the closing of the connection ends it, and a cut looks like the end.
        encoding: Content-Encoding, in lower case. The bytes come as they were sent.
        reply: whether these are all bytes of what was asked for, or those from a place on.
        proof: how the rest could be had should the connection break; None where it can't.
        most: bytes that it may have; None means that nothing bounds it here.
    """

    what: str
    length: int | None
    framed: bool
    encoding: str
    reply: Reply
    proof: Proof | None
    _read: Callable[[], Awaitable[bytes]] = field(repr=False)
    _throttle: Throttle = field(repr=False)
    _minimum_rate: int = field(repr=False)
    most: int | None = None

    async def pieces(self) -> AsyncIterator[bytes]:
        """The bytes as they come.

        Raises:
            InterruptedBodyError: the connection broke, fell silent, ended early, or gave less than the
                minimum rate over a measuring span. Only the waiting for bytes counts, not what the reader
                does with them.
            TooLargeError: it has more than `most` bytes.
        """
        received, waited, total = 0, 0.0, 0
        while True:
            asked = time.monotonic()
            piece = await self._read()
            if not piece:
                return
            total += len(piece)
            if self.most is not None and total > self.most:
                raise too_large(self.what, self.most)
            received += len(piece)
            waited += time.monotonic() - asked
            if waited >= MEASURING_SPAN:
                if received < self._minimum_rate * waited:
                    raise InterruptedBodyError(
                        f"The {self.what} came too slowly: {received} bytes in {waited:.0f} seconds.",
                        hint="See cloud.minimum_rate.",
                    )
                received, waited = 0, 0.0
            await self._throttle.spend(len(piece))
            yield piece

    def refuse_encoded(self) -> None:
        """Raise ProtocolError where the bytes are not the thing itself, but compressed on the way."""
        if self.encoding not in _PLAIN:
            raise ProtocolError(
                f"The {self.what} came compressed ({self.encoding[:20]!r}), which was not asked for.",
                hint="A proxy on the way may do that.",
            )

    async def plain_pieces(self, most: int) -> AsyncIterator[bytes]:
        """The bytes of a text. Raises ProtocolError where it is compressed or larger than `most` bytes."""
        self.refuse_encoded()
        length = 0
        async for piece in self.pieces():
            length += len(piece)
            if length > most:
                raise ProtocolError(f"The {self.what} is larger than {most} bytes.")
            yield piece

    async def read(self, most: int) -> bytes:
        """The whole of a text. Raises ProtocolError where it is compressed or larger than `most` bytes."""
        whole = bytearray()  # a list of pieces would take many times their bytes where these are small
        async for piece in self.plain_pieces(most):
            whole += piece
        return bytes(whole)


def too_large(what: str, most: int) -> TooLargeError:
    """A file is refused for its size."""
    return TooLargeError(
        f"The {what} has more bytes than a file may have ({most:,}).",
        hint="Raise limits.max_file_size to fetch it.",
    )
