"""The platform's MQTT side (API page): devices that show their token send telemetry and attributes.

What the page leaves open is as with ThingsBoard (inferred): the shape of answers, that deleted keys
are told by name, and that a message that can't be read ends the connection.
"""

import json
import math
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field
from typing import Any, assert_never

import anyio
from anyio.abc import SocketAttribute, SocketStream
from anyio.streams.buffered import BufferedByteReceiveStream

from osfsync.simulator import packets
from osfsync.simulator.fleet import SimDevice
from osfsync.simulator.packets import (
    Acknowledge,
    Connect,
    Disconnect,
    MalformedError,
    Ping,
    Publish,
    Subscribe,
    Unsubscribe,
)
from osfsync.simulator.world import World

TELEMETRY = "v1/devices/me/telemetry"
ATTRIBUTES = "v1/devices/me/attributes"
REQUEST = f"{ATTRIBUTES}/request/"
RESPONSES = f"{ATTRIBUTES}/response/+"

WELCOME, OTHER_VERSION, NOT_AUTHORIZED = 0, 1, 5
_FIRST_PACKET = 10.0  # seconds
_GONE = (anyio.EndOfStream, anyio.IncompleteRead, anyio.ClosedResourceError, anyio.BrokenResourceError)


@dataclass(eq=False, slots=True)
class _Session:
    """One connection of a device."""

    stream: SocketStream
    device: SimDevice
    topics: set[str] = field(default_factory=set)
    _sending: anyio.Lock = field(default_factory=anyio.Lock)

    async def send(self, packet: bytes) -> None:
        """Whole packets, whoever sends."""
        async with self._sending:
            await self.stream.send(packet)


class Broker:
    """Takes connections of the devices of a world.

    Attributes:
        host: where it listens, likewise `port`.
    """

    def __init__(self, world: World, host: str, port: int) -> None:
        self.host, self.port = host, port
        self._world = world
        self._sessions: set[_Session] = set()

    async def set_shared(self, device: SimDevice, **attributes: object) -> None:
        """Set shared attributes of a device, as somebody does on the platform; None deletes one."""
        deleted = [key for key, value in attributes.items() if value is None]
        changed = {key: value for key, value in attributes.items() if value is not None}
        device.shared_attributes |= changed
        for key in deleted:
            device.shared_attributes.pop(key, None)
        for told in (changed, {"deleted": deleted} if deleted else {}):
            for session in list(self._sessions) if told else []:
                if session.device is device and ATTRIBUTES in session.topics:
                    with suppress(*_GONE):
                        await session.send(packets.publish(ATTRIBUTES, _json(told)))

    async def disconnect(self) -> None:
        """Hang up on everybody."""
        for session in list(self._sessions):
            await session.stream.aclose()

    async def attend(self, stream: SocketStream) -> None:
        """One connection, until it ends."""
        async with stream:
            try:
                await self._attend(stream, BufferedByteReceiveStream(stream))
            except (MalformedError, TimeoutError, *_GONE):
                return

    async def _attend(self, stream: SocketStream, received: BufferedByteReceiveStream) -> None:
        with anyio.fail_after(_FIRST_PACKET):
            first = await _packet(received)
        if not isinstance(first, Connect):
            raise MalformedError("a client does not introduce itself")
        device = None if first.username is None else self._world.device_of_token(first.username)
        if first.level != packets.LEVEL or device is None:
            await stream.send(
                packets.connack(NOT_AUTHORIZED if first.level == packets.LEVEL else OTHER_VERSION)
            )
            return
        await stream.send(packets.connack(WELCOME))
        session = _Session(stream, device)
        self._sessions.add(session)
        try:
            while True:
                with anyio.fail_after(1.5 * first.keep_alive or math.inf):
                    packet = await _packet(received)
                if not await self._take(session, packet):
                    return
        finally:
            self._sessions.discard(session)

    async def _take(self, session: _Session, packet: packets.Packet) -> bool:
        """Do what a packet asks for; whether the connection goes on."""
        match packet:
            case Publish():
                await self._published(session, packet)
                if packet.number is not None:
                    await session.send(packets.puback(packet.number))
            case Subscribe(number, topics):
                known = {TELEMETRY, ATTRIBUTES, RESPONSES}
                session.topics |= {topic for topic, _ in topics} & known
                granted = [
                    min(quality, 1) if topic in known else packets.REFUSED_TOPIC for topic, quality in topics
                ]
                await session.send(packets.suback(number, granted))
            case Unsubscribe(number, topics):
                session.topics -= set(topics)
                await session.send(packets.unsuback(number))
            case Ping():
                await session.send(packets.pingresp())
            case Acknowledge():
                pass
            case Connect():
                raise MalformedError("a client introduces itself twice")
            case Disconnect():
                return False
            case _:
                assert_never(packet)
        return True

    async def _published(self, session: _Session, packet: Publish) -> None:
        device = session.device
        if packet.topic == TELEMETRY:
            now = int(self._world.now.timestamp() * 1000)
            device.telemetry.extend(_readings(packet.payload, now))
        elif packet.topic == ATTRIBUTES:
            device.client_attributes |= _object(packet.payload)
        elif packet.topic.startswith(REQUEST):
            await _answer(session, packet.topic.removeprefix(REQUEST), _object(packet.payload))
        else:
            raise MalformedError(f"nobody listens to {packet.topic}")


@asynccontextmanager
async def serve_mqtt(world: World, *, host: str = "127.0.0.1") -> AsyncIterator[Broker]:
    """Serve the MQTT side of a world on a free port. Raises OSError where the host can't be listened on."""
    async with (
        await anyio.create_tcp_listener(local_host=host) as listener,
        anyio.create_task_group() as group,
    ):
        broker = Broker(world, host, listener.listeners[0].extra(SocketAttribute.local_port))  # noqa: S610
        group.start_soon(listener.serve, broker.attend)
        yield broker
        group.cancel_scope.cancel()


async def _packet(received: BufferedByteReceiveStream) -> packets.Packet:
    first = (await received.receive_exactly(1))[0]
    packets.check_first(first)
    head = b""
    while (length := packets.length_of(head)) is None:
        head += await received.receive_exactly(1)
    return packets.parse(first, await received.receive_exactly(length) if length else b"")


async def _answer(session: _Session, number: str, asked: Mapping[str, Any]) -> None:
    """Only who listens to answers gets one; keys that nobody has set are left out of it."""
    told = {
        scope: {key: values[key] for key in str(asked[keys]).split(",") if key in values}
        for scope, keys, values in (
            ("client", "clientKeys", session.device.client_attributes),
            ("shared", "sharedKeys", session.device.shared_attributes),
        )
        if keys in asked
    }
    if RESPONSES in session.topics:
        await session.send(packets.publish(f"{ATTRIBUTES}/response/{number}", _json(told)))


def _readings(payload: bytes, now: int) -> list[tuple[int, dict[str, Any]]]:
    """(Unix milliseconds, values) of a message: values alone, with their time, or an array of either."""
    told = _decoded(payload)
    readings = []
    for part in told if isinstance(told, list) else [told]:
        if not isinstance(part, dict):
            raise MalformedError("telemetry is no object")
        at, values = part.get("ts", now), part.get("values") if "ts" in part else part
        if not isinstance(values, dict) or not isinstance(at, int):
            raise MalformedError("telemetry has no values")
        readings.append((at, values))
    return readings


def _object(payload: bytes) -> dict[str, Any]:
    told = _decoded(payload)
    if not isinstance(told, dict):
        raise MalformedError("a message is no object")
    return told


def _decoded(payload: bytes) -> Any:
    try:
        return json.loads(payload)
    except (ValueError, RecursionError) as error:
        raise MalformedError("a message is no JSON") from error


def _json(told: Mapping[str, object]) -> bytes:
    return json.dumps(told).encode()
