"""The talk between one device, the platform and us: our orders, and what became of them. Pure.

An order is one command in our ledger. The platform only queues it; the device fetches one task at each
contact. What happened since is read off the platform's communication log.
"""

from bisect import bisect_right
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum

from osfsync.domain.estimate import as_contacts
from osfsync.domain.model import CommunicationEvent, DataFile, TimeWindow

LIST_ANSWER = "RETURN_LIST"
FILE_ANSWER = "RETURN_FILE"
FAILURE_ANSWER = "RETURN_ERROR"

GREETINGS = frozenset({"PING", "ATTN"})
CONTACT_KINDS = GREETINGS | {"UPLOAD", LIST_ANSWER, FILE_ANSWER, FAILURE_ANSWER}
"""Events that only a connected device brings about (vendor); a contact begins with a greeting."""

CLOCKS_AHEAD = timedelta(days=1)
"""How far ahead of ours another clock may run; what is told of a later time is not believed."""

MUTE_AFTER = timedelta(days=2)
"""A log that could not be read for so long says nothing any more of what happened since."""


class OrderState(StrEnum):
    """What the platform said to a command."""

    SENDING = "sending"  # about to be sent, or the run was killed meanwhile
    SENT = "sent"
    DOUBTFUL = "doubtful"  # its answer was never heard: it may be queued, and counts as queued
    REFUSED = "refused"


@dataclass(frozen=True, slots=True)
class Order:
    """One command to a device, as the ledger has it.

    Attributes:
        ahead: our commands that waited for the device before this one, when it was sent.
        contacted_at: the first contact after it that was ever seen. Likewise `answered_at`: the list that
            the device returned for it.
        answer: what the platform said where it refused.
        cancelled_at: when the user made us forget it; the platform's queue can't be recalled.
        due_at: when the device must have executed it, as far as was ever seen; see Followed.
        given_up_at: when it was the last attempt, and its patience over; `given_up_why` tells.
        owed: of its files, those that are neither held nor lost nor ordered again.
        moved: whether any of its files left storage status 0 since, which shows that it was executed.
    """

    id: int
    window: TimeWindow
    tag: str
    sent_at: datetime
    state: OrderState
    ahead: int = 0
    contacted_at: datetime | None = None
    answered_at: datetime | None = None
    due_at: datetime | None = None
    answer: str | None = None
    cancelled_at: datetime | None = None
    given_up_at: datetime | None = None
    given_up_why: str | None = None
    owed: int = 1
    moved: bool = False


@dataclass(frozen=True, slots=True)
class Followed:
    """An order and what the communication log tells of it.

    Attributes:
        contacts: how many there were since.
        files: how many files the device returned since, whoever asked for them.
        due_at: when the device must have executed it: with its list, or at the contact at which it was its
            turn. None while it is still queued.
    """

    order: Order
    contacts: int
    contacted_at: datetime | None
    answered_at: datetime | None
    files: int
    due_at: datetime | None


@dataclass(frozen=True, slots=True)
class Refusal:
    """The platform did not take the last command to a device."""

    slug: str
    explanation: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Dialogue:
    """What is known of one device beside its files.

    Attributes:
        heard_until: up to when the communication log was read; None for never.
        mute: why the log can't be read, empty where it can.
        contacts: moments of contact, ascending. `deliveries` likewise: files that the device returned.
        last_contact: the newest event that only a connected device brings about.
        last_answer: the newest list or error that the device returned.
        followed: our orders by their number.
        refusal: of the last command, where the platform refused it.
        horizon: how long files stay on the device before it drops them, learned from losses.
    """

    heard_until: datetime | None = None
    mute: str = ""
    contacts: Sequence[datetime] = ()
    deliveries: Sequence[datetime] = ()
    last_contact: datetime | None = None
    last_answer: CommunicationEvent | None = None
    followed: Mapping[int, Followed] = field(default_factory=dict)
    refusal: Refusal | None = None
    horizon: timedelta | None = None

    def queued(self, patience: timedelta, now: datetime) -> int:
        """How many of our commands are queued; see `waiting`."""
        return len(self.waiting(patience, now))

    def waiting(self, patience: timedelta, now: datetime) -> list[Order]:
        """Those of our commands that wait on the platform for the device's next contacts.

        One that no file is owed for counts no more: it is done, or nobody needs it. Where the log can't be
        read, a command is taken to wait for `patience`. One from the future, beyond
        CLOCKS_AHEAD, came from a wrong clock.
        """
        waiting = [
            followed
            for followed in self.followed.values()
            if followed.order.owed
            and not followed.order.moved
            and followed.order.sent_at <= now + CLOCKS_AHEAD
        ]
        if self.mute:
            return [followed.order for followed in waiting if now < followed.order.sent_at + patience]
        return [followed.order for followed in waiting if followed.due_at is None]

    def executed_for(self, file: DataFile) -> int:
        """How many orders whose window holds the file's recording the device has answered with a list."""
        return sum(
            1
            for followed in self.followed.values()
            if followed.answered_at is not None and _covers(followed.order, file)
        )


NOTHING_KNOWN = Dialogue()


def dialogue_of(  # noqa: PLR0913 - all that is known of a device
    orders: Sequence[Order],
    events: Sequence[CommunicationEvent],
    *,
    heard_until: datetime | None = None,
    mute: str = "",
    refusal: Refusal | None = None,
    horizon: timedelta | None = None,
) -> Dialogue:
    """Put together what the state knows of one device. `orders` are in the order of their numbers."""
    latest = None if heard_until is None else heard_until + CLOCKS_AHEAD
    dated = sorted(
        (
            (event.at, event)
            for event in events
            if event.at is not None and (latest is None or event.at <= latest)
        ),
        key=lambda pair: pair[0],
    )
    seen = [at for at, event in dated if event.kind in CONTACT_KINDS]
    greetings = [at for at, event in dated if event.kind in GREETINGS]
    # Not every platform logs greetings (API page).
    contacts = as_contacts(greetings or seen)
    deliveries = [at for at, event in dated if event.kind == FILE_ANSWER]
    answers = [event for _, event in dated if event.kind in {LIST_ANSWER, FAILURE_ANSWER}]
    # The platform may tell one list twice, with other words.
    lists = list(dict.fromkeys(at for at, event in dated if event.kind == LIST_ANSWER))
    if not seen and any(order.moved for order in orders):
        mute = mute or "it tells no contact, though the device delivered."
    return Dialogue(
        heard_until=heard_until,
        mute=mute,
        contacts=contacts,
        deliveries=deliveries,
        last_contact=seen[-1] if seen else None,
        last_answer=answers[-1] if answers else None,
        followed=follow(orders, Seen(contacts, seen, lists, deliveries)),
        refusal=refusal,
        horizon=horizon,
    )


@dataclass(frozen=True, slots=True)
class Seen:
    """What a log tells, as ascending moments: contacts, all that a connected device did, lists, files."""

    contacts: Sequence[datetime] = ()
    signs: Sequence[datetime] = ()
    lists: Sequence[datetime] = ()
    deliveries: Sequence[datetime] = ()


def follow(orders: Sequence[Order], seen: Seen) -> dict[int, Followed]:
    """What became of each order that the platform took.

    The queue is first in, first out: the first list after an order that no earlier order took is its own.
    """
    taken = {order.answered_at for order in orders}
    free = [moment for moment in seen.lists if moment not in taken]
    followed: dict[int, Followed] = {}
    for order in orders:
        if order.state is OrderState.REFUSED:
            continue
        answered_at = order.answered_at
        if answered_at is None:
            answered_at = next((moment for moment in free if moment > order.sent_at), None)
            if answered_at is not None:
                free = free[free.index(answered_at) + 1 :]
        since = seen.contacts[bisect_right(seen.contacts, order.sent_at) :]
        sign = next(iter(seen.signs[bisect_right(seen.signs, order.sent_at) :][:1]), None)
        contacted_at = order.contacted_at or sign or (order.sent_at if order.moved else None)
        its_turn = since[order.ahead] if len(since) > order.ahead else None
        followed[order.id] = Followed(
            order=order,
            contacts=max(len(since), 1 if contacted_at is not None else 0),
            contacted_at=contacted_at,
            answered_at=answered_at,
            files=len(seen.deliveries) - bisect_right(seen.deliveries, order.sent_at),
            due_at=order.due_at or answered_at or its_turn or (contacted_at if order.moved else None),
        )
    return followed


def _covers(order: Order, file: DataFile) -> bool:
    start = file.start or file.end
    if start is None or (file.tag is not None and file.tag != order.tag):
        return False
    return order.window.start <= start <= order.window.end
