"""The order ledger: what is recorded of orders and devices, and what is told of it."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from osfsync.domain.dialogue import OrderState, Refusal
from osfsync.domain.model import CommunicationEvent, DataFile, ListingSource, StorageStatus, TimeWindow
from osfsync.domain.outcomes import (
    FilesLost,
    FilesSeen,
    Heard,
    HearingFailed,
    Listed,
    ListsCompared,
    OrderFollowed,
    OrderGivenUp,
    OrderRefused,
    OrderTaken,
    SeenFile,
)
from osfsync.domain.rows import Fate, OrderRow, StatusRow, Unlisted
from osfsync.state import order_rows
from osfsync.state.cancel import cancel_orders
from osfsync.state.database import Database
from osfsync.state.writer import Writer
from tests.state.state_samples import (
    DEVICE,
    LATER,
    NOW,
    OTHER_DEVICE,
    RUN,
    WINDOW,
    fetched,
    file,
    files_seen,
    ordered,
    prepared,
)

HOUR = timedelta(hours=1)
DAY = timedelta(days=1)
ON_DEVICE: dict[str, Any] = {"status": StorageStatus.DEVICE_ONLY}


def ping(at: datetime) -> CommunicationEvent:
    return CommunicationEvent("PING", at, (("type", "PING"),))


async def told(database: Database) -> list[OrderRow]:
    return [row async for page in database.ledger.orders() for row in page]


async def fate(database: Database) -> Fate:
    return (await told(database))[-1].fate


async def test_an_order_is_recorded_with_its_files(database: Database, writer: Writer) -> None:
    await writer.commit([files_seen(file(), file("b.osf"), file("c.osf"))])
    await writer.commit([*ordered("a.osf", "b.osf"), fetched("b.osf")])
    refused = prepared("c.osf", number=2, at=LATER)
    await writer.commit([refused, OrderRefused(refused, "refused", "400: no such tag")])
    second, first = await told(database)
    assert (first.device, first.order.window, first.order.tag, first.files) == (DEVICE, WINDOW, "preview", 2)
    assert (first.order.sent_at, first.order.state, first.run) == (NOW, OrderState.SENT, writer.run_id)
    assert (first.awaited, first.held) == (1, 1)
    assert (second.order.state, second.order.answer) == (OrderState.REFUSED, "refused: 400: no such tag")
    assert (second.awaited, second.fate) == (0, Fate.REFUSED)
    records = await database.reader.records(DEVICE.id, ["a.osf", "c.osf"])
    assert [(r.orders, r.ordered_at, r.order) for r in records.values()] == [(1, NOW, 1), (0, None, None)]
    assert await database.ledger.open_orders() == {DEVICE.id: 1}
    assert await database.ledger.awaiting() == {DEVICE.id}
    assert await database.ledger.next_order_id() == 3
    assert (await database.ledger.dialogue(DEVICE.id, LATER)).refusal == Refusal(
        "refused", "400: no such tag", LATER
    )


async def test_the_fate_of_an_order_over_the_runs(database: Database, writer: Writer) -> None:
    def seen(status: StorageStatus) -> FilesSeen:
        return files_seen(file(status=status), file("b.osf", status=status), at=LATER)

    await writer.commit([seen(StorageStatus.DEVICE_ONLY), *ordered("a.osf", "b.osf")])
    assert await fate(database) is Fate.SENT
    await writer.commit([OrderFollowed(1, LATER, None, None)])
    assert await fate(database) is Fate.CONTACTED
    await writer.commit([OrderFollowed(1, LATER, LATER, LATER)])
    assert await fate(database) is Fate.ANSWERED
    await writer.commit([seen(StorageStatus.REQUESTED)])
    assert await fate(database) is Fate.REQUESTED
    await writer.commit([seen(StorageStatus.BOTH)])
    assert await fate(database) is Fate.DELIVERED
    await writer.commit([fetched("a.osf")])
    assert await fate(database) is Fate.DELIVERED
    await writer.commit([fetched("b.osf")])
    assert await fate(database) is Fate.FETCHED
    assert await database.ledger.open_orders() == {}
    assert await database.ledger.awaiting() == set()


async def test_an_order_that_ends_otherwise(database: Database, writer: Writer) -> None:
    await writer.commit([files_seen(file(**ON_DEVICE)), *ordered()])
    await writer.commit([OrderGivenUp(1, "asked 5 times", LATER), OrderGivenUp(1, "again", NOW)])
    (row,) = await told(database)
    assert (row.fate, row.order.given_up_at, row.order.given_up_why) == (
        Fate.GIVEN_UP,
        LATER,
        "asked 5 times",
    )
    assert await database.ledger.open_orders() == {}
    await writer.commit(ordered(number=2, at=LATER))
    assert [row.fate for row in await told(database)] == [Fate.SENT, Fate.ASKED_AGAIN]
    await writer.commit([FilesLost(DEVICE.id, ("a.osf",), LATER)])
    assert [row.fate for row in await told(database)] == [Fate.LOST, Fate.LOST]


async def test_a_run_that_died_while_sending_leaves_an_order_that_counts_as_sent(
    database: Database, writer: Writer
) -> None:
    await writer.commit([files_seen(file(**ON_DEVICE)), prepared()])
    record = (await database.reader.records(DEVICE.id, ["a.osf"]))["a.osf"]
    assert (record.orders, record.order) == (0, None)
    await database.start_run(RUN, LATER)
    record = (await database.reader.records(DEVICE.id, ["a.osf"]))["a.osf"]
    # What may never have been queued uses up no attempt.
    assert (record.orders, record.ordered_at, record.order) == (0, NOW, 1)
    (row,) = await told(database)
    assert (row.order.state, row.fate) == (OrderState.DOUBTFUL, Fate.SENT)
    await database.start_run(RUN, LATER)
    assert len(await told(database)) == 1


async def test_an_answer_that_was_not_heard_makes_a_doubtful_order(
    database: Database, writer: Writer
) -> None:
    order = prepared()
    await writer.commit([files_seen(file(**ON_DEVICE)), order, OrderTaken(order, certain=False)])
    assert [row.order.state for row in await told(database)] == [OrderState.DOUBTFUL]


async def test_orders_come_newest_first_over_many_pages(database: Database, writer: Writer) -> None:
    await writer.commit([files_seen(file(**ON_DEVICE))])
    for number in range(1, 502):
        await writer.commit(ordered(number=number))
    pages = [[row.order.id for row in page] async for page in database.ledger.orders()]
    assert [len(page) for page in pages] == [500, 1]
    assert [number for page in pages for number in page] == list(range(501, 0, -1))


async def test_events_are_kept_once_with_all_that_they_told(database: Database, writer: Writer) -> None:
    odd = CommunicationEvent("SOMETHING", LATER, (("colour", "red"), ("size", "7")))
    timeless = CommunicationEvent("PING", None)
    first = Heard(DEVICE.id, TimeWindow(NOW - DAY, NOW), (ping(NOW), odd, timeless))
    await writer.commit([first, Heard(DEVICE.id, TimeWindow(NOW, LATER), (ping(NOW), ping(LATER)))])
    talk = await database.ledger.talk(DEVICE.id, LATER)
    assert talk.events == [ping(NOW), ping(LATER), odd]
    assert talk.heard_until == LATER
    row = next(row for row in await database.overview.devices() if row.device == DEVICE)
    assert (row.last_contact, row.heard_until, row.mute) == (LATER, LATER, "")
    assert (await database.ledger.talk(OTHER_DEVICE.id, LATER)).events == []


async def test_old_events_and_too_many_are_dropped(
    database: Database, writer: Writer, monkeypatch: pytest.MonkeyPatch
) -> None:
    old = ping(NOW - 130 * DAY)
    await writer.commit([Heard(DEVICE.id, TimeWindow(NOW - 200 * DAY, NOW), (old, ping(NOW)))])
    assert (await database.ledger.talk(DEVICE.id, NOW)).events == [ping(NOW)]
    monkeypatch.setattr(order_rows, "MOST_EVENTS", 10)
    many = tuple(ping(NOW + step * HOUR) for step in range(30))
    await writer.commit([Heard(DEVICE.id, TimeWindow(NOW, NOW + 30 * HOUR), many)])
    assert len((await database.ledger.talk(DEVICE.id, NOW)).events) == 11


async def test_a_log_that_cannot_be_read_makes_the_device_mute_after_two_days(
    database: Database, writer: Writer
) -> None:
    async def mute() -> str:
        return (await database.ledger.dialogue(DEVICE.id, NOW)).mute

    await writer.commit([HearingFailed(DEVICE.id, "403", NOW)])
    assert await mute() == "403"  # it was never read
    await writer.commit([Heard(DEVICE.id, TimeWindow(NOW - DAY, NOW), ())])
    assert await mute() == ""
    await writer.commit([HearingFailed(DEVICE.id, "500", NOW + DAY)])
    assert await mute() == ""
    await writer.commit([HearingFailed(DEVICE.id, "500", NOW + 2 * DAY)])
    assert await mute() == "500"
    row = next(row for row in await database.overview.devices() if row.device == DEVICE)
    assert row.mute == "500"


async def test_a_lost_file_tells_when_it_was_last_seen_and_comes_back_when_it_is_listed(
    database: Database, writer: Writer
) -> None:
    known = file(**ON_DEVICE, start=NOW - 3 * DAY, end=NOW - 3 * DAY + HOUR)
    narrow = TimeWindow(NOW - DAY, NOW)
    source = ListingSource.DEVICE_LIST
    await writer.commit([files_seen(known)])
    for window, files, listed_from, at in (
        (WINDOW, 5, source, NOW - 2 * HOUR),
        (WINDOW, 0, source, NOW - HOUR),  # an empty list named nothing
        (narrow, 5, source, NOW - HOUR),  # another time
        (WINDOW, 5, ListingSource.SERVER_LIST, NOW - HOUR),
        (WINDOW, 5, source, NOW),
    ):
        await writer.commit([Listed(DEVICE.id, window, listed_from, files, at)])
    await writer.commit([FilesLost(DEVICE.id, ("a.osf",), NOW), FilesLost(DEVICE.id, ("a.osf",), LATER)])
    record = (await database.reader.records(DEVICE.id, ["a.osf"]))["a.osf"]
    assert (record.lost_at, record.last_seen) == (NOW, NOW - 2 * HOUR)
    assert [page async for page in database.ledger.unlisted(DEVICE.id)] == []
    assert await database.reader.unheld_windows(DEVICE.id, lambda _: True, NOW) == []
    assert await database.reader.unheld_windows(DEVICE.id, lambda _: True, NOW - HOUR) != []
    totals = await database.overview.totals()
    assert (totals.lost, totals.missing[StorageStatus.DEVICE_ONLY]) == (1, 0)
    assert await database.overview.oldest_gap() is None
    await writer.commit([files_seen(known)])
    record = (await database.reader.records(DEVICE.id, ["a.osf"]))["a.osf"]
    assert (record.lost_at, record.last_seen) == (None, None)
    (page,) = [page async for page in database.ledger.unlisted(DEVICE.id)]
    span = TimeWindow(NOW - 3 * DAY, NOW - 3 * DAY + HOUR)
    assert page == [Unlisted("a.osf", span, on_server=False, timed=True)]


async def test_how_long_a_device_keeps_files_is_learned_from_losses(
    database: Database, writer: Writer
) -> None:
    for day in (10, 11, 12):
        name = f"{day}.osf"
        end = NOW - day * DAY
        told_at = end + timedelta(days=4, hours=day)
        known = DataFile(DEVICE.id, name, StorageStatus.DEVICE_ONLY, start=end - HOUR, end=end)
        await writer.commit([files_seen(known)])
        await writer.commit([Listed(DEVICE.id, WINDOW, ListingSource.DEVICE_LIST, 5, told_at)])
        assert (await database.ledger.dialogue(DEVICE.id, NOW)).horizon is None
        await writer.commit([FilesLost(DEVICE.id, (name,), told_at + HOUR)])
    assert (await database.ledger.dialogue(DEVICE.id, NOW)).horizon == timedelta(days=4, hours=10)
    assert await database.ledger.talking() == {DEVICE.id}


async def test_changes_of_the_storage_status_are_kept(database: Database, writer: Writer) -> None:
    before = StorageStatus.DEVICE_ONLY
    await writer.commit([files_seen(file(**ON_DEVICE))])
    for hour, status in enumerate((StorageStatus.DEVICE_ONLY, StorageStatus.REQUESTED, StorageStatus.BOTH)):
        seen = SeenFile(file(status=status), "device-1/a.osf", was=before)
        await writer.commit([FilesSeen(DEVICE.id, WINDOW, NOW + hour * HOUR, (seen,))])
        before = status
    assert await database.ledger.statuses(DEVICE.id, "a.osf") == [
        StatusRow(NOW + HOUR, StorageStatus.DEVICE_ONLY, StorageStatus.REQUESTED),
        StatusRow(NOW + 2 * HOUR, StorageStatus.REQUESTED, StorageStatus.BOTH),
    ]


async def test_every_order_of_a_file_is_told(database: Database, writer: Writer) -> None:
    await writer.commit([files_seen(file(**ON_DEVICE), file("b.osf", **ON_DEVICE))])
    await writer.commit([*ordered("a.osf", "b.osf"), *ordered("a.osf", number=2, at=LATER)])
    orders = await database.ledger.orders_of_file(DEVICE.id, "a.osf")
    assert [order.id for order in orders] == [1, 2]
    assert [order.id for order in await database.ledger.orders_of_file(DEVICE.id, "b.osf")] == [1]


async def test_what_only_one_list_knows_is_marked_until_the_lists_agree(
    database: Database, writer: Writer
) -> None:
    start = NOW - DAY
    known = [file(name, start=start, end=start) for name in ("a.osf", "b.osf", "c.osf")]
    elsewhere = TimeWindow(NOW - 90 * DAY, NOW - 60 * DAY)

    async def marks() -> list[ListingSource | None]:
        records = await database.reader.records(DEVICE.id, ["a.osf", "b.osf", "c.osf"])
        return [record.listed_by for record in records.values()]

    await writer.commit([files_seen(*known), ListsCompared(DEVICE.id, WINDOW, ("a.osf",), ("b.osf",))])
    assert await marks() == [ListingSource.DEVICE_LIST, ListingSource.SERVER_LIST, None]
    await writer.commit([ListsCompared(DEVICE.id, elsewhere, (), ())])
    assert await marks() == [ListingSource.DEVICE_LIST, ListingSource.SERVER_LIST, None]
    row = next(row for row in await database.overview.devices() if row.device == DEVICE)
    assert row.contradicted == 2
    await writer.commit([ListsCompared(DEVICE.id, WINDOW, (), ("a.osf",))])
    assert await marks() == [ListingSource.SERVER_LIST, None, None]


async def test_cancelled_orders_are_forgotten_with_what_they_meant_for_their_files(
    database: Database, writer: Writer
) -> None:
    other = file("x.osf", OTHER_DEVICE)._replace(status=StorageStatus.DEVICE_ONLY)
    await writer.commit([files_seen(file(**ON_DEVICE), file("b.osf")), files_seen(other)])
    await writer.commit([*ordered("a.osf", "b.osf"), fetched("b.osf")])
    elsewhere = prepared("x.osf", number=2, device=OTHER_DEVICE)
    await writer.commit([elsewhere, OrderTaken(elsewhere, certain=True)])
    assert await cancel_orders(database, [DEVICE.id], LATER) == 1
    assert await cancel_orders(database, [DEVICE.id], LATER + HOUR) == 0
    records = await database.reader.records(DEVICE.id, ["a.osf", "b.osf"])
    assert [(record.orders, record.order) for record in records.values()] == [(0, None), (0, None)]
    assert [row.fate for row in await told(database)] == [Fate.SENT, Fate.CANCELLED]
    assert await database.ledger.open_orders() == {OTHER_DEVICE.id: 1}


async def test_a_command_that_still_waits_is_never_too_old_to_be_known(
    database: Database, writer: Writer
) -> None:
    await writer.commit([files_seen(file(**ON_DEVICE), file("b.osf", **ON_DEVICE))])
    await writer.commit([*ordered(), *ordered("b.osf", number=2)])
    await writer.commit([OrderFollowed(2, LATER, LATER, LATER)])
    dialogue = await database.ledger.dialogue(DEVICE.id, NOW + 500 * DAY)
    assert dialogue.followed.keys() == {1}
    assert dialogue.queued(DAY, NOW + 500 * DAY) == 1


async def test_what_became_of_an_orders_files_is_known(database: Database, writer: Writer) -> None:
    async def order() -> tuple[int, bool]:
        told_of = (await database.ledger.talk(DEVICE.id, LATER)).orders[0]
        return told_of.owed, told_of.moved

    both = ("a.osf", "b.osf")
    await writer.commit([files_seen(*(file(name, **ON_DEVICE) for name in both)), *ordered(*both)])
    assert await order() == (2, False)
    await writer.commit([FilesLost(DEVICE.id, ("a.osf",), LATER)])
    assert await order() == (1, False)
    await writer.commit([files_seen(file("b.osf", status=StorageStatus.REQUESTED), at=LATER)])
    assert await order() == (1, True)
    await writer.commit([fetched("b.osf")])
    assert await order() == (0, True)


async def test_a_version_that_grew_is_owed_though_an_older_one_is_held(
    database: Database, writer: Writer
) -> None:
    await writer.commit([files_seen(file()), *ordered(), fetched()])
    record = (await database.reader.records(DEVICE.id, ["a.osf"]))["a.osf"]
    assert (record.orders, record.ordered_at, record.order) == (0, None, None)
    await writer.commit([files_seen(file(size=200, **ON_DEVICE), at=LATER), *ordered(number=2, at=LATER)])
    assert await database.ledger.awaiting() == {DEVICE.id}
    assert (await told(database))[0].fate is Fate.SENT
    assert [order.moved for order in (await database.ledger.talk(DEVICE.id, LATER)).orders] == [False, False]
    assert await cancel_orders(database, [DEVICE.id], LATER) == 1


async def test_a_refused_command_is_meant_for_no_file(database: Database, writer: Writer) -> None:
    order = prepared()
    await writer.commit([files_seen(file(**ON_DEVICE)), order, OrderRefused(order, "busy", "429")])
    assert await database.ledger.orders_of_file(DEVICE.id, "a.osf") == []
    assert [row.fate for row in await told(database)] == [Fate.REFUSED]


async def test_a_given_up_order_is_not_waited_for(database: Database, writer: Writer) -> None:
    await writer.commit([files_seen(file(**ON_DEVICE)), *ordered(), OrderGivenUp(1, "why", LATER)])
    assert await database.ledger.awaiting() == set()
