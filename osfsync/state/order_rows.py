"""Facts about orders and what devices told → rows. Pure."""

from collections.abc import Iterator

import msgspec

from osfsync.domain.dialogue import CLOCKS_AHEAD, CONTACT_KINDS, OrderState
from osfsync.domain.outcomes import (
    Heard,
    HearingFailed,
    OrderFollowed,
    OrderGivenUp,
    OrderPrepared,
    OrderRefused,
    OrderTaken,
)
from osfsync.state.steps import Placed, Step
from osfsync.state.terms import KEEP_EVENTS, to_text

MOST_EVENTS = 5_000
"""Communication events of one device: older ones are forgotten, what they told of orders is not."""


def heard(fact: Heard) -> Iterator[Placed]:
    """Events of a log, and up to when it was read; old events are dropped."""
    contact = None
    for event in fact.events:
        if event.at is None:
            continue
        extra = msgspec.json.encode(event.extra).decode() if event.extra else ""
        row = {"device_id": fact.device_id, "at": to_text(event.at), "kind": event.kind, "extra": extra}
        yield Step.INSERT_EVENT, None, row
        if event.kind in CONTACT_KINDS and event.at <= fact.window.end + CLOCKS_AHEAD:
            contact = max(contact or event.at, event.at)
    until = to_text(fact.window.end)
    before = to_text(fact.window.end - KEEP_EVENTS)
    about = ("log", fact.device_id)
    yield Step.PRUNE_EVENTS, None, {"of_device": fact.device_id, "before": before, "most": MOST_EVENTS}
    last = None if contact is None else to_text(contact)
    yield Step.DEVICE_HEARD, about, {"of_device": fact.device_id, "until": until, "contact": last}


def hearing_failed(fact: HearingFailed) -> Iterator[Placed]:
    """A log that could not be read."""
    row = {"of_device": fact.device_id, "explanation": fact.explanation, "at": to_text(fact.at)}
    yield Step.DEVICE_MUTE, ("log", fact.device_id), row


def order_prepared(fact: OrderPrepared, run_id: str) -> Iterator[Placed]:
    """An order, before the platform knows of it."""
    row = {
        "id": fact.id,
        "run_id": run_id,
        "device_id": fact.device_id,
        "start": to_text(fact.window.start),
        "end": to_text(fact.window.end),
        "tag": fact.tag,
        "files": len(fact.names),
        "sent_at": to_text(fact.at),
        "state": OrderState.SENDING.value,
        "ahead": fact.ahead,
    }
    yield Step.INSERT_ORDER, ("order", fact.id), row
    for name in fact.names:
        yield (
            Step.INSERT_ORDER_FILE,
            None,
            {"device_id": fact.device_id, "name": name, "order_id": fact.id},
        )


def order_taken(fact: OrderTaken) -> Iterator[Placed]:
    """An order that counts as queued."""
    order = fact.order
    state = OrderState.SENT if fact.certain else OrderState.DOUBTFUL
    answered = {"of_order": order.id, "state": state.value, "answer": None}
    yield Step.ORDER_ANSWERED, ("order", order.id), answered
    for name in order.names:
        row = {
            "of_device": order.device_id,
            "of_name": name,
            "at": to_text(order.at),
            "order": order.id,
            "attempts": 1 if fact.certain else 0,  # what may never have been queued uses up none
        }
        yield Step.FILE_ORDERED, (order.device_id, name), row


def order_refused(fact: OrderRefused) -> Iterator[Placed]:
    """An order that was refused."""
    answer = f"{fact.slug}: {fact.explanation}"
    row = {"of_order": fact.order.id, "state": OrderState.REFUSED.value, "answer": answer}
    yield Step.ORDER_ANSWERED, ("order", fact.order.id), row
    yield Step.DELETE_ORDER_FILES, ("order", fact.order.id), {"of_order": fact.order.id}


def order_followed(fact: OrderFollowed) -> Iterator[Placed]:
    """What a log showed of an order. One in doubt that was answered had been queued, and was an attempt."""
    if fact.answered_at is not None:
        about: object = ("order", fact.order_id)
        yield Step.DOUBT_COUNTED, about, {"of_order": fact.order_id}
        yield Step.DOUBT_SETTLED, about, {"of_order": fact.order_id}
    row = {
        "of_order": fact.order_id,
        "contacted_at": None if fact.contacted_at is None else to_text(fact.contacted_at),
        "answered_at": None if fact.answered_at is None else to_text(fact.answered_at),
        "due_at": None if fact.due_at is None else to_text(fact.due_at),
    }
    yield Step.ORDER_FOLLOWED, ("order", fact.order_id), row


def order_given_up(fact: OrderGivenUp) -> Iterator[Placed]:
    """An order that was the last attempt."""
    row = {"of_order": fact.order_id, "why": fact.why, "at": to_text(fact.at)}
    yield Step.ORDER_GIVEN_UP, ("order", fact.order_id), row
