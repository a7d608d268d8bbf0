"""An answer's body as it comes off the line: paced, watched for stalls, bounded where it is kept."""

import time
import zlib
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import dataclass, field

from osfsync.cloud.calls import Call
from osfsync.cloud.inflate import CODINGS, Inflater
from osfsync.cloud.lanes import Lanes
from osfsync.cloud.ranges import Proof, Reply
from osfsync.domain.errors import InterruptedBodyError, ProtocolError, TooLargeError

MEASURING_SPAN = 30.0
"""Seconds of waiting over which the rate of a body is measured."""

SLOW_SPANS = 4
"""Spans in a row in which all bodies together were too slow, before even one of many is given up."""

_STALLED = 10.0
"""A body that gets so many times less than its share of the line is given up, if it is too slow by itself."""

_PLAIN = frozenset({"", "identity", "none", "binary"})
"""Content-Encodings that change no byte; the last two are no codings at all (RFC 9110), and are sent."""


@dataclass(slots=True, eq=False)
class Body:
    """A body that is read once, and closed by whoever opened it.

    Attributes:
        call: that it answers.
        length: Content-Length in bytes, None where the platform does not tell it. A body that ends before it
            is an error here.
        framed: the end of the body can be proven, by Content-Length or chunked transfer encoding. Otherwise
            only the closing of the connection ends it, and a cut looks like the end.
        encoding: Content-Encoding, in lower case. The bytes come as they were sent.
        reply: whether these are all bytes of what was asked for, or those from a place on.
        proof: how the rest could be had should the connection break; None where it can't.
    """

    call: Call
    length: int | None
    framed: bool
    encoding: str
    reply: Reply
    proof: Proof | None
    close: Callable[[], None] = field(repr=False)
    _read: Callable[[], Awaitable[bytes]] = field(repr=False)
    _lanes: Lanes = field(repr=False)
    _minimum_rate: int = field(repr=False)
    _before: int = 0  # bytes of all bodies before the present measuring span
    _received: int = 0  # in the span
    _waited: float = 0.0  # seconds, likewise
    _total: int = 0
    _slow_spans: int = 0

    @property
    def what(self) -> str:
        """What it is, in the words of a message."""
        return self.call.what

    async def piece(self) -> bytes:
        """The next bytes, none at the end.

        Raises:
            InterruptedBodyError: the connection broke, fell silent, ended early, or gave less than the
                minimum rate over a measuring span. Only the waiting for bytes counts, not what the reader
                does with them.
            TooLargeError: it has more bytes than `Call.most`.
        """
        asked = time.monotonic()
        piece = await self._read()
        length = len(piece)
        self._total += length
        if self.call.most is not None and self._total > self.call.most:
            raise too_large(self.what, self.call.most)
        self._received += length
        self._waited += time.monotonic() - asked
        if self._waited >= MEASURING_SPAN and piece:
            self._look_at_rate()
        await self._lanes.spend(length)
        return piece

    def _look_at_rate(self) -> None:
        """The minimum rate holds for all bodies together: many that share a slow line are no stall."""
        together = max(self._received, self._lanes.received - self._before)
        rate, rate_together = self._received / self._waited, together / self._waited
        if rate < self._minimum_rate:
            others = self._lanes.under_way - 1
            self._slow_spans += 1
            too_slow = (
                others < 1 or self._slow_spans >= SLOW_SPANS
                if rate_together < self._minimum_rate
                else rate * _STALLED * (others + 1) < rate_together
            )
            if too_slow:
                raise InterruptedBodyError(
                    f"The {self.what} came too slowly: {self._received} bytes in {self._waited:.0f} seconds.",
                    hint="See cloud.minimum_rate.",
                )
            self._lanes.too_slow()
        self._received, self._waited = 0, 0.0
        self._before = self._lanes.received

    async def pieces(self) -> AsyncIterator[bytes]:
        """The bytes as they come. Raises as `piece` does."""
        while piece := await self.piece():
            yield piece

    def refuse_encoded(self) -> None:
        """Raise ProtocolError where the bytes are not the thing itself, but compressed on the way."""
        if not _PLAIN.issuperset(coding.strip() for coding in self.encoding.split(",")):
            raise ProtocolError(
                f"The {self.what} came compressed ({self.encoding[:20]!r}), which was not asked for.",
                hint="A proxy on the way may do that.",
            )

    async def plain_pieces(self, most: int) -> AsyncIterator[bytes]:
        """The bytes of a text, unpacked where a gateway has compressed it.

        Raises:
            ProtocolError: it is compressed in another way, or larger than `most` bytes.
            InterruptedBodyError: the compressed text ends early.
        """
        inflater = Inflater() if self.encoding in CODINGS else None
        if inflater is None:
            self.refuse_encoded()
        length = 0
        async for piece in self.pieces():
            for plain in (piece,) if inflater is None else self._unpacked(inflater, piece):
                length += len(plain)
                if length > most:
                    raise self._larger(most)
                yield plain
        if inflater is not None and not inflater.whole:
            raise InterruptedBodyError(f"The {self.what} ended early.")

    def _unpacked(self, inflater: Inflater, piece: bytes) -> Iterator[bytes]:
        try:
            yield from inflater.feed(piece)
        except zlib.error:
            raise ProtocolError(
                f"The {self.what} is labelled {self.encoding[:20]!r} and can't be unpacked.",
                hint="A proxy on the way may do that.",
            ) from None

    async def read(self, most: int) -> bytes:
        """The whole of a text. Raises as `plain_pieces` does."""
        whole = bytearray()  # a list of pieces would take many times their bytes where these are small
        async for piece in self.plain_pieces(most):
            whole += piece
        return bytes(whole)

    def _larger(self, most: int) -> ProtocolError:
        return ProtocolError(f"The {self.what} is larger than {most} bytes.")


def too_large(what: str, most: int) -> TooLargeError:
    """A file is refused for its size."""
    return TooLargeError(
        f"The {what} has more bytes than a file may have ({most:,}).",
        hint="Raise limits.max_file_size to fetch it.",
    )
