"""How many requests are under way at once. Pure: time is given, in seconds.

It begins modestly and climbs while climbing brings more, as a hill climber does (Hellerstein, Morrison,
Eilebrecht, "Optimizing Concurrency Levels in the .NET ThreadPool", 2008): doubling first, then by quarters.
Answers that take longer without more of them lower it, as in Vegas and Gradient2 of Netflix's
concurrency-limits. Where `Overload` suspects it, it is lowered, as with TCP (multiplicative decrease, RFC
5681), and restored if the suspicion was wrong.
"""

import math
from dataclasses import dataclass
from typing import Final

BEGIN: Final = 8

_SHORTEST, _LONGEST = 0.2, 2.0
"""Seconds over which is measured: in between, as long as each lane takes for two answers."""

_GAIN: Final = 1.05
"""Times as many answers or bytes a second: less is no gain."""

_SLOWER: Final = 1.5
"""Times as long until an answer comes: more is a sign that requests stand in a queue."""

_FIRST_REST, _LONGEST_REST = 4, 64
"""Measurements until more is tried again; doubled each time that it was in vain."""

_EDGE_REST, _LONGEST_EDGE_REST = 8, 256
"""Measurements until it is tried again whether requests fail at an edge; doubled each time."""

_COARSE, _FINE = 4, 16
"""A step up is such a part of the limit: from coarse to fine, each time that it was in vain."""


@dataclass(frozen=True, slots=True)
class Totals:
    """Counted since the beginning. `waited` are the seconds until each answer began, summed."""

    answers: int = 0
    received: int = 0
    waited: float = 0.0


@dataclass(frozen=True, slots=True)
class _Measured:
    """Answers a second, bytes a second, mean seconds until an answer began."""

    answers: float
    received: float
    wait: float

    def gains_on(self, other: "_Measured") -> bool:
        return self.answers > _GAIN * other.answers or self.received > _GAIN * other.received

    def slower_than(self, other: "_Measured") -> bool:
        return self.wait > _SLOWER * other.wait and not self.gains_on(other)


@dataclass(frozen=True, slots=True)
class _Step:
    """More are under way than before, which is still to be judged."""

    before: int
    measured: _Measured


class Concurrency:
    """Is told of what was measured; says how many requests may be under way.

    Args:
        most: never more than this.
        now: the time.
        begin: how many may be under way in the beginning.
    """

    def __init__(self, most: int, now: float, begin: int = BEGIN) -> None:
        self._most = most
        self.limit = min(begin, most)
        self._double_below = most
        self._since = now
        self._totals = Totals()
        self._step: _Step | None = None
        self._usual: _Measured | None = None
        self._rest = 0
        self._next_rest = _FIRST_REST
        self._part = _COARSE
        self._edge: int | None = None  # a limit at which requests failed
        self._edge_rest = self._next_edge_rest = _EDGE_REST
        self._restorable: int | None = None  # the limit before it was lowered on a suspicion

    def due(self, now: float, answers: int) -> bool:
        """Whether enough came since the last measurement."""
        span = now - self._since
        return span >= _SHORTEST and (span >= _LONGEST or answers - self._totals.answers >= 2 * self.limit)

    def lower(self, now: float, totals: Totals, *, to_one: bool = False) -> None:
        """Take back a step that is still to be judged, or lower: failures may come from the concurrency."""
        again = self._restorable is not None
        if self._restorable is None:
            self._restorable = self.limit
        if self._step is not None:
            self._edge = self.limit
            self._take_back(self._step)
        else:
            self._edge = self.limit
            lower = self.limit // 2 if again else self.limit - self.limit // 4 - 1
            self.limit = self._double_below = 1 if to_one else max(1, lower)
            self._rest = self._next_rest = _FIRST_REST
            self._part = _COARSE
        self._begin(now, totals)
        self._usual = None

    def restore(self, now: float, totals: Totals) -> None:
        """Undo what `lower` did: the concurrency was not the cause."""
        if self._restorable is not None:
            self.limit = max(self.limit, self._restorable)
            self._double_below = self._most
        self._restorable = self._step = self._usual = self._edge = None
        self._rest = 0
        self._begin(now, totals)

    def allow(self, at_least: float) -> None:
        """Something else limits the load: so many may be under way."""
        self.limit = max(self.limit, min(self._most, math.ceil(at_least)))

    def confirm(self) -> None:
        """Keep what `lower` did."""
        self._restorable = None

    def measure(self, now: float, totals: Totals, *, wanted: bool) -> None:
        """Judge what came since the last measurement; `wanted` where as many were under way as may be."""
        past, span = self._totals, now - self._since
        answers = totals.answers - past.answers
        measured = _Measured(
            answers / span,
            (totals.received - past.received) / span,
            (totals.waited - past.waited) / max(answers, 1),
        )
        self._begin(now, totals)
        if not wanted:
            self._step = self._usual = None
        elif self._step is not None:
            self._judge(self._step, measured)
        else:
            self._hold(measured)

    def _begin(self, now: float, totals: Totals) -> None:
        self._since, self._totals = now, totals

    def _judge(self, step: _Step, measured: _Measured) -> None:
        if measured.gains_on(step.measured):
            self._next_rest, self._part = _FIRST_REST, _COARSE
            self._climb(measured)
            return
        self._take_back(step)

    def _take_back(self, step: _Step) -> None:
        """It was in vain: rest for longer each time, and try a smaller one then."""
        self.limit, self._double_below = step.before, 0
        self._step = None
        self._rest = self._next_rest
        self._next_rest = min(2 * self._next_rest, _LONGEST_REST)
        self._part = min(2 * self._part, _FINE)

    def _hold(self, measured: _Measured) -> None:
        if self._usual is not None and measured.slower_than(self._usual):
            self.limit -= self.limit // 4
            self._usual = None
            self._rest = self._next_rest
            return
        self._usual = measured if self._usual is None else self._usual
        self._rest -= 1
        if self._rest < 0:
            self._climb(measured)

    def _climb(self, measured: _Measured) -> None:
        if self.limit == self._most:
            self._step = None
            self._rest = self._next_rest
            return
        if self._edge is not None and self.limit >= self._edge - 1 and not self._may_pass_edge():
            self._step = None
            return
        self._step, self._usual = _Step(self.limit, measured), None
        more = self.limit if self.limit < self._double_below else max(1, self.limit // self._part)
        below = self._edge - 1 if self._edge is not None and self.limit < self._edge - 1 else self._most
        self.limit = min(self._most, below, self.limit + more)

    def _may_pass_edge(self) -> bool:
        """Whether it is time to find out if requests still fail there."""
        self._edge_rest -= 1
        if self._edge_rest > 0:
            return False
        self._next_edge_rest = min(2 * self._next_edge_rest, _LONGEST_EDGE_REST)
        self._edge_rest, self._edge = self._next_edge_rest, None
        return True
