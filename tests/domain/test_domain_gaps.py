"""Gaps: intervals in which a device was in contact, but from which no file is known."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from osfsync.domain.gaps import AROUND, SHORTEST, Recordings, gaps_of
from osfsync.domain.model import TimeWindow

BEGIN = datetime(2026, 1, 5, tzinfo=UTC)  # a Monday
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def recordings(days: float, *pauses: tuple[float, float]) -> Recordings:
    """From `BEGIN` on over so many days, but for pauses, given in days."""
    return Recordings(
        BEGIN, BEGIN + days * DAY, [TimeWindow(BEGIN + a * DAY, BEGIN + b * DAY) for a, b in pauses]
    )


def hourly(days: int) -> list[datetime]:
    return [BEGIN + number * HOUR for number in range(24 * days)]


def test_a_pause_amid_contacts_is_a_gap() -> None:
    known = recordings(60, (20, 21))
    (gap,) = gaps_of(known, hourly(60), known.end)
    assert (gap.start, gap.end, gap.open) == (BEGIN + 20 * DAY, BEGIN + 21 * DAY, False)
    assert gap.contacts == 23  # the one at its begin belongs to the recording before
    assert gap.first == BEGIN + 20 * DAY + HOUR
    assert gap.last == BEGIN + 21 * DAY - HOUR
    assert gap.length == DAY


def test_a_pause_of_a_silent_device_is_none() -> None:
    known = recordings(60, (20, 21))
    contacts = [at for at in hourly(60) if not BEGIN + 20 * DAY < at < BEGIN + 21 * DAY]
    assert gaps_of(known, contacts, known.end) == []


def test_contacts_beside_recordings_show_nothing() -> None:
    """A device is in contact before its first file begins, and after its last one has ended."""
    known = recordings(60, (20, 21))
    beside = [BEGIN + 20 * DAY + AROUND, BEGIN + 21 * DAY - AROUND]
    assert gaps_of(known, beside, known.end) == []
    within = [BEGIN + 20 * DAY + AROUND + timedelta(seconds=1)]
    assert len(gaps_of(known, within, known.end)) == 1


def test_what_is_being_recorded_is_no_gap_yet() -> None:
    """A device that records for eight hours at a time tells of each file when it is whole."""
    known = replace(recordings(60), usual_length=8 * HOUR)
    for hours, gaps in ((2, 0), (10, 0), (11, 1)):
        found = gaps_of(known, [known.end + hours * HOUR], known.end + hours * HOUR)
        assert len(found) == gaps
        assert all(gap.open for gap in found)


def test_nights_and_weekends_are_usual() -> None:
    """Monday to Friday, eight to six: neither night nor weekend is a gap, a free Wednesday is."""
    at_work = [
        week * 7 + day + part
        for week in range(8)
        for day in range(5)
        if (week, day) != (4, 2)
        for part in (8 / 24, 18 / 24)
    ]
    pauses = list(zip(at_work[1::2], at_work[2::2], strict=False))
    known = recordings(at_work[-1], *pauses)
    assert known.usual_pause() == timedelta(hours=62)
    assert gaps_of(known, hourly(56), known.end) == []
    # Two days are shorter than a weekend; a week is not.
    longer = recordings(70, *pauses, (54.75, 62))
    assert [gap.length for gap in gaps_of(longer, hourly(70), longer.end)] == [timedelta(days=7, hours=6)]


def test_what_recurs_less_than_once_a_fortnight_is_not_usual() -> None:
    rare = recordings(100, (10, 11), (40, 41), (80, 81))
    assert rare.usual_pause() == timedelta(0)
    assert len(gaps_of(rare, hourly(100), rare.end)) == 3


def test_a_short_past_teaches_with_three_pauses() -> None:
    known = recordings(3, (0.5, 1), (1.5, 2), (2.4, 2.9))
    assert known.usual_pause() == timedelta(hours=12)
    assert gaps_of(known, hourly(3), known.end) == []


def test_what_a_silent_device_records_is_not_known() -> None:
    """It was in contact two hours after its last file, and is silent since: that is no gap."""
    known = replace(recordings(60), usual_length=4 * HOUR)
    assert gaps_of(known, [known.end + 2 * HOUR], known.end + 12 * HOUR) == []
    (gap,) = gaps_of(known, [known.end + 2 * HOUR, known.end + 6 * HOUR], known.end + 12 * HOUR)
    assert (gap.end, gap.contacts) == (known.end + 6 * HOUR, 2)


def test_nothing_since_is_an_open_gap() -> None:
    known = recordings(60)
    (gap,) = gaps_of(known, hourly(64), BEGIN + 64 * DAY)
    assert (gap.start, gap.end, gap.open) == (known.end, BEGIN + 64 * DAY - HOUR, True)
    assert gaps_of(known, hourly(64), known.end + SHORTEST) == []


def test_what_was_not_looked_at_is_not_told() -> None:
    known = recordings(60, (20, 21))
    assert gaps_of(known, hourly(60), None) == []
    assert gaps_of(None, hourly(60), known.end) == []
    assert gaps_of(known, hourly(60), BEGIN + 20.5 * DAY) == []


@given(
    st.lists(st.tuples(st.integers(0, 500), st.integers(1, 80)), max_size=30),
    st.lists(st.integers(0, 800), max_size=60),
    st.integers(0, 900),
)
def test_gaps_are_pauses_in_order_and_hold_their_contacts(
    told: list[tuple[int, int]], contacts: list[int], seen: int
) -> None:
    at, pauses = 0, []
    for recorded, pause in told:
        at += recorded + 1
        pauses.append(TimeWindow(BEGIN + at * HOUR, BEGIN + (at + pause) * HOUR))
        at += pause
    known = Recordings(
        BEGIN, BEGIN + (at + 1) * HOUR, [each for each in pauses if each.end - each.start > SHORTEST]
    )
    moments = [BEGIN + hour * HOUR for hour in sorted(set(contacts))]
    until = BEGIN + seen * HOUR
    gaps = gaps_of(known, moments, until)
    assert [gap.start for gap in gaps] == sorted(gap.start for gap in gaps)
    for gap in gaps:
        assert gap.length > SHORTEST
        assert gap.start < gap.first <= gap.last <= gap.end <= until
        assert (gap.last == gap.end) is gap.open
        assert gap.contacts == sum(gap.first <= moment <= gap.last for moment in moments)
        assert gap.open == (gap.start == known.end)
