"""What was seen of a device and of a file's order, in sentences for people."""

from typing import assert_never

from osfsync.domain.dialogue import Followed
from osfsync.domain.estimate import FEWEST, Estimate
from osfsync.domain.forecast import Unforeseen
from osfsync.domain.model import CommunicationEvent, FileRecord
from osfsync.reports.case import Case
from osfsync.reports.text import moment

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
    times = "once, on" if record.orders == 1 else f"{record.orders} times, last on"
    return f"The device was asked for it {times} {moment(record.ordered_at)}."


def contacts(case: Case, followed: Followed) -> str:
    """The contacts since the order, of which there was one at least."""
    times = "once" if followed.contacts == 1 else f"{followed.contacts} times"
    first, last = followed.contacted_at, case.last_contact
    if first is None or followed.contacts == 1 or last is None:
        return f"It was in contact {times} since, on {moment(first or last)}."
    return f"It was in contact {times} since, first on {moment(first)}, last on {moment(last)}."


def last_contact(case: Case) -> str:
    """When the device was last connected, or why that can't be seen."""
    if case.dialogue.mute:
        return (
            "Whether it has connected since can't be seen, because its communication log can't be read: "
            f"{case.dialogue.mute}"
        )
    if case.last_contact is not None:
        return f"Its last contact was on {moment(case.last_contact)}."
    return "No contact of it was ever seen." if case.dialogue.heard_until else "Its log was not read yet."


def last_answer(case: Case) -> str:
    """The newest list or error of the device, with the platform's own words."""
    answer = case.dialogue.last_answer
    if answer is None:
        return ""
    texts = said(answer, case.record.file.device_id)
    return f"Its last answer was {answer.kind} on {moment(answer.at)}{f' ({texts})' if texts else ''}."


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
            return "By the device's habits it was delivered meanwhile."
        case Estimate(median, bound) if median <= case.standpoint.now:
            return f"Expected any moment, in nine of ten cases by {moment(bound)}."
        case Estimate(median, bound):
            return f"Expected around {moment(median)}, in nine of ten cases by {moment(bound)}."
        case Unforeseen():
            return f"No estimate of when: {_WHY_UNFORESEEN[case.expected]}."
        case _:
            assert_never(case.expected)


_WHY_UNFORESEEN = {
    Unforeseen.MUTE: "the device's contacts can't be seen",
    Unforeseen.FEW_CONTACTS: f"fewer than {FEWEST} contacts were seen",
    Unforeseen.NO_DELIVERY: "the device was never seen to deliver a file",
    Unforeseen.SILENT: "the device is silent for longer than it ever was",
    Unforeseen.TOO_LONG: "it may take longer than anybody can say",
}


def joined(*sentences: str) -> str:
    """One text of the sentences that tell something."""
    return " ".join(sentence for sentence in sentences if sentence)
