import errno
import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy.exc import OperationalError

from osfsync.domain.errors import (
    DiskFullError,
    ExitCode,
    LockedError,
    OsfsyncError,
    StateDamagedError,
    StateError,
)
from osfsync.state import terms
from osfsync.state.border import border, explain
from osfsync.state.database import Database, open_state, open_view
from osfsync.state.engine import unwrapped
from osfsync.state.settings import StateSettings
from osfsync.state.writer import Writer
from tests.state.state_samples import NOW, RUN, device_seen, file, files_seen

OPEN = """
import os, sys, anyio
from osfsync.domain.errors import StateError
from osfsync.state.database import open_state
from osfsync.state.settings import StateSettings
async def main():
    if os.geteuid() == 0:  # root may write everywhere
        os.setgid(65534)
        os.setuid(65534)
    async with open_state(StateSettings(url=sys.argv[1])):
        print("opened")
try:
    anyio.run(main)
except StateError as error:
    print("StateError", error)
"""


async def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(StateError, match=r"there is no folder .*none.*Create the folder") as caught:
        async with open_state(StateSettings(url=f"sqlite:///{tmp_path / 'none' / 'state.db'}")):
            pytest.fail("opened")
    assert caught.value.exit_code is ExitCode.USAGE


async def test_a_folder_in_the_databases_place_is_told(tmp_path: Path) -> None:
    settings = StateSettings(url=f"sqlite:///{tmp_path}")
    with pytest.raises(StateError, match="can't be used: unable to open database file"):
        async with open_state(settings):
            pytest.fail("opened")


@pytest.fixture
def shut_folder() -> Iterator[Path]:
    """A folder that the user of the next test may enter and read, and not write."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o555)
        yield folder
        folder.chmod(0o755)


@pytest.mark.skipif(sys.platform == "win32", reason="folders have no such permissions on Windows")
def test_a_folder_that_can_not_be_written_is_told(shut_folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", OPEN, f"sqlite:///{shut_folder}/state.db"],
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.startswith(f"StateError The state database {shut_folder}/state.db can't be used: ")
    assert "read and written by this user" in done.stdout


async def test_readers_see_every_commit_and_can_not_write(settings: StateSettings) -> None:
    async with open_state(settings) as database, open_view(settings) as view:
        writer = await database.start_run(RUN, NOW)
        assert await view.reader.folders() == {}
        await writer.commit([device_seen()])
        assert await view.reader.folders() == {"device-1": "Pump"}
        with pytest.raises(StateError, match="readonly"):
            await view.overview._query.sql("DELETE FROM devices")


async def test_connections_are_set_up(database: Database, writer: Writer) -> None:
    async with writer._engine.connect() as connection:
        pragmas = [
            (await connection.exec_driver_sql(f"PRAGMA {name}")).scalar()
            for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
        ]
    assert pragmas == ["wal", 2, 1, terms.BUSY_SECONDS * 1000]
    assert list(await database.overview._query.sql("PRAGMA query_only")) == [(1,)]


async def test_a_database_that_another_program_locks_is_told(
    settings: StateSettings, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(terms, "BUSY_SECONDS", 0.05)
    async with open_state(settings) as database:
        writer = await database.start_run(RUN, NOW)
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("BEGIN IMMEDIATE")
            with pytest.raises(LockedError, match="Another program has locked"):
                await writer.commit([device_seen()])
            other.execute("ROLLBACK")
        await writer.commit([device_seen()])
        assert await database.reader.folders() == {"device-1": "Pump"}


async def test_a_full_disk_is_told_and_the_state_stays_whole(database: Database, writer: Writer) -> None:
    async with writer._engine.connect() as connection:
        pages = (await connection.exec_driver_sql("PRAGMA page_count")).scalar()
        await connection.exec_driver_sql(f"PRAGMA max_page_count = {pages}")
        await connection.rollback()
    many = [file(f"{number:05}.osf") for number in range(5000)]
    with pytest.raises(DiskFullError, match="No space is left") as caught:
        await writer.commit([files_seen(*many)])
    assert caught.value.exit_code is ExitCode.DISK_FULL
    assert await database.reader.records("device-1", [many[0].name]) == {}
    await writer.commit([device_seen()])


def damage(path: Path) -> None:
    """Overwrite all but the first page."""
    with closing(sqlite3.connect(path)) as other:
        other.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    content = bytearray(path.read_bytes())
    content[4096:] = b"\xff" * (len(content) - 4096)
    path.write_bytes(content)


async def test_a_state_that_is_damaged_while_it_is_used_is_told(
    database: Database, writer: Writer, path: Path
) -> None:
    many = [file(f"{number:05}.osf") for number in range(2000)]
    await writer.commit([files_seen(*many)])
    damage(path)
    with pytest.raises(StateDamagedError, match="put a backup in its place"):
        await database.overview.totals()


@pytest.mark.parametrize(
    ("code", "told"),
    [
        (sqlite3.SQLITE_FULL, DiskFullError),
        (sqlite3.SQLITE_IOERR_WRITE, StateError),
        (sqlite3.SQLITE_BUSY_SNAPSHOT, LockedError),
        (sqlite3.SQLITE_LOCKED, LockedError),
        (sqlite3.SQLITE_READONLY, StateError),
        (sqlite3.SQLITE_CANTOPEN, StateError),
        (sqlite3.SQLITE_CORRUPT, StateDamagedError),
        (sqlite3.SQLITE_NOTADB, StateDamagedError),
        (sqlite3.SQLITE_CONSTRAINT_UNIQUE, OsfsyncError),
        (sqlite3.SQLITE_ERROR, StateError),
    ],
)
def test_what_sqlite_says_becomes_our_error(path: Path, code: int, told: type[OsfsyncError]) -> None:
    error = sqlite3.OperationalError("what SQLite says")
    error.sqlite_errorcode = code
    for raised in (error, OperationalError("SELECT 1", {}, error)):
        with pytest.raises(OsfsyncError) as caught, border(path), unwrapped():
            raise raised
        assert type(caught.value) is told
        assert str(path) in caught.value.message


@pytest.mark.parametrize(
    ("number", "told"),
    [(errno.ENOSPC, DiskFullError), (errno.EDQUOT, DiskFullError), (errno.EACCES, StateError)],
)
def test_what_the_system_says_becomes_our_error(path: Path, number: int, told: type[OsfsyncError]) -> None:
    assert type(explain(OSError(number, os.strerror(number)), path)) is told


def test_a_failed_write_on_a_disk_that_is_all_but_full_is_put_down_to_it(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("osfsync.state.border._ALMOST_FULL", 2**80)
    error = sqlite3.OperationalError("disk I/O error")
    error.sqlite_errorcode = sqlite3.SQLITE_IOERR_WRITE
    assert type(explain(error, path)) is DiskFullError
