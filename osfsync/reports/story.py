"""A file's whole story, in order of time, in sentences for people."""

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from operator import attrgetter
from typing import assert_never

from osfsync.domain.dialogue import FILE_ANSWER, Dialogue, Order, OrderState
from osfsync.domain.model import CommunicationEvent, Failure, FileRecord, Held, StorageStatus, Verification
from osfsync.domain.planner import Holding, holding_of
from osfsync.domain.rows import AttemptRow, FileRow, StatusRow
from osfsync.domain.verdict import REFUTED
from osfsync.reports.build import missing_model
from osfsync.reports.case import Case
from osfsync.reports.evidence import said
from osfsync.reports.models import EventModel, StoryModel
from osfsync.reports.ordering import refusal
from osfsync.reports.text import count, moment

_STATUS = {
    StorageStatus.DEVICE_ONLY: "only on the device (storage status 0)",
    StorageStatus.REQUESTED: "requested from the device (storage status 1)",
    StorageStatus.SERVER_ONLY: "on the server only (storage status 2)",
    StorageStatus.BOTH: "on device and server (storage status 3)",
}
_CHECKED = {
    Verification.WHOLE: "whole to the last byte",
    Verification.TAIL_CUT: "sound up to its end, which is cut off: the device lost power",
    Verification.HEADER: "its compression and its header are sound",
    Verification.LENGTH: "its length is right",
    Verification.DAMAGED_AT_SOURCE: "damaged at the source, the platform gave the same bytes twice",
}


@dataclass(frozen=True, slots=True)
class History:
    """What the state remembers of one file.

    Attributes:
        statuses: changes of its storage status. Likewise `orders`: commands meant for it; oldest first.
        events: the communication log of its device, oldest first.
        attempts: failed tries to fetch it.
    """

    statuses: Sequence[StatusRow] = ()
    orders: Sequence[Order] = ()
    events: Sequence[CommunicationEvent] = ()
    attempts: Sequence[AttemptRow] = ()


def story_model(row: FileRow, history: History, case: Case) -> StoryModel:
    """All that is known of one file."""
    record, file = row.record, row.record.file
    told = _events(record, history, case.dialogue)
    missing = None if holding_of(file, record) is Holding.CURRENT else missing_model(row, case)
    return StoryModel(
        device=row.device.name,
        device_id=row.device.id,
        name=file.name,
        path=record.path,
        recorded_from=file.start,
        recorded_to=file.end,
        size=file.size if record.held is None else record.held.size,
        state="missing" if record.held is None else "held",
        reason=None if missing is None else missing.reason,
        explanation=f"Held at {record.path} in the archive." if missing is None else missing.explanation,
        next_action=None if missing is None else missing.next_action,
        expected=None if missing is None else missing.expected,
        expected_by=None if missing is None else missing.expected_by,
        events=tuple(sorted(told, key=attrgetter("at"))),
    )


def _events(record: FileRecord, history: History, dialogue: Dialogue) -> Iterator[EventModel]:
    """What happened, kind by kind; of two things at one moment the cause comes first."""
    first = history.statuses[0].was if history.statuses else record.file.status
    yield EventModel(record.first_seen, f"First seen: {_STATUS[first]}.")
    for order in history.orders:
        yield from _order(order, dialogue)
    yield from _contacts(record, history.orders, dialogue)
    for event in history.events:
        if event.at is not None and _names(event, record.file.name):
            yield EventModel(event.at, _log(event, record))
    for change in history.statuses:
        yield EventModel(change.at, f"The list shows it as {_STATUS[change.became]}.")
    for attempt in history.attempts:
        yield EventModel(attempt.failure.at, _attempt(attempt.failure))
    if record.held is not None:
        yield EventModel(record.held.fetched_at, _held(record.held, record.path))
    if record.lost_at is not None:
        yield EventModel(
            record.lost_at,
            f"Lost: the device's list names it no more; it last did on {moment(record.last_seen)}.",
        )


def _attempt(failure: Failure) -> str:
    what = "A download failed" if failure.check is None else f"It arrived damaged (check {failure.check})"
    if failure.slug == REFUTED:
        what = f"A verification found that what was held is not there as it was (check {failure.check})"
    return f"{what}: {failure.explanation}"


def _order(order: Order, dialogue: Dialogue) -> Iterator[EventModel]:
    window = f"files recorded {order.window}, tag {order.tag}"
    yield EventModel(order.sent_at, f"Order {order.id} was sent to the device: {window}. {_answer(order)}")
    followed = dialogue.followed.get(order.id, order)  # the log may have told since what the ledger lacks
    if followed.contacted_at is not None:
        yield EventModel(followed.contacted_at, f"First contact of the device after order {order.id}.")
    if followed.answered_at is not None:
        yield EventModel(followed.answered_at, f"The device executed order {order.id} and returned its list.")
    if order.given_up_at is not None:
        yield EventModel(
            order.given_up_at, f"Order {order.id} was given up. {order.given_up_why or ''}".rstrip()
        )
    if order.cancelled_at is not None:
        yield EventModel(order.cancelled_at, f"Order {order.id} was cancelled: forgotten at your wish.")


def _answer(order: Order) -> str:
    match order.state:
        case OrderState.SENT:
            return "The platform took it."
        case OrderState.DOUBTFUL:
            return "Its answer was never heard; it counts as taken."
        case OrderState.SENDING:
            return "It is being sent, or the run was killed while it was."
        case OrderState.REFUSED:
            return f"The platform refused it: {refusal(order)}"
        case _:
            assert_never(order.state)


def _contacts(record: FileRecord, orders: Sequence[Order], dialogue: Dialogue) -> Iterator[EventModel]:
    """The contacts after the last order that was taken, until the file was held or lost, in one sentence."""
    taken = [order for order in orders if order.state is not OrderState.REFUSED]
    if not taken:
        return
    order = taken[-1]
    end = record.lost_at if record.held is None else record.held.fetched_at
    since = [at for at in dialogue.contacts if at > order.sent_at and (end is None or at <= end)]
    if len(since) > 1:
        yield EventModel(
            since[-1],
            f"After order {order.id} the device was in contact {count(len(since))} times, the first time on "
            f"{moment(since[0])}; this was the last.",
        )


def _names(event: CommunicationEvent, name: str) -> bool:
    """Whether a text of the event holds the whole name, or its last part where no folder stands before it."""
    last = name.rpartition("/")[2]
    pattern = rf"(?<![\w.-])(?:{re.escape(name)}|(?<![/\\]){re.escape(last)})(?![\w-])"
    return any(last in text and re.search(pattern, text) for _, text in event.extra)


def _log(event: CommunicationEvent, record: FileRecord) -> str:
    what = "The device delivered the file" if event.kind == FILE_ANSWER else "The log names the file"
    texts = said(event, record.file.device_id)
    return f"{what} ({event.kind}{f', {texts}' if texts else ''})."


def _held(held: Held, path: str) -> str:
    failed = "" if held.check is None else f" (check {held.check} failed)"
    return (
        f"Held: {count(held.size)} bytes at {path}, SHA-256 {held.sha256}, checked: "
        f"{_CHECKED[held.verification]}{failed}."
    )
