"""Finds out why requests fail: at random, for their rate, or for how many are under way. Pure.

Failures are judged by their share and by whether it follows the load, never one by one:

- Many failures in a row raise an alarm (Page's CUSUM test, Biometrika 1954): sporadic failures do not, as
  loss alone is no congestion for TCP Westwood and BBR. As in the adaptive throttling of Google's SRE book
  (chapter "Handling Overload"), what counts is how many of the latest requests were accepted.
- An alarm starts an experiment: fewer at once, down to one. If failures become rare, their cause was the
  concurrency. This is the gradient of Netflix's concurrency-limits, taken over failures instead of latencies.
- Where refusals go on with one at a time, or where a small share of requests is refused for long, a second
  experiment holds requests back to the rate that was accepted, as BBR paces to the bandwidth it measured. If
  refusals become rare, the platform limits the rate.
- Where neither helps, failures are sporadic: concurrency and rate are restored, and the share is remembered
  as usual.
"""

import math
from dataclasses import dataclass
from enum import Enum, auto
from typing import Final

ALARM: Final = 7.0
"""CUSUM threshold: six failures in a row; where 10 % fail, one false alarm in thousands of requests."""

_USUAL: Final = 0.10
_OVERLOADED: Final = 0.40
"""Shares of failures between which the CUSUM test decides; both rise with the share that is usual."""

_MOST_USUAL: Final = 0.6
"""More than this share of failures is never taken for sporadic."""

_TRIAL: Final = 16
_ENOUGH: Final = 4
"""An experiment ends after so many requests, or so many failures."""

_RELIEF: Final = 0.4
"""An experiment helps if at most this part of the share of failures is left."""

_GROSS: Final = 0.35
"""While more than this share fails, the concurrency is lowered further."""

_NEARLY_ALL: Final = 0.8
"""Share of failures at an alarm that says that the load is far too high."""

_LONG: Final = 100
_ALIKE: Final = 0.6
"""An experiment did not help if about the same share failed as over so many requests before."""

_SUBTLE: Final = 0.02
"""Share of refusals from which on it is worth finding out whether they follow the rate."""

_WINDOW: Final = 400
"""Requests after which a small share is judged."""

_EXPECTED: Final = 10
"""Refusals that a subtle experiment would meet if they were sporadic; else it meets _STRAY at most."""

_STRAY: Final = 1
_LONGEST_REST: Final = 32 * _WINDOW

_EXPLAINED: Final = 3
"""Alarms whose refusals count no further, explained by the concurrency; what goes on has another cause."""

_WINDOW_OF_RATE: Final = 100
_DOUBTFUL: Final = 0.03
_DOUBTS: Final = 2
"""So many windows of so many requests in a row with so large a share of refusals, though the rate is kept."""


class Failure(Enum):
    """How a request failed."""

    REFUSED = auto()  # 429, 503
    BROKEN = auto()  # no answer, a broken connection, another 5xx


class Action(Enum):
    """What the findings ask for."""

    FEWER = auto()  # lower the concurrency
    ONE = auto()  # lower it to one at a time, unless a step up just went too far
    FEWER_FOUND = auto()  # stay there
    SLOWER = auto()  # hold requests back to slightly less than the accepted rate
    STOP_AND_SLOWER = auto()  # the same, after a pause, as a second's share may be used up
    RATE_FOUND = auto()  # stay at that rate, the concurrency was not the cause
    RESTORE = auto()  # failures are sporadic: undo what the experiments changed


class _Phase(Enum):
    CALM = auto()
    FEWER = auto()
    SLOWER = auto()


@dataclass(slots=True)
class _Count:
    requests: int = 0
    failures: int = 0
    refusals: int = 0

    @property
    def share(self) -> float:
        return self.failures / max(1, self.requests)


class Overload:
    """Takes the outcome of each request, returns what to do about it.

    Attributes:
        limits_rate: the platform is known to refuse requests (503) above a rate.
    """

    def __init__(self) -> None:
        self.limits_rate = False
        self._phase = _Phase.CALM
        self._since = -math.inf  # requests that were sent before say nothing about what was changed then
        self._score = 0.0
        self._usual = 0.0
        self._run = _Count()  # since the score was last 0
        self._window = _Count()
        self._trial = _Count()
        self._before = 0.0  # share of failures before the experiment
        self._wanted = _TRIAL
        self._most_failures = _ENOUGH
        self._rest, self._next_rest = 0, _WINDOW
        self._doubts = self._explained = 0
        self._for_success = self._for_failure = 0.0
        self._weigh()

    @property
    def suspected(self) -> bool:
        """Whether a refusal now is probably no fault of the request itself."""
        return self.limits_rate or self._phase is not _Phase.CALM or self._score >= ALARM / 3

    @property
    def experimenting(self) -> bool:
        """Whether the concurrency must stay as it is."""
        return self._phase is not _Phase.CALM

    def accepted(self, sent: float, now: float) -> Action | None:
        """Note a request that was sent at `sent` and answered."""
        if self._phase is _Phase.CALM and not self._window.failures and self._score == 0.0:
            self._window.requests += 1  # nearly always nothing else
            return None
        return self._note(sent, now, None, lowest=False)

    def failed(self, sent: float, now: float, failure: Failure, *, lowest: bool) -> Action | None:
        """Note a request that failed.

        Args:
            sent: when it was sent.
            now: the time.
            failure: how it failed.
            lowest: only one request is under way at once.
        """
        return self._note(sent, now, failure, lowest=lowest)

    def _note(self, sent: float, now: float, failure: Failure | None, *, lowest: bool) -> Action | None:
        if sent < self._since:
            return None
        if self._window.requests >= 2 * _WINDOW:
            self._window = _Count()
        for count in (self._run, self._window, self._trial):
            count.requests += 1
            count.failures += failure is not None
            count.refusals += failure is Failure.REFUSED
        match self._phase:
            case _Phase.CALM:
                return self._watch(failure, now, lowest=lowest)
            case _Phase.FEWER:
                return self._judge_fewer(now, lowest=lowest)
            case _Phase.SLOWER:
                return self._judge_slower(now)

    def _watch(self, failure: Failure | None, now: float, *, lowest: bool) -> Action | None:
        self._score = max(0.0, self._score + (self._for_success if failure is None else self._for_failure))
        if self._score == 0.0:
            self._run = _Count()
        elif self._score >= ALARM:
            return self._raise_alarm(now, lowest=lowest)
        return self._watch_window(now)

    def _raise_alarm(self, now: float, *, lowest: bool) -> Action:
        self._before = self._run.share
        refused = 2 * self._run.refusals >= self._run.failures
        if lowest and refused and not self.limits_rate:
            return self._begin_slower(now, _TRIAL, _ENOUGH)
        action = Action.ONE if self._before > _NEARLY_ALL else Action.FEWER
        return self._begin(_Phase.FEWER, now, action, _TRIAL, _ENOUGH)

    def _watch_window(self, now: float) -> Action | None:
        window = self._window
        if window.requests < (_WINDOW_OF_RATE if self.limits_rate else _WINDOW):
            return None
        self._window = _Count()
        self._rest -= window.requests
        share = window.refusals / window.requests
        if self.limits_rate:
            return self._doubt_rate(share, now)
        if self._rest > 0 or share < max(_SUBTLE, 1.5 * self._usual):
            return None
        self._before = share
        self._rest, self._next_rest = self._next_rest, min(4 * self._next_rest, _LONGEST_REST)
        return self._begin_slower(now, math.ceil(_EXPECTED / share), _STRAY + 1)

    def _doubt_rate(self, share: float, now: float) -> Action | None:
        """A rate that is kept leaves few refusals: where they go on, the rate was not their cause."""
        self._doubts = self._doubts + 1 if share > _DOUBTFUL else 0
        if self._doubts < _DOUBTS:
            return None
        self.limits_rate = False
        self._usual = max(self._usual, min(share, _MOST_USUAL))
        self._weigh()
        return self._calm(now, Action.RESTORE)

    def _begin(self, phase: _Phase, now: float, action: Action, wanted: int, failures: int) -> Action:
        self._phase, self._since = phase, now
        self._wanted, self._most_failures = wanted, failures
        self._trial, self._run = _Count(), _Count()
        self._score = 0.0
        return action

    def _begin_slower(self, now: float, wanted: int, failures: int) -> Action:
        action = Action.STOP_AND_SLOWER if self._before > _GROSS else Action.SLOWER
        return self._begin(_Phase.SLOWER, now, action, wanted, failures)

    def _ended(self) -> bool:
        return self._trial.requests >= self._wanted or self._trial.failures >= self._most_failures

    def _helped(self) -> bool:
        trial, window = self._trial, self._window
        as_ever = window.requests >= _LONG and 0 < window.share <= min(trial.share / _ALIKE, _MOST_USUAL)
        return trial.failures < self._most_failures and trial.share <= _RELIEF * self._before and not as_ever

    def _judge_fewer(self, now: float, *, lowest: bool) -> Action | None:
        if not self._ended():
            return None
        if self._helped():
            self._explained += 1
            if self._explained <= _EXPLAINED:
                self._window = _Count()
            return self._calm(now, Action.FEWER_FOUND)
        if not lowest and self._trial.share > _GROSS:
            return self._begin(_Phase.FEWER, now, Action.FEWER, _TRIAL, _ENOUGH)
        if 2 * self._trial.refusals >= self._trial.failures and not self.limits_rate:
            return self._begin_slower(now, _TRIAL, _ENOUGH)
        return self._take_for_sporadic(now)

    def _judge_slower(self, now: float) -> Action | None:
        if not self._ended():
            return None
        if self._helped():
            self.limits_rate = True
            return self._calm(now, Action.RATE_FOUND)
        return self._take_for_sporadic(now)

    def _take_for_sporadic(self, now: float) -> Action:
        share = self._trial.share
        if share > _MOST_USUAL:  # next to nothing is accepted: stay careful
            return self._calm(now, Action.FEWER_FOUND)
        self._usual = max(self._usual, share, self._before if self._before <= _MOST_USUAL else 0.0)
        self._weigh()
        return self._calm(now, Action.RESTORE)

    def _calm(self, now: float, action: Action) -> Action:
        self._phase, self._since = _Phase.CALM, now
        self._run, self._trial = _Count(), _Count()
        self._score = 0.0
        return action

    def _weigh(self) -> None:
        """Set how much a success and a failure weigh: log likelihood ratios of the two shares."""
        usual = max(_USUAL, min(_MOST_USUAL, 1.25 * self._usual))
        overloaded = max(_OVERLOADED, min(0.95, 2 * usual))
        self._for_failure = math.log(overloaded / usual)
        self._for_success = math.log((1 - overloaded) / (1 - usual))
