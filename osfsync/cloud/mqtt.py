"""The platform's MQTT side, as one of its devices speaks it (API page, "MQTT API Basics"). Needs an extra.

Topics, the token as user name and the form of messages are the API page's. That answers hold attributes
under "shared", and that a change tells deleted keys under "deleted", is as with ThingsBoard (inferred).
"""

import logging
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

import msgspec
from anyio import to_thread

from osfsync.cloud.elsewhere import NotTakenError
from osfsync.cloud.tls import trusting
from osfsync.domain.errors import ConfigError

if TYPE_CHECKING:
    import aiomqtt

_TELEMETRY = "v1/devices/me/telemetry"
_ATTRIBUTES = "v1/devices/me/attributes"
_REQUEST = f"{_ATTRIBUTES}/request/1"
_RESPONSES = f"{_ATTRIBUTES}/response/+"

_PATIENCE = timedelta(seconds=10)
_LONGEST = 65_536
"""Bytes of a packet; the library knows no bound of its own."""

_MOST_WAITING = 10
_PORTS = {"mqtt": 1883, "mqtts": 8883}

Values = Mapping[str, bool | int | float | str]

_QUIET = logging.getLogger("osfsync.mqtt")
_QUIET.addHandler(logging.NullHandler())
_QUIET.propagate = False


@dataclass(frozen=True, slots=True)
class OwnDevice:
    """A connection under a device's token. Methods raise NotTakenError."""

    _client: "aiomqtt.Client"

    async def send_telemetry(self, at: datetime, values: Values) -> None:
        """Tell values of one moment."""
        told = {"ts": int(at.timestamp() * 1000), "values": values}
        await self._publish(_TELEMETRY, msgspec.json.encode(told))

    async def send_attributes(self, values: Values) -> None:
        """Tell client attributes; others keep their values."""
        await self._publish(_ATTRIBUTES, msgspec.json.encode(values))

    async def shared(self, keys: Sequence[str]) -> AsyncGenerator[Mapping[str, object]]:
        """Which shared attributes are set, then each change, until the connection ends; None: not set."""
        with _heard():
            for topic in (_RESPONSES, _ATTRIBUTES):
                await self._client.subscribe(topic, qos=1)
            asked = msgspec.json.encode({"sharedKeys": ",".join(keys)})
            await self._client.publish(_REQUEST, asked, qos=1)
            answered = False
            async for message in self._client.messages:
                whole = message.topic.matches(_RESPONSES)
                answered |= whole  # what changed before is in the answer
                if answered:
                    yield attributes_told(message.payload, keys, whole=whole)

    async def _publish(self, topic: str, payload: bytes) -> None:
        with _heard():
            await self._client.publish(topic, payload, qos=1)


@asynccontextmanager
async def own_device(url: str, token: str, ca_file: Path | None) -> AsyncIterator[OwnDevice]:
    """Connect as the device whose access token this is.

    Args:
        url: `mqtt://host` or `mqtts://host`, perhaps with a port.
        token: sent as the user name (API page); in no message.
        ca_file: whom to trust beside the system's authorities.

    Raises ConfigError where the extra is missing, NotTakenError for whatever else.
    """
    if find_spec("aiomqtt") is None:
        raise ConfigError("MQTT needs a library that is missing.", hint="pip install 'osfsync[mqtt]'")
    import aiomqtt  # noqa: PLC0415 - an extra

    parts = urlsplit(url)
    with _heard():
        context = await to_thread.run_sync(trusting, ca_file) if parts.scheme == "mqtts" else None
        client = aiomqtt.Client(
            parts.hostname or "",
            parts.port or _PORTS[parts.scheme],
            username=token,
            tls_context=context,
            timeout=_PATIENCE.total_seconds(),
            max_queued_incoming_messages=_MOST_WAITING,
            logger=_QUIET,
        )
        _bound_packets(client)
        async with client:
            try:
                yield OwnDevice(client)
            finally:
                _take_notice(client)


def _bound_packets(client: "aiomqtt.Client") -> None:
    """Hang up where a packet is longer than anything that is expected, before it is taken into memory."""
    inner: Any = client._client  # noqa: SLF001 - neither library has a setting for it
    receive = inner._sock_recv  # noqa: SLF001

    def receive_bounded(size: int) -> bytes:
        if size > _LONGEST:
            raise ConnectionResetError("a packet is too long")
        return bytes(receive(size))

    inner._sock_recv = receive_bounded  # noqa: SLF001


def _take_notice(client: "aiomqtt.Client") -> None:
    """How a connection ended was told already; asyncio complains where nobody asks the library's future."""
    ended = client._disconnected  # noqa: SLF001 - as above
    if ended.done() and not ended.cancelled():
        ended.exception()


@contextmanager
def _heard() -> Iterator[None]:
    import aiomqtt  # noqa: PLC0415 - an extra

    try:
        yield
    except aiomqtt.MqttError as error:
        raise NotTakenError(f"it does not take it, or can't be reached ({_word(error)})") from None
    except (
        OSError,
        ValueError,
        NotImplementedError,
    ) as error:  # Windows' loop: the last
        raise NotTakenError(f"it can't be reached ({type(error).__name__})") from None


def _word(error: Exception) -> str:
    """The library's own words: codes of the protocol, and where nothing answers the system's reason."""
    return (str(error) or type(error).__name__)[:200]


def attributes_told(payload: bytes, keys: Sequence[str], *, whole: bool) -> dict[str, object]:
    """Of `keys`, what a message tells; nothing where it can't be read.

    An answer tells the `whole`: a key that it lacks is not set, which is None.
    """
    try:
        told = msgspec.json.decode(payload, type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return {}
    found: dict[str, object] = dict.fromkeys(keys) if whole else {}
    deleted = told.get("deleted")
    if isinstance(deleted, list):
        found |= {key: None for key in keys if key in deleted}
    shared = told.get("shared")
    values = shared if isinstance(shared, dict) else told
    return found | {key: values[key] for key in keys if key in values}
