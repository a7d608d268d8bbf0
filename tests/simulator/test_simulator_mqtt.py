"""The simulated platform's MQTT side, byte by byte: what the API page says, and what a stranger may send."""

import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime

import anyio
import pytest
from anyio.abc import SocketStream

from osfsync.simulator.broker import Broker, serve_mqtt
from osfsync.simulator.fleet import SimDevice
from osfsync.simulator.world import World

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
TELEMETRY, ATTRIBUTES = "v1/devices/me/telemetry", "v1/devices/me/attributes"
DISCONNECT, PINGREQ = b"\xe0\x00", b"\xc0\x00"


def text(value: str) -> bytes:
    return len(value).to_bytes(2) + value.encode()


def packet(first: int, body: bytes) -> bytes:
    length, left = b"", len(body)
    while True:
        left, byte = divmod(left, 128)
        length += bytes((byte | (0x80 if left else 0),))
        if not left:
            return bytes((first,)) + length + body


def connect(token: str | None, level: int = 4) -> bytes:
    flags, user = (0x82, text(token)) if token is not None else (0x02, b"")
    return packet(0x10, text("MQTT") + bytes((level, flags)) + (60).to_bytes(2) + text("me") + user)


def publish(topic: str, payload: object, number: int | None = 7) -> bytes:
    told = payload if isinstance(payload, bytes) else json.dumps(payload).encode()
    if number is None:
        return packet(0x30, text(topic) + told)
    return packet(0x32, text(topic) + number.to_bytes(2) + told)


def subscribe(*topics: str) -> bytes:
    return packet(0x82, (9).to_bytes(2) + b"".join(text(topic) + b"\x01" for topic in topics))


def heard(topic: str, payload: object) -> bytes:
    return publish(topic, payload, None)


@pytest.fixture
def world() -> World:
    return World(now=NOW)


@pytest.fixture
def truck(world: World) -> SimDevice:
    return world.add_device("Truck 1")


@pytest.fixture
async def broker(world: World) -> AsyncIterator[Broker]:
    async with serve_mqtt(world) as serving:
        yield serving


async def exchange(stream: SocketStream, sent: bytes, expected: bytes) -> None:
    """Send, and read exactly what is expected."""
    await stream.send(sent)
    got = b""
    with anyio.fail_after(10):
        while len(got) < len(expected):
            got += await stream.receive()
    assert got == expected


async def hung_up_on(stream: SocketStream, sent: bytes) -> bytes:
    """Send; answers what came until the platform hung up."""
    await stream.send(sent)
    got = b""
    with anyio.fail_after(10):
        try:
            while True:
                got += await stream.receive()
        except (anyio.EndOfStream, anyio.BrokenResourceError):
            return got


async def reach(broker: Broker) -> SocketStream:
    return await anyio.connect_tcp(broker.host, broker.port)


@pytest.mark.parametrize(
    ("sent", "expected"),
    [
        (connect("not its token"), b"\x20\x02\x00\x05"),
        (connect(None), b"\x20\x02\x00\x05"),
        (connect("x", level=5), b"\x20\x02\x00\x01"),
        (publish(TELEMETRY, {"a": 1}), b""),
        (b"GET / HTTP/1.1\r\n\r\n", b""),
        (b"\x10\xff\xff\xff\xff\x01", b""),
        (b"\x10\xff\xff\x7f", b""),
        (connect("x")[:12] + b"\xff" * 8, b""),
    ],
)
@pytest.mark.usefixtures("truck")
async def test_who_shows_no_token_is_turned_away(broker: Broker, sent: bytes, expected: bytes) -> None:
    async with await reach(broker) as stream:
        assert await hung_up_on(stream, sent) == expected


async def test_telemetry_alone_with_its_time_and_in_an_array(
    broker: Broker, world: World, truck: SimDevice
) -> None:
    now = int(world.now.timestamp() * 1000)
    async with await reach(broker) as stream:
        await exchange(stream, connect(truck.access_token), b"\x20\x02\x00\x00")
        timed = {"ts": 1451649600512, "values": {"temperature": 42}}
        for payload in ({"temperature": 41}, timed, [{"key1": "value1"}, {"key2": True}]):
            await exchange(stream, publish(TELEMETRY, payload), b"\x40\x02\x00\x07")
        await exchange(stream, publish(TELEMETRY, {"last": 1}, None) + PINGREQ, b"\xd0\x00")
        assert await hung_up_on(stream, DISCONNECT) == b""
    assert list(truck.telemetry) == [
        (now, {"temperature": 41}),
        (1451649600512, {"temperature": 42}),
        (now, {"key1": "value1"}),
        (now, {"key2": True}),
        (now, {"last": 1}),
    ]


@pytest.mark.parametrize(
    ("topic", "payload"),
    [
        (TELEMETRY, b"no JSON"),
        (TELEMETRY, 42),
        (TELEMETRY, {"ts": 1, "values": 3}),
        (TELEMETRY, b"[" * 60_000),
        (ATTRIBUTES, [1]),
        ("v1/devices/other/telemetry", {"a": 1}),
    ],
)
async def test_what_cant_be_read_ends_the_connection(
    broker: Broker, truck: SimDevice, topic: str, payload: object
) -> None:
    async with await reach(broker) as stream:
        await exchange(stream, connect(truck.access_token), b"\x20\x02\x00\x00")
        assert await hung_up_on(stream, publish(topic, payload)) == b""
    assert not truck.telemetry
    assert not truck.client_attributes


async def test_attributes_are_asked_for_and_answered_to_who_listens(broker: Broker, truck: SimDevice) -> None:
    truck.shared_attributes |= {"shared1": 5, "secret": "not asked for"}
    asked = {"clientKeys": "attribute1,attribute2", "sharedKeys": "shared1,shared2"}
    request = f"{ATTRIBUTES}/request/1"
    async with await reach(broker) as stream:
        await exchange(stream, connect(truck.access_token), b"\x20\x02\x00\x00")
        await exchange(stream, publish(ATTRIBUTES, {"attribute1": "value1"}), b"\x40\x02\x00\x07")
        await exchange(stream, publish(request, asked), b"\x40\x02\x00\x07")  # and no answer
        granted = b"\x90\x05\x00\x09\x01\x01\x80"
        await exchange(stream, subscribe(f"{ATTRIBUTES}/response/+", ATTRIBUTES, "#"), granted)
        answer = {"client": {"attribute1": "value1"}, "shared": {"shared1": 5}}
        told = heard(f"{ATTRIBUTES}/response/1", answer)
        await exchange(stream, publish(request, asked), told + b"\x40\x02\x00\x07")
        await broker.set_shared(truck, shared1=6, secret=None)
        changed = heard(ATTRIBUTES, {"shared1": 6}) + heard(ATTRIBUTES, {"deleted": ["secret"]})
        await exchange(stream, b"", changed)
        await exchange(stream, packet(0xA2, (3).to_bytes(2) + text(ATTRIBUTES)), b"\xb0\x02\x00\x03")
        await broker.set_shared(truck, shared1=7)
        await exchange(stream, PINGREQ, b"\xd0\x00")


async def test_others_hear_nothing_of_a_device(broker: Broker, world: World, truck: SimDevice) -> None:
    other = world.add_device("Truck 2")
    async with await reach(broker) as stream:
        await exchange(stream, connect(other.access_token), b"\x20\x02\x00\x00")
        await exchange(stream, subscribe(ATTRIBUTES), b"\x90\x03\x00\x09\x01")
        await broker.set_shared(truck, pause=True)
        await exchange(stream, PINGREQ, b"\xd0\x00")
        await broker.disconnect()
        assert await hung_up_on(stream, b"") == b""
