"""How many requests are under way, beside models of platforms; time is the model's own."""

from collections.abc import Callable

import pytest

from osfsync.cloud.concurrency import BEGIN, Concurrency, Totals

MOST = 64

Answering = Callable[[int], float]
"""Answers a second with so many under way."""


def far_away(latency: float) -> Answering:
    """Each answer takes so long, however many are under way."""
    return lambda lanes: lanes / latency


def busy(capacity: float, latency: float) -> Answering:
    """So many answers a second and no more: beyond, they queue."""
    return lambda lanes: min(lanes / latency, capacity)


def thrashing(best: int) -> Answering:
    """Slower the more are under way beyond the best number."""
    return lambda lanes: 100.0 * min(lanes, best) * min(1.0, best / lanes)


class Model:
    """A platform at full demand."""

    def __init__(self, most: int = MOST) -> None:
        self.now = 0.0
        self.control = Concurrency(most, self.now)
        self.limits: list[int] = []
        self._answers, self._waited = 0.0, 0.0

    def run(self, seconds: float, answering: Answering, *, wanted: bool = True, size: int = 4_000) -> None:
        end = self.now + seconds
        while self.now < end:
            self.now += 0.01
            rate = answering(self.control.limit)
            self._answers += rate * 0.01
            self._waited += self.control.limit * 0.01
            if self.control.due(self.now, int(self._answers)):
                self.control.measure(self.now, self.totals(size), wanted=wanted)
            self.limits.append(self.control.limit)

    def totals(self, size: int = 4_000) -> Totals:
        return Totals(int(self._answers), int(self._answers) * size, self._waited)

    def typical(self) -> float:
        """The median of the last half."""
        half = sorted(self.limits[len(self.limits) // 2 :])
        return half[len(half) // 2]


def test_it_begins_modestly_and_within_what_the_user_allows() -> None:
    assert Concurrency(MOST, 0.0).limit == BEGIN
    assert Concurrency(3, 0.0).limit == 3


@pytest.mark.parametrize("latency", [0.02, 0.1, 1.0])
def test_behind_a_long_line_all_lanes_are_opened_soon(latency: float) -> None:
    model = Model()
    model.run(1 + 30 * latency, far_away(latency))
    assert model.control.limit == MOST
    model.run(100 * latency, far_away(latency))
    assert min(model.limits[-100:]) == MOST


@pytest.mark.parametrize("capacity", [300.0, 2_000.0])
def test_lanes_that_bring_nothing_are_closed_again(capacity: float) -> None:
    model, latency = Model(), 0.01
    model.run(60, busy(capacity, latency))
    assert capacity * latency <= model.typical() <= max(BEGIN, 2 * capacity * latency)


def test_a_platform_that_gets_slower_with_more_is_left_near_its_best() -> None:
    model = Model()
    model.run(60, thrashing(12))
    assert 8 <= model.typical() <= 16


def test_files_that_are_large_gain_by_their_bytes() -> None:
    model = Model()
    model.run(120, lambda lanes: min(lanes, 40) / 4.0, size=1_000_000)
    assert model.typical() >= 32


def test_suspicions_in_a_row_lower_the_lanes_down_to_one() -> None:
    model = Model()
    model.run(5, far_away(0.1))
    before = model.control.limit
    model.control.lower(model.now, model.totals())
    assert before // 2 < model.control.limit < before
    for _ in range(10):
        model.control.lower(model.now, model.totals())
    assert model.control.limit == 1


def test_a_suspicion_takes_back_a_step_that_is_still_to_be_judged() -> None:
    model = Model()
    while model.control.limit == BEGIN:
        model.run(0.01, far_away(0.1))
    model.control.lower(model.now, model.totals())
    assert model.control.limit == BEGIN


def test_a_wrong_suspicion_is_undone_at_once() -> None:
    model = Model()
    model.run(5, far_away(0.1))
    before = model.control.limit
    for _ in range(3):
        model.control.lower(model.now, model.totals())
    model.control.restore(model.now, model.totals())
    assert model.control.limit == before
    model.control.lower(model.now, model.totals())
    model.control.confirm()
    model.control.restore(model.now, model.totals())
    assert model.control.limit < before


def test_lanes_are_opened_again_after_an_overload() -> None:
    model = Model()
    model.run(5, far_away(0.1))
    for _ in range(10):
        model.control.lower(model.now, model.totals())
    model.control.confirm()
    model.run(120, far_away(0.1))
    assert model.control.limit >= 0.9 * MOST  # the last few would bring no gain to speak of


def test_answers_that_take_longer_without_gain_close_lanes() -> None:
    model = Model()
    model.run(30, busy(2_000, 0.02))
    before = model.typical()
    model.run(30, busy(200, 0.02))
    assert model.control.limit < before


def test_nothing_is_learned_while_lanes_stand_empty() -> None:
    model = Model()
    model.run(30, far_away(0.1), wanted=False)
    assert model.control.limit == BEGIN
