"""A platform that is down: when that is so, and how long to wait for it."""

import time
from collections.abc import Callable
from datetime import timedelta
from enum import Enum
from typing import Final

import structlog

from osfsync.domain.errors import CloudError, UnreachableError

log = structlog.get_logger(__name__)

GATEWAY_STATUSES = frozenset({502, 503, 504})
"""What a gateway answers whose platform is down."""

SUSPECTED_AFTER: Final = 3
"""Failures in a row, with no answer in between, after which the platform is asked whether it is down."""

_UNREACHED: Final = 2
"""Refused connections in a row that prove an outage, once there was an answer."""

_SHORTEST, _LONGEST, _SHARE = 0.5, 15.0, 0.25
"""Seconds until the next try during an outage: a share of the time that it lasts."""


class Verdict(Enum):
    """What an outage means for something that failed, where it is not to be waited for."""

    NO_OUTAGE = "no outage"
    OVER_PATIENCE = "over patience"


class Outage:
    """Shared by all workers. An outage begins with the first failure after the last answer.

    Refused connections prove it; answers of a gateway and broken connections only make it suspected, for
    they may be about one device or one file: then the platform is asked for something it must have.

    Args:
        patience: how long to wait for the platform; nothing is waited for where it is zero.
        retries: of one request; an outage is suspected before a request is given up.
        clock: seconds, monotonic.
    """

    def __init__(
        self,
        patience: timedelta,
        *,
        retries: int = SUSPECTED_AFTER,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._patience = patience.total_seconds()
        self._suspected_after = min(SUSPECTED_AFTER, retries + 1)
        self._clock = clock
        self._since: float | None = None
        self._row = 0
        self._confirmed = False
        self._logged = False
        self.ever_answered = False

    @property
    def waits(self) -> bool:
        """Whether anything is waited for."""
        return self._patience > 0

    @property
    def suspected(self) -> bool:
        """Whether it is worth asking the platform whether it is down."""
        return self.waits and self._row >= self._suspected_after and not self._confirmed

    def answered(self) -> None:
        """The platform answered something."""
        if self._logged:
            log.info("the platform answers again")
        self._since, self._row, self._confirmed, self._logged = None, 0, False, False
        self.ever_answered = True

    def failed(self, error: CloudError | None = None) -> None:
        """A request had no answer of the platform: an `error`, or a status of a gateway."""
        if self._since is None:
            self._since = self._clock()
        self._row += 1
        if isinstance(error, UnreachableError) and (not self.ever_answered or self._row >= _UNREACHED):
            self._confirmed = True

    def confirm(self) -> None:
        """The platform does not give what it must be able to give."""
        self._confirmed = True

    def wait(self, error: CloudError) -> float | Verdict:
        """Seconds until the next try of what failed, which does not count as one."""
        if not self.waits or self._since is None or not self._confirmed or not error.retryable:
            return Verdict.NO_OUTAGE
        lasted = self._clock() - self._since
        left = self._patience - lasted
        if left <= 0:
            return Verdict.OVER_PATIENCE
        if not self._logged:
            self._logged = True
            log.warning(
                "waiting for the platform",
                error=str(error),
                at_most=f"{left:.0f} s",
                setting="cloud.outage_patience",
            )
        return min(left, _LONGEST, max(_SHORTEST, _SHARE * lasted))
