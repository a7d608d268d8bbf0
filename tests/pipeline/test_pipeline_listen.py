from datetime import UTC, datetime, timedelta

from osfsync.pipeline.listen import _windows
from osfsync.state.terms import KEEP_EVENTS

NOW = datetime(2026, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


def test_the_first_look_goes_back_a_month_and_comes_in_weeks() -> None:
    windows = _windows(None, NOW)
    assert (windows[0].start, windows[-1].end) == (NOW - 30 * DAY, NOW)
    assert all(window.end - window.start <= 7 * DAY for window in windows)
    assert [window.end for window in windows[:-1]] == [window.start for window in windows[1:]]


def test_later_looks_go_on_where_the_last_one_ended_and_overlap_a_little() -> None:
    (window,) = _windows(NOW - timedelta(hours=1), NOW)
    assert (window.start, window.end) == (NOW - timedelta(hours=1, minutes=15), NOW)
    assert _windows(NOW - 80 * DAY, NOW)[0].start == NOW - 80 * DAY - timedelta(minutes=15)
    assert _windows(NOW - 900 * DAY, NOW)[0].start == NOW - KEEP_EVENTS


def test_a_clock_that_was_ahead_makes_no_gap() -> None:
    assert _windows(NOW + DAY, NOW)[0].start == NOW - timedelta(minutes=15)
