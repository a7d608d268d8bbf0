from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osfsync.domain.dialogue import NOTHING_KNOWN, Dialogue, Order, OrderState, Refusal, dialogue_of
from osfsync.domain.model import (
    CommunicationEvent,
    DataFile,
    Failure,
    FileRecord,
    Held,
    OrderMode,
    StorageStatus,
    TimeWindow,
    Verification,
)
from osfsync.domain.planner import (
    HELD,
    TABLE,
    Action,
    Choice,
    Decision,
    Holding,
    Ordering,
    Presence,
    Reason,
    Situation,
    Transfer,
    holding_of,
    ordering_of,
    plan,
    transfer_of,
)
from osfsync.domain.policy import Policy

NOW = datetime(2026, 3, 1, tzinfo=UTC)
WINDOW = TimeWindow(NOW - timedelta(days=30), NOW)

SITUATIONS = [
    Situation(*parts)
    for parts in product(Presence, Holding, Choice, StorageStatus, OrderMode, Transfer, Ordering)
]

moments = st.datetimes(datetime(2026, 1, 1), datetime(2026, 3, 1), timezones=st.just(UTC))  # noqa: DTZ001 — hypothesis adds the zone

failures = st.builds(
    Failure,
    slug=st.sampled_from(["server-error", "no-permission", "damaged"]),
    explanation=st.just("what happened"),
    at=moments,
    check=st.sampled_from([None, "gzip-end"]),
)
files = st.builds(
    DataFile,
    device_id=st.just("device"),
    name=st.just("20260101/a.osfz"),
    status=st.sampled_from(StorageStatus),
    size=st.sampled_from([None, 10, 20]),
)
helds = st.builds(
    Held,
    size=st.sampled_from([10, 20]),
    sha256=st.just("00"),
    fetched_at=moments,
    verification=st.sampled_from(Verification),
)
never_ordered = st.just((0, None))
ordered = st.tuples(st.integers(1, 9), moments)
never_failed = st.just((0, None))
failed = st.tuples(st.integers(1, 9), failures)


def order(at: datetime, *, ahead: int = 0, state: OrderState = OrderState.SENT, number: int = 1) -> Order:
    return Order(number, WINDOW, "preview", at, state, ahead)


def contacts(*moments: datetime) -> list[CommunicationEvent]:
    return [CommunicationEvent("PING", moment) for moment in moments]


def lists(*moments: datetime) -> list[CommunicationEvent]:
    return [CommunicationEvent("RETURN_LIST", moment) for moment in moments]


def _record(
    file: DataFile,
    held: Held | None,
    tries: tuple[int, Failure | None],
    orders: tuple[int, datetime | None],
    lost_at: datetime | None = None,
) -> FileRecord:
    return FileRecord(
        file=file,
        path="d/20260101/a.osfz",
        first_seen=NOW - timedelta(days=20),
        seen_in=WINDOW,
        held=held,
        tries=tries[0],
        failure=tries[1],
        orders=orders[0],
        ordered_at=orders[1],
        order=1 if orders[0] else None,
        lost_at=lost_at,
    )


records = st.builds(
    _record, files, st.none() | helds, never_failed | failed, never_ordered | ordered, st.none() | moments
)
dialogues = st.builds(
    lambda sent, seen, state, ahead, mute: dialogue_of(
        [order(sent, ahead=ahead, state=state)], [*contacts(*seen)], heard_until=NOW, mute=mute
    ),
    moments,
    st.lists(moments, max_size=5),
    st.sampled_from([OrderState.SENT, OrderState.DOUBTFUL]),
    st.integers(0, 3),
    st.sampled_from(["", "403"]),
)
policies = st.builds(Policy, mode=st.sampled_from(OrderMode))


def as_the_ledger_has_it(record: FileRecord | None, dialogue: Dialogue) -> FileRecord | None:
    """A file's last order is the one that the ledger tells of."""
    if record is None or record.orders == 0:
        return record
    return record._replace(ordered_at=dialogue.followed[1].order.sent_at)


@pytest.mark.parametrize("rule", TABLE, ids=lambda rule: f"{rule.action}-{rule.reason}")
def test_every_line_of_the_table_decides_something(rule: object) -> None:
    first = [next(line for line in TABLE if line.fits(situation)) for situation in SITUATIONS]
    assert any(line is rule for line in first)


def test_the_table_is_total() -> None:
    undecided = [situation for situation in SITUATIONS if not any(rule.fits(situation) for rule in TABLE)]
    assert undecided == []


def test_what_is_held_is_decided_by_the_first_line_alone() -> None:
    held = [situation for situation in SITUATIONS if situation.holding is Holding.CURRENT]
    assert {next(line for line in TABLE if line.fits(situation)) for situation in held} == {TABLE[0]}
    assert Decision(TABLE[0].action, TABLE[0].reason) == HELD


@given(files, st.none() | records, st.sampled_from(Choice), policies, dialogues)
def test_a_decision_fits_the_facts(
    file: DataFile, record: FileRecord | None, choice: Choice, policy: Policy, dialogue: Dialogue
) -> None:
    record = as_the_ledger_has_it(record, dialogue)
    decision = plan(file, record, choice, policy, NOW, dialogue)
    current = holding_of(file, record) is Holding.CURRENT
    assert (decision.action is Action.KEEP) == current
    assert (decision.reason is None) == current
    if decision.action is Action.FETCH:
        assert file.status.on_server
        assert policy.mode is not OrderMode.ONLY
        assert choice is Choice.SELECTED
    if decision.action is Action.ORDER:
        assert file.status is StorageStatus.DEVICE_ONLY
        assert policy.mode is not OrderMode.NEVER
        assert choice is Choice.SELECTED
        assert record is None or record.orders < policy.attempts
        doubtful = 1 in dialogue.followed and dialogue.followed[1].order.state is OrderState.DOUBTFUL
        assert (
            record is None
            or record.ordered_at is None
            or doubtful
            or record.ordered_at + policy.patience <= NOW
        )
    if decision.reason is Reason.LOST:
        assert record is not None
        assert record.lost_at is not None
        assert decision.action is Action.WAIT


def _after(action: Action, file: DataFile, record: FileRecord | None) -> FileRecord:
    """What the state knows when the action was done."""
    record = record or FileRecord(file, "p", NOW, WINDOW)
    record = record._replace(file=file)
    match action:
        case Action.FETCH:
            held = Held(file.size or 5, "00", NOW, Verification.WHOLE)
            return record._replace(held=held, tries=0, failure=None)
        case Action.ORDER:
            return record._replace(orders=record.orders + 1, ordered_at=NOW, order=2)
        case Action.KEEP | Action.WAIT | Action.LEAVE:
            return record


@given(files, st.none() | records, st.sampled_from(Choice), policies, dialogues)
def test_acting_and_planning_again_settles(
    file: DataFile, record: FileRecord | None, choice: Choice, policy: Policy, dialogue: Dialogue
) -> None:
    record = as_the_ledger_has_it(record, dialogue)
    first = plan(file, record, choice, policy, NOW, dialogue)
    known = _after(first.action, file, record)
    told = [*(followed.order for followed in dialogue.followed.values()), order(NOW, number=2)]
    after = dialogue_of(told, contacts(*dialogue.contacts), heard_until=NOW, mute=dialogue.mute)
    second = plan(file, known, choice, policy, NOW, after)
    third = plan(file, _after(second.action, file, known), choice, policy, NOW, after)
    assert second.action not in {Action.FETCH, Action.ORDER}
    assert third == second


@given(files.filter(lambda file: file.status.on_server), policies)
def test_a_failing_file_is_tried_each_run_then_rests_then_is_tried_again(
    file: DataFile, policy: Policy
) -> None:
    policy = replace(policy, mode=OrderMode.AUTO)
    record = FileRecord(file, "p", NOW, WINDOW)
    for tries in range(1, policy.tries + 1):
        assert plan(file, record, Choice.SELECTED, policy, NOW, NOTHING_KNOWN).action is Action.FETCH
        record = record._replace(tries=tries, failure=Failure("not-found", "404", NOW))
    assert plan(file, record, Choice.SELECTED, policy, NOW, NOTHING_KNOWN).reason is Reason.FAILED
    rested = NOW + policy.rest
    assert plan(file, record, Choice.SELECTED, policy, rested, NOTHING_KNOWN).action is Action.FETCH


@pytest.mark.parametrize("slug", ["server-error", "unreachable", "busy", "connection-broken"])
def test_trouble_of_the_platform_gives_no_file_up(slug: str) -> None:
    file = DataFile("device", "a.osf", StorageStatus.BOTH)
    record = FileRecord(file, "p", NOW, WINDOW, tries=99, failure=Failure(slug, "down", NOW))
    assert plan(file, record, Choice.SELECTED, Policy(), NOW, NOTHING_KNOWN).action is Action.FETCH


def test_stamps_of_a_clock_that_was_ahead_hold_nothing_up() -> None:
    later = NOW + timedelta(days=3650)
    file = DataFile("device", "a.osf", StorageStatus.DEVICE_ONLY)
    record = FileRecord(file, "p", NOW, WINDOW, orders=1, ordered_at=later)
    assert plan(file, record, Choice.SELECTED, Policy(), NOW, NOTHING_KNOWN).action is Action.ORDER
    file = DataFile("device", "a.osf", StorageStatus.BOTH)
    record = FileRecord(file, "p", NOW, WINDOW, tries=9, failure=Failure("not-found", "404", later))
    assert plan(file, record, Choice.SELECTED, Policy(), NOW, NOTHING_KNOWN).action is Action.FETCH


def test_a_held_file_of_another_size_is_fetched_anew() -> None:
    file = DataFile("device", "a.osf", StorageStatus.BOTH, size=20)
    record = FileRecord(file, "p", NOW, WINDOW, held=Held(10, "00", NOW, Verification.WHOLE))
    assert plan(file, record, Choice.SELECTED, Policy(), NOW, NOTHING_KNOWN).action is Action.FETCH


def test_a_list_that_tells_no_size_makes_nothing_outdated() -> None:
    file = DataFile("device", "a.osf", StorageStatus.BOTH, size=None)
    record = FileRecord(file, "p", NOW, WINDOW, held=Held(10, "00", NOW, Verification.WHOLE))
    assert plan(file, record, Choice.SELECTED, Policy(), NOW, NOTHING_KNOWN).action is Action.KEEP


def test_a_held_file_is_kept_though_the_selection_no_longer_wants_it() -> None:
    file = DataFile("device", "a.osf", StorageStatus.BOTH, size=10)
    record = FileRecord(file, "p", NOW, WINDOW, held=Held(10, "00", NOW, Verification.WHOLE))
    assert plan(file, record, Choice.EXCLUDED, Policy(), NOW, NOTHING_KNOWN).action is Action.KEEP


def ordered_record(at: datetime, orders: int = 1) -> FileRecord:
    file = DataFile("device", "a.osf", StorageStatus.DEVICE_ONLY)
    return FileRecord(file, "p", NOW, WINDOW, orders=orders, ordered_at=at, order=1)


HOUR = timedelta(hours=1)


@pytest.mark.parametrize(
    ("age", "orders", "expected"),
    [
        (HOUR, 1, Ordering.OPEN),
        (47.9 * HOUR, 5, Ordering.OPEN),
        (48 * HOUR, 1, Ordering.UNHEARD_OVERDUE),
        (95 * HOUR, 2, Ordering.OPEN),
        (96 * HOUR, 2, Ordering.UNHEARD_OVERDUE),
        (719 * HOUR, 5, Ordering.OPEN),
        (720 * HOUR, 5, Ordering.UNHEARD_EXHAUSTED),
    ],
)
def test_patience_counts_from_the_order_where_contacts_cannot_be_seen(
    age: timedelta, orders: int, expected: Ordering
) -> None:
    mute = dialogue_of([order(NOW - age)], [], mute="403")
    assert ordering_of(ordered_record(NOW - age, orders), mute, Policy(), NOW) is expected


@pytest.mark.parametrize(
    ("seen", "listed", "orders", "expected"),
    [
        ([], [], 1, Ordering.SILENT),
        ([101], [], 1, Ordering.SILENT),  # before the order
        ([47], [], 1, Ordering.CONTACTED),
        ([48], [], 1, Ordering.OVERDUE),
        ([99, 1], [], 1, Ordering.OVERDUE),
        ([48], [48], 1, Ordering.OVERDUE),
        ([90], [47], 1, Ordering.CONTACTED),  # executed later than it could have been
        ([96], [], 2, Ordering.OVERDUE),
        ([95], [], 2, Ordering.CONTACTED),
        ([99], [], 5, Ordering.CONTACTED),  # 16 × 48 h, 30 days at most
    ],
)
def test_patience_counts_from_when_the_device_must_have_executed_it(
    seen: list[int], listed: list[int], orders: int, expected: Ordering
) -> None:
    sent = NOW - 100 * HOUR
    events = [*contacts(*(NOW - hours * HOUR for hours in seen)), *lists(*(NOW - h * HOUR for h in listed))]
    dialogue = dialogue_of([order(sent)], events, heard_until=NOW)
    assert ordering_of(ordered_record(sent, orders), dialogue, Policy(), NOW) is expected


def test_an_order_that_others_wait_before_is_not_due_at_the_first_contact() -> None:
    sent = NOW - 100 * HOUR
    events = contacts(NOW - 99 * HOUR, NOW - 98 * HOUR)
    for ahead, expected in ((0, Ordering.OVERDUE), (1, Ordering.OVERDUE), (2, Ordering.CONTACTED)):
        dialogue = dialogue_of([order(sent, ahead=ahead)], events, heard_until=NOW)
        assert ordering_of(ordered_record(sent), dialogue, Policy(), NOW) is expected


def test_a_device_is_silent_only_as_far_as_its_log_was_read() -> None:
    sent = NOW - 100 * HOUR
    for heard_until, expected in (
        (None, Ordering.OPEN),
        (NOW - 60 * HOUR, Ordering.OPEN),
        (NOW - 52 * HOUR, Ordering.SILENT),
    ):
        dialogue = dialogue_of([order(sent)], [], heard_until=heard_until)
        assert ordering_of(ordered_record(sent), dialogue, Policy(), NOW) is expected


def test_a_doubtful_order_is_given_no_patience_once_the_device_did_not_get_it() -> None:
    sent = NOW - 5 * HOUR
    doubtful = order(sent, state=OrderState.DOUBTFUL)
    for events, expected in (
        ([], Ordering.OPEN),
        (contacts(NOW - HOUR), Ordering.OVERDUE),
        ([*contacts(NOW - HOUR), *lists(NOW - HOUR)], Ordering.CONTACTED),
    ):
        dialogue = dialogue_of([doubtful], events, heard_until=NOW)
        assert ordering_of(ordered_record(sent), dialogue, Policy(), NOW) is expected


def test_commands_refused_for_lack_of_a_permission_are_told_as_that_and_tried_again() -> None:
    file = DataFile("device", "a.osf", StorageStatus.DEVICE_ONLY)
    for slug, reason in (("no-permission", Reason.NO_PERMISSION), ("refused", Reason.LISTED_NOT_ORDERED)):
        dialogue = Dialogue(refusal=Refusal(slug, "403", NOW))
        decision = plan(file, None, Choice.SELECTED, Policy(), NOW, dialogue)
        assert (decision.action, decision.reason) == (Action.ORDER, reason)


def test_a_refused_permission_is_named() -> None:
    file = DataFile("device", "a.osf", StorageStatus.BOTH)
    record = FileRecord(file, "p", NOW, WINDOW, tries=9, failure=Failure("no-permission", "403", NOW))
    assert transfer_of(record, Policy(), NOW) is Transfer.FORBIDDEN
    decision = plan(file, record, Choice.SELECTED, Policy(), NOW, NOTHING_KNOWN)
    assert (decision.action, decision.reason) == (Action.FETCH, Reason.NO_PERMISSION)
