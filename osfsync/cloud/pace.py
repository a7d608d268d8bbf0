"""The pace of requests a platform bears, learned from its refusals (429). Pure: time is given, in seconds.

Until the platform refuses, nothing is held back. Then the rate is what it granted before, and grows as the
window of TCP CUBIC does (RFC 9438): fast to where it was, slowly around there, and fast again beyond, as
what a platform bears may change.
"""

import math
from collections import deque
from dataclasses import dataclass
from enum import Enum
from typing import Final, assert_never

OWN_PAUSE: Final = 0.25
"""Without a request, after a refusal that asks for no pause."""

_SPAN: Final = 2.0
"""Before a refusal: what was granted in it tells the rate. Twice the pause, if that is longer."""

_BURST: Final = 0.8
"""Of the pause: requests that went on for a shorter time before it were a burst."""

_BUCKET: Final = 0.1
_MOST_BUCKETS: Final = 1200

_IDLE: Final = 1.0
"""Without a request: what was granted before tells nothing of the rate that would have been."""

_WINDOWS: Final = (1.0, 10.0, 60.0, 3600.0)
"""Over which platforms count requests, as a rule."""

_FEW: Final = 20
"""Requests granted: fewer tell no rate."""

_SURE: Final = 0.85
"""Of the rate that was kept to: where less was granted, that rate was far off."""

_BELOW: Final = 0.96
"""Of what was granted: requests are not as evenly spaced as a strict count wants them."""

_MOST_DOWN: Final = 0.7
"""CUBIC's factor: one refusal lowers a rate that was kept to no further."""

_FLOOR: Final = 0.2
"""Of the best rate that was granted: a platform may put single files off for ever, whatever the rate."""

_LONGEST_DOUBLING: Final = 30.0

_TRIED: Final = 0.85
"""Of what was granted, to see whether refusals end below it."""

_SLOWEST: Final = 1.0
"""Requests a second that are tried at least."""

_FOLLOWERS: Final = 4
"""Requests sent after the refused one and granted: a limit would have refused them, so it was a stray."""


class _Knowledge(Enum):
    """How well the rate is known that the platform bears."""

    GUESSED = "guessed"  # from a burst, or from what was granted between pauses
    MISSED = "missed"  # what was granted is far below what was tried
    KNOWN = "known"
    TRIED = "tried"  # held on a suspicion, to see whether refusals end


def _factor(knowledge: _Knowledge, age: float) -> float:
    """By which the rate that was granted is multiplied, so many seconds after the pause."""
    match knowledge:
        case _Knowledge.GUESSED:
            return 0.7 * math.exp2(min(2 * age, _LONGEST_DOUBLING))  # as in TCP's slow start
        case _Knowledge.MISSED:
            return _cubic(0.8, 4.0, 1.2, age)
        case _Knowledge.KNOWN:
            return _cubic(0.97, 30.0, 1.05, age)
        case _Knowledge.TRIED:
            return 1.0
        case _:
            assert_never(knowledge)


def _round_window(seconds: float) -> float | None:
    """The span over which the platform counts, where `seconds` are up to one more (pauses are whole ones)."""
    return next((window for window in _WINDOWS if seconds - 1 <= window <= seconds), None)


def _cubic(begin: float, plateau: float, beyond: float, age: float) -> float:
    """From `begin` to 1 in `plateau` seconds, and on to `beyond` in as many."""
    x = (age - plateau) / plateau
    return 1 + (1 - begin if x < 0 else beyond - 1) * x**3


@dataclass(frozen=True, slots=True)
class _Refusal:
    sent: float
    at: float
    pause: float
    rate: float | None  # that was kept to


class Pace:
    """Is told of each answer; tells how far apart requests must be."""

    def __init__(self) -> None:
        self._top: float | None = None
        self._best = 0.0  # rate that was ever granted
        self._knowledge = _Knowledge.GUESSED
        self._resumed = 0.0  # when requests went on after the last refusal, or will
        self._learned = 0.0  # when they went on after the last one that taught the rate
        self._refusal: _Refusal | None = None  # not yet learned from
        self._began = 0.0  # when the present stretch of requests began
        self._interrupted = False  # by pauses, in this stretch
        self._last = -_IDLE
        self._followers = 0  # granted requests that were sent after the refused one; a refused one takes two
        self._accepted = 0.0  # rate before `hold`
        self._sure = False
        self._granted: deque[tuple[int, int]] = deque(maxlen=_MOST_BUCKETS)

    def rate(self, now: float) -> float | None:
        """Requests a second; None while nothing limits them."""
        if self._refusal is not None and now >= self._resumed:
            self._learn(self._refusal)
        if self._top is None:
            return None
        return self._top * _factor(self._knowledge, max(0.0, now - self._learned))

    def hold(self, now: float) -> None:
        """Keep slightly below the rate that was granted, until `settle` or `release`."""
        since = max(now - _SPAN, self._began)
        self._accepted = self._count(since) / max(now - since, 1.0)
        self._sure = self._count(since) >= 2 * _FEW
        self._top, self._knowledge = max(_SLOWEST, _TRIED * self._accepted), _Knowledge.TRIED
        self._refusal = None
        self._learned = self._resumed = self._began = now

    def settle(self, now: float) -> None:
        """Refusals ended: go on from the rate that was granted before."""
        self._top = max(_SLOWEST, _BELOW * self._accepted)
        self._knowledge = _Knowledge.MISSED if self._sure else _Knowledge.GUESSED
        self._best = max(self._best, self._accepted)
        self._learned = now

    def release(self) -> None:
        """Refusals have nothing to do with the rate: hold nothing back."""
        self._top = self._refusal = None

    def stop_trying(self) -> None:
        """What `hold` tries did not help; what was learned before is forgotten with it."""
        if self._knowledge is _Knowledge.TRIED:
            self.release()

    def grant(self, now: float, sent: float | None = None) -> None:
        """A request was answered, and not put off; it was sent at `sent`."""
        if self._refusal is not None and sent is not None and sent > self._refusal.sent:
            self._followers += 1
        if now - max(self._last, self._resumed) > _IDLE + 2 * self._gap(now):
            self._began, self._interrupted = now, False
        self._last = now
        bucket = int(now / _BUCKET)
        if self._granted and self._granted[-1][0] == bucket:
            bucket, count = self._granted.pop()
            self._granted.append((bucket, count + 1))
        else:
            self._granted.append((bucket, 1))

    def refuse(self, sent: float, now: float, pause: float) -> None:
        """A request was put off, which was sent at `sent`; none will be sent for `pause` from now on.

        Those that were under way together are refused together, and count once.
        """
        if sent < self._resumed:
            if self._refusal is not None and sent > self._refusal.sent:
                self._followers -= 2
            return
        self._refusal = _Refusal(sent, now, pause, self.rate(now))
        self._followers = 0
        self._resumed = now + pause

    def _learn(self, refusal: _Refusal) -> None:
        """Once the pause is over: what was under way when it began was granted by then.

        From few requests nothing is learned; they count towards the next refusal. Likewise from a stray one,
        while no limit is known.
        """
        self._refusal = None
        if self._top is None and self._followers >= _FOLLOWERS:
            return
        since = max(refusal.at - max(_SPAN, 2 * refusal.pause), self._began)
        if self._count(since) < _FEW:
            since = self._began
        count, age = self._count(since), max(_BUCKET, refusal.at - since)
        if count < _FEW:
            self._interrupted = True
            return
        if age < _BURST * refusal.pause:  # what was granted at once, the pause makes up for
            window = _round_window(age + refusal.pause)
            measured, sure = count / (window or age + refusal.pause), window is not None
        else:
            measured, sure = max(count / age, self._count(refusal.at - 1.0)), not self._interrupted
        self._best = max(self._best, measured)
        if refusal.rate is None:
            self._top = _BELOW * measured
            self._knowledge = _Knowledge.KNOWN if sure else _Knowledge.GUESSED
        else:
            lower = min(_BELOW * refusal.rate, max(_BELOW * measured, _MOST_DOWN * refusal.rate))
            self._top = max(lower, _FLOOR * self._best)
            self._knowledge = _Knowledge.KNOWN if measured >= _SURE * refusal.rate else _Knowledge.MISSED
        self._began = self._learned = self._resumed
        self._interrupted = False

    def _count(self, since: float) -> int:
        return sum(count for bucket, count in self._granted if bucket >= int(since / _BUCKET))

    def _gap(self, now: float) -> float:
        rate = self.rate(now)
        return 0.0 if rate is None else 1 / rate
