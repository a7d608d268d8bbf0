"""Estimates of contacts and deliveries against what then happened, on simulated fleets.

    python benchmarks/backtest.py

Each night every device gets one command for what only it has, as a nightly sync sends it; then its next
contact and the delivery of awaited files are estimated from its past alone. Prints for each kind of device
how often the bound ("in nine of ten cases by then") held. Pure simulation: the same table every time.
"""

import time
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from math import ceil
from random import Random
from statistics import median

from osfsync.domain.estimate import Estimate, Queue, as_contacts, delivery, next_contact
from osfsync.domain.model import StorageStatus, TimeWindow
from osfsync.simulator.behaviour import FLAKY, REGULAR, Behaviour
from osfsync.simulator.fleet import DEFAULT_TAG, EventKind, SimDevice, SimFile
from osfsync.simulator.world import World

FLEETS = 15
NIGHTS = 75
AFTERWARDS = 75
"""Days without estimates at the end, in which what was estimated can come true."""

START = datetime(2026, 1, 1, 2, 15, tzinfo=UTC)
NEVER = datetime.min.replace(tzinfo=UTC)
PATIENCE = timedelta(hours=48)
ATTEMPTS = 5
MOST_ASKED = 20
"""Files of one device that are estimated in one night, spread evenly over those that are awaited."""

KINDS: Mapping[str, Behaviour] = {
    "regular": REGULAR,
    "flaky": replace(FLAKY, files_per_day=2),
    "slow delivery": replace(REGULAR, contact_every=timedelta(hours=6), files_per_contact=2),
    "changing delivery": REGULAR,
    "ring buffer": replace(FLAKY, files_per_contact=10, capacity=100_000),
    "overrun": FLAKY,
}
"""The first four are stationary. The ring buffer drops many files before their turn, those that come are the
quick ones; the last records twice what it can deliver, and its queue only grows."""

CHANGING = "changing delivery"
CHANGES = (1, 1, 2, 3, 5)
"""Files per contact of the changing kind, drawn anew each day."""

Orders = dict[tuple[str, str], tuple[int, datetime]]
"""How often a file was asked for, and when last, by device and name."""


@dataclass(frozen=True, slots=True)
class Night:
    """One device at the moment of asking: `awaited` tells what stands before each file, by name."""

    kind: str
    device_id: str
    now: datetime
    awaited: Mapping[str, Queue]


@dataclass(frozen=True, slots=True)
class Past:
    """What one device did from the beginning to the end. `dropped` are files that made room for others."""

    contacts: list[datetime]
    deliveries: list[datetime]
    delivered: Mapping[str, datetime]
    dropped: frozenset[str]


@dataclass(frozen=True, slots=True)
class Course:
    """One simulation."""

    nights: list[Night]
    pasts: Mapping[str, Past]
    end: datetime


@dataclass(slots=True)
class Score:
    """How estimates of one sort did.

    Attributes:
        cases: times asked.
        lost: of these, files that the device dropped before their turn.
        silent: no estimate.
        open: bounds that lie after the end of the simulation.
        by_bound: of the others, those that came by the bound. Likewise `by_median`.
        errors: how far the median was off, hours. Likewise `ahead`: how far ahead the bound was.
    """

    cases: int = 0
    lost: int = 0
    silent: int = 0
    open: int = 0
    by_bound: int = 0
    by_median: int = 0
    errors: list[float] = field(default_factory=list)
    ahead: list[float] = field(default_factory=list)

    def judge(self, estimate: Estimate | None, now: datetime, came: datetime | None, end: datetime) -> None:
        """`came` is None for what did not come before the end."""
        self.cases += 1
        if estimate is None:
            self.silent += 1
        elif estimate.bound > end:
            # Left out even where it came: else of these only those would be judged that held.
            self.open += 1
        else:
            came = came or end + timedelta(seconds=1)
            self.by_bound += came <= estimate.bound
            self.by_median += came <= estimate.median
            self.errors.append(abs(came - estimate.median) / timedelta(hours=1))
            self.ahead.append((estimate.bound - now) / timedelta(hours=1))

    def lose(self) -> None:
        self.cases += 1
        self.lost += 1

    def share(self, came: int) -> float:
        """Of the cases that could be judged."""
        return came / max(self.cases - self.lost - self.silent - self.open, 1)


Scores = dict[tuple[str, str], Score]


def simulate(seed: int, nights: int, afterwards: int) -> Course:
    """One device of each kind."""
    world = World(now=START, seed=seed)
    rng = Random(seed)
    devices = [(kind, world.add_device(kind, behaviour=behaviour)) for kind, behaviour in KINDS.items()]
    orders: Orders = {}
    seen: list[Night] = []
    for night in range(nights + afterwards):
        world.advance(timedelta(days=1))
        for kind, device in devices:
            if kind == CHANGING:
                device.behaviour = replace(device.behaviour, files_per_contact=rng.choice(CHANGES))
            order(world, device, orders)
            if night < nights:
                seen.append(Night(kind, device.id, world.now, queues(device)))
    return Course(seen, {device.id: past_of(device, orders) for _, device in devices}, world.now)


def order(world: World, device: SimDevice, orders: Orders) -> None:
    """Queue one command for all that only the device has and that was not asked for lately."""
    due: list[SimFile] = []
    for file in device.files.values():
        if file.tag != DEFAULT_TAG or file.status is not StorageStatus.DEVICE_ONLY:
            continue
        times, last = orders.get((device.id, file.name), (0, NEVER))
        if times < ATTEMPTS and last + PATIENCE <= world.now:
            due.append(file)
            orders[device.id, file.name] = (times + 1, world.now)
    if due:
        window = TimeWindow(min(file.start for file in due), max(file.end for file in due))
        world.queue(device, window, DEFAULT_TAG)


def queues(device: SimDevice) -> dict[str, Queue]:
    """What stands before files that were asked for and are not delivered."""
    waiting = sorted(commands_before(device), key=lambda pair: pair[0].start)
    step = max(ceil(len(waiting) / MOST_ASKED), 1)
    return {
        file.name: Queue(commands, ahead, len(waiting))
        for ahead, (file, commands) in list(enumerate(waiting))[::step]
    }


def commands_before(device: SimDevice) -> Iterator[tuple[SimFile, int]]:
    for file in device.files.values():
        if file.status is StorageStatus.REQUESTED:
            yield file, 0
        elif file.status is StorageStatus.DEVICE_ONLY and file.tag == DEFAULT_TAG:
            turns = (turn for turn, command in enumerate(device.queue, 1) if file.within(command.window))
            turn = next(turns, None)
            if turn is not None:
                yield file, turn


def past_of(device: SimDevice, orders: Orders) -> Past:
    returned = [event for event in device.events if event.kind is EventKind.RETURN_FILE]
    delivered = {event.detail: event.at for event in returned}
    ordered = {name for device_id, name in orders if device_id == device.id}
    return Past(
        as_contacts(event.at for event in device.events),
        [event.at for event in returned],
        delivered,
        frozenset(ordered - delivered.keys() - device.files.keys()),
    )


def backtest(course: Course, scores: Scores) -> None:
    """Estimate at each night from what was known then, and judge by what came after."""
    for night in course.nights:
        past = course.pasts[night.device_id]
        known = bisect_right(past.contacts, night.now)
        contacts = past.contacts[:known]
        deliveries = past.deliveries[: bisect_right(past.deliveries, night.now)]
        score = scores.setdefault((night.kind, "contact"), Score())
        came = past.contacts[known] if known < len(past.contacts) else None
        score.judge(next_contact(contacts, night.now), night.now, came, course.end)
        score = scores.setdefault((night.kind, "delivery"), Score())
        for name, queue in night.awaited.items():
            if name in past.dropped:
                score.lose()
            else:
                estimate = delivery(contacts, deliveries, queue, night.now)
                score.judge(estimate, night.now, past.delivered.get(name), course.end)


def main() -> None:
    begun = time.perf_counter()
    scores: Scores = {}
    for seed in range(FLEETS):
        backtest(simulate(seed, NIGHTS, AFTERWARDS), scores)
    print(f"{FLEETS} fleets, {NIGHTS} nights; lost and open cases are not judged; hours are medians")
    print(
        f"{'device':19}{'estimate':9}{'cases':>7}{'lost':>7}{'none':>7}{'open':>7}"
        f"{'by bound':>10}{'by median':>11}{'median off':>12}{'bound ahead':>13}"
    )
    for (kind, what), score in scores.items():
        print(
            f"{kind:19}{what:9}{score.cases:7}"
            f"{score.lost / score.cases:7.1%}{score.silent / score.cases:7.1%}{score.open / score.cases:7.1%}"
            f"{score.share(score.by_bound):10.1%}{score.share(score.by_median):11.1%}"
            f"{median(score.errors):10.1f} h{median(score.ahead):11.1f} h"
        )
    print(f"{time.perf_counter() - begun:.0f} seconds")


if __name__ == "__main__":
    main()
