"""The pace, beside models of platforms that count requests in different ways; time is the model's own."""

import heapq
import math
import random
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from enum import Enum
from itertools import count
from typing import Protocol

import pytest

from osfsync.cloud.pace import OWN_PAUSE, Pace


class Limiter(Protocol):
    """Admits a request (None), or tells after how many seconds to come again."""

    def ask(self, now: float) -> float | None: ...


@dataclass
class Sliding:
    """So many in any `window` seconds."""

    rate: float
    window: float = 1.0
    admitted: deque[float] = field(default_factory=deque)

    def ask(self, now: float) -> float | None:
        while self.admitted and self.admitted[0] <= now - self.window:
            self.admitted.popleft()
        if len(self.admitted) >= self.rate * self.window:
            return math.ceil(self.admitted[0] + self.window - now)
        self.admitted.append(now)
        return None


@dataclass
class Fixed:
    """So many in each window, counted from the clock's whole ones."""

    rate: float
    window: float = 1.0
    present: int = -1
    admitted: int = 0

    def ask(self, now: float) -> float | None:
        if (window := int(now / self.window)) != self.present:
            self.present, self.admitted = window, 0
        if self.admitted >= self.rate * self.window:
            return math.ceil((window + 1) * self.window - now)
        self.admitted += 1
        return None


@dataclass
class Bucket:
    """Filled at the rate, up to `burst`."""

    rate: float
    burst: float
    level: float = math.inf
    at: float = 0.0

    def ask(self, now: float) -> float | None:
        self.level, self.at = min(self.burst, self.level + (now - self.at) * self.rate), now
        if self.level < 1:
            return math.ceil((1 - self.level) / self.rate)
        self.level -= 1
        return None


class Step(Enum):
    GO, ARRIVE, GRANTED, REFUSED = range(4)


@dataclass
class Drive:
    """Lanes that ask again and again, paced as the throttle does it; `trip` is there and back."""

    limiter: Limiter
    waiting: int
    trip: float
    pace: Pace = field(default_factory=Pace)
    granted: int = 0
    refused: int = 0
    slot: float = -math.inf
    paused: float = -math.inf
    going: bool = False  # a GO is on its way
    events: list[tuple[float, int, Step, float]] = field(default_factory=list)
    order: Iterator[int] = field(default_factory=count)
    chance: random.Random = field(default_factory=lambda: random.Random(1))

    def at(self, moment: float, step: Step, pause: float = 0.0) -> None:
        heapq.heappush(self.events, (moment, next(self.order), step, pause))

    def run(self, seconds: float) -> "Drive":
        self.go(0.0)
        while self.events and self.events[0][0] <= seconds:
            now, _, step, pause = heapq.heappop(self.events)
            match step:
                case Step.GO:
                    self.going = False
                case Step.ARRIVE:
                    told = self.limiter.ask(now)
                    back = now + self.trip * self.chance.uniform(0.4, 0.6)
                    self.at(back, Step.GRANTED if told is None else Step.REFUSED, told or 0.0)
                case Step.GRANTED:
                    self.granted += 1
                    self.waiting += 1
                    self.pace.grant(now)
                case Step.REFUSED:
                    self.refused += 1
                    self.waiting += 1
                    self.pace.refuse(now - self.trip, now, pause)
                    self.paused = max(self.paused, now + pause)
            self.go(now)
        return self

    def go(self, now: float) -> None:
        while self.waiting and not self.going:
            if now < (earliest := max(self.slot, self.paused)):
                self.going = True
                self.at(earliest, Step.GO)
                return
            self.waiting -= 1
            self.at(now + self.trip / 2, Step.ARRIVE)
            if (rate := self.pace.rate(now)) is not None:
                self.slot = max(now, self.slot) + 1 / rate

    @property
    def share_refused(self) -> float:
        return self.refused / (self.granted + self.refused)


def drive(limiter: Limiter, lanes: int, trip: float, seconds: float) -> Drive:
    return Drive(limiter, lanes, trip).run(seconds)


@pytest.mark.parametrize("limiter", [Sliding, Fixed, lambda rate: Bucket(rate, rate)])
@pytest.mark.parametrize("rate", [50, 500])
@pytest.mark.parametrize(("lanes", "trip"), [(8, 0.005), (32, 0.02)])
def test_nine_tenths_of_what_a_platform_bears_with_few_refused(
    limiter: Callable[[float], Limiter], rate: float, lanes: int, trip: float
) -> None:
    seen = drive(limiter(rate), lanes, trip, 30)
    assert seen.granted >= 0.9 * rate * 30
    assert seen.share_refused < 0.02


@pytest.mark.parametrize("rate", [5, 50])
def test_a_platform_that_counts_by_the_minute(rate: float) -> None:
    seen = drive(Fixed(rate, 60), 8, 0.02, 180)
    assert seen.granted >= 0.9 * rate * 180
    assert seen.share_refused < 0.02


@pytest.mark.parametrize("limiter", [lambda rate: Bucket(rate, 5), lambda rate: Bucket(rate, rate * 10)])
def test_small_and_large_buckets_are_found_out(limiter: Callable[[float], Limiter]) -> None:
    seen = drive(limiter(200), 8, 0.02, 300)
    assert seen.granted >= 0.9 * 200 * 300
    assert seen.share_refused < 0.02


@dataclass
class Changing:
    """Another limiter from a moment on."""

    first: Limiter
    then: Limiter
    when: float

    def ask(self, now: float) -> float | None:
        return (self.first if now < self.when else self.then).ask(now)


@pytest.mark.parametrize("then", [50, 800])
def test_a_platform_that_changes_is_followed(then: float) -> None:
    driven = Drive(Changing(Sliding(200), Sliding(then), 60), 32, 0.02)
    before = driven.run(240).granted
    assert driven.run(360).granted - before >= 0.9 * then * 120
    assert driven.share_refused < 0.02


def test_nothing_is_held_back_before_a_refusal() -> None:
    pace = Pace()
    for request in range(1000):
        pace.grant(request / 1000)
    assert pace.rate(1.0) is None


def test_those_under_way_together_are_one_refusal() -> None:
    once, often = Pace(), Pace()
    for pace in (once, often):
        for request in range(100):
            pace.grant(request / 1000)
        pace.refuse(0.09, 0.1, 1.0)
    for _ in range(30):
        often.refuse(0.095, 0.11, 1.0)
    assert once.rate(1.2) == often.rate(1.2) is not None


def test_few_requests_teach_nothing_until_there_were_enough() -> None:
    """Such as commands, of which a run sends one for each device."""
    pace, now = Pace(), 0.0
    pace.refuse(0.0, 0.0, 0.0)
    assert pace.rate(OWN_PAUSE) is None
    rates = []
    for _ in range(5):
        for _ in range(4):
            now += 0.01
            pace.grant(now)
        pace.refuse(now, now, 1.0)
        now += 1.01
        rates.append(pace.rate(now))
    *before, learned = rates
    assert before == [None] * 4
    assert learned is not None
    assert 1 < learned < 10


def test_what_is_put_off_whatever_the_rate_does_not_stop_a_run() -> None:
    pace, now = Pace(), 0.0
    for _ in range(100):
        now += 0.01
        pace.grant(now)
    for _ in range(50):
        pace.refuse(now, now, 0.1)
        now += 0.2
        pace.grant(now)
    rate = pace.rate(now)
    assert rate is not None
    assert rate >= 10
