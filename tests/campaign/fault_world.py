"""A small world for one case, drawn from a seed."""

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from random import Random

from osfsync.domain.model import StorageStatus
from osfsync.simulator.behaviour import Behaviour
from osfsync.simulator.fleet import SimDevice
from osfsync.simulator.world import World
from tests.campaign.fault_case import Fleet

Key = tuple[str, str]
"""Device id and file name."""

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DEAD = Behaviour(contact_every=None, files_per_day=0)
"""Nothing happens while a case runs but what the case wants."""

NAMES = ("Loco 185-042", "Crane 4/5: North", "Test Bench", "Prüfstand Köln – 測定器", "Wind Turbine 7")
ON_SERVER = (StorageStatus.SERVER_ONLY, StorageStatus.BOTH)


def draw(rng: Random, fleet: Fleet) -> World:
    """A world; no two devices share a name, and each device has both kinds of files on the server."""
    world = World(now=NOW, seed=rng.getrandbits(32), dialect=fleet.dialect)
    count = rng.choice(fleet.devices)
    # The first device can always be read, the last one may be sealed.
    sealed = count > 1 and rng.random() < 0.25 if fleet.sealed is None else fleet.sealed
    for number, name in enumerate(rng.sample(NAMES, count), start=1):
        device = world.add_device(name, behaviour=DEAD, readable=not (sealed and number == count))
        starts = _starts(rng)
        for place in range(rng.choice(fleet.files)):
            suffix = (".osfz", ".osf")[place] if place < 2 else rng.choice((".osfz", ".osfz", ".osf"))
            _add(world, device, next(starts), suffix, rng.choice(ON_SERVER), rng.choice(fleet.sizes))
        if fleet.waiting or rng.random() < 0.3:
            for _ in range(rng.randrange(1, 3)):
                _add(world, device, next(starts), ".osfz", StorageStatus.DEVICE_ONLY, 4_000)
    return world


def deliver_one_more(world: World, rng: Random, fleet: Fleet) -> None:
    """Each device has one more file, and the server has it too."""
    for device in world.devices(world.main.id):
        start = NOW - timedelta(minutes=30)
        _add(world, device, start, ".osfz", StorageStatus.BOTH, rng.choice(fleet.sizes))


def change(world: World, keys: Iterable[Key], grown: int) -> None:
    """Other files lie under these names now, longer ones by so many bytes."""
    for device_id, name in sorted(keys):
        device = world.device(device_id)
        assert device is not None
        old = device.files[name]
        size = old.size + grown
        world.add_file(device, name, old.status, start=old.start, end=old.end, size=size)


def _starts(rng: Random) -> Iterator[datetime]:
    start = NOW
    while True:
        start -= timedelta(minutes=rng.randrange(60, 600))
        yield start


def _add(
    world: World, device: SimDevice, start: datetime, suffix: str, status: StorageStatus, size: int
) -> None:
    name = f"{start:%Y%m%d}/{start:%Y%m%d_%H%M%S}{suffix}"
    world.add_file(device, name, status, start=start, size=size)
