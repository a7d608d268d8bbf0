import os
import sqlite3
from contextlib import closing
from pathlib import Path

import anyio
import pytest

from osfsync.domain.errors import StateDamagedError, StateError
from osfsync.domain.model import StorageStatus
from osfsync.state import maintenance
from osfsync.state.database import Database, open_view
from osfsync.state.maintenance import backup, check, upgrade
from osfsync.state.settings import StateSettings
from osfsync.state.terms import HEAD
from osfsync.state.writer import Writer
from tests.state.state_samples import DEVICE, file, files_seen


def sql(path: Path, *statements: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        for statement in statements:
            connection.execute(statement)
        connection.commit()


@pytest.fixture
def no_database(path: Path) -> None:
    path.write_bytes(b"no database" * 1000)


@pytest.mark.usefixtures("writer")
async def test_a_sound_database_has_no_problems(settings: StateSettings) -> None:
    assert await check(settings) == []


@pytest.mark.usefixtures("writer")
async def test_problems_are_told(settings: StateSettings, path: Path) -> None:
    sql(
        path,
        "PRAGMA foreign_keys = OFF",
        "UPDATE devices SET tenant_id = 'gone' WHERE id = 'device-1'",
        "UPDATE alembic_version SET version_num = '0000'",
    )
    assert await check(settings) == [
        "Row 1 of devices refers to tenants, where there is no such row.",
        f"The revision is 0000, this version of osfsync works with {HEAD}.",
    ]


@pytest.mark.usefixtures("writer")
async def test_a_state_that_is_merely_older_has_no_problem(settings: StateSettings, path: Path) -> None:
    sql(path, "UPDATE alembic_version SET version_num = '0004'")
    assert await check(settings) == []


@pytest.mark.usefixtures("no_database")
async def test_what_is_no_database_is_a_problem(settings: StateSettings) -> None:
    (problem,) = await check(settings)
    assert "damaged, or no database at all" in problem


async def test_nothing_can_be_checked_or_copied_where_nothing_is(
    settings: StateSettings, tmp_path: Path
) -> None:
    with pytest.raises(StateError, match="no state database"):
        await check(settings)
    with pytest.raises(StateError, match="no state database"):
        await backup(settings, tmp_path / "copy.db")


async def test_upgrade_tells_both_revisions(settings: StateSettings) -> None:
    assert await upgrade(settings) == (None, HEAD)
    assert await upgrade(settings) == (HEAD, HEAD)


async def test_a_backup_is_one_file_and_whole_while_a_run_writes(
    database: Database, writer: Writer, settings: StateSettings, tmp_path: Path
) -> None:
    target = tmp_path / "copies" / "copy.db"
    await anyio.Path(target.parent).mkdir()
    batch = 200
    stop = anyio.Event()

    async def write() -> None:
        number = 0
        while not stop.is_set():
            await writer.commit([files_seen(*(file(f"{number:04}/{n:03}.osf") for n in range(batch)))])
            number += 1

    async with anyio.create_task_group() as group:
        group.start_soon(write)
        while (await database.overview.totals()).missing[StorageStatus.BOTH] < 20 * batch:
            await anyio.lowlevel.checkpoint()
        await backup(settings, target)
        stop.set()
    assert [entry.name async for entry in anyio.Path(target.parent).iterdir()] == ["copy.db"]
    copy = StateSettings(url=f"sqlite:///{target}")
    assert await check(copy) == []
    async with open_view(copy) as view:
        count = (await view.overview.totals()).missing[StorageStatus.BOTH]
        assert count >= 20 * batch
        assert count % batch == 0
        assert await view.reader.folders() == {DEVICE.id: "Pump", "device-2": "Fan"}


@pytest.mark.usefixtures("writer")
async def test_a_backup_overwrites_nothing(settings: StateSettings, path: Path, tmp_path: Path) -> None:
    (tmp_path / "copy.db").write_bytes(b"another backup")
    with pytest.raises(StateError, match="exists already"):
        await backup(settings, tmp_path / "copy.db")
    assert (tmp_path / "copy.db").read_bytes() == b"another backup"
    for end in ("", "-wal", "-shm", "-journal", ".lock", ".holder"):
        with pytest.raises(StateError, match="is a file of the state"):
            await backup(settings, path.with_name(path.name + end))
    assert await check(settings) == []


@pytest.mark.usefixtures("writer")
@pytest.mark.parametrize("links", [True, False])
async def test_of_two_backups_at_once_one_is_whole_and_the_other_is_told(
    settings: StateSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, links: bool
) -> None:
    target, copy = tmp_path / "copy.db", maintenance._copy

    def copy_and_be_overtaken(path: Path, part: Path) -> None:
        monkeypatch.setattr(maintenance, "_copy", copy)
        copy(path, part)
        maintenance._backup(path, target)
        assert part.exists()

    def refuse(*_: object) -> None:
        raise PermissionError("no links here")

    if not links:
        monkeypatch.setattr(os, "link", refuse)
    monkeypatch.setattr(maintenance, "_copy", copy_and_be_overtaken)
    with pytest.raises(StateError, match="exists already"):
        await backup(settings, target)
    assert await check(StateSettings(url=f"sqlite:///{target}")) == []
    assert [entry.name async for entry in anyio.Path(tmp_path).glob("*copy*")] == ["copy.db"]


@pytest.mark.usefixtures("writer")
async def test_what_a_killed_backup_left_is_removed_and_nothing_else(
    settings: StateSettings, tmp_path: Path
) -> None:
    left, at_work, users = (
        tmp_path / name for name in (".copy.db.0123abcd.part", ".copy.db.89abcdef.part", ".copy.db.part")
    )
    for part in (left, at_work, users):
        part.write_bytes(b"half a copy")
    for part in (left, users):
        os.utime(part, (0, 0))
    await backup(settings, tmp_path / "copy.db")
    assert [part.exists() for part in (left, at_work, users)] == [False, True, True]


@pytest.mark.usefixtures("writer")
async def test_a_backup_into_a_missing_folder_is_told(settings: StateSettings, tmp_path: Path) -> None:
    with pytest.raises(StateError, match=r"none/copy\.db"):
        await backup(settings, tmp_path / "none" / "copy.db")


@pytest.mark.usefixtures("no_database")
async def test_a_backup_of_what_is_no_database_leaves_nothing(
    settings: StateSettings, tmp_path: Path
) -> None:
    with pytest.raises(StateDamagedError, match=r"state\.db is damaged"):
        await backup(settings, tmp_path / "copy.db")
    assert [entry.name async for entry in anyio.Path(tmp_path).iterdir()] == ["state.db"]
