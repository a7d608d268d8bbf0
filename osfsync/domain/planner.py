"""What to do with a file: a table, read from the top, first match wins.

The facts about a file are first reduced to a few closed sets, so that the table can be read whole,
drawn, and checked for every combination.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, StrEnum
from itertools import product

from osfsync.domain.errors import (
    BusyError,
    ForbiddenError,
    InterruptedBodyError,
    ServerError,
    UnreachableError,
)
from osfsync.domain.model import DataFile, FileRecord, OrderMode, StorageStatus


class Action(StrEnum):
    """What a run does with a file now."""

    KEEP = "keep"  # held; nothing to do
    FETCH = "fetch"
    ORDER = "order"
    WAIT = "wait"  # not held, nothing to do now
    LEAVE = "leave"  # not held, and not wanted


class Reason(StrEnum):
    """Why a known file is not held (the contract's words)."""

    LISTED_NOT_ORDERED = "listed-not-ordered"
    ORDERED = "ordered"
    DEVICE_SILENT = "device-silent"
    ORDERED_NOT_DELIVERED = "ordered-not-delivered"
    DELIVERING = "delivering"
    ON_SERVER = "on-server"
    RETRYING = "retrying"
    FAILED = "failed"
    QUARANTINED = "quarantined"
    FILTERED = "filtered"
    NO_PERMISSION = "no-permission"
    LOST = "lost"


class Holding(Enum):
    """Whether the archive has the file."""

    NOTHING = "not held"
    CURRENT = "held"
    OUTDATED = "held, but its size in the list is another now"


class Choice(Enum):
    """Whether the user's selection wants the file."""

    SELECTED = "selected"
    EXCLUDED = "excluded"


class Transfer(Enum):
    """What was tried to fetch the file."""

    UNTRIED = "never tried"
    FAILING = "failed before"
    DAMAGED = "arrived damaged before"
    FORBIDDEN = "refused for lack of a permission"
    GIVEN_UP = "failed too often"
    GIVEN_UP_DAMAGED = "arrived damaged too often"


class Ordering(Enum):
    """What was tried to have the device deliver the file."""

    NONE = "never ordered"
    OPEN = "ordered within patience"
    OVERDUE = "ordered, patience is over"
    EXHAUSTED = "ordered as often as allowed"


@dataclass(frozen=True, slots=True)
class Policy:
    """What the user allows.

    Attributes:
        patience: how long an order is given before the next one.
        attempts: how many orders a file gets.
        tries: failed runs of a file before it is given up.
        rest: how long a given-up file is left alone before it is tried once more.
    """

    mode: OrderMode = OrderMode.AUTO
    patience: timedelta = timedelta(hours=48)
    attempts: int = 5
    tries: int = 5
    rest: timedelta = timedelta(days=7)


@dataclass(frozen=True, slots=True)
class Situation:
    """All that the table looks at."""

    holding: Holding
    choice: Choice
    status: StorageStatus
    mode: OrderMode
    transfer: Transfer
    ordering: Ordering


@dataclass(frozen=True, slots=True)
class Decision:
    """What to do, and why the file is not held (None where it is)."""

    action: Action
    reason: Reason | None


@dataclass(frozen=True, slots=True)
class Rule:
    """One line of the table. An empty set stands for "any"."""

    action: Action
    reason: Reason | None
    holding: frozenset[Holding] = frozenset()
    choice: frozenset[Choice] = frozenset()
    status: frozenset[StorageStatus] = frozenset()
    mode: frozenset[OrderMode] = frozenset()
    transfer: frozenset[Transfer] = frozenset()
    ordering: frozenset[Ordering] = frozenset()

    def fits(self, situation: Situation) -> bool:
        """Whether this line speaks of the situation."""
        return (
            (not self.holding or situation.holding in self.holding)
            and (not self.choice or situation.choice in self.choice)
            and (not self.status or situation.status in self.status)
            and (not self.mode or situation.mode in self.mode)
            and (not self.transfer or situation.transfer in self.transfer)
            and (not self.ordering or situation.ordering in self.ordering)
        )


_ON_SERVER = frozenset({StorageStatus.SERVER_ONLY, StorageStatus.BOTH})
_ON_DEVICE = frozenset({StorageStatus.DEVICE_ONLY})

TABLE: tuple[Rule, ...] = (
    Rule(Action.KEEP, None, holding=frozenset({Holding.CURRENT})),
    Rule(Action.LEAVE, Reason.FILTERED, choice=frozenset({Choice.EXCLUDED})),
    Rule(Action.WAIT, Reason.DELIVERING, status=frozenset({StorageStatus.REQUESTED})),
    Rule(Action.WAIT, Reason.ON_SERVER, status=_ON_SERVER, mode=frozenset({OrderMode.ONLY})),
    Rule(Action.FETCH, Reason.ON_SERVER, status=_ON_SERVER, transfer=frozenset({Transfer.UNTRIED})),
    Rule(Action.FETCH, Reason.RETRYING, status=_ON_SERVER, transfer=frozenset({Transfer.FAILING})),
    Rule(Action.FETCH, Reason.QUARANTINED, status=_ON_SERVER, transfer=frozenset({Transfer.DAMAGED})),
    Rule(Action.FETCH, Reason.NO_PERMISSION, status=_ON_SERVER, transfer=frozenset({Transfer.FORBIDDEN})),
    Rule(Action.WAIT, Reason.FAILED, status=_ON_SERVER, transfer=frozenset({Transfer.GIVEN_UP})),
    Rule(Action.WAIT, Reason.QUARANTINED, status=_ON_SERVER, transfer=frozenset({Transfer.GIVEN_UP_DAMAGED})),
    Rule(Action.WAIT, Reason.ORDERED, status=_ON_DEVICE, ordering=frozenset({Ordering.OPEN})),
    Rule(Action.WAIT, Reason.ORDERED, status=_ON_DEVICE, ordering=frozenset({Ordering.EXHAUSTED})),
    Rule(
        Action.WAIT,
        Reason.LISTED_NOT_ORDERED,
        status=_ON_DEVICE,
        mode=frozenset({OrderMode.NEVER}),
        ordering=frozenset({Ordering.NONE}),
    ),
    Rule(
        Action.WAIT,
        Reason.ORDERED,
        status=_ON_DEVICE,
        mode=frozenset({OrderMode.NEVER}),
        ordering=frozenset({Ordering.OVERDUE}),
    ),
    Rule(Action.ORDER, Reason.LISTED_NOT_ORDERED, status=_ON_DEVICE, ordering=frozenset({Ordering.NONE})),
    Rule(Action.ORDER, Reason.ORDERED, status=_ON_DEVICE, ordering=frozenset({Ordering.OVERDUE})),
)


def _look_up(situation: Situation) -> Decision:
    rule = next(rule for rule in TABLE if rule.fits(situation))
    return Decision(rule.action, rule.reason)


# 1,728 combinations: looked up once, so that a page of files costs one dictionary access a file.
_DECISIONS: dict[Situation, Decision] = {
    situation: _look_up(situation)
    for situation in (
        Situation(*combination)
        for combination in product(Holding, Choice, StorageStatus, OrderMode, Transfer, Ordering)
    )
}


PASSING = frozenset(error.slug for error in (UnreachableError, InterruptedBodyError, ServerError, BusyError))
"""Failures of the platform or the line, not of the file."""


def holding_of(file: DataFile, record: FileRecord | None) -> Holding:
    """A held file is outdated when the list tells another size."""
    if record is None or record.held is None:
        return Holding.NOTHING
    if file.size is None or file.size == record.held.size:
        return Holding.CURRENT
    return Holding.OUTDATED


def transfer_of(record: FileRecord | None, policy: Policy, now: datetime) -> Transfer:
    """Failed tries count until the list tells a change; a given-up file is tried again after its rest.

    Trouble of the platform or the line says nothing of the file: it never gives one up.
    """
    if record is None or record.failure is None or record.tries == 0:
        return Transfer.UNTRIED
    if record.failure.slug == ForbiddenError.slug:
        return Transfer.FORBIDDEN
    resting = (
        record.tries >= policy.tries
        and record.failure.slug not in PASSING
        and record.failure.at <= now < record.failure.at + policy.rest
    )
    if record.failure.check is None:
        return Transfer.GIVEN_UP if resting else Transfer.FAILING
    return Transfer.GIVEN_UP_DAMAGED if resting else Transfer.DAMAGED


def ordering_of(record: FileRecord | None, policy: Policy, now: datetime) -> Ordering:
    """An order is open while the policy's patience lasts; one from the future came from a wrong clock."""
    if record is None or record.ordered_at is None or record.orders == 0:
        return Ordering.NONE
    if record.ordered_at <= now < record.ordered_at + policy.patience:
        return Ordering.OPEN
    return Ordering.EXHAUSTED if record.orders >= policy.attempts else Ordering.OVERDUE


def plan(
    file: DataFile, record: FileRecord | None, choice: Choice, policy: Policy, now: datetime
) -> Decision:
    """What to do with `file`, given what the state knows of it.

    Args:
        file: as it was listed now (for a report: as it was listed last).
        record: what the state knows, None for a file never seen before.
        choice: what the user's selection says of it.
        policy: what the user allows.
        now: the moment of the decision, UTC.
    """
    return _DECISIONS[
        Situation(
            holding_of(file, record),
            choice,
            file.status,
            policy.mode,
            transfer_of(record, policy, now),
            ordering_of(record, policy, now),
        )
    ]
