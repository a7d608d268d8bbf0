"""What a device's talk and its queue say of when each of its files comes."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from osfsync.domain.dialogue import NOTHING_KNOWN, Dialogue, Followed, Order, OrderState, dialogue_of
from osfsync.domain.estimate import Estimate, Queue, delivery
from osfsync.domain.forecast import (
    NOTHING_AWAITED,
    Awaited,
    Forecast,
    Unforeseen,
    foreseen_contact,
    recorded_second,
    unforeseen,
)
from osfsync.domain.model import CommunicationEvent, DataFile, FileRecord, StorageStatus, TimeWindow

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WINDOW = TimeWindow(NOW - timedelta(days=30), NOW)
HOURLY = [NOW - timedelta(hours=hours, minutes=30) for hours in range(48, 0, -1)]


def order(number: int = 7, ahead: int = 0, hours_ago: float = 1.2) -> Order:
    return Order(number, WINDOW, "preview", NOW - timedelta(hours=hours_ago), OrderState.SENT, ahead)


def talk(*orders: Order, heard_until: datetime | None = NOW, mute: str = "") -> Dialogue:
    """A device that connects every hour and delivers two files each time; the last time half an hour ago."""
    events = [CommunicationEvent("PING", at) for at in (*HOURLY, NOW - timedelta(minutes=30))]
    files = [
        CommunicationEvent("RETURN_FILE", at + timedelta(seconds=second))
        for at in HOURLY
        for second in (1, 2)
    ]
    return dialogue_of(orders, events + files, heard_until=heard_until, mute=mute)


def record(status: StorageStatus, hour: int = 0, order_number: int | None = None) -> FileRecord:
    start = NOW - timedelta(days=2) + timedelta(hours=hour)
    file = DataFile("d", f"{hour}.osf", status, start=start)
    return FileRecord(file, f"d/{hour}.osf", NOW, WINDOW, order=order_number)


def second(hour: int) -> int:
    return recorded_second(record(StorageStatus.REQUESTED, hour))


def test_a_requested_file_waits_for_the_older_ones_only() -> None:
    dialogue = talk()
    forecast = Forecast(dialogue, Awaited([second(hour) for hour in range(9)]), NOW)
    for hour in (0, 3, 8):
        expected = delivery(dialogue.contacts, dialogue.deliveries, Queue(0, hour, 9), NOW)
        assert forecast.expected(record(StorageStatus.REQUESTED, hour)) == expected
    first, last = (forecast.expected(record(StorageStatus.REQUESTED, hour)) for hour in (0, 8))
    assert isinstance(first, Estimate)
    assert isinstance(last, Estimate)
    assert NOW <= first.median < last.median <= last.bound


def test_an_ordered_file_waits_for_its_command() -> None:
    """Two commands wait before its own, and none of the three met a contact: three contacts are needed."""
    dialogue = talk(order(ahead=2, hours_ago=0.2))
    forecast = Forecast(dialogue, Awaited((), {7: [second(0), second(1)]}), NOW)
    expected = delivery(dialogue.contacts, dialogue.deliveries, Queue(3, 1, 2), NOW)
    assert forecast.expected(record(StorageStatus.DEVICE_ONLY, 1, 7)) == expected


def test_an_ordered_file_waits_for_older_ones_that_are_ordered_and_not_yet_requested() -> None:
    dialogue = talk(order(hours_ago=0.2))
    forecast = Forecast(dialogue, Awaited((), {7: [second(hour) for hour in range(9)]}), NOW)
    expected = delivery(dialogue.contacts, dialogue.deliveries, Queue(1, 8, 9), NOW)
    alone = delivery(dialogue.contacts, dialogue.deliveries, Queue(1, 0, 1), NOW)
    assert forecast.expected(record(StorageStatus.DEVICE_ONLY, 8, 7)) == expected != alone


def test_a_contact_since_the_order_took_one_of_the_commands() -> None:
    dialogue = talk(order(ahead=2, hours_ago=1.2))
    forecast = Forecast(dialogue, Awaited((), {7: [second(0)]}), NOW)
    expected = delivery(dialogue.contacts, dialogue.deliveries, Queue(2, 0, 1), NOW)
    assert forecast.expected(record(StorageStatus.DEVICE_ONLY, 0, 7)) == expected


def test_what_an_executed_command_left_behind_is_not_on_its_way() -> None:
    executed = order(hours_ago=2)
    forecast = Forecast(talk(executed), Awaited([second(5)], {7: [second(hour) for hour in range(5)]}), NOW)
    assert forecast.expected(record(StorageStatus.DEVICE_ONLY, 0, 7)) is None
    alone = Forecast(talk(executed), Awaited([second(5)]), NOW)
    last = record(StorageStatus.REQUESTED, 5)
    assert forecast.expected(last) == alone.expected(last) is not None


@pytest.mark.parametrize(
    "known",
    [
        record(StorageStatus.DEVICE_ONLY),
        record(StorageStatus.DEVICE_ONLY, order_number=99),
        record(StorageStatus.BOTH, order_number=7),
        record(StorageStatus.REQUESTED)._replace(lost_at=NOW),
    ],
)
def test_a_file_that_is_not_on_its_way_is_not_expected(known: FileRecord) -> None:
    assert Forecast(talk(order(hours_ago=0.2)), NOTHING_AWAITED, NOW).expected(known) is None


@pytest.mark.parametrize(
    ("dialogue", "why"),
    [
        (NOTHING_KNOWN, Unforeseen.FEW_CONTACTS),
        (talk(mute="403"), Unforeseen.MUTE),
        (replace(talk(), contacts=HOURLY[:4]), Unforeseen.FEW_CONTACTS),
        (replace(talk(), deliveries=[]), Unforeseen.NO_DELIVERY),
        (talk(heard_until=NOW + timedelta(days=3)), Unforeseen.SILENT),
    ],
)
def test_why_nothing_is_foreseen(dialogue: Dialogue, why: Unforeseen) -> None:
    assert unforeseen(dialogue, NOW) is why
    assert Forecast(dialogue, NOTHING_AWAITED, NOW).expected(record(StorageStatus.REQUESTED)) is why


def test_what_may_take_ten_years_is_not_foreseen() -> None:
    crowded = Awaited(range(second(0) - 1_000_000, second(0)))
    forecast = Forecast(talk(), crowded, NOW)
    assert forecast.expected(record(StorageStatus.REQUESTED)) is Unforeseen.TOO_LONG


def test_silence_counts_as_far_as_the_log_was_read() -> None:
    """Asked half a day after the log was read, the device has not been silent for half a day."""
    later = NOW + timedelta(hours=12)
    contacts = talk().contacts
    assert foreseen_contact(contacts, NOW, later) == Estimate(later, later)  # it must have come meanwhile
    assert foreseen_contact(contacts, later, later) is None


def test_many_files_are_foreseen_with_few_estimates(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Queue] = []

    def count(*arguments: object) -> Estimate:
        asked.extend(argument for argument in arguments if isinstance(argument, Queue))
        return Estimate(NOW, NOW)

    monkeypatch.setattr("osfsync.domain.forecast.delivery", count)
    start = second(0)
    forecast = Forecast(talk(), Awaited(range(start, start + 100_000)), NOW)
    known = record(StorageStatus.REQUESTED)
    for place in range(100_000):
        file = known.file._replace(start=datetime.fromtimestamp(start + place, UTC))
        forecast.expected(known._replace(file=file))
    assert len(asked) < 400
    assert asked[-1].files == 100_000


def test_followed_orders_without_contact_count_as_waiting() -> None:
    waiting = Followed(order(ahead=0), 0, None, None, 0, None)
    dialogue = replace(talk(), followed={7: waiting})
    assert isinstance(
        Forecast(dialogue, NOTHING_AWAITED, NOW).expected(record(StorageStatus.DEVICE_ONLY, 0, 7)), Estimate
    )
