"""What a day of a device looks like."""

from datetime import UTC, date, datetime, timedelta
from itertools import product

import pytest

from osfsync.domain.coverage import Absence, Calendar, Period, Standing, standing_of
from osfsync.domain.gaps import Attendance, Gap
from osfsync.domain.model import StorageStatus, TimeWindow
from osfsync.domain.planner import Reason

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
PERIOD = Period.until(NOW, 10)  # 1 to 10 March
NOWHERE = Attendance((), None, (), timedelta(0))


def day(number: int) -> date:
    return date(2026, 3, number)


def noon(number: int) -> datetime:
    return datetime(2026, 3, number, 12, tzinfo=UTC)


def test_a_period_ends_today() -> None:
    assert date(2026, 3, 1) == PERIOD.first
    assert PERIOD.number(day(10)) == 9


def test_files_count_on_each_of_their_days() -> None:
    calendar = Calendar(PERIOD)
    calendar.add(day(2), day(4), Standing.HELD, 3)
    calendar.add(day(4), day(4), Standing.LOST)
    assert calendar.counts(Standing.HELD) == [0, 3, 3, 3, 0, 0, 0, 0, 0, 0]
    assert calendar.counts(Standing.LOST) == [0, 0, 0, 1, 0, 0, 0, 0, 0, 0]


def test_days_outside_are_left_out() -> None:
    calendar = Calendar(PERIOD)
    calendar.add(date(2026, 2, 20), day(1), Standing.HELD)
    calendar.add(day(10), date(2026, 3, 15), Standing.HELD)
    calendar.add(date(1970, 1, 1), date(1970, 1, 1), Standing.HELD)
    calendar.add(date(2105, 1, 1), None, Standing.HELD)
    assert calendar.counts(Standing.HELD) == [1, 0, 0, 0, 0, 0, 0, 0, 0, 1]


def test_a_clock_that_was_set_meanwhile_covers_no_years() -> None:
    calendar = Calendar(PERIOD)
    calendar.add(date(1970, 1, 1), day(3), Standing.HELD)
    calendar.add(day(6), day(5), Standing.HELD)  # ends before it begins
    assert calendar.counts(Standing.HELD) == [0, 0, 1, 0, 1, 1, 0, 0, 0, 0]


def test_files_without_times_are_counted_by_themselves() -> None:
    calendar = Calendar(PERIOD)
    calendar.add(None, None, Standing.ON_DEVICE, 2)
    calendar.add(None, day(3), Standing.ON_DEVICE)
    calendar.add(day(4), None, Standing.ON_DEVICE)
    assert calendar.timeless == 2
    assert calendar.counts(Standing.ON_DEVICE) == [0, 0, 1, 1, 0, 0, 0, 0, 0, 0]


def test_days_without_files() -> None:
    calendar = Calendar(PERIOD)
    calendar.add(day(2), day(2), Standing.HELD)
    gap = Gap(noon(4), noon(6), 2, noon(5), noon(5), open=False)
    attendance = Attendance(
        contacts=[noon(2), noon(3), noon(5)],
        heard=TimeWindow(noon(1), noon(9)),
        gaps=[gap],
        usual_pause=timedelta(0),
    )
    assert list(calendar.absences(attendance)) == [
        Absence.UNKNOWN,  # the log begins at noon of that day
        None,
        Absence.IDLE,
        Absence.SILENT,  # in the gap, but not in contact
        Absence.GAP,
        Absence.SILENT,
        Absence.SILENT,
        Absence.SILENT,
        Absence.UNKNOWN,  # the log was read up to noon of that day
        Absence.UNKNOWN,
    ]


def test_where_nothing_was_heard_nothing_is_silent() -> None:
    assert set(Calendar(PERIOD).absences(NOWHERE)) == {Absence.UNKNOWN}


@pytest.mark.parametrize(("reason", "status"), list(product(Reason, StorageStatus)))
def test_every_reason_has_a_standing(reason: Reason, status: StorageStatus) -> None:
    standing = standing_of(reason, status)
    assert (standing is None) == (reason is Reason.FILTERED)
    assert standing is not Standing.HELD
