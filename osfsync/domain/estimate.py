"""When something will come: a device's next contact, the delivery of a file.

A device is measured by its own past alone; how it lives is not assumed. What the platform's page does not
tell is guessed here: that older files are delivered first, and what a contact can deliver. All times UTC.
"""

from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from math import ceil, hypot

FEWEST = 5
"""Contacts without which nothing is said."""

HISTORY = 200
"""How many of the latest contacts count: enough for rare outages, and old habits are forgotten."""

ONE_CONTACT = timedelta(minutes=5)
"""Events no further apart than this belong to one contact."""

HORIZON = timedelta(days=3650)
"""What may take longer than this is not estimated."""

_HALF = 0.5
_NINE_IN_TEN = 0.9


@dataclass(frozen=True, slots=True)
class Estimate:
    """In half of all cases by `median`, in nine of ten by `bound`; never before the moment of asking."""

    median: datetime
    bound: datetime


@dataclass(frozen=True, slots=True)
class Queue:
    """What stands between a file and its delivery.

    Attributes:
        commands: how many commands the device must still execute, up to and including the one that asks for
            the file; 0 when the platform has requested it already.
        files_ahead: awaited files of the device that come first, as far as one can guess: the older ones.
        files: all awaited files of the device, this one included.
    """

    commands: int
    files_ahead: int
    files: int


def as_contacts(moments: Iterable[datetime]) -> list[datetime]:
    """One moment a contact, ascending, from the times of the events that only a connected device causes."""
    contacts: list[datetime] = []
    for moment in sorted(moments):
        if not contacts or moment - contacts[-1] > ONE_CONTACT:
            contacts.append(moment)
    return contacts


def next_contact(contacts: Sequence[datetime], now: datetime) -> Estimate | None:
    """When the device connects next.

    Only pauses longer than the present silence tell how much of it is left. Where there is none, the device
    has been silent for longer than it ever was: its past says nothing of that, and so does this.

    Args:
        contacts: one moment a contact, ascending (see `as_contacts`).
        now: the moment of asking.

    Returns:
        None with fewer than `FEWEST` contacts, for a device that is silent for longer than it ever was, and
        beyond `HORIZON`.
    """
    wait = _next_wait(contacts[-HISTORY:], now)
    return None if wait is None else _from(now, wait)


def delivery(
    contacts: Sequence[datetime], deliveries: Sequence[datetime], queue: Queue, now: datetime
) -> Estimate | None:
    """When a file that only the device holds reaches the server.

    A contact executes one command and delivers some files, that of its own command among them. The median
    counts on a usual number of files, and on older files being delivered while commands run; the bound on
    few files, and on none before the last command. Oldest first is a guess, so the bound is never before the
    whole queue is likely through: it nearly holds in any order.

    Args:
        contacts: as for `next_contact`.
        deliveries: when single files were delivered, ascending; several may share a time.
        queue: what comes before the file.
        now: the moment of asking.

    Returns:
        None where `next_contact` gives none, where nothing was ever delivered, and beyond `HORIZON`.
    """
    recent = contacts[-HISTORY:]
    wait = _next_wait(recent, now)
    counts = _Counts.of(contacts, deliveries)
    if wait is None or not counts.all:
        return None
    usual, few = counts.reached_in(_HALF), counts.reached_in(_NINE_IN_TEN)
    place = queue.files_ahead + 1
    likely = max(queue.commands, ceil(place / usual))
    cautious = max(queue.commands - 1, 0) + ceil(place / few)
    everything = max(queue.commands, ceil(max(queue.files, place) / usual))
    after = _stretch(recent, likely - 1, _HALF)
    median = wait.median + after
    # A late next contact and slow ones after it seldom come together: their excesses add up like errors.
    excess = hypot(wait.bound - wait.median, _stretch(recent, cautious - 1, _NINE_IN_TEN) - after)
    whole_queue = wait.median + _stretch(recent, everything - 1, _HALF)
    return _from(now, _Wait(median, max(median + excess, whole_queue)))


@dataclass(frozen=True, slots=True)
class _Wait:
    """Seconds from the moment of asking, else like `Estimate`."""

    median: float
    bound: float


def _from(now: datetime, wait: _Wait) -> Estimate | None:
    if wait.bound > HORIZON.total_seconds():
        return None
    return Estimate(now + timedelta(seconds=wait.median), now + timedelta(seconds=wait.bound))


def _next_wait(contacts: Sequence[datetime], now: datetime) -> _Wait | None:
    if len(contacts) < FEWEST:
        return None
    silence = (now - contacts[-1]).total_seconds()
    left = sorted(pause - silence for pause in _spans(contacts, 1) if pause > silence)
    return _Wait(_reached(left, _HALF), _reached(left, _NINE_IN_TEN)) if left else None


def _spans(contacts: Sequence[datetime], pauses: int) -> list[float]:
    """How long each run of so many pauses lasted, in seconds."""
    return [(end - start).total_seconds() for start, end in zip(contacts, contacts[pauses:], strict=False)]


def _reached(ascending: Sequence[float], share: float) -> float:
    """What the next value exceeds in no more than `1 - share` of all cases.

    The rank counts the value to come among the known ones, or few would promise too much. Where it lies past
    the largest, the values count as exponential: one reaches ninefold, eight not quite threefold their mean.
    """
    known = len(ascending)
    rank = ceil((known + 1) * share)
    if rank <= known:
        return ascending[rank - 1]
    tail: float = (1 - share) ** (-1 / known) - 1
    return max(ascending[-1], sum(ascending) * tail)


def _stretch(contacts: Sequence[datetime], pauses: int, share: float) -> float:
    """How long so many pauses in a row last, in seconds, reached in `share` of all cases.

    Real runs keep outages together that come together. A run has at most a quarter of the history, or there
    would be too few different ones; what is longer is scaled up.
    """
    if pauses == 0:
        return 0.0
    length = min(pauses, max((len(contacts) - 1) // 4, 1))
    return _reached(sorted(_spans(contacts, length)), share) * pauses / length


@dataclass(frozen=True, slots=True)
class _Counts:
    """How many files contacts delivered, of contacts that delivered any; `all` of them ascending.

    `full` are those whose next contact delivered too: the device had more than it could deliver. The others
    emptied its queue, and show only that it can deliver as many.
    """

    full: Counter[int]
    all: list[int]

    @classmethod
    def of(cls, contacts: Sequence[datetime], deliveries: Sequence[datetime]) -> "_Counts":
        """Walks back from the latest delivery, over at most `HISTORY` delivering contacts."""
        full: Counter[int] = Counter()
        every: list[int] = []
        end = len(deliveries)
        following = None
        while end and len(every) < HISTORY:
            contact = bisect_right(contacts, deliveries[end - 1] + ONE_CONTACT) - 1
            if contact < 0:
                break
            begin = bisect_left(deliveries, contacts[contact] - ONE_CONTACT, hi=end)
            every.append(end - begin)
            if contact + 1 == following:
                full[end - begin] += 1
            following, end = contact, begin
        return cls(full, sorted(every))

    def reached_in(self, share: float) -> int:
        """How many files a contact can deliver, or more, in `share` of all cases (Kaplan and Meier, 1958)."""
        more = 1.0
        for count, times in sorted(self.full.items()):
            more *= 1 - times / (len(self.all) - bisect_left(self.all, count))
            if more < share:
                return count
        return self.all[-1]
