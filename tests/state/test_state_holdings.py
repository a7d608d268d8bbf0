"""What is held, asked for in pages; whose a path is; a held file that is refuted."""

from dataclasses import replace

import pytest

from osfsync.domain.errors import OsfsyncError
from osfsync.domain.model import Failure
from osfsync.domain.outcomes import FilesLost, HeldRefuted
from osfsync.domain.summary import RunOutcome
from osfsync.domain.verdict import HeldFile
from osfsync.state import holdings
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
    ordered,
)

VERIFIED = Failure("verify", "Its SHA-256 is another.", LATER, "sha256")


@pytest.fixture
async def some_held(database: Database, writer: Writer) -> Database:
    """Seven files of one device, two of another; every second of the first is held, and both others are."""
    names = [f"{number}.osf" for number in range(7)]
    await writer.commit([files_seen(*map(file, names)), *(fetched(name) for name in names[1::2])])
    others = [file("b.osf", OTHER_DEVICE), file("B2.osf", OTHER_DEVICE)]
    await writer.commit([files_seen(*others), *(fetched(told.name, OTHER_DEVICE) for told in others)])
    return database


async def all_held(database: Database, device_id: str | None = None) -> list[list[HeldFile]]:
    return [page async for page in database.holdings.held(device_id)]


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
async def test_held_files_come_in_pages(
    some_held: Database, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    for name in ("_HELD", "_HELD_OF_DEVICE"):
        text = getattr(holdings, name).replace("LIMIT 1000", f"LIMIT {size}")
        monkeypatch.setattr(holdings, name, text)
    monkeypatch.setattr(holdings, "PAGE", size)
    pages = await all_held(some_held)
    assert max(map(len, pages)) <= size
    expected = ["1.osf", "3.osf", "5.osf", "B2.osf", "b.osf"]
    assert [known.name for page in pages for known in page] == expected
    (known, *_) = pages[0]
    assert known == HeldFile(DEVICE, "1.osf", f"{DEVICE.id}/1.osf", held())
    of_other = [known for page in await all_held(some_held, OTHER_DEVICE.id) for known in page]
    assert [(known.device, known.name) for known in of_other] == [
        (OTHER_DEVICE, "B2.osf"),
        (OTHER_DEVICE, "b.osf"),
    ]


@pytest.mark.parametrize("size", [1, 2, 3, 1000])
async def test_where_files_came_from_comes_in_pages(
    some_held: Database, monkeypatch: pytest.MonkeyPatch, size: int
) -> None:
    text = holdings._PROVENANCE.replace("LIMIT 1000", f"LIMIT {size}")
    monkeypatch.setattr(holdings, "_PROVENANCE", text)
    monkeypatch.setattr(holdings, "PAGE", size)
    pages = [page async for page in some_held.holdings.provenance()]
    assert max(map(len, pages)) <= size
    names = [row.file.name for page in pages for row in page]
    assert names == ["1.osf", "3.osf", "5.osf", "B2.osf", "b.osf"]


async def test_sums(some_held: Database) -> None:
    assert await some_held.holdings.sums() == (5, 500)
    assert await some_held.holdings.sums([DEVICE.id]) == (3, 300)
    assert await some_held.holdings.sums([DEVICE.id, OTHER_DEVICE.id]) == (5, 500)


async def test_what_is_held_now(some_held: Database, writer: Writer) -> None:
    before = await some_held.holdings.held_now(DEVICE.id, ["1.osf", "2.osf", "nobody.osf"])
    assert before.keys() == {"1.osf"}
    newer = held(sha256="cd" * 32, at=LATER)
    await writer.commit([fetched("1.osf", what=newer)])
    assert (await some_held.holdings.held_now(DEVICE.id, ["1.osf"]))["1.osf"].held == newer


async def test_whose_a_path_is(some_held: Database) -> None:
    paths = [f"{DEVICE.id}/1.osf", f"{DEVICE.id}/2.OSF", "stranger"]
    owners = await some_held.holdings.owners(paths)
    assert owners.keys() == {f"{DEVICE.id}/1.osf", f"{DEVICE.id}/2.osf"}
    one, two = owners.values()
    assert {(owner.name, owner.holds) for owner in (one, two)} == {("1.osf", True), ("2.osf", False)}
    assert one.device == DEVICE


async def test_all_by_path(some_held: Database, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(holdings, "LINES", 2)
    pages = [page async for page in some_held.holdings.by_path()]
    assert [len(page) for page in pages] == [2, 2, 1]
    lines = [line for page in pages for line in page]
    assert [path for _, path in lines] == sorted(
        [f"{DEVICE.id}/{number}.osf" for number in (1, 3, 5)]
        + [f"{OTHER_DEVICE.id}/B2.osf", f"{OTHER_DEVICE.id}/b.osf"]
    )
    assert {sha256 for sha256, _ in lines} == {"ab" * 32}


async def test_the_last_run(database: Database) -> None:
    assert await database.holdings.last_tenant() is None
    assert not await database.holdings.run_under_way()
    writer = await database.start_run(RUN, NOW)
    assert await database.holdings.last_tenant() == (TENANT, RUN.url)
    assert await database.holdings.run_under_way()
    await writer.finish_run(RunOutcome.COMPLETE, 0, LATER)
    assert not await database.holdings.run_under_way()


async def test_a_refuted_file_is_as_never_fetched_and_never_ordered(
    database: Database, writer: Writer
) -> None:
    await writer.commit([files_seen(file()), *ordered(), fetched()])
    before = (await database.reader.records(DEVICE.id, ["a.osf"]))["a.osf"]
    await writer.commit([HeldRefuted(DEVICE.id, "a.osf", VERIFIED)])
    after = (await database.reader.records(DEVICE.id, ["a.osf"]))["a.osf"]
    assert after == before._replace(held=None, orders=0, ordered_at=None, order=None)
    (attempt,) = await database.overview.attempts(DEVICE.id, "a.osf")
    assert (attempt.run_id, attempt.failure) == (writer.run_id, VERIFIED)
    assert [page async for page in database.overview.unheld()]
    await writer.commit([FilesLost(DEVICE.id, ("a.osf",), LATER)])  # it may be lost then, as any other
    assert (await database.reader.records(DEVICE.id, ["a.osf"]))["a.osf"].lost_at == LATER


async def test_what_is_not_known_cannot_be_refuted(writer: Writer) -> None:
    with pytest.raises(OsfsyncError):
        await writer.commit([HeldRefuted(DEVICE.id, "nobody.osf", VERIFIED)])


async def test_refuted_files_that_are_not_back(some_held: Database, writer: Writer) -> None:
    await writer.commit([fetch_failed("0.osf")])
    await writer.commit([HeldRefuted(DEVICE.id, f"{number}.osf", VERIFIED) for number in (1, 3)])
    await writer.commit([fetched("3.osf")])
    pages = [page async for page in some_held.holdings.not_back(writer.run_id, "verify")]
    assert [(row.device, row.record.file.name, told) for page in pages for row, told in page] == [
        (DEVICE, "1.osf", VERIFIED.explanation)
    ]
    assert [page async for page in some_held.holdings.not_back("another run", "verify")] == []


async def test_a_verification_is_no_complete_run(database: Database) -> None:
    for command in ("sync", "verify"):
        writer = await database.start_run(replace(RUN, command=command), NOW)
        await writer.finish_run(RunOutcome.COMPLETE, 0, NOW if command == "sync" else LATER)
    assert await database.overview.last_complete() == NOW
