import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from osfsync.domain.errors import ExitCode, OsfsyncError
from osfsync.domain.model import (
    Device,
    FileRecord,
    Held,
    ListingSource,
    StorageStatus,
    TimeWindow,
    Verification,
)
from osfsync.domain.outcomes import (
    DeviceSeen,
    Fact,
    Fetched,
    FetchFailed,
    FilesSeen,
    Listed,
    ListingFailed,
    OrderTaken,
    SeenFile,
    WindowSettled,
)
from osfsync.domain.summary import RunOutcome
from osfsync.state.database import Database
from osfsync.state.writer import Writer
from tests.state.state_samples import (
    DEVICE,
    LATER,
    NOW,
    OTHER_DEVICE,
    RUN,
    TENANT,
    WINDOW,
    device_seen,
    failure,
    fetch_failed,
    fetched,
    file,
    files_seen,
    held,
    ordered,
    prepared,
)


async def record_of(database: Database, name: str = "a.osf") -> FileRecord:
    return (await database.reader.records(DEVICE.id, [name]))[name]


def column(path: Path, statement: str) -> list[Any]:
    with closing(sqlite3.connect(path)) as connection:
        return [value for (value,) in connection.execute(statement)]


@pytest.mark.usefixtures("writer")
async def test_a_new_device_is_known(database: Database) -> None:
    rows = await database.overview.devices()
    assert [row.device for row in rows] == [OTHER_DEVICE, DEVICE]
    assert (rows[1].folder, rows[1].tenant_id, rows[1].first_seen) == ("Pump", TENANT.id, NOW)


async def test_a_renamed_device_keeps_its_folder(database: Database, writer: Writer) -> None:
    await writer.commit([DeviceSeen(Device(DEVICE.id, "Pump 2"), "Pump 2", LATER)])
    row = next(row for row in await database.overview.devices() if row.device.id == DEVICE.id)
    assert (row.device.name, row.folder, row.first_seen, row.last_seen) == ("Pump 2", "Pump", NOW, LATER)


async def test_two_devices_never_share_a_folder_on_any_file_system(writer: Writer) -> None:
    with pytest.raises(OsfsyncError, match="folder_key"):
        await writer.commit([device_seen(Device("device-3", "PUMP"))])


async def test_all_that_a_list_tells_comes_back_as_it_was(database: Database, writer: Writer) -> None:
    told = file(
        "20250626/ä\0 .osf",
        size=2**40,
        start=NOW,
        end=LATER,
        tag="preview",
        extra=(("Kind", "x"), ("Kind", "ü"), ("Empty", "")),
    )
    await writer.commit([files_seen(told)])
    record = await record_of(database, told.name)
    assert record == FileRecord(told, f"{DEVICE.id}/{told.name}", NOW, WINDOW)


async def test_a_file_keeps_its_path_and_first_sight(database: Database, writer: Writer) -> None:
    await writer.commit([files_seen(file())])
    elsewhere = TimeWindow(NOW, LATER)
    await writer.commit([FilesSeen(DEVICE.id, elsewhere, LATER, (SeenFile(file(tag="other"), "moved"),))])
    record = await record_of(database)
    assert (record.path, record.first_seen, record.seen_in) == (f"{DEVICE.id}/a.osf", NOW, elsewhere)
    assert record.file.tag == "other"


@pytest.mark.parametrize("change", [{"status": StorageStatus.SERVER_ONLY}, {"size": 101}, {"size": None}])
async def test_a_changed_file_forgets_its_failed_tries_and_keeps_its_orders(
    database: Database, writer: Writer, change: dict[str, Any], path: Path
) -> None:
    await writer.commit([files_seen(file()), fetch_failed(), *ordered()])
    await writer.commit([files_seen(file(**change), at=LATER)])
    record = await record_of(database)
    assert (record.tries, record.failure, record.orders, record.ordered_at) == (0, None, 1, NOW)
    assert column(path, "SELECT changed_at FROM files") == ["2025-06-26T07:41:43.123456Z"]


async def test_another_tag_or_time_is_no_change(database: Database, writer: Writer, path: Path) -> None:
    await writer.commit([files_seen(file()), fetch_failed()])
    await writer.commit([files_seen(file(tag="other", start=NOW), at=LATER)])
    assert (await record_of(database)).tries == 1
    assert column(path, "SELECT changed_at FROM files") == ["2025-06-26T06:41:43.123456Z"]


async def test_two_files_never_share_a_path_on_any_file_system(database: Database, writer: Writer) -> None:
    with pytest.raises(OsfsyncError, match="path_key"):
        await writer.commit([files_seen(file("a.osf"), file("A.OSF"))])
    assert await database.reader.records(DEVICE.id, ["a.osf", "A.OSF"]) == {}


async def test_files_of_a_device_that_was_never_seen_are_refused(writer: Writer) -> None:
    with pytest.raises(OsfsyncError, match="FOREIGN KEY") as caught:
        await writer.commit([files_seen(file(device=Device("nobody", "Nobody")))])
    assert caught.value.exit_code is ExitCode.UNEXPECTED


async def test_a_fetched_file_is_held_and_its_failed_tries_are_over(
    database: Database, writer: Writer, path: Path
) -> None:
    what = Held(90, "cd" * 32, LATER, Verification.TAIL_CUT)
    await writer.commit([files_seen(file()), fetch_failed()])
    await writer.commit([Fetched(DEVICE.id, "a.osf", what, adopted=True)])
    record = await record_of(database)
    assert (record.held, record.tries, record.failure) == (what, 0, None)
    assert column(path, "SELECT adopted FROM files") == [1]
    assert column(path, "SELECT fetched_run FROM files") == [writer.run_id]


async def test_a_held_file_that_changed_and_could_not_be_fetched_again_stays_held(
    database: Database, writer: Writer
) -> None:
    await writer.commit([files_seen(file()), fetched()])
    await writer.commit([files_seen(file(size=200), at=LATER), fetch_failed(at=LATER)])
    record = await record_of(database)
    assert (record.held, record.file.size) == (held(), 200)
    assert (record.tries, record.failure) == (1, failure(LATER))


async def test_failed_tries_are_counted_and_each_is_told(database: Database, writer: Writer) -> None:
    damaged = failure(LATER, check="gzip-end")
    await writer.commit([files_seen(file()), fetch_failed()])
    await writer.commit([FetchFailed(DEVICE.id, "a.osf", damaged)])
    record = await record_of(database)
    assert (record.tries, record.failure, record.held) == (2, damaged, None)
    told = await database.overview.attempts(DEVICE.id, "a.osf")
    assert [attempt.failure for attempt in told] == [damaged, failure()]
    assert {attempt.run_id for attempt in told} == {writer.run_id}


@pytest.mark.parametrize(
    "fact",
    [fetched("x"), fetch_failed("x"), OrderTaken(prepared("a.osf", "x"), certain=True)],
    ids=["fetched", "failed", "ordered"],
)
async def test_a_fact_about_an_unknown_file_is_an_error_and_nothing_of_its_batch_is_written(
    database: Database, writer: Writer, fact: Fetched | FetchFailed | OrderTaken
) -> None:
    with pytest.raises(OsfsyncError, match="nothing was recorded"):
        await writer.commit([files_seen(file()), fact])
    assert await database.reader.records(DEVICE.id, ["a.osf", "x"]) == {}


@pytest.mark.parametrize(
    ("size", "tries"), [(100, 1), (200, 0)], ids=["the same file again", "a changed file"]
)
async def test_facts_of_one_batch_count_in_their_order(
    database: Database, writer: Writer, size: int, tries: int
) -> None:
    batch: list[Fact] = [files_seen(file()), fetched(), fetch_failed(), files_seen(file(size=size), at=LATER)]
    await writer.commit(batch)
    assert (await record_of(database)).tries == tries
    await writer.commit([fetch_failed(), fetched()])
    assert (await record_of(database)).tries == 0


async def test_a_listing_shows_on_the_device_and_ends_its_problem(database: Database, writer: Writer) -> None:
    bad = ListingFailed(DEVICE.id, WINDOW, "no-permission", "403", NOW)
    good = Listed(DEVICE.id, WINDOW, ListingSource.SERVER_LIST, 7, LATER)
    await writer.commit([bad])
    row = next(row for row in await database.overview.devices() if row.device.id == DEVICE.id)
    assert row.problem is not None
    assert (row.problem.slug, row.problem.explanation, row.problem.at) == ("no-permission", "403", NOW)
    assert row.listed_at is None
    await writer.commit([good])
    row = next(row for row in await database.overview.devices() if row.device.id == DEVICE.id)
    assert (row.problem, row.listed_at, row.source) == (None, LATER, ListingSource.SERVER_LIST)
    await writer.commit([good, bad])
    row = next(row for row in await database.overview.devices() if row.device.id == DEVICE.id)
    assert row.problem is not None
    assert row.listed_at == LATER


async def test_a_settled_window_is_settled_where_its_listing_succeeded(
    database: Database, writer: Writer
) -> None:
    other = TimeWindow(NOW, LATER)
    listed = Listed(DEVICE.id, WINDOW, ListingSource.DEVICE_LIST, 1, NOW, backfill="b1", compared=True)
    await writer.commit(
        [
            listed,
            replace(listed, window=other),
            replace(listed, device_id=OTHER_DEVICE.id, backfill="b2"),
            ListingFailed(OTHER_DEVICE.id, WINDOW, "server-error", "500", NOW),
            WindowSettled("b1", DEVICE.id, WINDOW, LATER),
            WindowSettled("b1", OTHER_DEVICE.id, WINDOW, LATER),
        ]
    )
    assert await database.reader.settled("b1") == {(DEVICE.id, WINDOW)}
    assert await database.reader.settled("b2") == set()


@pytest.mark.parametrize(
    ("source", "compared"), [(ListingSource.SERVER_LIST, False), (ListingSource.DEVICE_LIST, False)]
)
async def test_a_window_that_was_seen_in_part_is_looked_at_again(
    database: Database, writer: Writer, source: ListingSource, compared: bool
) -> None:
    listed = Listed(DEVICE.id, WINDOW, source, 1, NOW, backfill="b1", compared=compared)
    await writer.commit([listed, WindowSettled("b1", DEVICE.id, WINDOW, LATER)])
    assert await database.reader.settled("b1") == set()


async def test_what_is_listed_after_a_window_was_settled_is_not_settled(
    database: Database, writer: Writer
) -> None:
    listed = Listed(DEVICE.id, WINDOW, ListingSource.DEVICE_LIST, 1, NOW, backfill="b1", compared=True)
    await writer.commit([WindowSettled("b1", DEVICE.id, WINDOW, NOW), listed])
    assert await database.reader.settled("b1") == set()


async def test_a_run_is_known_from_its_start_and_tells_how_it_ended(database: Database) -> None:
    run = replace(RUN, command="backfill", arguments='{"x": 1}', since=NOW, until=LATER, backfill="b1")
    writer = await database.start_run(run, NOW)
    (row,) = await database.overview.runs(5)
    assert (row.id, row.tenant, row.command, row.arguments) == (writer.run_id, "Acme", "backfill", '{"x": 1}')
    assert (row.since, row.until, row.backfill, row.started) == (NOW, LATER, "b1", NOW)
    assert (row.finished, row.outcome, row.exit_code, row.summary) == (None, None, None, None)
    await writer.finish_run(RunOutcome.PARTIAL, ExitCode.PARTIAL, LATER, '{"schema": 1}')
    (row,) = await database.overview.runs(5)
    assert (row.finished, row.outcome, row.exit_code) == (LATER, RunOutcome.PARTIAL, 3)
    assert row.summary == '{"schema": 1}'


async def test_a_tenant_that_was_renamed_is_one_tenant(database: Database) -> None:
    await database.start_run(RUN, NOW)
    await database.start_run(replace(RUN, tenant=replace(TENANT, name="Acme AG")), LATER)
    assert [run.tenant for run in await database.overview.runs(1)] == ["Acme AG"]


async def test_no_facts_are_no_transaction(database: Database, writer: Writer) -> None:
    await writer.commit([])
    assert (await database.overview.totals()).devices == 2


async def test_a_naive_time_is_refused(writer: Writer) -> None:
    with pytest.raises(ValueError, match="zone-aware"):
        await writer.commit([device_seen(at=NOW.replace(tzinfo=None))])
