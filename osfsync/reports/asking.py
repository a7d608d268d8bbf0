"""What came of asking a device for a file, in sentences for people."""

from typing import assert_never

from osfsync.domain.dialogue import OrderState
from osfsync.domain.model import OrderMode
from osfsync.domain.planner import Action, Ordering, ordering_of
from osfsync.reports import evidence
from osfsync.reports.case import Case, Words
from osfsync.reports.text import amount, duration, moment

_DOUBTED = 2
"""From so many executed commands without effect, the command itself is in doubt."""

_OFF = "None: orders are switched off (orders.mode)."
_ANEW = "`osfsync orders cancel --device NAME` lets it be asked for anew."


def not_asked(case: Case) -> Words:
    """The file lies only on the device, and no command was sent for it."""
    told = ["The file lies only on the device and was not asked for."]
    refusal = case.dialogue.refusal
    if refusal is not None:
        told.append(
            f"The platform refused the last command to the device, on {moment(refusal.at)}: "
            f"{refusal.explanation}"
        )
    return Words(" ".join(told), _next_order(case, "The next sync asks the device for it."))


def forbidden(case: Case) -> Words:
    """The account may not send commands to the device."""
    told = ["The file lies only on the device, and the platform refuses commands to it."]
    if case.dialogue.refusal is not None:
        told.append(f"It said on {moment(case.dialogue.refusal.at)}: {case.dialogue.refusal.explanation}")
    return Words(
        " ".join(told), "Ask an administrator of the tenant for the permission; each sync tries again."
    )


def requested(case: Case) -> Words:
    """The platform has requested the file from the device."""
    since = "" if case.requested_at is None else f" since {moment(case.requested_at)}"
    return Words(
        evidence.joined(
            f"The platform has requested the file from the device (storage status 1){since}.",
            "Deliveries come over several contacts.",
            evidence.last_contact(case),
            evidence.expectation(case),
        ),
        "The device delivers it when it next connects, or at a contact after that; the next sync fetches it.",
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
            return Words(
                _waits(case), _after(case, f"the device has connected and {duration(patience)} have passed")
            )
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
        "Whether the platform took the command is not known." if doubted else "",
        "The command runs when the device next connects.",
        evidence.last_contact(case),
        evidence.expectation(case),
    )


def _silent(case: Case) -> Words:
    heard = case.dialogue.heard_until
    if case.last_contact is None:
        silence = "No contact of it was ever seen."
    elif heard is None or heard <= case.last_contact:
        silence = f"Its last contact was on {moment(case.last_contact)}."
    else:
        silence = (
            f"Its last contact was on {moment(case.last_contact)}: it was silent for "
            f"{duration(heard - case.last_contact)} when its log was last read, on {moment(heard)}."
        )
    return Words(
        evidence.joined(
            evidence.asked_for(case.record),
            "The device has not contacted the platform since.",
            silence,
            "The command still waits on the platform and need not be repeated.",
            evidence.expectation(case),
        ),
        "Look at the device (power, SIM card, network). The command runs when it connects.",
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
        f"{amount(waiting, 'other command')} of ours must run before this one; each contact runs one."
        if waiting
        else "The command runs at the next contact."
    )
    return Words(
        evidence.joined(
            evidence.asked_for(case.record),
            evidence.contacts(case, followed),
            before,
            evidence.expectation(case),
        ),
        "It comes by itself when the device has connected often enough.",
    )


def _undelivered(case: Case) -> str:
    followed = evidence.heard(case)
    if followed is None:
        return evidence.asked_for(case.record)
    if followed.answered_at is not None:
        executed = f"It executed the command and answered with its list on {moment(followed.answered_at)}"
    else:
        executed = f"The command must have run by {moment(followed.due_at)}, though no list for it was seen"
    times = case.dialogue.executed_for(case.record.file)
    return evidence.joined(
        evidence.asked_for(case.record),
        evidence.contacts(case, followed),
        f"{executed}, and the file still lies only on the device.",
        f"Since then it delivered {amount(followed.files, 'file')}." if followed.files else "",
        f"The device executed the command {times} times and the storage status stays 0: the platform may "
        "need a different command than request-list."
        if times >= _DOUBTED
        else "",
        evidence.last_answer(case),
    )


def _next_order(case: Case, order: str) -> str:
    """`order`, unless something keeps the next sync from it."""
    if case.decision.action is not Action.ORDER:
        return _OFF
    most = case.standpoint.max_queued
    queued = case.dialogue.queued(case.standpoint.policy.patience, case.standpoint.now)
    if queued >= most:
        return (
            f"Asked for when fewer than {amount(most, 'command')} wait for the device (orders.max_queued): "
            f"{queued} wait, and each contact runs one."
        )
    return order


def _again(case: Case) -> str:
    return (
        f"The next sync asks for it again, as attempt {case.record.orders + 1} of "
        f"{case.standpoint.policy.attempts} (orders.attempts)."
    )


def _after(case: Case, when: str) -> str:
    """What happens when the patience with the last order is over."""
    policy = case.standpoint.policy
    if policy.mode is OrderMode.NEVER:
        return "It may still come. It is not asked for again: orders are switched off (orders.mode)."
    if case.record.orders >= policy.attempts:
        return (
            f"Given up after {when}, if it has not come by then: it was the last attempt (orders.attempts)."
        )
    return f"Asked for again after {when}, if it has not come by then."


def _given_up(case: Case) -> str:
    times = amount(case.record.orders, "time")
    return f"None: it was asked for {times} and given up (orders.attempts). Look at the device. {_ANEW}"
