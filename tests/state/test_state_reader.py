from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from osfsync.domain.model import StorageStatus, TimeWindow
from osfsync.domain.pathkey import path_key
from osfsync.domain.rows import FileRow, Totals
from osfsync.domain.summary import RunOutcome
from osfsync.state import overview
from osfsync.state.database import Database
from osfsync.state.writer import Writer
from tests.state.state_samples import (
    DEVICE,
    LATER,
    NOW,
    OTHER_DEVICE,
    RUN,
    TENANT,
    fetch_failed,
    fetched,
    file,
    files_seen,
    held,
)

DAY = timedelta(days=1)


async def unheld_windows(database: Database, device_id: str) -> list[TimeWindow]:
    return await database.reader.unheld_windows(device_id, lambda _: True, NOW)


def day(number: int, hour: int = 0) -> datetime:
    return datetime(2025, 6, number, hour, tzinfo=UTC)


async def test_any_number_of_files_is_looked_up(database: Database, writer: Writer) -> None:
    names = [f"{number:05}.osf" for number in range(1201)]
    await writer.commit([files_seen(*map(file, names))])
    records = await database.reader.records(DEVICE.id, ["unknown", *names, names[0]])
    assert sorted(records) == names
    assert await database.reader.records(OTHER_DEVICE.id, names) == {}
    assert await database.reader.records(DEVICE.id, []) == {}


async def test_a_taken_path_tells_its_file(database: Database, writer: Writer) -> None:
    await writer.commit([files_seen(file("Straße/Ä.osf"))])
    taken = path_key(f"{DEVICE.id}/STRASSE/a\u0308.OSF")
    answer = await database.reader.paths_taken([taken, path_key("free")])
    assert answer == {taken: (DEVICE.id, "Straße/Ä.osf")}


@pytest.mark.usefixtures("writer")
async def test_folders(database: Database) -> None:
    assert await database.reader.folders() == {"device-1": "Pump", "device-2": "Fan"}


async def test_windows_of_what_is_not_held_are_whole_days_merged(database: Database, writer: Writer) -> None:
    listed = TimeWindow(day(20, 5), day(21, 7))
    await writer.commit(
        [
            files_seen(
                file("known days", start=day(1, 23), end=day(2, 1)),
                file("next day", start=day(3, 4), end=day(3, 5)),
                file("held", start=day(5), end=day(6)),
                file("start only", start=day(10, 12)),
                file("end only", end=day(12, 12)),
                file("ends before it starts", start=day(14), end=day(13)),
                file("untold"),
                window=listed,
            ),
            files_seen(file("other device", OTHER_DEVICE, start=day(25), end=day(25))),
            fetched("held"),
        ]
    )
    assert await unheld_windows(database, DEVICE.id) == [
        TimeWindow(day(1) - DAY, day(4) + DAY),
        TimeWindow(day(10) - DAY, day(15) + DAY),
        TimeWindow(day(20) - DAY, day(22) + DAY),
    ]
    assert await unheld_windows(database, "unknown") == []


async def test_the_last_days_of_time_have_a_window_too(database: Database, writer: Writer) -> None:
    end_of_time = datetime.max.replace(tzinfo=UTC)
    await writer.commit([files_seen(file(start=end_of_time, end=end_of_time))])
    (window,) = await unheld_windows(database, DEVICE.id)
    assert window == TimeWindow(datetime(9999, 12, 30, tzinfo=UTC), end_of_time)


async def test_a_backfill_is_gone_on_with_until_it_is_complete(database: Database) -> None:
    async def resumable(until: datetime | None = None) -> str | None:
        return await database.reader.resumable_backfill(TENANT.id, NOW, until)

    run = replace(RUN, command="backfill", since=NOW, backfill="b1")
    assert await resumable() is None
    first = await database.start_run(run, NOW)
    assert await resumable() == "b1"
    assert await resumable(until=LATER) is None
    assert await database.reader.resumable_backfill("other", NOW, None) is None
    assert await database.reader.resumable_backfill(TENANT.id, LATER, None) is None
    await first.finish_run(RunOutcome.INTERRUPTED, 130, LATER)
    assert await resumable() == "b1"
    second = await database.start_run(run, LATER)
    await second.finish_run(RunOutcome.COMPLETE, 0, LATER)
    assert await resumable() is None
    await database.start_run(replace(run, backfill="b2"), LATER + timedelta(hours=1))
    assert await resumable() == "b2"


async def pages(database: Database, device_id: str | None = None) -> list[list[FileRow]]:
    return [page async for page in database.overview.files(device_id)]


async def test_all_files_come_in_pages(database: Database, writer: Writer) -> None:
    assert await pages(database) == []
    count = overview.PAGE + 1
    await writer.commit([files_seen(*(file(f"{number:05}.osf") for number in range(count)))])
    await writer.commit([files_seen(*(file(f"{n:05}.osf", OTHER_DEVICE) for n in range(overview.PAGE)))])
    told = await pages(database)
    assert [len(page) for page in told] == [1000, 1000, 1]
    assert [row.device for row in (told[0][0], told[1][0], told[1][1])] == [DEVICE, DEVICE, OTHER_DEVICE]
    names = [row.record.file.name for page in told for row in page if row.device == DEVICE]
    assert names == [f"{number:05}.osf" for number in range(count)]
    assert [len(page) for page in await pages(database, DEVICE.id)] == [1000, 1]
    assert [len(page) for page in await pages(database, OTHER_DEVICE.id)] == [1000]
    assert await pages(database, "unknown") == []


async def test_unheld_files_come_in_pages(database: Database, writer: Writer) -> None:
    names = [f"{number:05}.osf" for number in range(overview.PAGE + 2)]
    await writer.commit([files_seen(*map(file, names)), fetched(names[5])])
    told = [page async for page in database.overview.unheld()]
    assert [len(page) for page in told] == [1000, 1]
    assert [row.record.file.name for page in told for row in page] == [*names[:5], *names[6:]]


async def test_sums(database: Database, writer: Writer) -> None:
    await writer.commit(
        [
            files_seen(
                file("a"),
                file("b"),
                file("c", status=StorageStatus.DEVICE_ONLY, size=None),
                file("d", status=StorageStatus.SERVER_ONLY),
            ),
            files_seen(file("a", OTHER_DEVICE)),
            fetched("a", what=held(90)),
            fetched("b", what=held(9)),
            fetch_failed("b"),
            fetch_failed("d"),
        ]
    )
    missing = {
        StorageStatus.DEVICE_ONLY: 1,
        StorageStatus.REQUESTED: 0,
        StorageStatus.SERVER_ONLY: 1,
        StorageStatus.BOTH: 1,
    }
    assert await database.overview.totals() == Totals(2, 2, 99, missing, 1, lost=0, unseen=0, open_orders=0)
    fan, pump = await database.overview.devices()
    assert (pump.held, pump.held_bytes, pump.missing) == (2, 99, {**missing, StorageStatus.BOTH: 0})
    assert (fan.held, fan.held_bytes, fan.missing[StorageStatus.BOTH]) == (0, 0, 1)


async def test_the_oldest_gap_is_the_first_recording_that_is_not_held(
    database: Database, writer: Writer
) -> None:
    assert await database.overview.oldest_gap() is None
    await writer.commit(
        [
            files_seen(
                file("held", start=day(1)), file("first", start=day(2)), file("last", start=day(3)), file("?")
            ),
            fetched("held"),
        ]
    )
    oldest = await database.overview.oldest_gap()
    assert oldest is not None
    assert oldest.record.file.name == "?"  # its window began a month before
    await writer.commit([fetched("?")])
    oldest = await database.overview.oldest_gap()
    assert oldest is not None
    assert (oldest.device, oldest.record.file.name) == (DEVICE, "first")


async def test_a_file_is_found_by_its_name_its_path_and_its_last_part(
    database: Database, writer: Writer
) -> None:
    await writer.commit([files_seen(file("day/a.osf"), file("other/ba.osf"), file("a%osf"))])
    await writer.commit([files_seen(file("a.osf", OTHER_DEVICE))])

    async def found(name: str) -> list[str]:
        return [row.record.path for row in await database.overview.find(name)]

    assert await found("a.osf") == ["device-1/day/a.osf", "device-2/a.osf"]
    assert await found("day/a.osf") == ["device-1/day/a.osf"]
    assert await found("device-1/day/a.osf") == ["device-1/day/a.osf"]
    assert await found("%") == []


async def test_runs_come_newest_first_and_no_more_than_asked(database: Database) -> None:
    await database.start_run(RUN, NOW)
    await database.start_run(replace(RUN, command="backfill"), LATER)
    assert [run.command for run in await database.overview.runs(5)] == ["backfill", "sync"]
    assert [run.command for run in await database.overview.runs(1)] == ["backfill"]


async def test_a_file_held_in_an_older_version_is_still_to_be_had(database: Database, writer: Writer) -> None:
    told = file(start=day(1), end=day(1))
    await writer.commit([files_seen(told), fetched()])
    assert await unheld_windows(database, DEVICE.id) == []
    assert await database.overview.oldest_gap() is None
    await writer.commit([files_seen(told._replace(size=200))])
    assert await unheld_windows(database, DEVICE.id) == [TimeWindow(day(1) - DAY, day(2) + DAY)]
    assert [len(page) async for page in database.overview.unheld()] == [1]
    await writer.commit([files_seen(told._replace(size=None))])  # a list that does not tell the size
    assert await unheld_windows(database, DEVICE.id) == []


async def test_the_last_complete_run_is_told_by_its_end(database: Database) -> None:
    assert await database.overview.last_complete() is None
    for outcome, at in [(RunOutcome.COMPLETE, NOW), (RunOutcome.COMPLETE, LATER)]:
        run = await database.start_run(RUN, NOW)
        await run.finish_run(outcome, 0, at)
    failed = await database.start_run(RUN, NOW)
    await failed.finish_run(RunOutcome.FAILED, 1, LATER + timedelta(hours=1))
    await database.start_run(RUN, LATER)
    assert await database.overview.last_complete() == LATER
