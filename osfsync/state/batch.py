"""Facts → rows, grouped so that one statement takes many, with the effect of the facts one by one. Pure."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import assert_never

from osfsync.domain.outcomes import (
    DeviceLeftOut,
    DeviceSeen,
    Fact,
    Fetched,
    FetchFailed,
    FilesLost,
    FilesSeen,
    Heard,
    HearingFailed,
    HeldRefuted,
    Listed,
    ListingFailed,
    ListsCompared,
    OrderFollowed,
    OrderGivenUp,
    OrderPrepared,
    OrderRefused,
    OrderTaken,
    Reached,
    WindowSettled,
)
from osfsync.state import file_rows, order_rows
from osfsync.state.statements import Row
from osfsync.state.steps import Placed, RunKey, Step


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


def _rows(fact: Fact, run: RunKey) -> Iterator[Placed]:  # noqa: C901, PLR0911, PLR0912 - a line a fact
    match fact:
        case DeviceSeen():
            return file_rows.device_seen(fact, run.tenant_id)
        case FilesSeen():
            return file_rows.files_seen(fact)
        case Listed():
            return file_rows.listed(fact, run.id)
        case ListingFailed():
            return file_rows.listing_failed(fact, run.id)
        case DeviceLeftOut():
            return file_rows.device_left_out(fact)
        case Fetched():
            return file_rows.fetched(fact, run.id)
        case FetchFailed():
            return file_rows.fetch_failed(fact, run.id)
        case HeldRefuted():
            return file_rows.held_refuted(fact, run.id)
        case FilesLost():
            return file_rows.files_lost(fact)
        case ListsCompared():
            return file_rows.lists_compared(fact)
        case Heard():
            return order_rows.heard(fact)
        case HearingFailed():
            return order_rows.hearing_failed(fact)
        case OrderPrepared():
            return order_rows.order_prepared(fact, run.id)
        case OrderTaken():
            return order_rows.order_taken(fact)
        case OrderRefused():
            return order_rows.order_refused(fact)
        case OrderFollowed():
            return order_rows.order_followed(fact)
        case OrderGivenUp():
            return order_rows.order_given_up(fact)
        case Reached():
            return file_rows.reached(fact)
        case WindowSettled():
            return file_rows.window_settled(fact)
        case _:
            assert_never(fact)
