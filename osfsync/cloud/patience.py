"""How long a request may be silent, and when a failed one is tried again. Pure: times are given, in seconds.

What takes many times as long as usual is probably lost: it is repeated on another connection, as hedged
requests are (Dean, Barroso, "The Tail at Scale", 2013), for a bounded share of all requests. Retries come
soon after a sporadic failure, out of a budget that grows with what succeeds (SRE book, "Handling Overload");
without budget they wait exponentially longer.
"""

import math
from typing import Final

_BASE: Final = 1.25
_PER_LOG: Final = 1 / math.log(_BASE)
_SHORTEST: Final = 0.001
_BUCKETS: Final = 64
_HALVED_AT: Final = 512
_LONGEST_FRESH: Final = 64
"""Answers after which the percentile is taken anew, at the latest."""

_TIMES: Final = 4.0
"""Times the 95th percentile: later answers are taken for lost."""

_PATIENCE: Final = 1.0
_LIKE_OTHERS: Final = 40.0
_UNKNOWN: Final = (2.0, 6.0)
"""The least patience in seconds. Kinds of which too little is known: so many times as long as others, within
these bounds; lists the upper one, as a platform may have to look much up for them."""

_KNOWN: Final = 8
"""Answers from which on a usual time is known."""

_MOST_HEDGES: Final = 16.0
_HEDGES_EARNED: Final = 0.1
"""A request may be repeated early for so many that were answered, at most so many in a row."""

_MOST_RETRIES: Final = 64.0
_RETRIES_EARNED: Final = 0.5

_SOON: Final = (2.0, 4.0)
_SOON_AT_MOST: Final = 2
_SOONEST, _LATEST_SOON = 0.05, 2.0
_FIRST, _LONGEST = 0.5, 30.0
"""Seconds until a retry: soon means so many times the usual time; else it doubles from first to longest."""

_FIRST_PUT_OFF, _LONGEST_PUT_OFF = 0.25, 1.0
"""Seconds until a retry of what was put off for the load of all: the pace and the concurrency do the rest."""


class Usual:
    """How long answers took lately: a histogram with exponential buckets, in which old ones fade."""

    def __init__(self) -> None:
        self._counts = [0.0] * _BUCKETS
        self._total = 0.0
        self._high = 0.0
        self._fresh = 0

    @property
    def known(self) -> bool:
        """Whether there were enough answers."""
        return self._total >= _KNOWN

    def note(self, seconds: float) -> None:
        """An answer took so long."""
        place = int(math.log(max(1.0, seconds / _SHORTEST)) * _PER_LOG)
        self._counts[min(place, _BUCKETS - 1)] += 1
        self._total += 1
        self._fresh += 1
        if self._total >= _HALVED_AT:
            self._counts = [count / 2 for count in self._counts]
            self._total /= 2
        if self._fresh >= min(self._total / 4, _LONGEST_FRESH) and self.known:
            self._high, self._fresh = self._percentile(0.95), 0

    @property
    def high(self) -> float:
        """The 95th percentile, about; 0 while it is unknown."""
        return self._high

    def _percentile(self, share: float) -> float:
        left = share * self._total
        for place, count in enumerate(self._counts):
            left -= count
            if left <= 0:
                return float(_SHORTEST * _BASE ** (place + 1))
        return float(_SHORTEST * _BASE**_BUCKETS)


class Patience:
    """What is usual for each kind of request, and how much may be repeated."""

    def __init__(self) -> None:
        self._usual: dict[str, Usual] = {}
        self._all = Usual()
        self._hedges = _MOST_HEDGES
        self._retries = _MOST_RETRIES

    @property
    def may_hedge(self) -> bool:
        """Whether a silent request may be repeated early."""
        return self._hedges >= 1

    def note(self, kind: str, seconds: float) -> None:
        """Something of this kind took so long."""
        usual = self._usual.get(kind)
        if usual is None:
            usual = self._usual[kind] = Usual()
        usual.note(seconds)

    def answered(self, kind: str, seconds: float) -> None:
        """A request of this kind was answered after so long."""
        self.note(kind, seconds)
        if not self._all.known:
            self._all.note(seconds)
        if self._hedges < _MOST_HEDGES:
            self._hedges += _HEDGES_EARNED
        if self._retries < _MOST_RETRIES:
            self._retries += _RETRIES_EARNED

    def silence(self, kind: str, before: int, *, like_others: bool = False) -> float:
        """How long a request may be silent.

        Args:
            kind: of the request.
            before: how often it was repeated early; each time it is given longer.
            like_others: while its kind is unknown, it may be expected to take as long as others, roughly.
        """
        usual = self._usual.get(kind)
        low, high = _UNKNOWN
        if usual is not None and usual.known:
            first = max(_PATIENCE, _TIMES * usual.high)
        elif like_others and self._all.known:
            first = min(high, max(low, _LIKE_OTHERS * self._all.high))
        else:
            first = high
        return float(first * 3**before)

    def hedge(self, kind: str, waited: float) -> bool:
        """Take the right to repeat a request early that was silent for so long; False where there is none."""
        if not self.may_hedge:
            return False
        self._hedges -= 1
        self.note(kind, waited)  # at least: a platform that gets slower is waited for longer
        return True

    def retry_after(self, kind: str, failures: int, chance: float) -> float:
        """Seconds until the next try of what failed so many times.

        Args:
            kind: of the request.
            failures: so far, from 1.
            chance: between 0 and 1, for the jitter.
        """
        usual = self._usual.get(kind)
        high = usual.high if usual is not None else 0.0
        jitter = 0.5 + 0.5 * chance
        if failures <= _SOON_AT_MOST and self._retries >= 1:
            self._retries -= 1
            low, most = _SOON
            soon = max(_SOONEST * (1 + chance), min(_LATEST_SOON, (low + (most - low) * chance) * high))
            return float(soon * 2 ** (failures - 1))
        return float(min(_LONGEST, max(_FIRST * 2 ** (failures - 1), 2 * high)) * jitter)

    def put_off(self, times: int, chance: float) -> float:
        """Seconds until the next try of what was put off so many times, for the load of all."""
        return float(min(_LONGEST_PUT_OFF, _FIRST_PUT_OFF * 2 ** (times - 1)) * (0.5 + 0.5 * chance))
