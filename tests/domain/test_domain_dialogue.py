from datetime import UTC, datetime, timedelta

from osfsync.domain.dialogue import Order, OrderState, Seen, dialogue_of, follow
from osfsync.domain.loss import horizon_of, is_near, loss_due
from osfsync.domain.model import CommunicationEvent, DataFile, StorageStatus, TimeWindow

NOW = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)
WINDOW = TimeWindow(NOW - 100 * HOUR, NOW)
PATIENCE = 48 * HOUR


def order(number: int, hours_ago: float, **told: object) -> Order:
    values: dict[str, object] = {"state": OrderState.SENT, **told}
    return Order(number, WINDOW, "preview", NOW - hours_ago * HOUR, **values)  # type: ignore[arg-type]


def ago(*hours: float) -> list[datetime]:
    return [NOW - hour * HOUR for hour in sorted(hours, reverse=True)]


def test_the_first_list_after_an_order_is_its_own_and_the_next_ones_belong_to_the_next() -> None:
    orders = [order(1, 10), order(2, 10, ahead=1), order(3, 10, ahead=2)]
    followed = follow(orders, Seen(ago(9, 8, 7), ago(9, 8, 7), ago(9, 8)))
    assert [followed[number].answered_at for number in (1, 2, 3)] == [*ago(9, 8), None]
    assert [followed[number].due_at for number in (1, 2, 3)] == ago(9, 8, 7)


def test_an_order_is_queued_until_its_turn_came() -> None:
    orders = [order(1, 10), order(2, 10, ahead=1), order(3, 1)]
    assert follow(orders, Seen([], [], []))[1].due_at is None
    followed = follow(orders, Seen(ago(9), ago(9), []))
    assert (followed[1].due_at, followed[2].due_at, followed[3].due_at) == (ago(9)[0], None, None)
    assert (followed[1].contacts, followed[3].contacts) == (1, 0)


def test_what_the_ledger_knows_outlives_the_log() -> None:
    known = order(1, 900, contacted_at=NOW - 890 * HOUR, answered_at=NOW - 880 * HOUR)
    followed = follow([known, order(2, 10)], Seen(ago(9), ago(9), ago(9)))
    assert followed[1].answered_at == NOW - 880 * HOUR
    assert followed[1].contacted_at == NOW - 890 * HOUR
    assert followed[2].answered_at == ago(9)[0]


def test_a_refused_order_is_followed_nowhere_and_takes_no_list() -> None:
    followed = follow([order(1, 10, state=OrderState.REFUSED), order(2, 10)], Seen(ago(9), ago(9), ago(9)))
    assert followed.keys() == {2}
    assert followed[2].answered_at == ago(9)[0]


def test_how_many_commands_wait_for_the_device() -> None:
    orders = [order(1, 60), order(2, 60, ahead=1), order(3, 1, ahead=1)]
    events = [CommunicationEvent("PING", at) for at in ago(50)]
    assert dialogue_of(orders, events).queued(PATIENCE, NOW) == 2
    assert dialogue_of(orders, events, mute="403").queued(PATIENCE, NOW) == 1


def test_a_command_that_no_file_is_owed_for_waits_no_more() -> None:
    for told in ({"owed": 0}, {"moved": True}):
        assert dialogue_of([order(1, 10, **told)], []).queued(PATIENCE, NOW) == 0
        assert dialogue_of([order(1, 10, **told)], [], mute="403").queued(PATIENCE, NOW) == 0
    from_the_future = order(1, -1000)
    assert dialogue_of([from_the_future], []).queued(PATIENCE, NOW) == 0


def test_a_file_that_moved_shows_that_its_order_was_executed() -> None:
    followed = follow([order(1, 10, moved=True)], Seen())[1]
    assert followed.contacts == 1
    assert followed.due_at == followed.contacted_at == NOW - 10 * HOUR
    dialogue = dialogue_of([order(1, 10, moved=True)], [], heard_until=NOW)
    assert dialogue.mute.startswith("it tells no contact")  # the log is of no use


def test_what_a_connected_device_did_is_contact_without_a_greeting() -> None:
    greeted = [CommunicationEvent("PING", NOW - 11 * HOUR), CommunicationEvent("RETURN_LIST", NOW - 5 * HOUR)]
    dialogue = dialogue_of([order(1, 10)], greeted, heard_until=NOW)
    followed = dialogue.followed[1]
    assert (followed.contacts, followed.contacted_at) == (1, NOW - 5 * HOUR)
    assert followed.due_at == NOW - 5 * HOUR
    assert dialogue.last_contact == NOW - 5 * HOUR


def test_a_due_date_that_was_seen_stays() -> None:
    known = order(1, 100, due_at=NOW - 90 * HOUR)
    assert follow([known], Seen(ago(9), ago(9)))[1].due_at == NOW - 90 * HOUR


def test_events_of_a_time_that_has_not_come_are_not_believed() -> None:
    events = [CommunicationEvent("PING", NOW + 900 * HOUR), CommunicationEvent("PING", NOW - HOUR)]
    assert dialogue_of([], events, heard_until=NOW).last_contact == NOW - HOUR


def test_a_list_that_is_told_twice_answers_one_order() -> None:
    told = [CommunicationEvent("RETURN_LIST", NOW - HOUR, ((word, word),)) for word in ("PENDING", "DONE")]
    followed = dialogue_of([order(1, 10), order(2, 10, ahead=1)], told).followed
    assert (followed[1].answered_at, followed[2].answered_at) == (NOW - HOUR, None)


def test_events_of_one_contact_are_one_contact_and_the_log_need_not_greet() -> None:
    minute = timedelta(minutes=1)
    greeted = [CommunicationEvent(kind, NOW + step * minute) for step, kind in enumerate(("PING", "ATTN"))]
    late = [CommunicationEvent("RETURN_FILE", NOW + 30 * minute)]
    assert dialogue_of([], [*late, *greeted]).contacts == [NOW]
    assert dialogue_of([], [*late, CommunicationEvent("OTHER", NOW)]).contacts == [NOW + 30 * minute]
    assert dialogue_of([], [*late, CommunicationEvent("PING", None)]).deliveries == [NOW + 30 * minute]


def test_executed_orders_of_a_file_are_counted_by_window_and_tag() -> None:
    orders = [order(1, 10), order(2, 8)]
    events = [CommunicationEvent("RETURN_LIST", at) for at in ago(9, 7)]
    dialogue = dialogue_of(orders, events)
    start = NOW - 50 * HOUR
    assert dialogue.executed_for(DataFile("d", "a", StorageStatus.DEVICE_ONLY, start=start)) == 2
    assert dialogue.executed_for(DataFile("d", "a", StorageStatus.DEVICE_ONLY, start=start, tag="raw")) == 0
    assert dialogue.executed_for(DataFile("d", "a", StorageStatus.DEVICE_ONLY, start=NOW - 101 * HOUR)) == 0
    assert dialogue.executed_for(DataFile("d", "a", StorageStatus.DEVICE_ONLY)) == 0


def test_the_horizon_is_learned_from_a_few_losses_and_cautiously() -> None:
    assert horizon_of([HOUR, HOUR]) is None
    assert horizon_of([30 * HOUR, 10 * HOUR, 20 * HOUR]) == 10 * HOUR
    assert horizon_of([hour * HOUR for hour in range(1, 101)]) == 10 * HOUR


def test_a_file_is_near_its_horizon_within_a_quarter_of_it_or_the_patience() -> None:
    file = DataFile("d", "a", StorageStatus.DEVICE_ONLY, start=NOW - 9 * HOUR, end=NOW - 8 * HOUR)
    due = loss_due(file, 20 * HOUR)
    assert due == NOW + 12 * HOUR
    assert not is_near(due, 20 * HOUR, HOUR, NOW + 6.9 * HOUR)
    assert is_near(due, 20 * HOUR, HOUR, NOW + 7 * HOUR)
    assert is_near(due, 20 * HOUR, 12 * HOUR, NOW)
    assert not is_near(None, 20 * HOUR, HOUR, NOW)
    on_server = DataFile("d", "a", StorageStatus.SERVER_ONLY, start=NOW)
    assert loss_due(on_server, 20 * HOUR) is None
    assert loss_due(DataFile("d", "a", StorageStatus.DEVICE_ONLY), 20 * HOUR) is None
    assert loss_due(file, None) is None


def test_losses_sooner_than_any_device_makes_room_teach_nothing() -> None:
    assert horizon_of([timedelta(0)] * 5) is None
