"""The simulated platform: served for the user, and mirrored for two nights by the demo."""

from collections.abc import AsyncGenerator, AsyncIterator, Callable
from contextlib import AsyncExitStack, aclosing, asynccontextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

import anyio

from osfsync.app.runs import SyncRequest, ignore_progress, sync
from osfsync.archive.settings import ArchiveSettings
from osfsync.cloud.settings import CloudSettings
from osfsync.config import Settings
from osfsync.domain.errors import ConfigError
from osfsync.domain.model import utc_now
from osfsync.domain.summary import RunSummary
from osfsync.pipeline.perform import Observe
from osfsync.pipeline.stop import Stop, stopped_by_signals
from osfsync.simulator.behaviour import Behaviour
from osfsync.simulator.broker import Broker, serve_mqtt
from osfsync.simulator.fleet import SimDevice
from osfsync.simulator.server import Simulator, serve
from osfsync.simulator.standing import run_clock
from osfsync.simulator.world import World
from osfsync.state.settings import StateSettings

NIGHTS = 2
OWN_DEVICE = "osfsync"
"""The name of a simulated device that records nothing, for osfsync to speak for."""


@dataclass(frozen=True, slots=True)
class Fleet:
    """What is simulated; the same seed gives the same fleet, to the byte."""

    devices: int = 8
    files: int = 40
    seed: int = 1

    def build(self) -> World:
        """The fleet, at the present moment."""
        return World.generate(
            seed=self.seed, devices=self.devices, files_per_device=self.files, now=utc_now()
        )


def settings_for(simulator: Simulator, folder: Path) -> Settings:
    """Settings that mirror a simulated platform into `folder`."""
    world = simulator.world
    return Settings(
        cloud=CloudSettings(url=simulator.url, username=world.username, tenant=world.main.name),
        archive=ArchiveSettings(path=folder / "mirror"),
        state=StateSettings(url=f"sqlite:///{(folder / 'osfsync.db').as_posix()}"),
    )


@dataclass(frozen=True, slots=True)
class Night:
    """One night of the demo.

    Attributes:
        delivered: how many files devices brought to the server since the last night.
        ended: the simulated time at its end.
    """

    number: int
    delivered: int
    summary: RunSummary
    ended: datetime


@asynccontextmanager
async def demo(
    fleet: Fleet, folder: Path, observe: Observe = ignore_progress
) -> AsyncIterator[tuple[Settings, AsyncGenerator[Night]]]:
    """Two nights against a simulated fleet; a day passes between them. Yields the settings and the nights.

    A sync.toml is left in the folder, where none is: reports need no platform.
    """
    world = fleet.build()
    async with serve(world) as simulator:
        settings = settings_for(simulator, folder)
        with suppress(FileExistsError):
            async with await anyio.open_file(folder / "sync.toml", "x", encoding="utf-8") as file:
                await file.write(sync_toml_for(simulator))
        async with aclosing(_nights(world, settings, observe)) as nights:
            yield settings, nights


async def _nights(world: World, settings: Settings, observe: Observe) -> AsyncGenerator[Night]:
    async def password() -> str:
        return world.password

    for number in range(1, NIGHTS + 1):
        before = len(world.available())
        if number > 1:
            world.advance(timedelta(days=1))
        delivered = len(world.available()) - before
        summary = await sync(settings, password, SyncRequest(), observe=observe, clock=lambda: world.now)
        yield Night(number, delivered, summary, world.now)


@dataclass(frozen=True, slots=True)
class Served:
    """A platform that listens; `own` is a device of it that osfsync may speak for, where MQTT is served."""

    simulator: Simulator
    broker: Broker | None = None
    own: SimDevice | None = None


@dataclass(frozen=True, slots=True)
class Address:
    """Where to listen; port 0 takes a free one, as `mqtt` does, where it is to be served."""

    host: str
    port: int
    mqtt: bool = False


async def serve_fleet(
    fleet: Fleet, address: Address, speed: float, announce: Callable[[Served], None]
) -> None:
    """Serve a fleet whose clock runs `speed` times as fast as ours, until a signal ends it.

    Raises ConfigError where the address can't be listened on.
    """
    stop = Stop()
    world = fleet.build()
    with stopped_by_signals(stop):
        async with AsyncExitStack() as stack:
            try:
                served = await _listening(stack, world, address)
            except OSError as error:
                raise ConfigError(
                    f"{address.host}, port {address.port}, can't be listened on: {error.strerror or error}.",
                    hint="Give another --port (0 picks a free one) or --host.",
                ) from error
            announce(served)
            with stop.scope():
                await run_clock(world, speed)


async def _listening(stack: AsyncExitStack, world: World, address: Address) -> Served:
    simulator = await stack.enter_async_context(serve(world, host=address.host, port=address.port))
    if not address.mqtt:
        return Served(simulator)
    own = world.add_device(OWN_DEVICE, behaviour=Behaviour(contact_every=None, files_per_day=0))
    broker = await stack.enter_async_context(serve_mqtt(world, host=address.host))
    return Served(simulator, broker, own)


def sync_toml_for(simulator: Simulator, broker: Broker | None = None) -> str:
    """A configuration file for a simulated platform."""
    world = simulator.world
    mqtt = (
        f'[mqtt]\nurl = "mqtt://{broker.host}:{broker.port}"\ntoken_file = "./mqtt-token"\n' if broker else ""
    )
    return (
        "[cloud]\n"
        f'url = "{simulator.url}"\n'
        f'username = "{world.username}"\n'
        f'tenant = "{world.main.name}"\n'
        "[archive]\n"
        f'path = "./mirror"\n{mqtt}'
    )
