"""How far a list was read without a gap, night by night."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osfsync.domain.model import TimeWindow
from osfsync.domain.reach import (
    LONGEST_LAG,
    LONGEST_WAIT,
    MOST_REFUSALS,
    OVERLAP,
    STILL_SERVED,
    Reach,
    Reading,
    begin_of,
    gives_up,
    lag_for,
    moved,
)

DAY = timedelta(days=1)
FIRST = datetime(2026, 3, 1, tzinfo=UTC)
LOOKBACK = 30 * DAY
LAG = lag_for(LOOKBACK)


@dataclass
class Device:
    """A device and its list; `sync` lists what a sync would."""

    recordings: set[datetime] = field(default_factory=set)
    seen: set[datetime] = field(default_factory=set)
    reach: Reach | None = None
    now: datetime = FIRST
    lookback: timedelta = LOOKBACK
    timed: bool = True
    sights: dict[datetime, datetime] = field(default_factory=dict)
    asked: list[TimeWindow] = field(default_factory=list)

    def windows(self) -> list[TimeWindow]:
        recent = TimeWindow(self.now - self.lookback, self.now)
        begin = begin_of([] if self.reach is None else [self.reach], self.now)
        return (
            [recent] if begin is None or begin >= recent.start else [recent, TimeWindow(begin, recent.start)]
        )

    def sync(self, works: Sequence[bool] = (True, True), *, refused: bool = False) -> bool:
        """Whether the older days are given up; the last of `works` is about the lookback."""
        self.asked = self.windows()
        read = [w for w, good in zip(self.asked, works[::-1][: len(self.asked)], strict=True) if good]
        found = {r for r in self.recordings if r <= self.now and any(w.start <= r <= w.end for w in read)}
        self.seen |= found
        for recording in found:
            self.sights.setdefault(recording, self.now)
        newest = max(found if self.timed else (self.sights[recording] for recording in found), default=None)
        reading = Reading(self.asked, read, refused, newest, self.now)
        given_up = gives_up(self.reach, reading)
        self.reach = moved(self.reach, reading, lag_for(self.lookback))
        return given_up


def live(device: Device, nights: int, *, silent: bool = False) -> list[datetime]:
    """A recording and a sync each night; answers what was recorded, which a silent device does not tell."""
    recorded = []
    for _ in range(nights):
        recorded.append(device.now)
        if not silent:
            device.recordings.add(device.now)
        device.sync()
        device.now += DAY
    return recorded


def test_a_device_that_records_each_day_is_listed_over_its_lookback_alone() -> None:
    device = Device()
    live(device, 20)  # at first it may be telling a backlog
    for _ in range(100):
        device.recordings.add(device.now)
        device.sync()
        assert len(device.asked) == 1
        device.now += DAY


def test_no_list_for_weeks() -> None:
    device = Device()
    for night in range(120):
        device.recordings.add(device.now)
        device.sync((True, True) if not 10 < night < 80 else (False, False))
        device.now += DAY
    assert device.seen == device.recordings
    assert len(device.asked) == 1  # it caught up


def test_a_device_whose_first_nights_fail() -> None:
    device = Device()
    for night in range(60):
        device.recordings.add(device.now)
        device.sync((night > 50, night > 50))
        device.now += DAY
    assert device.seen == device.recordings


@pytest.mark.parametrize("late", [1, 5, 10])
def test_the_backlog_of_a_silent_device_that_is_told_over_some_nights(late: int) -> None:
    device = Device({FIRST})
    for _ in range(60):
        device.sync()
        device.now += DAY
    device.recordings.add(device.now)  # the newest comes first
    for _ in range(late):
        device.sync()
        device.now += DAY
    device.recordings |= {FIRST + night * DAY for night in range(1, 60)}
    device.sync()
    assert device.seen == device.recordings


@pytest.mark.parametrize("phase", range(10))
def test_nights_on_which_nothing_is_listed_at_all_count_no_more_than_silent_ones(phase: int) -> None:
    """Lists run empty where everything is dropped after a month, as its bytes are had."""
    device = Device()
    live(device, 20 + phase)
    backlog = live(device, 40, silent=True)
    live(device, 10)
    for _ in range(50):
        device.recordings = {at for at in device.recordings if device.now - at < 30 * DAY}
        device.sync()
        device.now += DAY
    live(device, 1)
    device.recordings |= set(backlog)
    live(device, 5)
    assert set(backlog) <= device.seen


@pytest.mark.parametrize("empty", [10, 13, 14, 15, 20, 40])
def test_lists_that_come_empty_by_mistake_move_nothing(empty: int) -> None:
    device = Device()
    live(device, 30)
    backlog = live(device, 40, silent=True)
    live(device, 15)
    told, device.recordings = device.recordings, set()
    live(device, empty, silent=True)
    device.recordings = told
    live(device, 2)
    device.recordings |= set(backlog)
    live(device, 2)
    assert set(backlog) <= device.seen


@pytest.mark.parametrize("lookback", [5, 8, 10, 20, 30])
@pytest.mark.parametrize("silent", [80, 92, 95, 100, 104, 120])
@pytest.mark.parametrize("late", [1, 3, 6, 10, 13])
def test_the_rest_of_a_backlog_after_a_long_silence(lookback: int, silent: int, late: int) -> None:
    """One of the oldest recordings comes first, the rest some nights later."""
    device = Device(lookback=lookback * DAY)
    live(device, 25)
    hidden = live(device, silent, silent=True)
    device.recordings.add(hidden[4])
    live(device, late, silent=True)
    device.recordings |= set(hidden)
    live(device, 5)
    assert set(hidden) <= device.seen


def test_older_days_that_fail_are_asked_for_until_they_come() -> None:
    device = Device({FIRST})
    device.sync()
    device.now += 60 * DAY
    device.recordings.add(FIRST + 20 * DAY)
    for _ in range(3 * MOST_REFUSALS):
        assert not device.sync((False, True))
        device.now += DAY
    device.sync()
    assert device.seen == device.recordings


def test_older_days_that_are_refused_again_and_again_are_given_up() -> None:
    device = Device({FIRST})
    device.sync()
    device.now += 60 * DAY
    nights = 0
    while not device.sync((False, True), refused=True):
        assert len(device.asked) == 2
        device.now += DAY
        nights += 1
    assert nights == MOST_REFUSALS - 1
    device.now += DAY
    device.sync()
    assert device.asked[0].start >= device.now - LOOKBACK - 2 * DAY


def test_a_single_refusal_gives_nothing_up() -> None:
    device = Device({FIRST})
    device.sync()
    device.now += 60 * DAY
    device.recordings.add(FIRST + 20 * DAY)
    device.sync((False, True), refused=True)
    device.now += DAY
    device.sync()
    assert device.seen == device.recordings


def test_a_clock_that_was_ahead_for_one_night_hides_nothing() -> None:
    device = Device({FIRST})
    device.sync()
    right = device.now + DAY
    device.now = datetime(2097, 1, 1, tzinfo=UTC)
    device.sync()
    device.now = right
    for night in range(80):
        device.recordings.add(device.now)
        device.sync((night > 60, night > 60))
        device.now += DAY
    assert device.seen == device.recordings


def test_a_clock_that_was_ahead_when_the_device_was_first_met_hides_nothing() -> None:
    device = Device({FIRST}, now=FIRST + 3 * 365 * DAY)
    device.sync()
    device.now = FIRST + DAY
    for night in range(120):
        device.recordings.add(device.now)
        works = not 20 < night < 80
        device.sync((works, works))
        device.now += DAY
    assert device.seen == device.recordings


def test_only_lists_that_were_served_of_late_are_reached_back_for() -> None:
    now = FIRST + 100 * DAY
    old = Reach(FIRST, FIRST, FIRST, None)
    new = Reach(now - 20 * DAY, now, now, now - DAY)
    assert begin_of([old, new], now) == now - 20 * DAY - OVERLAP
    assert begin_of([Reach(FIRST, FIRST, FIRST, now - STILL_SERVED), new], now) == FIRST - OVERLAP
    assert begin_of([old], now) == FIRST - OVERLAP  # neither was: whichever comes back
    assert begin_of([], now) is None


@given(
    st.lists(
        st.tuples(st.booleans(), st.booleans(), st.booleans(), st.integers(1, 12)), min_size=1, max_size=40
    )
)
def test_whatever_fails_all_is_seen_once_lists_work_again(
    nights: list[tuple[bool, bool, bool, int]],
) -> None:
    device = Device()
    for older, recent, records, days in nights:
        if records:
            device.recordings.add(device.now)
        device.sync((older, recent))
        device.now += days * DAY
    device.sync()
    assert device.seen == device.recordings


@pytest.mark.parametrize("timed", [True, False])
@pytest.mark.parametrize(("first", "second"), [(40, 13), (40, 16), (40, 20), (25, 25), (60, 45)])
@pytest.mark.parametrize("phase", range(0, 40, 9))
def test_a_device_that_is_back_for_one_night_and_silent_again(
    phase: int, first: int, second: int, timed: bool
) -> None:
    device = Device(timed=timed)
    live(device, 20 + phase)
    hidden = live(device, first, silent=True)
    live(device, 1)
    hidden += live(device, second, silent=True)
    device.recordings.update(hidden)
    live(device, 1)
    assert device.seen == device.recordings


@pytest.mark.parametrize(
    ("days", "silent", "later"), [(7, 5, 4), (7, 5, 7), (7, 6, 6), (14, 10, 12), (5, 4, 9)]
)
@pytest.mark.parametrize("phase", range(9))
def test_a_backlog_that_is_told_later_whatever_the_lookback(
    phase: int, days: int, silent: int, later: int
) -> None:
    device = Device(lookback=days * DAY)
    live(device, 20 + phase)
    hidden = live(device, silent, silent=True)
    live(device, later)
    device.recordings.update(hidden)
    live(device, 1)
    assert device.seen == device.recordings


@pytest.mark.parametrize("days", [20, 400])
def test_a_clock_that_jumps_while_a_backlog_is_told(days: int) -> None:
    device = Device()
    live(device, 20)
    hidden = live(device, 40, silent=True)
    live(device, 1)
    right = device.now
    device.now += days * DAY
    device.sync()
    device.now = right
    live(device, 1)
    device.recordings.update(hidden)
    live(device, 1)
    assert device.seen == device.recordings


@pytest.mark.parametrize(("first", "outage"), [(14, 60), (10, 42), (25, 65)])
@pytest.mark.parametrize("timed", [True, False])
def test_a_first_sync_amid_an_outage(first: int, outage: int, timed: bool) -> None:
    device = Device({FIRST - night * DAY for night in range(30)}, now=FIRST, timed=timed)
    hidden = [FIRST + night * DAY for night in range(1, outage)]
    device.now = FIRST + first * DAY
    live(device, outage - first, silent=True)
    device.recordings.update(hidden)
    within = [recording for recording in hidden if recording >= FIRST + first * DAY - LOOKBACK]
    live(device, 1)
    assert device.seen >= set(within)


def test_a_device_that_rests_at_weekends_is_listed_over_its_lookback_alone() -> None:
    device = Device()
    for night in range(200):
        if night % 7 < 5:
            device.recordings.add(device.now)
        device.sync()
        assert len(device.asked) == 1 or night < 30
        device.now += DAY


@pytest.mark.parametrize("every", [7, 30, 60])
def test_a_device_that_is_seldom_in_contact_is_listed_no_further_and_further_back(every: int) -> None:
    device = Device()
    for night in range(1_000):
        if night % every == 0:
            device.recordings.add(device.now)
        device.sync()
        assert device.asked[-1].start >= device.now - 2 * (LONGEST_WAIT + LONGEST_LAG) - every * DAY
        device.now += DAY
    assert device.seen == device.recordings


@pytest.mark.parametrize("works", [(False, True), (False, False)])
@pytest.mark.parametrize("days", [14, 30])
def test_nights_on_which_older_days_fail_do_not_count(days: int, works: tuple[bool, bool]) -> None:
    device = Device(lookback=days * DAY)
    live(device, 20)
    hidden = live(device, 40, silent=True)
    live(device, 1)
    for _ in range(20):
        device.sync(works)
        device.now += DAY
    live(device, 1)
    device.recordings.update(hidden)
    live(device, 1)
    assert device.seen == device.recordings


@pytest.mark.parametrize(("days", "silent", "later"), [(30, 28, 3), (30, 28, 12), (7, 6, 2), (7, 6, 10)])
def test_a_first_sync_while_a_device_tells_a_backlog(days: int, silent: int, later: int) -> None:
    device = Device(lookback=days * DAY)
    hidden = [FIRST + night * DAY for night in range(silent)]
    device.now = FIRST + silent * DAY
    live(device, later)
    device.recordings.update(hidden)
    live(device, 1)
    assert device.seen == device.recordings


def test_one_sync_a_week_gives_a_backlog_its_time_too() -> None:
    device = Device({FIRST})
    for _ in range(6):
        device.sync()
        device.now += 7 * DAY
    hidden = [FIRST + night * DAY for night in range(1, 42)]
    for _ in range(10):  # some of the oldest comes last
        device.recordings.add(device.now)
        device.sync()
        device.now += 7 * DAY
    device.recordings.update(hidden)
    device.sync()
    assert device.seen == device.recordings
