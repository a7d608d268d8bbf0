"""What the state tells of files that are awaited, and of the devices that owe them."""

from datetime import datetime, timedelta
from typing import Any

from osfsync.domain.forecast import recorded_second
from osfsync.domain.loss import LEAST_LOSSES
from osfsync.domain.model import CommunicationEvent, ListingSource, StorageStatus
from osfsync.domain.outcomes import FilesLost, FilesSeen, Heard, Listed, OrderGivenUp, OrderTaken, SeenFile
from osfsync.domain.rows import DeviceGlance
from osfsync.state.database import Database
from osfsync.state.overview import PAGE
from osfsync.state.writer import Writer
from tests.state.state_samples import (
    DEVICE,
    LATER,
    NOW,
    OTHER_DEVICE,
    WINDOW,
    fetched,
    file,
    files_seen,
    prepared,
)

HOUR = timedelta(hours=1)
ON_DEVICE: dict[str, Any] = {"status": StorageStatus.DEVICE_ONLY}
REQUESTED: dict[str, Any] = {"status": StorageStatus.REQUESTED}


def second(at: datetime) -> int:
    return int(at.timestamp())


async def test_a_glance_shows_contact_and_whether_a_device_is_unseen(
    database: Database, writer: Writer
) -> None:
    assert await database.overview.glances() == [
        DeviceGlance(OTHER_DEVICE, None, unseen=False),
        DeviceGlance(DEVICE, None, unseen=False),
    ]
    ping = CommunicationEvent("PING", NOW - HOUR)
    await writer.commit(
        [
            Heard(DEVICE.id, WINDOW, (ping,)),
            Listed(OTHER_DEVICE.id, WINDOW, ListingSource.SERVER_LIST, 0, NOW),
        ]
    )
    assert await database.overview.glances() == [
        DeviceGlance(OTHER_DEVICE, None, unseen=True),
        DeviceGlance(DEVICE, NOW - HOUR, unseen=False),
    ]


async def test_awaited_files_are_told_by_when_they_were_recorded(database: Database, writer: Writer) -> None:
    await writer.commit(
        [
            files_seen(
                file("asked.osf", **ON_DEVICE, start=NOW - HOUR),
                file("undated.osf", **ON_DEVICE),
                file("requested.osf", **REQUESTED, end=NOW),
                file("never-asked.osf", **ON_DEVICE, start=NOW),
                file("lost.osf", **ON_DEVICE, start=NOW),
                file("on-server.osf", start=NOW),
                file("held.osf", start=NOW),
            ),
            order := prepared("asked.osf", "undated.osf", "lost.osf", "on-server.osf", "held.osf"),
            OrderTaken(order, certain=True),
            fetched("held.osf"),
            FilesLost(DEVICE.id, ("lost.osf",), LATER),
        ]
    )
    awaited = await database.overview.awaited(DEVICE.id)
    assert list(awaited.requested) == [second(NOW)]
    assert {number: sorted(starts) for number, starts in awaited.ordered.items()} == {
        order.id: [second(WINDOW.start), second(NOW - HOUR)]
    }
    assert (await database.overview.awaited(OTHER_DEVICE.id)).ordered == {}
    records = {row.record.file.name: row.record async for page in database.overview.unheld() for row in page}
    assert recorded_second(records["asked.osf"]) == second(NOW - HOUR)
    assert recorded_second(records["requested.osf"]) == second(NOW)
    assert recorded_second(records["undated.osf"]) == second(WINDOW.start)


async def test_awaited_files_of_several_pages_are_all_told(database: Database, writer: Writer) -> None:
    many = [file(f"{number:05}.osf", **REQUESTED, start=NOW) for number in range(PAGE + 1)]
    await writer.commit([files_seen(*many)])
    assert len((await database.overview.awaited(DEVICE.id)).requested) == PAGE + 1


async def test_since_when_a_file_is_requested(database: Database, writer: Writer) -> None:
    await writer.commit([files_seen(file("a.osf", **ON_DEVICE), file("b.osf", **REQUESTED))])
    for at, was, became in (
        (LATER, StorageStatus.DEVICE_ONLY, StorageStatus.REQUESTED),
        (LATER + HOUR, StorageStatus.REQUESTED, StorageStatus.DEVICE_ONLY),
        (LATER + 2 * HOUR, StorageStatus.DEVICE_ONLY, StorageStatus.REQUESTED),
    ):
        seen = SeenFile(file("a.osf", status=became), "a", was)
        await writer.commit([FilesSeen(DEVICE.id, WINDOW, at, (seen,))])
    since = database.overview.requested_since
    assert await since(DEVICE.id, ["a.osf", "b.osf"]) == {"a.osf": LATER + 2 * HOUR}
    assert await since(DEVICE.id, []) == {}
    assert await since(OTHER_DEVICE.id, ["a.osf"]) == {}


async def test_contacts_are_greetings_where_the_log_has_any(database: Database, writer: Writer) -> None:
    contacts = database.overview.contacts
    assert await contacts(DEVICE.id) == []
    delivered = [CommunicationEvent("RETURN_FILE", NOW - 3 * HOUR, (("message", name),)) for name in "ab"]
    await writer.commit([Heard(DEVICE.id, WINDOW, tuple(delivered))])
    assert await contacts(DEVICE.id) == [NOW - 3 * HOUR]
    greetings = (
        CommunicationEvent("ATTN", NOW - HOUR + timedelta(minutes=1)),
        CommunicationEvent("PING", NOW - HOUR),
        CommunicationEvent("PING", NOW - 2 * HOUR),
    )
    await writer.commit([Heard(DEVICE.id, WINDOW, greetings)])
    assert await contacts(DEVICE.id) == [NOW - 2 * HOUR, NOW - HOUR]
    talk = await database.ledger.dialogue(DEVICE.id, NOW)
    assert list(talk.contacts) == await contacts(DEVICE.id)


async def test_a_devices_files_that_are_not_held(database: Database, writer: Writer) -> None:
    many = [file(f"{number:05}.osf", **ON_DEVICE) for number in range(PAGE + 1)]
    await writer.commit(
        [files_seen(*many), files_seen(file("other.osf", OTHER_DEVICE)), fetched("00000.osf")]
    )
    names = [row.record.file.name async for page in database.overview.unheld(DEVICE.id) for row in page]
    assert names == [f"{number:05}.osf" for number in range(1, PAGE + 1)]


async def test_orders_that_are_still_open(database: Database, writer: Writer) -> None:
    await writer.commit([files_seen(file("a.osf", **ON_DEVICE), file("b.osf", **ON_DEVICE))])
    given_up, waits = prepared("a.osf", number=1), prepared("b.osf", number=2)
    await writer.commit(
        [
            given_up,
            OrderTaken(given_up, certain=True),
            waits,
            OrderTaken(waits, certain=True),
            OrderGivenUp(1, "In vain.", LATER),
        ]
    )
    still = [row async for page in database.ledger.orders_still_open() for row in page]
    assert [row.order.id for row in still] == [2]
    assert all(row.fate.is_open for row in still)
    assert [row.order.id async for page in database.ledger.orders() for row in page] == [2, 1]


async def test_how_long_a_device_keeps_files_is_learned_from_losses(
    database: Database, writer: Writer
) -> None:
    assert await database.ledger.horizon(DEVICE.id) is None
    names = [f"{number}.osf" for number in range(LEAST_LOSSES)]
    files = [file(name, **ON_DEVICE, end=NOW - 10 * HOUR) for name in names]
    await writer.commit([files_seen(*files), FilesLost(DEVICE.id, tuple(names), LATER)])
    assert await database.ledger.horizon(DEVICE.id) == 10 * HOUR
