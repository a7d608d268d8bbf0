"""What a day of a device looks like: which of its files are held, and why there may be none. Pure."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import assert_never

from osfsync.domain.gaps import LONGEST, Attendance
from osfsync.domain.model import StorageStatus, TimeWindow
from osfsync.domain.planner import Reason

_DAY = timedelta(days=1)


class Standing(StrEnum):
    """Where the files of a day are."""

    HELD = "held"
    ON_SERVER = "on-server"
    ORDERED = "ordered"
    ON_DEVICE = "on-device"
    LOST = "lost"


class Absence(StrEnum):
    """Why a day has no file, as far as can be told."""

    GAP = "gap"  # the device was in contact at a time of which it usually has files
    IDLE = "idle"  # it was in contact, and no file is expected
    SILENT = "silent"  # its communication log was read over the whole day, and shows no contact
    UNKNOWN = "unknown"  # nothing tells whether it was on


def standing_of(reason: Reason, status: StorageStatus) -> Standing | None:
    """Where a missing file is; None where it is not wanted."""
    match reason:
        case Reason.LISTED_NOT_ORDERED:
            return Standing.ON_DEVICE
        case Reason.ORDERED | Reason.DEVICE_SILENT | Reason.ORDERED_NOT_DELIVERED | Reason.DELIVERING:
            return Standing.ORDERED
        case Reason.ON_SERVER | Reason.RETRYING | Reason.FAILED | Reason.QUARANTINED:
            return Standing.ON_SERVER
        case Reason.NO_PERMISSION:
            return Standing.ON_SERVER if status.on_server else Standing.ON_DEVICE
        case Reason.LOST:
            return Standing.LOST
        case Reason.FILTERED:
            return None
        case _:
            assert_never(reason)


@dataclass(frozen=True, slots=True)
class Period:
    """So many days from `first` on, UTC."""

    first: date
    days: int

    @classmethod
    def until(cls, now: datetime, days: int) -> "Period":
        """The days up to and including that of `now`."""
        return cls(now.date() - (days - 1) * _DAY, days)

    def between(self, start: date, end: date) -> range:
        """Numbers of the days from `start` to `end` that lie in it."""
        return range(max(0, self.number(start)), min(self.days - 1, self.number(end)) + 1)

    def number(self, day: date) -> int:
        """Of a day, counted from the first; it may lie outside."""
        return (day - self.first).days


@dataclass(slots=True)
class Calendar:
    """Files of one device by day and standing; one that spans days counts on each of them."""

    period: Period
    files: dict[Standing, Counter[int]] = field(
        default_factory=lambda: {each: Counter() for each in Standing}
    )
    timeless: int = 0

    def add(self, start: date | None, end: date | None, standing: Standing, files: int = 1) -> None:
        """So many files with the same days; those whose days no list tells are counted by themselves."""
        first, last = start or end, end or start
        if first is None or last is None:
            self.timeless += files
            return
        spans = [(first, last)] if first <= last <= first + LONGEST else [(first, first), (last, last)]
        for begin, until in spans:
            for day in self.period.between(begin, until):
                self.files[standing][day] += files

    def counts(self, standing: Standing) -> list[int]:
        """Of each day."""
        of_day = self.files[standing]
        return [of_day[day] for day in range(self.period.days)]

    def absences(self, attendance: Attendance) -> Iterator[Absence | None]:
        """Of each day why it has no file; None where it has some."""
        in_contact = {self.period.number(contact.date()) for contact in attendance.contacts}
        in_gap = {
            day for gap in attendance.gaps for day in self.period.between(gap.start.date(), gap.end.date())
        }
        some = set().union(*self.files.values())
        for day in range(self.period.days):
            if day in some:
                yield None
            elif day in in_contact:
                yield Absence.GAP if day in in_gap else Absence.IDLE
            else:
                yield Absence.SILENT if self._is_heard(day, attendance.heard) else Absence.UNKNOWN

    def _is_heard(self, day: int, heard: TimeWindow | None) -> bool:
        begin = datetime.combine(self.period.first, datetime.min.time(), UTC) + day * _DAY
        return heard is not None and heard.start <= begin and begin + _DAY <= heard.end
