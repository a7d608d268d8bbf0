"""Commands to devices, as models and in sentences for people."""

from datetime import datetime
from typing import assert_never

from osfsync.domain.dialogue import Order, OrderState
from osfsync.domain.rows import Fate, OrderRow
from osfsync.reports.models import OrderModel
from osfsync.reports.tongue import amount, moment, recorded, say


def order_model(row: OrderRow) -> OrderModel:
    """One command, and how far it has come."""
    order, fate = row.order, row.fate
    return OrderModel(
        order=order.id,
        device=row.device.name,
        device_id=row.device.id,
        run=row.run,
        window_start=order.window.start,
        window_end=order.window.end,
        tag=order.tag,
        files=row.files,
        awaited=row.awaited,
        requested=row.requested,
        delivered=row.delivered,
        held=row.held,
        lost=row.lost,
        sent_at=order.sent_at,
        state=order.state.value,
        fate=fate.value,
        open=fate.is_open,
        contacted_at=order.contacted_at,
        answered_at=order.answered_at,
        ended_at=_ended_at(order, fate),
        explanation=_explanation(row, fate),
    )


def refusal(order: Order) -> str:
    """What the platform said to a command that it did not take; the ledger has an error's slug before it."""
    return (order.answer or "").partition(": ")[2] or say("It did not say why.")


def _ended_at(order: Order, fate: Fate) -> datetime | None:
    match fate:
        case Fate.REFUSED:
            return order.sent_at
        case Fate.CANCELLED:
            return order.cancelled_at
        case Fate.GIVEN_UP:
            return order.given_up_at
        case _:
            return None


def _explanation(row: OrderRow, fate: Fate) -> str:  # noqa: C901, PLR0911 - one case a fate
    order = row.order
    match fate:
        case Fate.SENT:
            return _taken(order) + say("No contact of the device was seen since.")
        case Fate.CONTACTED:
            return _taken(order) + say(
                "The device was in contact on {when}; no list that answers it was seen yet.",
                when=moment(order.contacted_at),
            )
        case Fate.ANSWERED:
            return say(
                "The device executed it and returned its list on {when}. Still only on the device: {files}.",
                when=moment(order.answered_at),
                files=amount(row.awaited, "file"),
            )
        case Fate.REQUESTED:
            return say(
                "Of {files} the platform has requested {requested} from the device, and {delivered} lie on "
                "the server.",
                files=amount(row.awaited, "awaited file"),
                requested=row.requested,
                delivered=row.delivered,
            )
        case Fate.DELIVERED:
            return say("All files that are left lie on the server; the next sync fetches them.")
        case Fate.FETCHED:
            return say("All its files are held.")
        case Fate.LOST:
            return say(
                "{files} vanished from the platform's list before they were held.",
                files=amount(row.lost, "file"),
            )
        case Fate.ASKED_AGAIN:
            return say("What is not held was asked for again with a later command, or is lost.")
        case Fate.GIVEN_UP:
            return recorded(order.given_up_why, say("It was the last attempt for its files."))
        case Fate.CANCELLED:
            return say("Forgotten at your wish; the platform's own queue can't be recalled.")
        case Fate.REFUSED:
            return refusal(order)
        case _:
            assert_never(fate)


def _taken(order: Order) -> str:
    match order.state:
        case OrderState.SENDING:
            return say("A run is sending it, or was killed while it did.") + " "
        case OrderState.DOUBTFUL:
            return say("Whether the platform took it is not known.") + " "
        case OrderState.SENT | OrderState.REFUSED:
            return ""
        case _:
            assert_never(order.state)
