"""MQTT 3.1.1 on the wire, as far as devices of the platform need it (OASIS standard, chapter 3). Pure."""

import struct
from collections.abc import Sequence
from dataclasses import dataclass
from enum import IntEnum

MOST_BYTES = 65_536
"""Of one packet; a device that sends more is hung up on."""

LEVEL = 4
"""The protocol level of MQTT 3.1.1."""

REFUSED_TOPIC = 0x80
_LONGEST_LENGTH = 4  # bytes


class Kind(IntEnum):
    """What a packet is: the upper half of its first byte."""

    CONNECT = 1
    CONNACK = 2
    PUBLISH = 3
    PUBACK = 4
    SUBSCRIBE = 8
    SUBACK = 9
    UNSUBSCRIBE = 10
    UNSUBACK = 11
    PINGREQ = 12
    PINGRESP = 13
    DISCONNECT = 14


class MalformedError(ValueError):
    """A client sent what is no packet that is known here."""


@dataclass(frozen=True, slots=True)
class Connect:
    """`keep_alive`: seconds within which the client promises to send something; 0 for no promise."""

    level: int
    username: str | None
    keep_alive: int


@dataclass(frozen=True, slots=True)
class Publish:
    """`number` is there with quality 1 alone."""

    topic: str
    payload: bytes
    number: int | None = None


@dataclass(frozen=True, slots=True)
class Subscribe:
    """Filters, with the quality that is asked for."""

    number: int
    topics: tuple[tuple[str, int], ...]


@dataclass(frozen=True, slots=True)
class Unsubscribe:
    """Filters that were subscribed to."""

    number: int
    topics: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Acknowledge:
    """The client has what was published to it."""


@dataclass(frozen=True, slots=True)
class Ping:
    """The client is still there."""


@dataclass(frozen=True, slots=True)
class Disconnect:
    """The client is about to go."""


Packet = Connect | Publish | Subscribe | Unsubscribe | Acknowledge | Ping | Disconnect


_FIRST_BYTES = frozenset(
    {
        Kind.CONNECT << 4,
        *(Kind.PUBLISH << 4 | flags for flags in range(16)),
        Kind.PUBACK << 4,
        Kind.SUBSCRIBE << 4 | 2,
        Kind.UNSUBSCRIBE << 4 | 2,
        Kind.PINGREQ << 4,
        Kind.DISCONNECT << 4,
    }
)
"""Of packets that a client may send."""


def check_first(first: int) -> None:
    """Raises MalformedError where no packet begins so: nothing that follows is waited for."""
    if first not in _FIRST_BYTES:
        raise MalformedError(f"a packet begins with {first:#04x}")


def length_of(head: bytes) -> int | None:
    """The remaining length that up to four bytes tell; None where more of them must come first."""
    length = 0
    for place, byte in enumerate(head):
        length += (byte & 0x7F) << 7 * place
        if not byte & 0x80:
            if length > MOST_BYTES:
                raise MalformedError("a packet is too long")
            return length
    if len(head) == _LONGEST_LENGTH:
        raise MalformedError("a length has more than four bytes")
    return None


def parse(first: int, body: bytes) -> Packet:  # noqa: PLR0911 - a table, a line a packet
    """The packet that a first byte and its body are. Raises MalformedError."""
    reader = _Reader(body)
    try:
        match first >> 4, first & 0x0F:
            case Kind.CONNECT, _:
                return _connect(reader)
            case Kind.PUBLISH, flags:
                return _publish(reader, flags)
            case Kind.PUBACK, _:
                return Acknowledge()
            case Kind.SUBSCRIBE, _:
                return Subscribe(reader.number(), tuple(_filters(reader)))
            case Kind.UNSUBSCRIBE, _:
                return Unsubscribe(reader.number(), tuple(_topics(reader)))
            case Kind.PINGREQ, _:
                return Ping()
            case Kind.DISCONNECT, _:
                return Disconnect()
            case _:
                raise MalformedError(f"a packet begins with {first:#04x}")
    except (struct.error, UnicodeDecodeError, IndexError) as error:
        raise MalformedError("a packet is cut") from error


def connack(code: int) -> bytes:
    """0 for welcome, 1 for another version of the protocol, 5 for a token that is not known."""
    return _packet(Kind.CONNACK, bytes((0, code)))


def publish(topic: str, payload: bytes) -> bytes:
    """With quality 0."""
    return _packet(Kind.PUBLISH, _text(topic) + payload)


def puback(number: int) -> bytes:
    """The platform has what was published."""
    return _packet(Kind.PUBACK, struct.pack(">H", number))


def suback(number: int, granted: Sequence[int]) -> bytes:
    """A quality for each topic, or REFUSED_TOPIC."""
    return _packet(Kind.SUBACK, struct.pack(">H", number) + bytes(granted))


def unsuback(number: int) -> bytes:
    """Nothing comes for these topics any more."""
    return _packet(Kind.UNSUBACK, struct.pack(">H", number))


def pingresp() -> bytes:
    """So is the platform."""
    return _packet(Kind.PINGRESP, b"")


class _Reader:
    def __init__(self, body: bytes) -> None:
        self._body = body
        self._at = 0

    @property
    def left(self) -> int:
        return len(self._body) - self._at

    def byte(self) -> int:
        value = self._body[self._at]
        self._at += 1
        return value

    def number(self) -> int:
        (value,) = struct.unpack_from(">H", self._body, self._at)
        self._at += 2
        return int(value)

    def data(self) -> bytes:
        length = self.number()
        if length > self.left:
            raise MalformedError("a text is cut")
        self._at += length
        return self._body[self._at - length : self._at]

    def text(self) -> str:
        return self.data().decode()

    def rest(self) -> bytes:
        return self._body[self._at :]


def _connect(reader: _Reader) -> Connect:
    if reader.text() != "MQTT":
        raise MalformedError("a connection is of another protocol")
    level, flags, keep_alive = reader.byte(), reader.byte(), reader.number()
    if level != LEVEL:
        return Connect(level, None, keep_alive)  # what follows may be anything
    reader.data()  # the client's own name
    if flags & 0x04:
        reader.data(), reader.data()  # the will, which the platform has no use for
    username = reader.text() if flags & 0x80 else None
    return Connect(level, username, keep_alive)


def _publish(reader: _Reader, flags: int) -> Publish:
    match flags >> 1 & 0x03:
        case 0:
            return Publish(reader.text(), reader.rest())
        case 1:
            topic, number = reader.text(), reader.number()
            return Publish(topic, reader.rest(), number)
        case _:
            raise MalformedError("nothing is taken exactly once")


def _filters(reader: _Reader) -> list[tuple[str, int]]:
    topics = []
    while reader.left:
        topics.append((reader.text(), reader.byte()))
    return topics


def _topics(reader: _Reader) -> list[str]:
    topics = []
    while reader.left:
        topics.append(reader.text())
    return topics


def _text(text: str) -> bytes:
    data = text.encode()
    return struct.pack(">H", len(data)) + data


def _packet(kind: Kind, body: bytes) -> bytes:
    length, left = bytearray(), len(body)
    while True:
        left, byte = divmod(left, 128)
        length.append(byte | 0x80 if left else byte)
        if not left:
            return bytes((kind << 4,)) + bytes(length) + body
