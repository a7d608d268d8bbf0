"""Why a file is missing and what happens next, in sentences for people."""

from typing import assert_never

from osfsync.domain.loss import LOOKED_FOR, is_near, loss_due
from osfsync.domain.model import FileRecord, ListingSource
from osfsync.domain.planner import Reason
from osfsync.domain.policy import Policy
from osfsync.reports import asking
from osfsync.reports.case import Case, Words
from osfsync.reports.evidence import joined
from osfsync.reports.text import duration, moment

_NEXT_SYNC_FETCHES = "Fetched by the next sync."
_NEXT_SYNC_TRIES = "Tried by the next sync."


def explain(case: Case) -> Words:
    """Put the planner's decision on a missing file into words."""
    words = _reason(case)
    told = joined(
        words.explanation, _older_version(case.record), _contradiction(case.record), _near_loss(case)
    )
    return Words(told, words.next_action)


def _reason(case: Case) -> Words:  # noqa: C901, PLR0911 - one case a reason
    record = case.record
    match case.decision.reason:
        case None:
            return Words("The file is held.", "None.")
        case Reason.LISTED_NOT_ORDERED:
            return asking.not_asked(case)
        case Reason.ORDERED | Reason.DEVICE_SILENT | Reason.ORDERED_NOT_DELIVERED:
            return asking.asked(case)
        case Reason.DELIVERING:
            return asking.requested(case)
        case Reason.ON_SERVER:
            return Words("The file lies on the server.", _NEXT_SYNC_FETCHES)
        case Reason.RETRYING:
            return Words(_last_error(record), _NEXT_SYNC_TRIES)
        case Reason.FAILED:
            return Words(_last_error(record), _rest(record, case.standpoint.policy))
        case Reason.QUARANTINED:
            return _damaged(record, case.standpoint.policy)
        case Reason.NO_PERMISSION:
            return _forbidden(case)
        case Reason.FILTERED:
            return Words(
                f"The selection keeps it out: {case.standpoint.selection.explain_file(record.file.name)}.",
                "None, unless [select] in sync.toml changes.",
            )
        case Reason.LOST:
            return _lost(case)
        case _:
            assert_never(case.decision.reason)


def _older_version(record: FileRecord) -> str:
    return "" if record.held is None else "An older version of it is held."


def _last_error(record: FileRecord) -> str:
    tries = "One try" if record.tries == 1 else f"{record.tries} tries"
    return f"{tries} failed. Last error: {_failure(record)}"


def _failure(record: FileRecord) -> str:
    return record.failure.explanation if record.failure is not None else ""


def _damaged(record: FileRecord, policy: Policy) -> Words:
    check = record.failure.check if record.failure is not None else None
    return Words(
        f"It arrived damaged ({check}). {_failure(record)}",
        _NEXT_SYNC_TRIES if record.tries < policy.tries else _rest(record, policy),
    )


def _forbidden(case: Case) -> Words:
    if not case.record.file.status.on_server:
        return asking.forbidden(case)
    return Words(
        f"The platform refused the download. {_failure(case.record)}",
        "Ask an administrator of the tenant for the permission; each sync tries again.",
    )


def _rest(record: FileRecord, policy: Policy) -> str:
    if record.failure is None:
        return _NEXT_SYNC_TRIES
    return f"Given up until {moment(record.failure.at + policy.rest)}, then tried once more."


def _lost(case: Case) -> Words:
    record, horizon = case.record, case.dialogue.horizon
    told = (
        f"It vanished from the platform's list before it was held: last seen on {moment(record.last_seen)}, "
        f"gone on {moment(record.lost_at)}."
    )
    if horizon is not None:
        told += f" By what it lost before, the device drops files about {duration(horizon)} after recording."
    if record.lost_at is not None and case.standpoint.now < record.lost_at + LOOKED_FOR:
        until = moment(record.lost_at + LOOKED_FOR)
        return Words(told, f"None, unless a list names it again: each sync looks, until {until}.")
    return Words(told, "None: it can't be had any more.")


def _contradiction(record: FileRecord) -> str:
    match record.listed_by:
        case None:
            return ""
        case ListingSource.DEVICE_LIST:
            return "Only the device's list knows the file; the server's own list does not."
        case ListingSource.SERVER_LIST:
            return "Only the server's own list knows the file; the device's list does not."
        case _:
            assert_never(record.listed_by)


def _near_loss(case: Case) -> str:
    """A warning where the device is about to drop the only copy."""
    if case.decision.reason in {Reason.LOST, Reason.FILTERED}:
        return ""
    horizon, now = case.dialogue.horizon, case.standpoint.now
    due = loss_due(case.record.file, horizon)
    if due is None or not is_near(due, horizon, case.standpoint.policy.patience, now):
        return ""
    if due <= now:
        return f"The device may drop the file at any moment: by what it lost before, since {moment(due)}."
    return f"The device is about to drop the file, around {moment(due)}, by what it lost before."
