"""Which windows are listed, seen by a platform that lists only what lies wholly inside one."""

from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from osfsync.domain.model import TimeWindow
from osfsync.domain.reach import OVERLAP
from osfsync.pipeline.wishes import LISTED_AT_ONCE, in_turn, pieces_of

BEGIN = datetime(2026, 1, 1, tzinfo=UTC)
MINUTES = st.integers(0, 200 * 24 * 60).map(lambda minutes: timedelta(minutes=minutes))


@given(
    length=MINUTES, at=MINUTES, lasts=st.integers(0, 24 * 60).map(lambda minutes: timedelta(minutes=minutes))
)
def test_a_recording_of_a_day_lies_wholly_inside_a_piece(
    length: timedelta, at: timedelta, lasts: timedelta
) -> None:
    window = TimeWindow(BEGIN, BEGIN + length)
    pieces = pieces_of(window)
    assert (pieces[0].start, max(piece.end for piece in pieces)) == (window.start, window.end)
    assert all(piece.end - piece.start <= LISTED_AT_ONCE + OVERLAP for piece in pieces)
    if at + lasts <= length:
        start, end = BEGIN + at, BEGIN + at + lasts
        assert any(piece.start <= start and end <= piece.end for piece in pieces)


def test_another_comes_first_each_day() -> None:
    firsts = {in_turn("abcd", BEGIN + timedelta(days=day))[0] for day in range(4)}
    assert firsts == set("abcd")
    assert in_turn([], BEGIN) == []


def test_windows_at_the_end_of_time_have_pieces_too() -> None:
    end = datetime.max.replace(tzinfo=UTC)
    pieces = pieces_of(TimeWindow(end - 100 * OVERLAP, end))
    assert max(piece.end for piece in pieces) == end
