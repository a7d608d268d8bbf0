"""How long a device keeps its files, learned from those that were lost. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from math import ceil

from osfsync.domain.model import DataFile

LEAST_LOSSES = 3
"""Fewer lost files may have been deleted by hand, and teach nothing."""

SHORTEST_STAY = timedelta(hours=1)
"""What is lost sooner was no recording that a device makes room for."""

LOOKED_FOR = timedelta(days=60)
"""A list may leave a file out for some nights: so long the days of a lost one are still listed."""

_CAUTION = 0.1
"""Of the stays that were seen, so large a share was shorter than the horizon."""

_WARNING = 4
"""From a quarter of the horizon before it is reached, it is near."""


def horizon_of(stays: Sequence[timedelta]) -> timedelta | None:
    """How long files surely stay: a low quantile of how old lost ones were when last seen.

    None where too few were lost to tell.
    """
    if len(stays) < LEAST_LOSSES:
        return None
    horizon = sorted(stays)[max(ceil(_CAUTION * len(stays)) - 1, 0)]
    return horizon if horizon >= SHORTEST_STAY else None


def recorded_at(file: DataFile) -> datetime | None:
    """When a recording ended, as far as the list tells."""
    return file.end or file.start


def loss_due(file: DataFile, horizon: timedelta | None) -> datetime | None:
    """When the device may drop the file; None where that is not known, or where the server has it."""
    recorded = recorded_at(file)
    if horizon is None or recorded is None or file.status.on_server:
        return None
    return recorded + horizon


def is_near(due: datetime | None, horizon: timedelta | None, patience: timedelta, now: datetime) -> bool:
    """Whether a file is about to be dropped: within a quarter of the horizon, or within the patience."""
    if due is None or horizon is None:
        return False
    return now >= due - max(horizon / _WARNING, patience)
