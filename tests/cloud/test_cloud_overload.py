"""Why requests fail, found out beside models of platforms; time is the model's own."""

import heapq
import itertools
import math
import random
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from osfsync.cloud.concurrency import Concurrency, Totals
from osfsync.cloud.overload import Action, Failure, Overload
from osfsync.cloud.pace import OWN_PAUSE, Pace

LATENCY = 0.03

Refuses = Callable[[float, int], bool]
"""Whether a request is refused: at a time, while so many others are under way."""


def sporadically(share: float, seed: int = 1) -> Refuses:
    chance = random.Random(seed)
    return lambda _now, _under_way: chance.random() < share


def at_once(most: int) -> Refuses:
    return lambda _now, under_way: under_way >= most


@dataclass
class Bucket:
    """As nginx's `limit_req … burst=… nodelay`."""

    rate: float
    burst: float = 5.0
    excess: float = 0.0
    at: float = 0.0

    def __call__(self, now: float, _under_way: int) -> bool:
        excess = max(0.0, self.excess - (now - self.at) * self.rate) + 1
        if excess > self.burst + 1:
            return True
        self.excess, self.at = excess, now
        return False


@dataclass
class Sliding:
    """So many requests in any second."""

    rate: float
    admitted: deque[float] = field(default_factory=deque)

    def __call__(self, now: float, _under_way: int) -> bool:
        while self.admitted and self.admitted[0] <= now - 1:
            self.admitted.popleft()
        if len(self.admitted) >= self.rate:
            return True
        self.admitted.append(now)
        return False


def either(*models: Refuses) -> Refuses:
    return lambda now, under_way: sum(refuses(now, under_way) for refuses in models) > 0


@dataclass
class Driven:
    """Requests at full demand, driven as `Lanes` and `Throttle` do it; what is refused comes back sooner."""

    refuses: Refuses
    most: int = 32
    failure: Failure = Failure.REFUSED
    now: float = 0.0
    overload: Overload = field(default_factory=Overload)
    pace: Pace = field(default_factory=Pace)
    actions: list[Action] = field(default_factory=list)
    outcomes: list[tuple[float, bool, int]] = field(default_factory=list)  # when, refused, at once

    def __post_init__(self) -> None:
        self.control = Concurrency(self.most, 0.0)
        self._events: list[tuple[float, int, float, bool]] = []
        self._order = itertools.count()
        self._under_way, self._working = 0, 0
        self._slot = self._paused = -math.inf
        self._answers, self._waited = 0, 0.0
        self._jitter = random.Random(2)

    def run(self, seconds: float) -> "Driven":
        end = self.now + seconds
        while self.now < end:
            earliest = max(self.now, self._slot, self._paused)
            free = self._under_way < self.control.limit
            if free and (not self._events or earliest <= self._events[0][0]):
                self.now = earliest
                self._send()
            else:
                self._receive()
        return self

    def _send(self) -> None:
        refused = self.refuses(self.now, self._working)
        self._under_way += 1
        self._working += not refused
        takes = LATENCY * self._jitter.uniform(0.8, 1.2) * (0.5 if refused else 1.0)
        heapq.heappush(self._events, (self.now + takes, next(self._order), self.now, refused))
        if (rate := self.pace.rate(self.now)) is not None:
            self._slot = max(self.now, self._slot) + 1 / rate

    def _receive(self) -> None:
        self.now, _, sent, refused = heapq.heappop(self._events)
        self._under_way -= 1
        self._working -= not refused
        self.outcomes.append((self.now, refused, self.control.limit))
        if refused:
            if self.overload.limits_rate:
                self.pace.refuse(sent, self.now, OWN_PAUSE)
                self._paused = max(self._paused, self.now + OWN_PAUSE)
            lowest = self.control.limit == 1
            action = self.overload.failed(sent, self.now, self.failure, lowest=lowest)
        else:
            self.pace.grant(self.now, sent)
            self._answers += 1
            self._waited += self.now - sent
            action = self.overload.accepted(sent, self.now)
        self._act(action)
        if self.control.due(self.now, self._answers) and not self.overload.experimenting:
            self.control.measure(self.now, self._totals(), wanted=True)

    def _totals(self) -> Totals:
        return Totals(self._answers, 4_000 * self._answers, self._waited)

    def _act(self, action: Action | None) -> None:
        if action is None:
            return
        self.actions.append(action)
        match action:
            case Action.FEWER | Action.ONE:
                self.control.lower(self.now, self._totals(), to_one=action is Action.ONE)
            case Action.FEWER_FOUND:
                self.pace.stop_trying()
                self.control.confirm()
            case Action.SLOWER | Action.STOP_AND_SLOWER:
                self.pace.hold(self.now)
                pause = 1.0 if action is Action.STOP_AND_SLOWER else 0.0
                self._paused = max(self._paused, self.now + pause)
            case Action.RATE_FOUND:
                self.pace.settle(self.now)
                self.control.restore(self.now, self._totals())
            case Action.RESTORE:
                self.pace.release()
                self.control.restore(self.now, self._totals())

    def since(self, begin: float) -> list[tuple[float, bool, int]]:
        return [outcome for outcome in self.outcomes if outcome[0] >= begin]

    def accepted(self, begin: float = 0.0) -> float:
        """Requests a second."""
        return sum(not refused for _, refused, _ in self.since(begin)) / (self.now - begin)

    def share_refused(self, begin: float = 0.0) -> float:
        seen = self.since(begin)
        return sum(refused for _, refused, _ in seen) / len(seen)


@pytest.mark.parametrize("share", [0.01, 0.03, 0.1])
@pytest.mark.parametrize("failure", list(Failure))
def test_sporadic_failures_cost_no_concurrency_to_speak_of(share: float, failure: Failure) -> None:
    driven = Driven(sporadically(share), failure=failure).run(15)
    assert driven.accepted() >= 0.8 * 32 / LATENCY * (1 - share)


@pytest.mark.parametrize("rate", [20, 100, 300, 700])
def test_a_rate_that_is_told_by_bare_refusals_is_learned(rate: float) -> None:
    driven = Driven(Bucket(rate)).run(60)
    assert driven.accepted() >= 0.9 * rate
    assert driven.share_refused(20) < 0.02


@pytest.mark.parametrize("rate", [20, 60, 200])
def test_a_rate_that_is_counted_by_the_second_is_learned(rate: float) -> None:
    driven = Driven(Sliding(rate)).run(60)
    assert driven.accepted() >= 0.85 * rate
    assert driven.share_refused(20) < 0.02


def test_sporadic_refusals_beside_a_limited_rate_do_not_slow_it_down_for_long() -> None:
    driven = Driven(either(sporadically(0.05), Bucket(200))).run(80)
    assert driven.accepted(55) >= 0.8 * 200


@pytest.mark.parametrize("most", [1, 2, 3, 5, 10, 20])
def test_a_concurrency_that_is_too_high_for_a_platform_is_found(most: int) -> None:
    driven = Driven(at_once(most)).run(60)
    assert driven.accepted(10) >= 0.8 * most / LATENCY
    assert driven.share_refused(10) < 0.05
