from dataclasses import replace
from datetime import UTC, datetime, timedelta
from itertools import product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from osfsync.domain.model import (
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
    TABLE,
    Action,
    Choice,
    Holding,
    Ordering,
    Policy,
    Reason,
    Situation,
    Transfer,
    holding_of,
    ordering_of,
    plan,
    transfer_of,
)

NOW = datetime(2026, 3, 1, tzinfo=UTC)
WINDOW = TimeWindow(NOW - timedelta(days=30), NOW)

SITUATIONS = [
    Situation(*parts) for parts in product(Holding, Choice, StorageStatus, OrderMode, Transfer, Ordering)
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


def _record(
    file: DataFile,
    held: Held | None,
    tries: tuple[int, Failure | None],
    orders: tuple[int, datetime | None],
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
    )


records = st.builds(_record, files, st.none() | helds, never_failed | failed, never_ordered | ordered)
policies = st.builds(Policy, mode=st.sampled_from(OrderMode))


@pytest.mark.parametrize("rule", TABLE, ids=lambda rule: f"{rule.action}-{rule.reason}")
def test_every_line_of_the_table_decides_something(rule: object) -> None:
    first = [next(line for line in TABLE if line.fits(situation)) for situation in SITUATIONS]
    assert any(line is rule for line in first)


def test_the_table_is_total() -> None:
    undecided = [situation for situation in SITUATIONS if not any(rule.fits(situation) for rule in TABLE)]
    assert undecided == []


@given(files, st.none() | records, st.sampled_from(Choice), policies)
def test_a_decision_fits_the_facts(
    file: DataFile, record: FileRecord | None, choice: Choice, policy: Policy
) -> None:
    decision = plan(file, record, choice, policy, NOW)
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
        assert record is None or record.ordered_at is None or record.ordered_at + policy.patience <= NOW


def _after(action: Action, file: DataFile, record: FileRecord | None) -> FileRecord:
    """What the state knows when the action was done."""
    record = record or FileRecord(file, "p", NOW, WINDOW)
    record = replace(record, file=file)
    match action:
        case Action.FETCH:
            held = Held(file.size or 5, "00", NOW, Verification.WHOLE)
            return replace(record, held=held, tries=0, failure=None)
        case Action.ORDER:
            return replace(record, orders=record.orders + 1, ordered_at=NOW)
        case Action.KEEP | Action.WAIT | Action.LEAVE:
            return record


@given(files, st.none() | records, st.sampled_from(Choice), policies)
def test_acting_and_planning_again_settles(
    file: DataFile, record: FileRecord | None, choice: Choice, policy: Policy
) -> None:
    first = plan(file, record, choice, policy, NOW)
    known = _after(first.action, file, record)
    second = plan(file, known, choice, policy, NOW)
    third = plan(file, _after(second.action, file, known), choice, policy, NOW)
    assert second.action not in {Action.FETCH, Action.ORDER}
    assert third == second


@given(files.filter(lambda file: file.status.on_server), policies)
def test_a_failing_file_is_tried_each_run_then_rests_then_is_tried_again(
    file: DataFile, policy: Policy
) -> None:
    policy = replace(policy, mode=OrderMode.AUTO)
    record = FileRecord(file, "p", NOW, WINDOW)
    for tries in range(1, policy.tries + 1):
        assert plan(file, record, Choice.SELECTED, policy, NOW).action is Action.FETCH
        record = replace(record, tries=tries, failure=Failure("not-found", "404", NOW))
    assert plan(file, record, Choice.SELECTED, policy, NOW).reason is Reason.FAILED
    rested = NOW + policy.rest
    assert plan(file, record, Choice.SELECTED, policy, rested).action is Action.FETCH


@pytest.mark.parametrize("slug", ["server-error", "unreachable", "busy", "connection-broken"])
def test_trouble_of_the_platform_gives_no_file_up(slug: str) -> None:
    file = DataFile("device", "a.osf", StorageStatus.BOTH)
    record = FileRecord(file, "p", NOW, WINDOW, tries=99, failure=Failure(slug, "down", NOW))
    assert plan(file, record, Choice.SELECTED, Policy(), NOW).action is Action.FETCH


def test_stamps_of_a_clock_that_was_ahead_hold_nothing_up() -> None:
    later = NOW + timedelta(days=3650)
    file = DataFile("device", "a.osf", StorageStatus.DEVICE_ONLY)
    record = FileRecord(file, "p", NOW, WINDOW, orders=1, ordered_at=later)
    assert plan(file, record, Choice.SELECTED, Policy(), NOW).action is Action.ORDER
    file = DataFile("device", "a.osf", StorageStatus.BOTH)
    record = FileRecord(file, "p", NOW, WINDOW, tries=9, failure=Failure("not-found", "404", later))
    assert plan(file, record, Choice.SELECTED, Policy(), NOW).action is Action.FETCH


def test_a_held_file_of_another_size_is_fetched_anew() -> None:
    file = DataFile("device", "a.osf", StorageStatus.BOTH, size=20)
    record = FileRecord(file, "p", NOW, WINDOW, held=Held(10, "00", NOW, Verification.WHOLE))
    assert plan(file, record, Choice.SELECTED, Policy(), NOW).action is Action.FETCH


def test_a_list_that_tells_no_size_makes_nothing_outdated() -> None:
    file = DataFile("device", "a.osf", StorageStatus.BOTH, size=None)
    record = FileRecord(file, "p", NOW, WINDOW, held=Held(10, "00", NOW, Verification.WHOLE))
    assert plan(file, record, Choice.SELECTED, Policy(), NOW).action is Action.KEEP


def test_a_held_file_is_kept_though_the_selection_no_longer_wants_it() -> None:
    file = DataFile("device", "a.osf", StorageStatus.BOTH, size=10)
    record = FileRecord(file, "p", NOW, WINDOW, held=Held(10, "00", NOW, Verification.WHOLE))
    assert plan(file, record, Choice.EXCLUDED, Policy(), NOW).action is Action.KEEP


@pytest.mark.parametrize(
    ("age", "orders", "expected"),
    [
        (timedelta(hours=1), 1, Ordering.OPEN),
        (timedelta(hours=47, minutes=59), 5, Ordering.OPEN),
        (timedelta(hours=48), 1, Ordering.OVERDUE),
        (timedelta(hours=48), 5, Ordering.EXHAUSTED),
    ],
)
def test_an_order_gets_its_patience(age: timedelta, orders: int, expected: Ordering) -> None:
    file = DataFile("device", "a.osf", StorageStatus.DEVICE_ONLY)
    record = FileRecord(file, "p", NOW, WINDOW, orders=orders, ordered_at=NOW - age)
    assert ordering_of(record, Policy(), NOW) is expected


def test_a_refused_permission_is_named() -> None:
    file = DataFile("device", "a.osf", StorageStatus.BOTH)
    record = FileRecord(file, "p", NOW, WINDOW, tries=9, failure=Failure("no-permission", "403", NOW))
    assert transfer_of(record, Policy(), NOW) is Transfer.FORBIDDEN
    decision = plan(file, record, Choice.SELECTED, Policy(), NOW)
    assert (decision.action, decision.reason) == (Action.FETCH, Reason.NO_PERMISSION)
