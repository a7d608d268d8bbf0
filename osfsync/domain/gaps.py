"""Intervals in which a device was in contact, but from which no file is known. Pure; all times UTC.

What is usual is read off the device's own past: pauses that recur, such as nights and weekends, are no gaps.
"""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from heapq import nlargest
from math import ceil

from osfsync.domain.model import TimeWindow

EARLIEST = datetime(2000, 1, 1, tzinfo=UTC)
"""What was recorded before was recorded by a clock that nobody had set."""

SHORTEST = timedelta(hours=1)
"""A pause up to here is never a gap."""

RECURS = timedelta(days=14)
"""A pause is usual where one as long comes at least so often."""

FEWEST = 3
"""Pauses of a length without which it is not usual, however short the past is."""

LONGER = 1.25
"""Times as long as usual: less is no gap."""

AROUND = timedelta(minutes=30)
"""A device is in contact before it records, and after: so near to a recording a contact shows nothing."""

LONGEST = timedelta(days=92)
"""Of a recording, before its clock is thought to have been set meanwhile."""


@dataclass(frozen=True, slots=True)
class Gap:
    """One interval. `contacts` lie in it, from `first` to `last`; `open` where nothing came after it yet.

    An open one ends with the last contact: of what a silent device records nothing can be known.
    """

    start: datetime
    end: datetime
    contacts: int
    first: datetime
    last: datetime
    open: bool

    @property
    def length(self) -> timedelta:
        """From the end of one recording to the begin of the next, if there is one."""
        return self.end - self.start


def recurring(pauses: Iterable[timedelta], past: timedelta) -> timedelta:
    """The longest of the pauses that recurs in so long a past; nothing where none does."""
    times = max(FEWEST, ceil(past / RECURS))
    longest = nlargest(times, pauses)
    return longest[-1] if len(longest) == times else timedelta(0)


@dataclass(frozen=True, slots=True)
class Recordings:
    """When a device recorded, as far as its files are known: from `begin` to `end`, but for `pauses`.

    Attributes:
        pauses: longer than `SHORTEST`, in order.
        usual_length: nine of ten files are no longer; one that is being recorded is not told yet.
    """

    begin: datetime
    end: datetime
    pauses: Sequence[TimeWindow]
    usual_length: timedelta = timedelta(0)

    def usual_pause(self) -> timedelta:
        """The longest that recurs; nothing where none does."""
        return recurring((pause.end - pause.start for pause in self.pauses), self.end - self.begin)


@dataclass(frozen=True, slots=True)
class Attendance:
    """When a device was in contact, and what it left out meanwhile.

    Attributes:
        contacts: ascending, as far as its communication log is kept.
        heard: the span over which that log was read; None where it was not.
        usual_pause: between recordings, the longest that recurs.
        recorded_until: the end of its last known recording, which it told of later.
    """

    contacts: Sequence[datetime]
    heard: TimeWindow | None
    gaps: Sequence[Gap]
    usual_pause: timedelta
    recorded_until: datetime | None = None


def gaps_of(
    recordings: Recordings | None, contacts: Sequence[datetime], seen_until: datetime | None
) -> list[Gap]:
    """The gaps of a device, in order.

    Args:
        recordings: of all its known files, wherever these lie; None where nothing tells any times.
        contacts: ascending, as far as the communication log is kept.
        seen_until: up to when both its lists and its log were read; None where they were not.
    """
    if recordings is None or seen_until is None:
        return []
    usual = recordings.usual_pause()
    shortest = max(SHORTEST, LONGER * usual)
    found = [_gap(pause, contacts, pause.end - AROUND) for pause in recordings.pauses]
    last = bisect_right(contacts, seen_until) - 1
    # A device tells at a contact what it recorded before: silent since, it has left out nothing yet.
    if last >= 0 and contacts[last] - recordings.end > LONGER * (usual + recordings.usual_length):
        found.append(_gap(TimeWindow(recordings.end, contacts[last]), contacts, None))
    return [gap for gap in found if gap is not None and shortest < gap.length and gap.end <= seen_until]


def _gap(pause: TimeWindow, contacts: Sequence[datetime], before: datetime | None) -> Gap | None:
    """The pause, where the device was in contact meanwhile; `before` None: it goes on."""
    low = bisect_right(contacts, pause.start + AROUND)
    high = bisect_right(contacts, pause.end) if before is None else bisect_left(contacts, before)
    if low >= high:
        return None
    return Gap(pause.start, pause.end, high - low, contacts[low], contacts[high - 1], open=before is None)
