"""The far side as a value: who is there, what they hold, and what a passing of time does to it.

Pure and seeded: the same calls on the same seed give the same world, to the byte. No I/O, no tasks.
"""

import heapq
from collections import OrderedDict, deque
from collections.abc import Mapping
from datetime import datetime, timedelta
from itertools import count
from random import Random
from typing import Self

from osfsync.domain.model import StorageStatus, TimeWindow
from osfsync.simulator import osf
from osfsync.simulator.behaviour import STILL, Behaviour
from osfsync.simulator.contact import make_contact
from osfsync.simulator.fleet import DEFAULT_TAG, Command, SimDevice, SimFile, SimTenant
from osfsync.simulator.generate import MIXED, Plan, draw_fleet, draw_id
from osfsync.simulator.listing import Dialect

USERNAME = "user@example.com"
PASSWORD = "demo-password"  # noqa: S105 - opens a simulator on loopback  # pragma: allowlist secret
MAIN_TENANT = "Demo Fleet"
OTHER_TENANT = "Other Works"

_MOST_LOGGED = 100_000


class World:
    """One account, two tenants, their devices and files, and a clock that only `advance` moves.

    Attributes:
        now: the world's time, UTC.
        main: the tenant that tests look at; `other` is a second one of the same account.
        dialect: how the platform spells what the API page leaves open.
        command_log: every command that was queued, oldest first (the last 100,000).
    """

    def __init__(
        self,
        *,
        now: datetime,
        seed: int = 0,
        dialect: Dialect = Dialect(),  # noqa: B008 - frozen
        cache_bytes: int = 64_000_000,
    ) -> None:
        if now.tzinfo is None:
            raise ValueError("the world needs a zone-aware time")
        self.seed = seed
        self.now = now
        self.username = USERNAME
        self.password = PASSWORD
        self.dialect = dialect
        self.command_log: deque[Command] = deque(maxlen=_MOST_LOGGED)
        self._rng = Random(f"{seed}/world")
        self.main = self._draw_tenant(MAIN_TENANT)
        self.other = self._draw_tenant(OTHER_TENANT)
        self._devices: dict[str, SimDevice] = {}
        self._by_token: dict[str, SimDevice] = {}
        self._contacts: list[tuple[datetime, int, SimDevice]] = []
        self._orders = count()  # tells devices apart that connect at the same moment
        self._made: OrderedDict[tuple[object, ...], bytes] = OrderedDict()
        self._made_bytes = 0
        self._cache_bytes = cache_bytes

    @classmethod
    def generate(  # noqa: PLR0913 - one keyword for each thing that a person may want to set
        cls,
        *,
        seed: int,
        devices: int,
        files_per_device: int,
        now: datetime,
        file_bytes: int = 4_000,
        history: timedelta = timedelta(days=14),
        files_per_day: float = 6.0,
        mix: Mapping[StorageStatus, float] = MIXED,
        dialect: Dialect = Dialect(),  # noqa: B008 - frozen
        cache_bytes: int = 64_000_000,
    ) -> Self:
        """Draw a world from a seed.

        Args:
            seed: decides everything.
            devices: of the main tenant; the first five differ in kind (regular, flaky, forbidden
                credentials, silent, ring buffer), the fifteenth lists and never delivers. The other tenant
                has at most two.
            files_per_device: spread evenly over `history` up to `now`.
            now: where the clock stands.
            file_bytes: size of a file, give or take a quarter; 2,000 is the least.
            history: how far back the files reach.
            files_per_day: what each device goes on to record.
            mix: how often each storage status is drawn.
            dialect: how the platform spells its lists.
            cache_bytes: how much content is kept for the next time it is asked for.
        """
        world = cls(seed=seed, now=now, dialect=dialect, cache_bytes=cache_bytes)
        plan = Plan(devices, files_per_device, file_bytes, history, files_per_day, mix)
        small = Plan(min(devices, 2), min(files_per_device, 20), file_bytes, history, files_per_day, mix)
        for device in draw_fleet(seed, world.main.id, now, plan):
            world._settle(device)
        for device in draw_fleet(seed, world.other.id, now, small):
            world._settle(device)
        return world

    @property
    def tenants(self) -> tuple[SimTenant, SimTenant]:
        """Where the account may go."""
        return (self.main, self.other)

    def devices(self, tenant_id: str) -> list[SimDevice]:
        """The devices of a tenant, in the order in which they came."""
        return [device for device in self._devices.values() if device.tenant_id == tenant_id]

    def device(self, device_id: str) -> SimDevice | None:
        """A device by its id."""
        return self._devices.get(device_id)

    def device_of_token(self, access_token: str) -> SimDevice | None:
        """A device by its access token (`credentialsId`)."""
        return self._by_token.get(access_token)

    def add_device(  # noqa: PLR0913 - one keyword for each thing that may be odd about a device
        self,
        name: str,
        *,
        tenant: SimTenant | None = None,
        device_id: str | None = None,
        behaviour: Behaviour = STILL,
        readable: bool = True,
        refusal: int | None = None,
    ) -> SimDevice:
        """Add a device without files.

        `readable=False` forbids the account to read its credentials, `refusal` (an HTTP status) to send it
        commands.
        """
        device = SimDevice(
            id=device_id or draw_id(self._rng),
            name=name,
            tenant_id=(tenant or self.main).id,
            serial=str(self._rng.randrange(17_000_000_000, 25_000_000_000)),
            access_token=f"{self._rng.getrandbits(80):020x}",
            created=self.now,
            recorded_until=self.now,
            rng=Random(self._rng.getrandbits(64)),
            readable=readable,
            refusal=refusal,
            behaviour=behaviour,
        )
        self._settle(device)
        return device

    def remove_device(self, device: SimDevice) -> None:
        """Take a device and all its files away."""
        del self._devices[device.id]
        del self._by_token[device.access_token]

    def add_file(  # noqa: PLR0913 - one keyword for each field of a file
        self,
        device: SimDevice,
        name: str,
        status: StorageStatus = StorageStatus.BOTH,
        *,
        start: datetime | None = None,
        end: datetime | None = None,
        size: int = 4_000,
        content: bytes | None = None,
        tag: str = DEFAULT_TAG,
    ) -> SimFile:
        """Add a file, or put another in its place (then a new version, with new bytes).

        `start` is an hour ago where not given, `end` ten minutes after `start`. `content` overrides `size`.
        """
        start = start or self.now - timedelta(hours=1)
        end = end or start + timedelta(minutes=10)
        if content is None and _packing_of(name, 0) is not None:
            size = max(size, osf.MINIMUM_SIZE)
        previous = device.files.get(name)
        version = 0 if previous is None else previous.version + 1
        length = size if content is None else len(content)
        file = SimFile(name, status, start, end, length, tag, content, version)
        device.files[name] = file
        return file

    def set_status(self, device: SimDevice, name: str, status: StorageStatus) -> None:
        """Say where a file lies. Raises KeyError for an unknown name."""
        device.files[name].status = status

    def remove_file(self, device: SimDevice, name: str) -> None:
        """Let a file vanish everywhere. Raises KeyError for an unknown name."""
        del device.files[name]

    def queue(self, device: SimDevice, window: TimeWindow, tag: str) -> None:
        """Queue a request-list command; the device executes it when it connects, one at each contact."""
        command = Command(device.id, window, tag, self.now)
        device.queue.append(command)
        self.command_log.append(command)

    def advance(self, step: timedelta) -> None:
        """Let time pass: devices record, connect, execute and deliver, in order of time."""
        if step < timedelta(0):
            raise ValueError("time does not run backwards")
        until = self.now + step
        while self._contacts and self._contacts[0][0] <= until:
            self.now, order, device = heapq.heappop(self._contacts)
            if self._devices.get(device.id) is device and device.behaviour.contact_every is not None:
                make_contact(device, self.now)
                self._expect(device, order)
        self.now = until

    def connect(self, device: SimDevice) -> None:
        """Have a device make contact right now, whatever its behaviour, beside its usual contacts."""
        make_contact(device, self.now)

    def available(self) -> dict[tuple[str, str], int]:
        """What the server could give now for the main tenant: (device id, file name) → size in bytes."""
        return {
            (device.id, file.name): file.size
            for device in self.devices(self.main.id)
            for file in device.files.values()
            if file.status.on_server
        }

    def content(self, device_id: str, name: str) -> bytes:
        """A file's bytes. Raises KeyError for an unknown device or name."""
        device = self._devices[device_id]
        file = device.files[name]
        if file.content is not None:
            return file.content
        key = (device_id, name, file.version, file.size, file.start, file.end, file.tag)
        known = self._made.get(key)
        if known is not None:
            self._made.move_to_end(key)
            return known
        made = _make(self.seed, device, file)
        self._made[key] = made
        self._made_bytes += len(made)
        while self._made_bytes > self._cache_bytes:
            _, dropped = self._made.popitem(last=False)
            self._made_bytes -= len(dropped)
        return made

    def _draw_tenant(self, name: str) -> SimTenant:
        return SimTenant(draw_id(self._rng), name, draw_id(self._rng))

    def _settle(self, device: SimDevice) -> None:
        if device.id in self._devices:
            raise ValueError(f"there is a device with the id {device.id} already")
        self._devices[device.id] = device
        self._by_token[device.access_token] = device
        self._expect(device, next(self._orders))

    def _expect(self, device: SimDevice, order: int) -> None:
        at = device.behaviour.next_contact(self.now, device.rng)
        if at is not None:
            heapq.heappush(self._contacts, (at, order, device))


def _packing_of(name: str, chance: int) -> osf.Packing | None:
    if name.endswith(".osf"):
        return osf.Packing.PLAIN
    if name.endswith(".osfz"):
        return osf.Packing.GZIP if chance else osf.Packing.ZLIB
    return None


def _make(seed: int, device: SimDevice, file: SimFile) -> bytes:
    rng = Random(f"{seed}/{device.id}/{file.name}/{file.version}")
    packing = _packing_of(file.name, rng.randrange(8))
    if packing is None:
        return rng.randbytes(file.size)
    recording = osf.Recording(device.serial, file.start, file.end, file.tag, rng.randrange(1, 100_000))
    return osf.write(recording, file.size, packing, rng)
