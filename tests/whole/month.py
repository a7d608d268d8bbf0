"""A fleet over a month, and what is true of it: read off the world alone, with no help of the planner."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from math import ceil

from osfsync.domain.model import StorageStatus
from osfsync.simulator.behaviour import FLAKY, LIST_ONLY, REGULAR, SILENT, Behaviour
from osfsync.simulator.fleet import Command, EventKind, SimDevice, SimFile
from osfsync.simulator.world import World

FIRST_NIGHT = datetime(2026, 3, 1, 2, tzinfo=UTC)
NIGHTS = 30
PATIENCE = timedelta(hours=48)
MOST_QUEUED = 4
DEATH = 12
"""In this night, devices of the kind "dies" have made their last contact."""

Key = tuple[str, str]

RING = replace(
    REGULAR, files_per_day=3, capacity=10_000, contact_every=timedelta(hours=9), files_per_contact=1
)
KINDS: dict[str, tuple[int, Behaviour, bool]] = {
    "regular": (12, replace(REGULAR, files_per_day=1.4), True),
    "slow": (
        4,
        replace(REGULAR, files_per_day=1.4, files_per_contact=1, contact_every=timedelta(hours=11)),
        True,
    ),
    "flaky": (9, replace(FLAKY, files_per_day=1.4), True),
    "dead": (3, replace(SILENT, files_per_day=1.4), True),
    "dies": (4, replace(REGULAR, files_per_day=1.4), True),
    "ring": (7, RING, True),
    "forbidden": (6, replace(REGULAR, files_per_day=1.4), False),
    "list-only": (5, replace(LIST_ONLY, files_per_day=1.4), True),
}
assert sum(number for number, _, _ in KINDS.values()) == 50


def build(seed: int, share: float = 1.0) -> World:
    """Fifty devices of all kinds, or a share of each kind, with a day's files that nobody asked for yet."""
    world = World(now=FIRST_NIGHT - timedelta(days=1), seed=seed)
    for kind, (number, behaviour, readable) in KINDS.items():
        for index in range(ceil(number * share)):
            device = world.add_device(f"{kind} {index}", behaviour=behaviour, readable=readable)
            for hour in (5, 9, 13):
                start = world.now - timedelta(hours=hour)
                name = f"{start:%Y%m%d/%Y%m%d_%H%M%S}.osf"
                world.add_file(device, name, StorageStatus.DEVICE_ONLY, start=start, size=2_000)
    return world


def night_falls(world: World, night: int) -> None:
    """A day passes; at its end some devices have died."""
    if night == DEATH:
        for device in world.devices(world.main.id):
            if device.name.startswith("dies"):
                device.behaviour = replace(device.behaviour, contact_every=None)
    world.advance(timedelta(days=1))


@dataclass
class Truth:
    """Follows the world from night to night.

    `known` are files that a list has named to us, `held` those that could be had in some night. `doubted`
    are commands that the platform never got, and that whoever was to send them must take for sent.
    """

    world: World
    known: dict[Key, SimFile] = field(default_factory=dict)
    held: set[Key] = field(default_factory=set)
    commands_seen: int = 0
    doubted: list[Command] = field(default_factory=list)

    def reasons(self) -> dict[Key, str]:
        """Why each missing file is missing, after a night in which everything worked."""
        reasons: dict[Key, str] = {}
        commands = by_device([*self.world.command_log, *self.doubted])
        for device in self.world.devices(self.world.main.id):
            listed = {file.name: file for file in self._listed(device)}
            for name, file in listed.items():
                self.known[device.id, name] = file
                if file.status.on_server:
                    self.held.add((device.id, name))
                else:
                    reasons[device.id, name] = self._reason(device, file, commands[device.id])
        gone = self.known.keys() - self.held - reasons.keys()
        return reasons | dict.fromkeys(gone, "lost")

    def _listed(self, device: SimDevice) -> Iterator[SimFile]:
        for file in device.files.values():
            if file.announced and (device.readable or file.status.on_server):
                yield file

    def _reason(self, device: SimDevice, file: SimFile, commands: list[Command]) -> str:
        if file.status is StorageStatus.REQUESTED:
            return "delivering"
        asked = [command for command in commands if orders(command, file)]
        if not asked:
            return "listed-not-ordered"
        last = max(command.at for command in asked)
        if any(event.kind is EventKind.PING and event.at > last for event in device.events):
            return "ordered-not-delivered"
        return "device-silent" if self.world.now - last >= PATIENCE else "ordered"

    def broken_caps(self) -> list[str]:
        """What this night's commands should not have been: too many, too soon, or for what is ordered."""
        log = list(self.world.command_log)
        tonight, before = by_device(log[self.commands_seen :]), by_device(log[: self.commands_seen])
        self.commands_seen = len(log)
        found = []
        for device in self.world.devices(self.world.main.id):
            useful = [
                command
                for command in device.queue
                if any(
                    file.status is StorageStatus.DEVICE_ONLY and orders(command, file)
                    for file in device.files.values()
                )
            ]
            if len(useful) > MOST_QUEUED:
                found.append(f"{len(useful)} commands wait for {device.name}")
            for file in device.files.values():
                if file.status is not StorageStatus.DEVICE_ONLY:
                    continue
                new = [command for command in tonight[device.id] if orders(command, file)]
                old = [command for command in before[device.id] if orders(command, file)]
                if len(new) > 1:
                    found.append(f"{file.name} of {device.name} was ordered twice in one night")
                if new and any(new[0].at - command.at < PATIENCE for command in old):
                    found.append(f"{file.name} of {device.name} was ordered again within patience")
                if sum(orders(command, file) for command in device.queue) > 1:
                    found.append(f"{file.name} of {device.name} was ordered while it was ordered")
        return found


def by_device(commands: Iterable[Command]) -> dict[str, list[Command]]:
    """Commands by the device's id."""
    found: defaultdict[str, list[Command]] = defaultdict(list)
    for command in commands:
        found[command.device_id].append(command)
    return found


def orders(command: Command, file: SimFile) -> bool:
    """Whether a command to its device asks for a file."""
    return command.tag == file.tag and file.within(command.window)
