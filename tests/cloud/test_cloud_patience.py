"""How long a request may be silent, and when what failed is tried again."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osfsync.cloud.attempts import MOST_PUT_OFF, Tries
from osfsync.cloud.patience import Patience, Usual
from osfsync.domain.errors import BusyError, ServerError


def accustomed(seconds: float, answers: int = 100) -> Patience:
    patience = Patience()
    for _ in range(answers):
        patience.answered("file", seconds)
    return patience


@given(st.lists(st.floats(0.0, 1_000.0), min_size=8, max_size=300))
def test_the_usual_time_lies_between_the_shortest_and_a_quarter_above_the_longest(times: list[float]) -> None:
    usual = Usual()
    for seconds in times:
        usual.note(seconds)
    assert usual.known
    assert max(0.001, min(times)) / 1.25 <= usual.high <= 1.5625 * max(0.001, *times)


@pytest.mark.parametrize(("usual", "least", "most"), [(0.03, 1.0, 1.0), (2.0, 8.0, 12.5)])
def test_silence_is_borne_for_some_times_the_usual(usual: float, least: float, most: float) -> None:
    patience = accustomed(usual)
    assert least <= patience.silence("file", 0) <= most
    assert patience.silence("file", 1) == 3 * patience.silence("file", 0)


def test_early_repetitions_are_a_bounded_share_of_all_requests() -> None:
    patience = accustomed(0.03)
    at_once = 0
    while patience.hedge("file", 1.0):
        at_once += 1
    assert at_once <= 16
    for _ in range(100):
        patience.answered("file", 0.03)
    repeated = 0
    while patience.hedge("file", 1.0):
        repeated += 1
    assert repeated <= 10


def test_a_platform_that_gets_slower_is_waited_for_longer() -> None:
    patience = accustomed(0.03)
    for _ in range(200):
        patience.answered("file", 2.0)
    assert patience.silence("file", 0) >= 8


def test_the_first_retry_comes_soon_and_the_later_ones_bridge_an_outage() -> None:
    patience, tries, error = accustomed(0.03), Tries(), ServerError("x")
    waits = [tries.next_after(error, "file", patience, most=5, chance=0.5) for _ in range(6)]
    *seconds, given_up = waits
    assert given_up is None
    first, *later = [wait for wait in seconds if wait is not None]
    assert 0.05 <= first <= 0.2
    assert sum(later) >= 8


def test_without_budget_the_first_retry_does_not_come_soon() -> None:
    patience = Patience()
    waits = [patience.retry_after("file", 1, 0.5) for _ in range(200)]
    assert waits[0] < 0.2
    assert waits[-1] >= 0.25
    assert sum(wait < 0.2 for wait in waits) <= 64


@given(st.integers(0, 5))
def test_what_is_put_off_for_the_load_uses_up_no_try_and_is_bounded(most: int) -> None:
    patience, tries, error = accustomed(0.03), Tries(), BusyError("x")
    error.put_off = True
    waits = 0
    while tries.next_after(error, "file", patience, most=most, chance=0.5) is not None:
        waits += 1
    assert waits == MOST_PUT_OFF + most
