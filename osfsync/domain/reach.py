"""How far back syncs have read a device's lists without a gap, and so where the next one must begin. Pure.

A device that was out of contact tells its recordings afterwards, some nights later and not all at once; a
list fails for weeks, or only one of the two can be read. What was recorded before `Reach.until` was seen.
"""

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from osfsync.domain.model import TimeWindow, merge_windows

OVERLAP = timedelta(days=1)
"""How far what is listed reaches into what was seen before: lists may tell local time."""

LONGEST_LAG = timedelta(days=14)
STILL_SERVED = timedelta(days=7)
"""A list that could not be read for longer is not reached back for until it can be read again."""

QUIET_AFTER = timedelta(days=2)
"""Without a newer recording a device may be out of contact: nights on which it tells nothing do not count."""

LONGEST_WAIT = timedelta(days=92)
"""After this they do: a device that always tells late is listed no further and further back."""

LONGEST_NIGHT = timedelta(days=1)
"""Between two readings; more does not count, whether no sync ran, the list failed, or a clock jumped."""

MOST_REFUSALS = 7
"""Nights on which a platform refuses older days as such, before they are asked for no more."""


@dataclass(frozen=True, slots=True)
class Reach:
    """What was seen of one of a device's lists.

    Attributes:
        until: nothing that was recorded before is left to be seen.
        newest: the newest recording that was known at `newest_at`; `until` moves there later, since what lies
            before it may be told some nights after it. `newest_at` is put off by what does not count.
        served_at: when any part of this list was last read; None before that.
        refusals: nights on which older days were refused.
    """

    until: datetime
    newest: datetime
    newest_at: datetime
    served_at: datetime | None = None
    refusals: int = 0


@dataclass(frozen=True, slots=True)
class Reading:
    """What one sync read of one of a device's lists, at `at`.

    Attributes:
        asked: all windows that were asked for, at least one; the newest days first.
        read: those that were read to their end.
        refused: all others were refused as such; what fails otherwise may be had the next night.
        newest: recording that was listed, none that lies ahead; where lists tell no times, when it was first
            seen. None where nothing was listed.
    """

    asked: Sequence[TimeWindow]
    read: Sequence[TimeWindow]
    refused: bool
    newest: datetime | None
    at: datetime

    @property
    def recent(self) -> TimeWindow:
        """The window of the newest days, read or not."""
        return self.asked[0]


def lag_for(lookback: timedelta) -> timedelta:
    """How long `until` stays behind, at most: a sync lists what lies in the lookback anyway."""
    return max(timedelta(0), min(LONGEST_LAG, (lookback - OVERLAP) / 2))


def begin_of(reaches: Collection[Reach], now: datetime) -> datetime | None:
    """Where a device's next list must begin; None where no sync ever asked for it."""
    served = [
        reach for reach in reaches if reach.served_at is not None and now - reach.served_at <= STILL_SERVED
    ]
    return min((reach.until - OVERLAP for reach in served or reaches), default=None)


def gives_up(before: Reach | None, reading: Reading) -> bool:
    """Whether older days were refused often enough."""
    return before is not None and _is_refused(before, reading) and before.refusals + 1 >= MOST_REFUSALS


def moved(before: Reach | None, reading: Reading, lag: timedelta) -> Reach:
    """The reach after one more reading."""
    if before is None or before.until > reading.at:  # what lies ahead was told under a clock that was wrong
        return _first(reading)
    served_at = reading.at if reading.read else before.served_at
    last = before.served_at or before.newest_at
    if _covers(reading, before.until):
        return _advanced(replace(before, served_at=served_at, refusals=0), reading, lag, last)
    if gives_up(before, reading):
        return replace(before, until=reading.recent.start, served_at=served_at, refusals=0)
    refusals = before.refusals + _is_refused(before, reading)
    # What the older days would have told is not known: such a night does not count.
    newest_at = (
        min(reading.at, before.newest_at + _passed(reading, last)) if reading.read else before.newest_at
    )
    return replace(before, served_at=served_at, refusals=refusals, newest_at=newest_at)


def _first(reading: Reading) -> Reach:
    """The device may be telling what it recorded in a silence before."""
    start = reading.recent.start
    newest = reading.newest if reading.newest is not None and _covers(reading, start) else start
    return Reach(start, max(newest, start), reading.at, reading.at if reading.read else None)


def _advanced(reach: Reach, reading: Reading, lag: timedelta, last: datetime) -> Reach:
    """`last` is when the list was read before."""
    if max(reach.newest - reach.until, reading.at - reach.newest) > lag + 2 * OVERLAP:
        lag = LONGEST_LAG  # it was out of contact, and may tell the rest in bits
    noted = min(reading.at, reach.newest_at + _uncounted(reach, reading, last))
    if reading.newest is None or reading.at - noted < lag:
        return replace(reach, newest_at=noted)
    # A newest recording that lies ahead was told under a clock that was wrong.
    until = reach.until if reach.newest > reading.at else max(reach.until, reach.newest)
    return replace(reach, until=until, newest=reading.newest, newest_at=reading.at)


def _uncounted(reach: Reach, reading: Reading, last: datetime) -> timedelta:
    """How much of the time since the list was read before gave the device no chance to tell what it has."""
    passed = _passed(reading, last)
    quiet = reading.newest is None or reading.at - reading.newest > QUIET_AFTER
    if quiet and reading.at - reach.newest < LONGEST_WAIT:
        return passed
    return max(timedelta(0), passed - LONGEST_NIGHT)


def _passed(reading: Reading, last: datetime) -> timedelta:
    return max(timedelta(0), reading.at - last)


def _covers(reading: Reading, since: datetime) -> bool:
    return _cover(reading.read, TimeWindow(min(since, reading.recent.start), reading.recent.end))


def _is_refused(before: Reach, reading: Reading) -> bool:
    whole = TimeWindow(min(before.until, reading.recent.start), reading.recent.end)
    return (
        reading.refused
        and _cover(reading.asked, whole)
        and _cover(reading.read, reading.recent)
        and not _cover(reading.read, whole)
    )


def _cover(windows: Sequence[TimeWindow], whole: TimeWindow) -> bool:
    return any(window.start <= whole.start and whole.end <= window.end for window in merge_windows(windows))
