"""Why a file is missing and what happens next, in sentences for people."""

from typing import assert_never

from osfsync.domain.loss import LOOKED_FOR, is_near, loss_due
from osfsync.domain.model import FileRecord, ListingSource
from osfsync.domain.planner import Reason
from osfsync.domain.policy import Policy
from osfsync.reports import asking
from osfsync.reports.case import Case, Words
from osfsync.reports.evidence import joined
from osfsync.reports.text import duration
from osfsync.reports.tongue import moment, say


def explain(case: Case) -> Words:
    """Put the planner's decision on a missing file into words."""
    words = _reason(case)
    told = joined(
        words.explanation, _older_version(case.record), _contradiction(case.record), _near_loss(case)
    )
    if case.left_out is not None and case.decision.reason not in {None, Reason.LOST, Reason.FILTERED}:
        return Words(told, say("None, as long as runs pass over the device: {why}", why=case.left_out))
    return Words(told, words.next_action)


def _reason(case: Case) -> Words:  # noqa: C901, PLR0911 - one case a reason
    record = case.record
    match case.decision.reason:
        case None:
            return Words(say("The file is held."), say("None."))
        case Reason.LISTED_NOT_ORDERED:
            return asking.not_asked(case)
        case Reason.ORDERED | Reason.DEVICE_SILENT | Reason.ORDERED_NOT_DELIVERED:
            return asking.asked(case)
        case Reason.DELIVERING:
            return asking.requested(case)
        case Reason.ON_SERVER:
            return Words(say("The file lies on the server."), say("Fetched by the next sync."))
        case Reason.RETRYING:
            return Words(_last_error(record), say("Tried by the next sync."))
        case Reason.FAILED:
            return Words(_last_error(record), _rest(record, case.standpoint.policy))
        case Reason.QUARANTINED:
            return _damaged(record, case.standpoint.policy)
        case Reason.NO_PERMISSION:
            return _forbidden(case)
        case Reason.FILTERED:
            return Words(
                say(
                    "The selection keeps it out: {why}.",
                    why=case.standpoint.selection.explain_file(record.file.name),
                ),
                say("None, unless [select] in sync.toml changes."),
            )
        case Reason.LOST:
            return _lost(case)
        case _:
            assert_never(case.decision.reason)


def _older_version(record: FileRecord) -> str:
    return "" if record.held is None else say("An older version of it is held.")


def _last_error(record: FileRecord) -> str:
    if record.tries == 1:
        return say("One try failed. Last error: {why}", why=_failure(record))
    return say("{tries} tries failed. Last error: {why}", tries=record.tries, why=_failure(record))


def _failure(record: FileRecord) -> str:
    return record.failure.explanation if record.failure is not None else ""


def _damaged(record: FileRecord, policy: Policy) -> Words:
    check = record.failure.check if record.failure is not None else None
    return Words(
        say("It arrived damaged ({check}). {why}", check=check, why=_failure(record)),
        say("Tried by the next sync.") if record.tries < policy.tries else _rest(record, policy),
    )


def _forbidden(case: Case) -> Words:
    if not case.record.file.status.on_server:
        return asking.forbidden(case)
    return Words(
        say("The platform refused the download. {why}", why=_failure(case.record)),
        say("Ask an administrator of the tenant for the permission; each sync tries again."),
    )


def _rest(record: FileRecord, policy: Policy) -> str:
    if record.failure is None:
        return say("Tried by the next sync.")
    until = moment(record.failure.at + policy.rest)
    return say("Given up until {until}, then tried once more.", until=until)


def _lost(case: Case) -> Words:
    record, horizon = case.record, case.dialogue.horizon
    told = say(
        "It vanished from the platform's list before it was held: last seen on {seen}, gone on {gone}.",
        seen=moment(record.last_seen),
        gone=moment(record.lost_at),
    )
    if horizon is not None:
        dropped = say(
            "By what it lost before, the device drops files about {span} after recording.",
            span=duration(horizon),
        )
        told = f"{told} {dropped}"
    if record.lost_at is not None and case.standpoint.now < record.lost_at + LOOKED_FOR:
        until = moment(record.lost_at + LOOKED_FOR)
        return Words(
            told, say("None, unless a list names it again: each sync looks, until {until}.", until=until)
        )
    return Words(told, say("None: it can't be had any more."))


def _contradiction(record: FileRecord) -> str:
    match record.listed_by:
        case None:
            return ""
        case ListingSource.DEVICE_LIST:
            return say("Only the device's list knows the file; the server's own list does not.")
        case ListingSource.SERVER_LIST:
            return say("Only the server's own list knows the file; the device's list does not.")
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
        return say(
            "The device may drop the file at any moment: by what it lost before, since {due}.",
            due=moment(due),
        )
    return say("The device is about to drop the file, around {due}, by what it lost before.", due=moment(due))
