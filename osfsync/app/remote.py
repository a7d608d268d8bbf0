"""A device of the user's own on the platform: it may pause a run, and is told how runs go.

Never on the path of a sync: a broker that is not there costs a run FIRST_ANSWER at most, and a warning.
"""

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from importlib.metadata import version

import anyio
import msgspec
import structlog

from osfsync.app.rooms import Terms
from osfsync.cloud.elsewhere import NotTakenError
from osfsync.cloud.mqtt import OwnDevice, own_device
from osfsync.config import Settings, parse_duration
from osfsync.config.password import read_token
from osfsync.domain.errors import ConfigError, ExitCode
from osfsync.domain.model import utc_now
from osfsync.domain.summary import RunSummary
from osfsync.reports.health import RUNNING, attributes, telemetry

log = structlog.get_logger(__name__)

EXPECTED = {
    "pause": "true or false",
    "lookback": 'a text such as "60d", no less than select.lookback',
    "downloads": "a number of at least 1",
}
KEYS = tuple(EXPECTED)
"""Shared attributes that are looked for; each is named after what it sets."""

_BETWEEN_CHANGES = 0.1  # seconds; whoever sets attributes must not keep a run busy

FIRST_ANSWER = timedelta(seconds=5)
"""How long a run waits for what is set there, before it begins with its own settings."""

LAST_WORD = timedelta(seconds=10)
_FIRST_PAUSE, _LONGEST_PAUSE = 1.0, 60.0


@dataclass(frozen=True, slots=True)
class Odd:
    """A value that is not as it should be; nobody is told what it is, for it may be anything."""


def wanted(key: str, value: object, settings: Settings) -> bool | int | timedelta | Odd | None:
    """What one of KEYS is set to; None where it is not set. Pure."""
    match key, value:
        case _, None:
            return None
        case "pause", bool(paused):
            return paused
        case "downloads", int(most) if most >= 1 and most is not True:
            return most
        case "lookback", str(text):
            return _lookback(text, settings.select.lookback)
        case _:
            return Odd()


def _lookback(text: str, least: timedelta) -> timedelta | Odd:
    """A shorter one might pass over what the user's own would see."""
    try:
        lookback = parse_duration(text)
    except ConfigError:
        return Odd()
    return lookback if lookback >= least else Odd()


@asynccontextmanager
async def connected(settings: Settings) -> AsyncIterator[OwnDevice]:
    """The device that `[mqtt]` names. Raises ConfigError, NotTakenError."""
    token = await read_token(settings)
    async with own_device(settings.mqtt.url or "", token, settings.cloud.ca_file) as device:
        yield device


async def tell(settings: Settings, summary: RunSummary) -> None:
    """Tell how a run went. Raises ConfigError, NotTakenError."""
    try:
        with anyio.fail_after(LAST_WORD.total_seconds()):
            async with connected(settings) as device:
                await device.send_telemetry(summary.finished, telemetry(summary))
                await device.send_attributes(attributes(summary, version("osfsync")))
    except TimeoutError:
        raise NotTakenError("it does not answer in time") from None


async def set_there(settings: Settings) -> Mapping[str, bool | int | timedelta | Odd]:
    """Which of KEYS are set, and to what. Raises ConfigError, NotTakenError."""
    try:
        with anyio.fail_after(LAST_WORD.total_seconds()):
            async with connected(settings) as device, aclosing(device.shared(KEYS)) as changes:
                values = await anext(changes)
    except TimeoutError:
        raise NotTakenError("it tells no shared attributes") from None
    told = {key: wanted(key, value, settings) for key, value in values.items()}
    return {key: value for key, value in told.items() if value is not None}


async def steered(
    settings: Settings, terms: Terms, perform: Callable[[Settings], Awaitable[RunSummary]]
) -> RunSummary:
    """A run, while what is set on the platform holds for it."""
    if settings.mqtt.url is None:
        return await perform(settings)
    link = _Link(settings, terms)
    try:
        async with anyio.create_task_group() as group:
            group.start_soon(link.listen)
            with anyio.move_on_after(FIRST_ANSWER.total_seconds()):
                await link.answered.wait()
            summary = await perform(link.steered())
            group.cancel_scope.cancel()
    except BaseExceptionGroup as raised:
        raise raised.exceptions[0] if len(raised.exceptions) == 1 else raised from None
    return summary


@dataclass(slots=True)
class _Link:
    """Listens while a run works. `lookback` is what is set there for the run that begins."""

    settings: Settings
    terms: Terms
    lookback: timedelta | None = None
    answered: anyio.Event = field(default_factory=anyio.Event)
    complained: bool = False
    odd: set[str] = field(default_factory=set)  # attributes that were complained of

    def steered(self) -> Settings:
        """With which a run begins."""
        if self.lookback is None:
            return self.settings
        select = msgspec.structs.replace(self.settings.select, lookback=self.lookback)
        return msgspec.structs.replace(self.settings, select=select)

    async def listen(self) -> None:
        """Until cancelled; a connection that breaks is made again, later and later."""
        pause = _FIRST_PAUSE
        while True:
            try:
                async with connected(self.settings) as device:
                    await device.send_telemetry(utc_now(), RUNNING)
                    async with aclosing(device.shared(KEYS)) as changes:
                        async for values in changes:
                            self._take(values)
                            self.answered.set()
                            pause = _FIRST_PAUSE
                            await anyio.sleep(_BETWEEN_CHANGES)
            except ConfigError as error:
                self._complain(str(error))
                return
            except NotTakenError as error:
                self._complain(str(error))
            except Exception as error:  # noqa: BLE001 - a defect of what speaks MQTT must not cost a run
                self._complain(f"an unexpected error, {type(error).__name__}")
                return
            await anyio.sleep(pause)
            pause = min(2 * pause, _LONGEST_PAUSE)

    def _complain(self, error: str) -> None:
        """Once; the run does not wait any longer."""
        if not self.complained:
            log.warning("what is set on the platform can't be seen", setting="mqtt", error=error)
        self.complained = True
        self.answered.set()

    def _take(self, values: Mapping[str, object]) -> None:
        for key, value in values.items():
            if not self._set(key, value) and key not in self.odd:
                self.odd.add(key)
                log.warning(
                    "a shared attribute is not as it should be", attribute=key, expected=EXPECTED[key]
                )

    def _set(self, key: str, value: object) -> bool:
        """Whether it is as it should be."""
        match key, wanted(key, value, self.settings):
            case _, Odd():
                return False
            case "pause", True:
                self.terms.stop.request(ExitCode.PAUSED)
            case "lookback", timedelta() | None as lookback:
                self.lookback = lookback
            case "downloads", int(most):
                self.terms.ceiling.most = most
            case "downloads", None:
                self.terms.ceiling.lift()
            case _:  # not paused
                pass
        return True
