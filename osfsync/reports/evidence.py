"""What was seen of a device and of a file's order, in sentences for people."""

from typing import assert_never

from osfsync.domain.dialogue import Followed
from osfsync.domain.estimate import FEWEST, Estimate
from osfsync.domain.forecast import Unforeseen
from osfsync.domain.model import CommunicationEvent, FileRecord
from osfsync.reports.case import Case
from osfsync.reports.tongue import moment, say

TEXTS_SHOWN = 4
"""Of one communication event; the platform's words are long."""

_EPOCH_DIGITS = 10


def heard(case: Case) -> Followed | None:
    """The file's order as the log tells of it; None where the log tells nothing."""
    if case.record.order is None or case.dialogue.mute:
        return None
    return case.dialogue.followed.get(case.record.order)


def asked_for(record: FileRecord) -> str:
    """How often a command was sent for the file, and when the last one was."""
    when = moment(record.ordered_at)
    if record.orders == 1:
        return say("The device was asked for it once, on {when}.", when=when)
    return say("The device was asked for it {times} times, last on {when}.", times=record.orders, when=when)


def contacts(case: Case, followed: Followed) -> str:
    """The contacts since the order, of which there was one at least."""
    times, first, last = followed.contacts, followed.contacted_at, case.last_contact
    if times == 1:
        return say("It was in contact once since, on {when}.", when=moment(first or last))
    if first is None or last is None:
        return say(
            "It was in contact {times} times since, on {when}.", times=times, when=moment(first or last)
        )
    return say(
        "It was in contact {times} times since, first on {first}, last on {last}.",
        times=times,
        first=moment(first),
        last=moment(last),
    )


def last_contact(case: Case) -> str:
    """When the device was last connected, or why that can't be seen."""
    if case.dialogue.mute:
        return say(
            "Whether it has connected since can't be seen, because its communication log can't be read: "
            "{why}",
            why=case.dialogue.mute,
        )
    if case.last_contact is not None:
        return say("Its last contact was on {when}.", when=moment(case.last_contact))
    if case.dialogue.heard_until:
        return say("No contact of it was ever seen.")
    return say("Its log was not read yet.")


def last_answer(case: Case) -> str:
    """The newest list or error of the device, with the platform's own words."""
    answer = case.dialogue.last_answer
    if answer is None:
        return ""
    texts = said(answer, case.record.file.device_id)
    kind, when = answer.kind, moment(answer.at)
    if not texts:
        return say("Its last answer was {kind} on {when}.", kind=kind, when=when)
    return say("Its last answer was {kind} on {when} ({texts}).", kind=kind, when=when, texts=texts)


def said(event: CommunicationEvent, device_id: str) -> str:
    """What a communication event tells beside its kind, its time and its device."""
    texts = [
        f"{field}: {text}"
        for field, text in event.extra
        if text.upper() != event.kind
        and device_id not in text
        and field.lower() != "entitytype"
        and not (text.isdigit() and len(text) >= _EPOCH_DIGITS)
    ]
    return ", ".join(texts[:TEXTS_SHOWN])


def expectation(case: Case) -> str:
    """When the file reaches the server, as far as anybody can say."""
    match case.expected:
        case None:
            return ""
        case Estimate(median, bound) if bound <= case.standpoint.now:
            return say("By the device's habits it was delivered meanwhile.")
        case Estimate(median, bound) if median <= case.standpoint.now:
            return say("Expected any moment, in nine of ten cases by {bound}.", bound=moment(bound))
        case Estimate(median, bound):
            return say(
                "Expected around {median}, in nine of ten cases by {bound}.",
                median=moment(median),
                bound=moment(bound),
            )
        case Unforeseen():
            return say("No estimate of when: {why}.", why=_why_unforeseen(case.expected))
        case _:
            assert_never(case.expected)


def _why_unforeseen(why: Unforeseen) -> str:
    match why:
        case Unforeseen.MUTE:
            return say("the device's contacts can't be seen")
        case Unforeseen.FEW_CONTACTS:
            return say("fewer than {fewest} contacts were seen", fewest=FEWEST)
        case Unforeseen.NO_DELIVERY:
            return say("the device was never seen to deliver a file")
        case Unforeseen.SILENT:
            return say("the device is silent for longer than it ever was")
        case Unforeseen.TOO_LONG:
            return say("it may take longer than anybody can say")
        case _:
            assert_never(why)


def joined(*sentences: str) -> str:
    """One text of the sentences that tell something."""
    return " ".join(sentence for sentence in sentences if sentence)
