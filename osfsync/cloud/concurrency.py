"""How many requests are under way at once. Pure: time is given, in seconds.

It begins modestly and climbs while climbing brings more, as a hill climber does (Hellerstein, Morrison,
Eilebrecht, "Optimizing Concurrency Levels in the .NET ThreadPool", 2008): doubling first, then by quarters.
Where a platform is overloaded, half as many are under way, as with TCP (multiplicative decrease, RFC 5681).
"""

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
    """

    def __init__(self, most: int, now: float) -> None:
        self._most = most
        self.limit = min(BEGIN, most)
        self._double_below = most
        self._since = now
        self._totals = Totals()
        self._step: _Step | None = None
        self._usual: _Measured | None = None
        self._rest = 0
        self._next_rest = _FIRST_REST
        self._lowered = now

    def due(self, now: float, answers: int) -> bool:
        """Whether enough came since the last measurement."""
        span = now - self._since
        return span >= _SHORTEST and (span >= _LONGEST or answers - self._totals.answers >= 2 * self.limit)

    def overloaded(self, sent: float, now: float, totals: Totals) -> None:
        """A request that was sent at `sent` was put off, refused for overload, or not answered in time.

        Those that were under way together count once.
        """
        if sent >= self._lowered:
            self.limit = self._double_below = max(1, self.limit // 2)
            self._lowered = now
            self._step = self._usual = None
            self._rest = _FIRST_REST
            self._begin(now, totals)

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
            self._next_rest = _FIRST_REST
            self._climb(measured)
            return
        self.limit, self._double_below = step.before, 0
        self._step = None
        self._rest = self._next_rest
        self._next_rest = min(2 * self._next_rest, _LONGEST_REST)

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
        self._step, self._usual = _Step(self.limit, measured), None
        more = self.limit if self.limit < self._double_below else max(1, self.limit // 4)
        self.limit = min(self._most, self.limit + more)
