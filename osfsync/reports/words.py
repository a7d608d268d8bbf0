"""Why a file is missing and what happens next, in sentences for people."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import assert_never

from osfsync.domain.model import FileRecord
from osfsync.domain.planner import Decision, Policy, Reason
from osfsync.domain.selection import Selection


@dataclass(frozen=True, slots=True)
class Words:
    """One file's reason, told."""

    explanation: str
    next_action: str


def moment(when: datetime | None) -> str:
    """A time for people, UTC, to the minute."""
    return "never" if when is None else f"{when:%Y-%m-%d %H:%M} UTC"


def duration(span: timedelta) -> str:
    """A span for people: the two largest units that matter."""
    seconds = int(span.total_seconds())
    parts = []
    for unit, size in (("d", 86_400), ("h", 3_600), ("min", 60), ("s", 1)):
        amount, seconds = divmod(seconds, size)
        if amount:
            parts.append(f"{amount} {unit}")
    return " ".join(parts[:2]) or "0 s"


def explain(  # noqa: C901, PLR0911, PLR0912 — one case a reason
    record: FileRecord, decision: Decision, policy: Policy, selection: Selection
) -> Words:
    """Put the planner's decision on a missing file into words."""
    failure = record.failure.explanation if record.failure is not None else ""
    match decision.reason:
        case None:
            return Words("An older version is held.", "Fetched by the next sync.")
        case Reason.LISTED_NOT_ORDERED:
            return Words("The file lies only on the device and was not asked for.", _next_order(decision))
        case Reason.ORDERED:
            return _ordered(record, decision, policy)
        case Reason.DELIVERING:
            return Words(
                "The platform has requested the file from the device.",
                "The device delivers it when it next connects; the sync after that fetches it.",
            )
        case Reason.ON_SERVER:
            return Words("The file lies on the server.", "Fetched by the next sync.")
        case Reason.RETRYING:
            return Words(f"{_times(record.tries)} failed. Last error: {failure}", "Tried by the next sync.")
        case Reason.NO_PERMISSION:
            return Words(
                f"The platform refused the download. {failure}",
                "Ask an administrator of the tenant for the permission; each sync tries again.",
            )
        case Reason.FAILED:
            return Words(f"{_times(record.tries)} failed. Last error: {failure}", _rest(record, policy))
        case Reason.QUARANTINED:
            check = record.failure.check if record.failure is not None else None
            return Words(
                f"It arrived damaged ({check}). {failure}",
                "Tried by the next sync." if record.tries < policy.tries else _rest(record, policy),
            )
        case Reason.FILTERED:
            return Words(
                f"The selection keeps it out: {selection.explain_file(record.file.name)}.",
                "None, unless [select] in sync.toml changes.",
            )
        case Reason.DEVICE_SILENT:
            return Words(
                "The device has not contacted the platform since it was asked.", "Look at the device."
            )
        case Reason.ORDERED_NOT_DELIVERED:
            return Words(
                "The device was in contact since it was asked, and did not deliver.", "Asked for again."
            )
        case Reason.LOST:
            return Words("It vanished from the device's list before it was held.", "None: it can't be had.")
        case _:
            assert_never(decision.reason)


def _times(tries: int) -> str:
    return "One try" if tries == 1 else f"{tries} tries"


def _rest(record: FileRecord, policy: Policy) -> str:
    if record.failure is None:
        return "Tried by the next sync."
    return f"Given up until {moment(record.failure.at + policy.rest)}, then tried once more."


def _next_order(decision: Decision) -> str:
    if decision.action.value == "order":
        return "The next sync asks the device for it."
    return "None: orders are switched off (orders.mode)."


def _ordered(record: FileRecord, decision: Decision, policy: Policy) -> Words:
    ordered = f"The device was asked for it {_orders(record.orders)}, last on {moment(record.ordered_at)}."
    if record.ordered_at is None or decision.action.value == "order":
        return Words(f"{ordered} It has not come within {duration(policy.patience)}.", "Asked for again.")
    again = record.ordered_at + policy.patience
    if record.orders >= policy.attempts:
        return Words(
            ordered, "None: it was asked for as often as orders.attempts allows. Look at the device."
        )
    return Words(
        f"{ordered} The command runs when the device next connects.",
        f"Asked for again after {moment(again)}, if it has not come by then.",
    )


def _orders(orders: int) -> str:
    return "once" if orders == 1 else f"{orders} times"
