"""What came of asking a device for a file, in sentences for people."""

from typing import assert_never

from osfsync.domain.dialogue import OrderState
from osfsync.domain.model import OrderMode
from osfsync.domain.planner import Action, Ordering, ordering_of
from osfsync.reports import evidence
from osfsync.reports.case import Case, Words
from osfsync.reports.text import duration
from osfsync.reports.tongue import amount, moment, say

_DOUBTED = 2
"""From so many executed commands without effect, the command itself is in doubt."""


def not_asked(case: Case) -> Words:
    """The file lies only on the device, and no command was sent for it."""
    told = [say("The file lies only on the device and was not asked for.")]
    refusal = case.dialogue.refusal
    if refusal is not None:
        told.append(
            say(
                "The platform refused the last command to the device, on {when}: {why}",
                when=moment(refusal.at),
                why=refusal.explanation,
            )
        )
    return Words(" ".join(told), _next_order(case, say("The next sync asks the device for it.")))


def forbidden(case: Case) -> Words:
    """The account may not send commands to the device."""
    told = [say("The file lies only on the device, and the platform refuses commands to it.")]
    if case.dialogue.refusal is not None:
        refusal = case.dialogue.refusal
        told.append(say("It said on {when}: {why}", when=moment(refusal.at), why=refusal.explanation))
    return Words(
        " ".join(told), say("Ask an administrator of the tenant for the permission; each sync tries again.")
    )


def requested(case: Case) -> Words:
    """The platform has requested the file from the device."""
    return Words(
        evidence.joined(
            say("The platform has requested the file from the device (storage status 1).")
            if case.requested_at is None
            else say(
                "The platform has requested the file from the device (storage status 1) since {when}.",
                when=moment(case.requested_at),
            ),
            say("Deliveries come over several contacts."),
            evidence.last_contact(case),
            evidence.expectation(case),
        ),
        say(
            "The device delivers it when it next connects, or at a contact after that; the next sync fetches "
            "it."
        ),
    )


def asked(case: Case) -> Words:  # noqa: C901, PLR0911 - one case a way that it went
    """A command was sent for the file, and it still lies only on the device."""
    record, policy = case.record, case.standpoint.policy
    patience = policy.patience_after(record.orders)
    ordering = ordering_of(record, case.dialogue, policy, case.standpoint.now)
    match ordering:
        case Ordering.NONE:
            return not_asked(case)
        case Ordering.FORBIDDEN:
            return forbidden(case)
        case Ordering.OPEN if evidence.heard(case) is None and record.ordered_at is not None:
            return Words(_waits(case), _after(case, moment(record.ordered_at + patience)))
        case Ordering.OPEN:
            when = say("the device has connected and {span} have passed", span=duration(patience))
            return Words(_waits(case), _after(case, when))
        case Ordering.UNHEARD_OVERDUE:
            return Words(_waits(case), _next_order(case, _again(case)))
        case Ordering.UNHEARD_EXHAUSTED:
            return Words(_waits(case), _given_up(case))
        case Ordering.SILENT:
            return _silent(case)
        case Ordering.CONTACTED:
            return _contacted(case)
        case Ordering.OVERDUE:
            return Words(_undelivered(case), _next_order(case, _again(case)))
        case Ordering.EXHAUSTED:
            return Words(_undelivered(case), _given_up(case))
        case _:
            assert_never(ordering)


def _waits(case: Case) -> str:
    followed = evidence.heard(case)
    doubted = followed is not None and followed.order.state is OrderState.DOUBTFUL
    return evidence.joined(
        evidence.asked_for(case.record),
        say("Whether the platform took the command is not known.") if doubted else "",
        say("The command runs when the device next connects."),
        evidence.last_contact(case),
        evidence.expectation(case),
    )


def _silent(case: Case) -> Words:
    heard = case.dialogue.heard_until
    if case.last_contact is None:
        silence = say("No contact of it was ever seen.")
    elif heard is None or heard <= case.last_contact:
        silence = say("Its last contact was on {when}.", when=moment(case.last_contact))
    else:
        silence = say(
            "Its last contact was on {when}: it was silent for {span} when its log was last read, on {read}.",
            when=moment(case.last_contact),
            span=duration(heard - case.last_contact),
            read=moment(heard),
        )
    return Words(
        evidence.joined(
            evidence.asked_for(case.record),
            say("The device has not contacted the platform since."),
            silence,
            say("The command still waits on the platform and need not be repeated."),
            evidence.expectation(case),
        ),
        say("Look at the device (power, SIM card, network). The command runs when it connects."),
    )


def _contacted(case: Case) -> Words:
    followed = evidence.heard(case)
    if followed is None:
        return Words(evidence.asked_for(case.record), _again(case))
    if followed.due_at is not None:
        over = followed.due_at + case.standpoint.policy.patience_after(case.record.orders)
        return Words(_undelivered(case), _after(case, moment(over)))
    waiting = max(followed.order.ahead - followed.contacts, 0)
    before = (
        say(
            "{commands} of ours must run before this one; each contact runs one.",
            commands=amount(waiting, "other command"),
        )
        if waiting
        else say("The command runs at the next contact.")
    )
    return Words(
        evidence.joined(
            evidence.asked_for(case.record),
            evidence.contacts(case, followed),
            before,
            evidence.expectation(case),
        ),
        say("It comes by itself when the device has connected often enough."),
    )


def _undelivered(case: Case) -> str:
    followed = evidence.heard(case)
    if followed is None:
        return evidence.asked_for(case.record)
    if followed.answered_at is not None:
        executed = say(
            "It executed the command and answered with its list on {when}, and the file still lies only on "
            "the device.",
            when=moment(followed.answered_at),
        )
    else:
        executed = say(
            "The command must have run by {when}, though no list for it was seen, and the file still lies "
            "only on the device.",
            when=moment(followed.due_at),
        )
    times = case.dialogue.executed_for(case.record.file)
    return evidence.joined(
        evidence.asked_for(case.record),
        evidence.contacts(case, followed),
        executed,
        say("Since then it delivered {files}.", files=amount(followed.files, "file"))
        if followed.files
        else "",
        say(
            "The device executed the command {times} times and the storage status stays 0: the platform may "
            "need a different command than request-list.",
            times=times,
        )
        if times >= _DOUBTED
        else "",
        evidence.last_answer(case),
    )


def _next_order(case: Case, order: str) -> str:
    """`order`, unless something keeps the next sync from it."""
    if case.decision.action is not Action.ORDER:
        return say("None: orders are switched off (orders.mode).")
    most = case.standpoint.max_queued
    queued = case.dialogue.queued(case.standpoint.policy.patience, case.standpoint.now)
    if queued >= most:
        return say(
            "Asked for when fewer than {commands} wait for the device (orders.max_queued): {queued} wait, "
            "and each contact runs one.",
            commands=amount(most, "command"),
            queued=queued,
        )
    return order


def _again(case: Case) -> str:
    return say(
        "The next sync asks for it again, as attempt {attempt} of {attempts} (orders.attempts).",
        attempt=case.record.orders + 1,
        attempts=case.standpoint.policy.attempts,
    )


def _after(case: Case, when: str) -> str:
    """What happens when the patience with the last order is over."""
    policy = case.standpoint.policy
    if policy.mode is OrderMode.NEVER:
        return say("It may still come. It is not asked for again: orders are switched off (orders.mode).")
    if case.record.orders >= policy.attempts:
        return say(
            "Given up after {when}, if it has not come by then: it was the last attempt (orders.attempts).",
            when=when,
        )
    return say("Asked for again after {when}, if it has not come by then.", when=when)


def _given_up(case: Case) -> str:
    return say(
        "None: it was asked for {times} and given up (orders.attempts). Look at the device. "
        "`osfsync orders cancel --device NAME` lets it be asked for anew.",
        times=amount(case.record.orders, "time"),
    )
