"""Conducts one case: a run in trouble, then a run without, each over real HTTP, each judged from outside."""

import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from random import Random
from unittest import mock

import anyio
import msgspec

from osfsync.app.runs import SyncRequest, sync
from osfsync.app.stage import settings_for
from osfsync.cloud import body
from osfsync.config import Settings
from osfsync.domain.errors import leaves
from osfsync.domain.model import StorageStatus
from osfsync.domain.summary import RunSummary
from osfsync.simulator.faults import Faults
from osfsync.simulator.fleet import SimDevice
from osfsync.simulator.server import Simulator, serve
from osfsync.simulator.world import World
from tests.campaign.elsewhere import Elsewhere, elsewhere
from tests.campaign.fault_case import Between, Case, Dice, Hit, Trouble
from tests.campaign.fault_world import Key, change, deliver_one_more, draw

PATIENCE = 2.0
"""A run that takes so many times its bound is ended from outside."""

CLEAN_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Targets:
    """Whom the troubles of a case hit."""

    files: frozenset[Key] = frozenset()
    device: SimDevice | None = None


@dataclass(frozen=True, slots=True)
class Night:
    """What came of one run. `summary` is None where it had to be ended from outside, or raised `crash`."""

    summary: RunSummary | None
    crash: str
    seconds: float
    requests: dict[str, int]
    needed: int


@dataclass(slots=True)
class Site:
    """One case on its way.

    Attributes:
        had: what the server has, or ever had, under each name.
    """

    case: Case
    rng: Random
    simulator: Simulator
    settings: Settings
    foreign: Elsewhere
    targets: Targets = field(default_factory=Targets)
    had: dict[Key, set[bytes]] = field(default_factory=dict)

    @property
    def world(self) -> World:
        return self.simulator.world

    def prepare(self, troubles: Iterable[Trouble]) -> None:
        """Write the script of faults."""
        dice = Dice(self.rng, self.simulator.url, self.foreign.url)
        faults = self.simulator.faults
        for trouble in troubles:
            for device_id, name in self._whom(trouble.hit):
                dice.content = b"" if name is None else self.world.content(str(device_id), name)
                faults.add(
                    trouble.make(dice),
                    on=trouble.on,
                    times=trouble.times,
                    probability=trouble.probability,
                    device=device_id,
                    file=name,
                )

    def _whom(self, hit: Hit) -> Sequence[tuple[str | None, str | None]]:
        match hit:
            case Hit.ALL:
                return [(None, None)]
            case Hit.DEVICE | Hit.SEALED:
                assert self.targets.device is not None
                return [(self.targets.device.id, None)]
            case Hit.FILES | Hit.PACKED | Hit.PLAIN:
                return sorted(self.targets.files)

    def choose(self, troubles: Iterable[Trouble]) -> None:
        """Draw whom the troubles hit."""
        files: frozenset[Key] = frozenset()
        device = None
        for trouble in troubles:
            match trouble.hit:
                case Hit.ALL:
                    pass
                case Hit.DEVICE | Hit.SEALED:
                    readable = trouble.hit is Hit.DEVICE
                    fitting = [d for d in self.world.devices(self.world.main.id) if d.readable is readable]
                    device = device or self.rng.choice(fitting)
                case Hit.FILES | Hit.PACKED | Hit.PLAIN:
                    files = files or self._some_files(trouble.hit)
        self.targets = Targets(files, device)

    def let_happen(self, what: Between) -> None:
        """Change the world."""
        match what:
            case Between.NOTHING:
                pass
            case Between.NEW_FILES:
                deliver_one_more(self.world, self.rng, self.case.fleet)
            case Between.NEW_VERSIONS:
                change(self.world, self.targets.files, self.rng.randrange(500, 5_000))
            case Between.SAME_SIZES:
                change(self.world, self.targets.files, 0)

    def calm_down(self) -> None:
        """The trouble is over."""
        self.simulator.faults.clear()
        self.let_happen(self.case.after)

    def _some_files(self, hit: Hit) -> frozenset[Key]:
        suffix = {Hit.PACKED: ".osfz", Hit.PLAIN: ".osf"}.get(hit, "")
        available = sorted(self.world.available())
        fitting = [key for key in available if key[1].endswith(suffix)]
        most = max(1, min(len(fitting), len(available) // 3))
        return frozenset(self.rng.sample(fitting, self.rng.randrange(1, most + 1)))

    async def run(self, seconds: float) -> Night:
        """One whole sync. What the server has now is what may lie in the archive from now on."""
        for key in self.world.available():
            self.had.setdefault(key, set()).add(self.world.content(*key))
        needed = self._needed()
        self.simulator.requests.clear()

        async def password() -> str:
            return self.world.password

        summary, crash = None, ""
        started = time.monotonic()
        with (
            mock.patch.object(body, "MEASURING_SPAN", self.case.tuning.span),
            anyio.move_on_after(seconds * PATIENCE),
        ):
            try:
                summary = await sync(self.settings, password, SyncRequest(), clock=lambda: self.world.now)
            except Exception as error:  # noqa: BLE001 — whatever it is, it is a defect, and makes the case red
                crash = "; ".join(sorted({repr(leaf) for leaf in leaves(error)}))
        took = time.monotonic() - started
        return Night(summary, crash, took, dict(self.simulator.requests), needed)

    def _needed(self) -> int:
        """Requests of a run without trouble: opening, lists, commands and the log after them, two a file."""
        count = 3
        for device in self.world.devices(self.world.main.id):
            waiting = sum(not file.status.on_server for file in device.files.values())
            count += 3 + (waiting + 6 if waiting else 0) + self._asks_whose_news(device)
        return count + 2 * len(self.world.available())

    def _asks_whose_news(self, device: SimDevice) -> int:
        """Requests for a log that tells whether files which the server alone holds are a device's own news.

        One a week of the last month.
        """
        newest = {
            alone: max(
                (
                    file.end
                    for file in device.files.values()
                    if (file.status is StorageStatus.SERVER_ONLY) is alone
                ),
                default=self.world.now - timedelta(days=99),
            )
            for alone in (False, True)
        }
        lately = self.world.now - timedelta(days=2)
        if not device.readable or newest[False] >= lately or newest[True] < lately:
            return 0
        return 5


@asynccontextmanager
async def site_of(case: Case, seed: int, folder: Path) -> AsyncIterator[Site]:
    """Draw a world, serve it, and go on until the faults of the case are set."""
    rng = Random(f"{seed}/{case.name}")
    world = draw(rng, case.fleet)
    faults = Faults(seed=rng.getrandbits(32))
    async with elsewhere() as foreign, serve(world, options=case.options, faults=faults) as simulator:
        site = Site(case, rng, simulator, _settings(case, seed, simulator, folder), foreign)
        site.choose([*(case.before or ()), *case.troubles])
        if case.before is not None:
            site.prepare(case.before)
            await site.run(CLEAN_SECONDS)
            faults.clear()
        site.let_happen(case.between)
        site.prepare(case.troubles)
        yield site


def _settings(case: Case, seed: int, simulator: Simulator, folder: Path) -> Settings:
    settings = settings_for(simulator, folder)
    tuning = case.tuning
    return msgspec.structs.replace(
        settings,
        cloud=msgspec.structs.replace(
            settings.cloud,
            idle_timeout=tuning.idle_timeout,
            connect_timeout=timedelta(seconds=2),
            outage_patience=timedelta(0),
        ),
        limits=msgspec.structs.replace(
            settings.limits,
            retries=tuning.retries,
            downloads=tuning.downloads,
            batch=tuning.batch_by(seed),
            requests_per_second=tuning.requests_per_second,
        ),
    )
