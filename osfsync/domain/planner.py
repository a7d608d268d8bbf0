"""What to do with a file: a table, read from the top, first match wins.

The facts about a file are first reduced to a few closed sets, so that the table can be read whole,
drawn, and checked for every combination.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import Enum, StrEnum
from functools import cache
from typing import Any

from osfsync.domain.dialogue import CLOCKS_AHEAD, Dialogue, Followed, OrderState
from osfsync.domain.errors import (
    BusyError,
    ForbiddenError,
    InterruptedBodyError,
    ServerError,
    UnreachableError,
)
from osfsync.domain.model import DataFile, FileRecord, OrderMode, StorageStatus
from osfsync.domain.policy import Policy


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


class Presence(Enum):
    """Whether the platform's list still names the file."""

    LISTED = "listed"
    VANISHED = "vanished from the list"


class Ordering(Enum):
    """What was tried to have the device deliver the file."""

    NONE = "never ordered"
    FORBIDDEN = "never ordered, the platform refuses commands to the device for lack of a permission"
    OPEN = "ordered, no contact since"
    SILENT = "ordered, no contact since for longer than the patience"
    CONTACTED = "ordered, the device was in contact since"
    OVERDUE = "ordered, should have come, patience is over"
    EXHAUSTED = "ordered as often as allowed, should have come"
    UNHEARD_OVERDUE = "ordered, patience is over, contacts can't be seen"
    UNHEARD_EXHAUSTED = "ordered as often as allowed, contacts can't be seen"


@dataclass(frozen=True, slots=True)
class Situation:
    """All that the table looks at."""

    presence: Presence

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
    presence: frozenset[Presence] = frozenset()
    holding: frozenset[Holding] = frozenset()
    choice: frozenset[Choice] = frozenset()
    status: frozenset[StorageStatus] = frozenset()
    mode: frozenset[OrderMode] = frozenset()
    transfer: frozenset[Transfer] = frozenset()
    ordering: frozenset[Ordering] = frozenset()

    def fits(self, situation: Situation) -> bool:
        """Whether this line speaks of the situation."""
        return (
            (not self.presence or situation.presence in self.presence)
            and (not self.holding or situation.holding in self.holding)
            and (not self.choice or situation.choice in self.choice)
            and (not self.status or situation.status in self.status)
            and (not self.mode or situation.mode in self.mode)
            and (not self.transfer or situation.transfer in self.transfer)
            and (not self.ordering or situation.ordering in self.ordering)
        )


_ON_SERVER = frozenset({StorageStatus.SERVER_ONLY, StorageStatus.BOTH})
_ON_DEVICE = frozenset({StorageStatus.DEVICE_ONLY})
_NEVER = frozenset({OrderMode.NEVER})


def _on_device(
    action: Action, reason: Reason, *ordering: Ordering, mode: frozenset[OrderMode] = frozenset()
) -> Rule:
    return Rule(action, reason, status=_ON_DEVICE, mode=mode, ordering=frozenset(ordering))


TABLE: tuple[Rule, ...] = (
    Rule(Action.KEEP, None, holding=frozenset({Holding.CURRENT})),
    Rule(Action.LEAVE, Reason.FILTERED, choice=frozenset({Choice.EXCLUDED})),
    Rule(Action.WAIT, Reason.LOST, presence=frozenset({Presence.VANISHED})),
    Rule(Action.WAIT, Reason.DELIVERING, status=frozenset({StorageStatus.REQUESTED})),
    Rule(Action.WAIT, Reason.ON_SERVER, status=_ON_SERVER, mode=frozenset({OrderMode.ONLY})),
    Rule(Action.FETCH, Reason.ON_SERVER, status=_ON_SERVER, transfer=frozenset({Transfer.UNTRIED})),
    Rule(Action.FETCH, Reason.RETRYING, status=_ON_SERVER, transfer=frozenset({Transfer.FAILING})),
    Rule(Action.FETCH, Reason.QUARANTINED, status=_ON_SERVER, transfer=frozenset({Transfer.DAMAGED})),
    Rule(Action.FETCH, Reason.NO_PERMISSION, status=_ON_SERVER, transfer=frozenset({Transfer.FORBIDDEN})),
    Rule(Action.WAIT, Reason.FAILED, status=_ON_SERVER, transfer=frozenset({Transfer.GIVEN_UP})),
    Rule(Action.WAIT, Reason.QUARANTINED, status=_ON_SERVER, transfer=frozenset({Transfer.GIVEN_UP_DAMAGED})),
    _on_device(Action.WAIT, Reason.ORDERED, Ordering.OPEN, Ordering.UNHEARD_EXHAUSTED),
    _on_device(Action.WAIT, Reason.DEVICE_SILENT, Ordering.SILENT),
    _on_device(Action.WAIT, Reason.ORDERED_NOT_DELIVERED, Ordering.CONTACTED, Ordering.EXHAUSTED),
    _on_device(Action.WAIT, Reason.LISTED_NOT_ORDERED, Ordering.NONE, Ordering.FORBIDDEN, mode=_NEVER),
    _on_device(Action.WAIT, Reason.ORDERED_NOT_DELIVERED, Ordering.OVERDUE, mode=_NEVER),
    _on_device(Action.WAIT, Reason.ORDERED, Ordering.UNHEARD_OVERDUE, mode=_NEVER),
    _on_device(Action.ORDER, Reason.LISTED_NOT_ORDERED, Ordering.NONE),
    _on_device(Action.ORDER, Reason.NO_PERMISSION, Ordering.FORBIDDEN),
    _on_device(Action.ORDER, Reason.ORDERED_NOT_DELIVERED, Ordering.OVERDUE),
    _on_device(Action.ORDER, Reason.ORDERED, Ordering.UNHEARD_OVERDUE),
)


HELD = Decision(TABLE[0].action, TABLE[0].reason)
"""The first line's, which looks at nothing but the holding: a quiet night asks a million times."""


@cache
def _look_up(*parts: Any) -> Decision:
    """The first line that fits; a night meets a few dozen situations, whatever the number of files."""
    situation = Situation(*parts)
    rule = next(rule for rule in TABLE if rule.fits(situation))
    return Decision(rule.action, rule.reason)


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


def ordering_of(record: FileRecord | None, dialogue: Dialogue, policy: Policy, now: datetime) -> Ordering:
    """What came of the last order that was meant for the file.

    Patience counts from when the device must have executed the command: while it is silent, or has other
    commands of ours to execute first, the command is still queued, and another one would help nothing. Where
    contacts can't be seen it counts from the order. An order from further in the future than clocks run
    ahead came from a wrong clock.
    """
    forbidden = dialogue.refusal is not None and dialogue.refusal.slug == ForbiddenError.slug
    if record is None or record.ordered_at is None:
        return Ordering.FORBIDDEN if forbidden else Ordering.NONE
    ordering = _ordered(record, record.ordered_at, dialogue, policy, now)
    return Ordering.FORBIDDEN if forbidden and ordering in _DUE else ordering


_DUE = frozenset({Ordering.OVERDUE, Ordering.UNHEARD_OVERDUE})


def _ordered(
    record: FileRecord, ordered_at: datetime, dialogue: Dialogue, policy: Policy, now: datetime
) -> Ordering:
    exhausted = record.orders >= policy.attempts
    followed = None if record.order is None else dialogue.followed.get(record.order)
    if followed is None or dialogue.mute or ordered_at > now:
        if ordered_at - CLOCKS_AHEAD <= now < ordered_at + policy.patience_after(record.orders):
            return Ordering.OPEN
        return Ordering.UNHEARD_EXHAUSTED if exhausted else Ordering.UNHEARD_OVERDUE
    if followed.contacts == 0:
        heard = dialogue.heard_until or ordered_at
        return Ordering.SILENT if heard - ordered_at >= policy.patience else Ordering.OPEN
    if followed.due_at is None or now < followed.due_at + _patience_with(followed, record.orders, policy):
        return Ordering.CONTACTED
    return Ordering.EXHAUSTED if exhausted else Ordering.OVERDUE


def _patience_with(followed: Followed, orders: int, policy: Policy) -> timedelta:
    """None for a command of which nobody knows that it was queued, and which the device did not get."""
    doubtful = followed.order.state is OrderState.DOUBTFUL
    return timedelta(0) if doubtful and followed.answered_at is None else policy.patience_after(orders)


def plan(  # noqa: PLR0913, PLR0917 - all that the table looks at
    file: DataFile,
    record: FileRecord | None,
    choice: Choice,
    policy: Policy,
    now: datetime,
    dialogue: Dialogue,
) -> Decision:
    """What to do with `file`, given what the state knows of it.

    Args:
        file: as it was listed now (for a report: as it was listed last).
        record: what the state knows, None for a file never seen before.
        choice: what the user's selection says of it.
        policy: what the user allows.
        now: the moment of the decision, UTC.
        dialogue: what is known of the file's device.
    """
    holding = holding_of(file, record)
    if holding is Holding.CURRENT:
        return HELD
    lost = record is not None and record.lost_at is not None
    return _look_up(
        Presence.VANISHED if lost else Presence.LISTED,
        holding,
        choice,
        file.status,
        policy.mode,
        transfer_of(record, policy, now),
        ordering_of(record, dialogue, policy, now),
    )
