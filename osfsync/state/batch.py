"""Facts → rows, grouped so that one statement takes many, with the effect of the facts one by one. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from enum import IntEnum
from typing import assert_never

import msgspec

from osfsync.domain.outcomes import (
    DeviceSeen,
    Fact,
    Fetched,
    FetchFailed,
    FilesSeen,
    Listed,
    ListingFailed,
    Ordered,
    OrderRefused,
    WindowSettled,
)
from osfsync.domain.pathkey import path_key
from osfsync.domain.rows import OrderState
from osfsync.state.statements import Row
from osfsync.state.tables import to_text


class Step(IntEnum):
    """What is done to the tables, in the order in which a group does it: what others refer to comes first."""

    UPSERT_DEVICE = 0
    UPSERT_FILE = 1
    INSERT_LISTING = 2
    DEVICE_LISTED = 3
    DEVICE_FAILED = 4
    SETTLE_LISTINGS = 5
    INSERT_ORDER = 6
    FILE_ORDERED = 7
    FILE_HELD = 8
    FILE_FAILED = 9
    INSERT_ATTEMPT = 10


@dataclass(frozen=True, slots=True)
class RunKey:
    """The run that tells the facts, and its tenant."""

    id: str
    tenant_id: str


@dataclass(slots=True)
class Group:
    """Rows by step. Within a step they keep the order of their facts."""

    rows: dict[Step, list[Row]] = field(default_factory=dict)

    def __iter__(self) -> Iterator[tuple[Step, list[Row]]]:
        for step in Step:
            if step in self.rows:
                yield step, self.rows[step]


def groups_of(facts: Sequence[Fact], run: RunKey) -> list[Group]:
    """The fewest groups, in order, whose rows have the effect of the facts one by one.

    A group does its steps in a fixed order. Facts about one thing (a file, a device's problem, a backfill)
    that must be done the other way round open a new group; it happens seldom.
    """
    groups = [Group()]
    reached: dict[object, Step] = {}
    for fact in facts:
        placed = list(_rows(fact, run))
        if any(reached.get(about, step) > step for step, about, _ in placed):
            groups.append(Group())
            reached.clear()
        rows = groups[-1].rows
        for step, about, row in placed:
            if about is not None:
                reached[about] = max(step, reached.get(about, step))
            rows.setdefault(step, []).append(row)
    return groups


_Placed = tuple[Step, object, Row]
"""A step, what its row is about, and the row.

The order of steps matters among rows about one thing; None is about nothing.
"""


def _rows(fact: Fact, run: RunKey) -> Iterator[_Placed]:  # noqa: PLR0911 - one line for each fact
    match fact:
        case DeviceSeen():
            return _device_seen(fact, run.tenant_id)
        case FilesSeen():
            return _files_seen(fact)
        case Listed():
            return _listed(fact, run.id)
        case ListingFailed():
            return _listing_failed(fact, run.id)
        case Fetched():
            return _fetched(fact, run.id)
        case FetchFailed():
            return _fetch_failed(fact, run.id)
        case Ordered():
            return _ordered(fact, run.id)
        case OrderRefused():
            return _order_refused(fact, run.id)
        case WindowSettled():
            return _window_settled(fact)
        case _:
            assert_never(fact)


def _device_seen(fact: DeviceSeen, tenant_id: str) -> Iterator[_Placed]:
    at = to_text(fact.at)
    row = {
        "id": fact.device.id,
        "tenant_id": tenant_id,
        "name": fact.device.name,
        "folder": fact.folder,
        "folder_key": path_key(fact.folder),
        "first_seen": at,
        "last_seen": at,
    }
    yield Step.UPSERT_DEVICE, None, row


def _files_seen(fact: FilesSeen) -> Iterator[_Placed]:
    at, seen_from, seen_to = to_text(fact.at), to_text(fact.window.start), to_text(fact.window.end)
    for seen in fact.files:
        file = seen.file
        row = {
            "device_id": fact.device_id,
            "name": file.name,
            "storage_status": int(file.status),
            "size": file.size,
            "start": None if file.start is None else to_text(file.start),
            "end": None if file.end is None else to_text(file.end),
            "tag": file.tag,
            "extra": msgspec.json.encode(file.extra).decode() if file.extra else None,
            "path": seen.path,
            "path_key": path_key(seen.path),
            "first_seen": at,
            "changed_at": at,
            "seen_from": seen_from,
            "seen_to": seen_to,
        }
        yield Step.UPSERT_FILE, (fact.device_id, file.name), row


def _listed(fact: Listed, run_id: str) -> Iterator[_Placed]:
    row = {
        "run_id": run_id,
        "device_id": fact.device_id,
        "start": to_text(fact.window.start),
        "end": to_text(fact.window.end),
        "source": fact.source.value,
        "files": fact.files,
        "listed_at": to_text(fact.at),
        "backfill": fact.backfill,
        "problem": None,
        "problem_text": None,
    }
    yield Step.INSERT_LISTING, fact.backfill and ("backfill", fact.backfill), row
    listed = {"of_device": fact.device_id, "at": to_text(fact.at), "source": fact.source.value}
    yield Step.DEVICE_LISTED, ("device", fact.device_id), listed


def _listing_failed(fact: ListingFailed, run_id: str) -> Iterator[_Placed]:
    row = {
        "run_id": run_id,
        "device_id": fact.device_id,
        "start": to_text(fact.window.start),
        "end": to_text(fact.window.end),
        "source": None,
        "files": None,
        "listed_at": to_text(fact.at),
        "backfill": None,
        "problem": fact.slug,
        "problem_text": fact.explanation,
    }
    yield Step.INSERT_LISTING, None, row
    failed = {
        "of_device": fact.device_id,
        "slug": fact.slug,
        "explanation": fact.explanation,
        "at": to_text(fact.at),
    }
    yield Step.DEVICE_FAILED, ("device", fact.device_id), failed


def _fetched(fact: Fetched, run_id: str) -> Iterator[_Placed]:
    row = {
        "of_device": fact.device_id,
        "of_name": fact.name,
        "held": fact.held.size,
        "hash": fact.held.sha256,
        "at": to_text(fact.held.fetched_at),
        "shown": fact.held.verification.value,
        "found": fact.adopted,
        "run": run_id,
    }
    yield Step.FILE_HELD, (fact.device_id, fact.name), row


def _fetch_failed(fact: FetchFailed, run_id: str) -> Iterator[_Placed]:
    failure = fact.failure
    told = {
        "slug": failure.slug,
        "explanation": failure.explanation,
        "check_name": failure.check,
        "at": to_text(failure.at),
    }
    about = (fact.device_id, fact.name)
    yield Step.FILE_FAILED, about, {"of_device": fact.device_id, "of_name": fact.name, **told}
    yield (
        Step.INSERT_ATTEMPT,
        None,
        {"run_id": run_id, "device_id": fact.device_id, "name": fact.name, **told},
    )


def _ordered(fact: Ordered, run_id: str) -> Iterator[_Placed]:
    yield Step.INSERT_ORDER, None, _order_row(fact, run_id, OrderState.SENT, len(fact.names), None)
    at = to_text(fact.at)
    for name in fact.names:
        row = {"of_device": fact.device_id, "of_name": name, "at": at}
        yield Step.FILE_ORDERED, (fact.device_id, name), row


def _order_refused(fact: OrderRefused, run_id: str) -> Iterator[_Placed]:
    answer = f"{fact.slug}: {fact.explanation}"
    yield Step.INSERT_ORDER, None, _order_row(fact, run_id, OrderState.REFUSED, 0, answer)


def _order_row(
    fact: Ordered | OrderRefused, run_id: str, state: OrderState, count: int, answer: str | None
) -> Row:
    return {
        "run_id": run_id,
        "device_id": fact.device_id,
        "start": to_text(fact.window.start),
        "end": to_text(fact.window.end),
        "tag": fact.tag,
        "files": count,
        "sent_at": to_text(fact.at),
        "state": state.value,
        "answer": answer,
    }


def _window_settled(fact: WindowSettled) -> Iterator[_Placed]:
    row = {
        "of_backfill": fact.backfill,
        "of_device": fact.device_id,
        "of_start": to_text(fact.window.start),
        "of_end": to_text(fact.window.end),
    }
    yield Step.SETTLE_LISTINGS, ("backfill", fact.backfill), row
