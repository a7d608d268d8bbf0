"""Draws a fleet of devices from a seed."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from itertools import cycle, islice
from random import Random
from uuid import UUID

from osfsync.domain.model import StorageStatus
from osfsync.simulator.behaviour import FLAKY, LIST_ONLY, REGULAR, SILENT, Behaviour, varied
from osfsync.simulator.contact import file_name
from osfsync.simulator.fleet import DEFAULT_TAG, Event, EventKind, SimDevice, SimFile
from osfsync.simulator.osf import MINIMUM_SIZE

MIXED: Mapping[StorageStatus, float] = {
    StorageStatus.DEVICE_ONLY: 3,
    StorageStatus.REQUESTED: 1,
    StorageStatus.SERVER_ONLY: 2,
    StorageStatus.BOTH: 4,
}
"""How often each storage status is drawn."""

_RING = replace(REGULAR, capacity=1)  # the real capacity follows from what is drawn


@dataclass(frozen=True, slots=True)
class Plan:
    """How large and how old a fleet is; see `World.generate`."""

    devices: int
    files_per_device: int
    file_bytes: int
    history: timedelta
    files_per_day: float
    mix: Mapping[StorageStatus, float]


@dataclass(frozen=True, slots=True)
class _Model:
    name: str
    behaviour: Behaviour
    readable: bool = True


# The first five all differ in kind, so that a small fleet shows most; two share a name on purpose.
_CAST = (
    _Model("Loco 185-042", REGULAR),
    _Model("Crane 4/5: North", FLAKY),
    _Model("Test Bench", REGULAR, readable=False),
    _Model("Test Bench", SILENT),
    _Model("Prüfstand Köln – 測定器", _RING),
)
_CROWD = (
    _Model("Wind Turbine", REGULAR),
    _Model("Ferry", FLAKY),
    _Model("Tram", REGULAR),
    _Model("Excavator", REGULAR),
    _Model("Buoy", SILENT),
    _Model("Feldhäcksler", _RING),
    _Model("Pump Station", REGULAR),
    _Model("Rail Milling Train", FLAKY),
    _Model("Dyno", REGULAR, readable=False),
    _Model("Snow Groomer", LIST_ONLY),
)


def draw_fleet(seed: int, tenant_id: str, now: datetime, plan: Plan) -> list[SimDevice]:
    """The devices of one tenant with their files and their last contacts. The same seed, the same fleet."""
    numbered = (
        replace(model, name=f"{model.name} {number:03d}")
        for number, model in enumerate(cycle(_CROWD), start=len(_CAST) + 1)
    )
    models = [*_CAST, *islice(numbered, max(plan.devices - len(_CAST), 0))][: plan.devices]
    return [
        _draw_device(model, Random(f"{seed}/{tenant_id}/{index}"), tenant_id, now, plan)
        for index, model in enumerate(models)
    ]


def draw_id(rng: Random) -> str:
    """A UUID from a seed."""
    return str(UUID(int=rng.getrandbits(128), version=4))


def _draw_device(model: _Model, rng: Random, tenant_id: str, now: datetime, plan: Plan) -> SimDevice:
    device = SimDevice(
        id=draw_id(rng),
        name=model.name,
        tenant_id=tenant_id,
        serial=str(rng.randrange(17_000_000_000, 25_000_000_000)),
        access_token=f"{rng.getrandbits(80):020x}",
        created=now - plan.history - timedelta(days=rng.randrange(30, 400)),
        recorded_until=now,
        rng=Random(rng.getrandbits(64)),
        readable=model.readable,
        behaviour=replace(model.behaviour, files_per_day=plan.files_per_day, file_bytes=plan.file_bytes),
    )
    _draw_files(device, rng, now, plan)
    _draw_past(device, rng, now)
    if device.behaviour.capacity is not None:
        stored = sum(file.size for file in device.files.values() if file.on_device)
        device.behaviour = replace(device.behaviour, capacity=stored + 2 * plan.file_bytes)
    return device


def _draw_files(device: SimDevice, rng: Random, now: datetime, plan: Plan) -> None:
    count = plan.files_per_device
    if count == 0:
        return
    step = max(plan.history / count, timedelta(seconds=1))
    first = (now - count * step).replace(microsecond=0)
    statuses = rng.choices(list(plan.mix), list(plan.mix.values()), k=count)
    for index, status in enumerate(statuses):
        start = first + index * step
        suffix = ".osf" if rng.random() < 0.15 else ".osfz"  # noqa: PLR2004 - a share
        tag = DEFAULT_TAG if rng.random() < 0.9 else "trigger"  # noqa: PLR2004 - a share
        name = file_name(start, suffix)
        size = max(varied(plan.file_bytes, rng), MINIMUM_SIZE)
        end = start + max(step - timedelta(seconds=1), timedelta(0))
        device.files[name] = SimFile(name, status, start, end, size, tag)


def _draw_past(device: SimDevice, rng: Random, now: datetime) -> None:
    silence = timedelta(hours=rng.uniform(0.1, 4.0))
    if device.behaviour.contact_every is None:
        silence += timedelta(days=40)
    last = (now - silence).replace(microsecond=0)
    for back in range(12, -1, -1):
        device.events.append(Event(last - back * timedelta(hours=4), EventKind.PING))
    device.last_contact = last
