import os
import re
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import anyio
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Connection, create_engine

import osfsync
from osfsync.domain.errors import LockedError, StateDamagedError, StateError
from osfsync.state import lock, migrate
from osfsync.state.content_tables import contents
from osfsync.state.database import open_state, open_view
from osfsync.state.lock import hold_lock
from osfsync.state.settings import StateSettings
from osfsync.state.terms import HEAD


@contextmanager
def connect(path: Path) -> Iterator[Connection]:
    engine = create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        yield connection
    engine.dispose()


def schema(path: Path) -> dict[str, object]:
    """Every table with its columns, keys and checks, and every index, by name.

    Not by the text of its statement: a column that was added later is spelled differently there.
    """
    with closing(sqlite3.connect(path)) as connection:
        objects = connection.execute(
            "SELECT type, name, sql FROM sqlite_master WHERE sql IS NOT NULL AND name <> 'alembic_version'"
        ).fetchall()
        return {name: _told(connection, kind, name, " ".join(sql.split())) for kind, name, sql in objects}


def _told(connection: sqlite3.Connection, kind: str, name: str, sql: str) -> object:
    if kind == "index":
        return sql
    indexes = connection.execute(f"PRAGMA index_list({name})").fetchall()
    return (
        *(
            connection.execute(f"PRAGMA {told}({name})").fetchall()
            for told in ("table_xinfo", "foreign_key_list")
        ),
        sorted(index[1:] for index in indexes),  # without their order
        sorted(re.findall(r"CONSTRAINT \w+ CHECK \(.*?\)(?=,| \))", sql)),
        "WITHOUT ROWID" in sql,
    )


def set_revision(path: Path, revision: str) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("UPDATE alembic_version SET version_num = ?", (revision,))
        connection.commit()


def test_the_constant_is_the_newest_migration() -> None:
    config = Config()
    config.set_main_option("script_location", str(migrate.migrations_folder()))
    assert ScriptDirectory.from_config(config).get_heads() == [HEAD]


def test_migrations_end_where_the_tables_are(path: Path, tmp_path: Path) -> None:
    assert migrate.ensure_current(path) == (None, HEAD)
    by_hand = tmp_path / "tables.db"
    with connect(by_hand) as connection:
        contents.metadata.create_all(connection)
    assert schema(path) == schema(by_hand)
    with connect(path) as connection:
        assert compare_metadata(MigrationContext.configure(connection), contents.metadata) == []


def test_a_current_database_is_left_alone(path: Path) -> None:
    migrate.ensure_current(path)
    before = path.stat().st_mtime_ns
    assert migrate.ensure_current(path) == (HEAD, HEAD)
    assert path.stat().st_mtime_ns == before


def test_migrations_can_be_undone(path: Path) -> None:
    migrate.ensure_current(path)
    config = Config()
    config.set_main_option("script_location", str(migrate.migrations_folder()))
    with connect(path) as connection:
        config.attributes["connection"] = connection
        command.downgrade(config, "base")
    assert schema(path) == {}
    assert migrate.ensure_current(path) == (None, HEAD)


def test_what_was_ordered_is_known_to_the_ledger(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrate, "HEAD", "0001")
    with migrate._transaction(path) as connection:
        upgrade_to(connection, "0001")
        connection.exec_driver_sql("INSERT INTO tenants VALUES ('t', 'T', 'u', 'now')")
        connection.exec_driver_sql(
            "INSERT INTO runs (id, tenant_id, command, arguments, started) "
            "VALUES ('r', 't', 'sync', '{}', 'now')"
        )
        connection.exec_driver_sql(
            "INSERT INTO devices (id, tenant_id, name, folder, folder_key, first_seen, "
            "last_seen) VALUES ('d', 't', 'D', 'D', 'd', 'now', 'now')"
        )
        for number, sent in ((1, "early"), (2, "late"), (3, "late")):
            connection.exec_driver_sql(
                "INSERT INTO orders VALUES (?, 'r', 'd', 'a', 'b', 'preview', 1, ?, 'sent', NULL)",
                (number, sent),
            )
        for name, ordered in (("never", None), ("once", "early"), ("twice", "late")):
            connection.exec_driver_sql(
                "INSERT INTO files (device_id, name, storage_status, path, path_key, first_seen, changed_at, "
                "seen_from, seen_to, orders, ordered_at) VALUES ('d', ?, 0, ?, ?, '', '', '', '', 1, ?)",
                (name, name, name, ordered),
            )
    monkeypatch.undo()
    assert migrate.ensure_current(path) == ("0001", HEAD)
    with closing(sqlite3.connect(path)) as state:
        assert state.execute("SELECT name, order_id FROM files ORDER BY name").fetchall() == [
            ("never", None),
            ("once", 1),
            ("twice", 3),
        ]
        assert state.execute("SELECT name, order_id FROM order_files ORDER BY name").fetchall() == [
            ("once", 1),
            ("twice", 3),
        ]


def upgrade_to(connection: Connection, revision: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(migrate.migrations_folder()))
    config.attributes["connection"] = connection
    command.upgrade(config, revision)


BROKEN = f"""
import sqlalchemy as sa
from alembic import op

revision = "9998"
down_revision = "{HEAD}"

def upgrade():
    op.create_table("half", sa.Column("way", sa.Text()))
    op.execute("no SQL")
"""


def test_an_older_state_reaches_back_to_its_first_sync(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrate, "HEAD", "0002")
    with migrate._transaction(path) as connection:
        upgrade_to(connection, "0002")
        connection.exec_driver_sql("INSERT INTO tenants VALUES ('t', 'T', 'u', 'now')")
        for run, command, since in (("r", "sync", None), ("p", "sync", "x"), ("b", "backfill", "x")):
            connection.exec_driver_sql(
                "INSERT INTO runs (id, tenant_id, command, arguments, started, since) "
                "VALUES (?, 't', ?, '{}', 'now', ?)",
                (run, command, since),
            )
        connection.exec_driver_sql(
            "INSERT INTO devices (id, tenant_id, name, folder, folder_key, first_seen, last_seen) "
            "VALUES ('d', 't', 'D', 'Old D', 'old d', 'now', 'now')"
        )
        for run, start, source, at, problem in (
            ("r", "2", "server-list", "5", None),
            ("r", "3", None, "6", "server-error"),
            ("p", "1", "device-list", "7", None),
            ("b", "0", "device-list", "8", None),
        ):
            connection.exec_driver_sql(
                'INSERT INTO listings (run_id, device_id, start, "end", source, listed_at, problem) '
                "VALUES (?, 'd', ?, '9', ?, ?, ?)",
                (run, start, source, at, problem),
            )
    monkeypatch.undo()
    assert migrate.ensure_current(path) == ("0002", HEAD)
    with closing(sqlite3.connect(path)) as state:
        assert state.execute("SELECT * FROM reaches ORDER BY source").fetchall() == [
            ("d", "device-list", "2", "2", "5", None, 0),
            ("d", "server-list", "2", "2", "5", "5", 0),
        ]
        assert state.execute("SELECT * FROM device_names").fetchall() == [("d", "D"), ("d", "Old D")]


def test_a_migration_that_fails_leaves_nothing_behind(
    path: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    migrate.ensure_current(path)
    before = schema(path)
    folder = tmp_path / "migrations"
    shutil.copytree(migrate.migrations_folder(), folder)
    (folder / "versions" / "9998_broken.py").write_text(BROKEN)
    monkeypatch.setattr(migrate, "migrations_folder", lambda: folder)
    monkeypatch.setattr(migrate, "HEAD", "9998")
    with pytest.raises(StateError, match="syntax error"):
        migrate.ensure_current(path)
    assert schema(path) == before
    assert migrate.read_revision(path) == HEAD


async def test_a_newer_state_is_refused_and_both_revisions_are_named(
    settings: StateSettings, path: Path
) -> None:
    migrate.ensure_current(path)
    set_revision(path, "9999")
    with pytest.raises(StateError, match=rf"revision 9999.*knows {HEAD} at most.*Install the newer"):
        async with open_state(settings):
            pytest.fail("opened")


async def test_another_programs_database_is_refused(settings: StateSettings, path: Path) -> None:
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("CREATE TABLE bookmarks (url)")
    with pytest.raises(StateError, match="another program"):
        async with open_state(settings):
            pytest.fail("opened")
    assert set(schema(path)) == {"bookmarks"}


@pytest.mark.parametrize("content", [b"no database, but long enough to be taken for one" * 100, b"\0" * 5000])
def test_what_is_no_database_is_damaged_and_left_as_it_is(path: Path, content: bytes) -> None:
    path.write_bytes(content)
    with pytest.raises(StateDamagedError, match="damaged, or no database at all"):
        migrate.ensure_current(path)
    assert path.read_bytes() == content


async def test_a_run_that_holds_the_lock_may_migrate(settings: StateSettings) -> None:
    with hold_lock(settings):
        async with open_state(settings) as database:
            assert (await database.overview.totals()).devices == 0


def test_nobody_migrates_under_another_run(
    settings: StateSettings, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(lock, "_MIGRATION_PATIENCE", 0.05)
    with hold_lock(settings):
        monkeypatch.setattr(lock, "_held_here", set())  # as if another process held it
        with pytest.raises(LockedError):
            migrate.ensure_current(path)
    assert not path.exists()


async def test_many_may_open_a_new_state_at_once(settings: StateSettings) -> None:
    opened = []

    async def open_one() -> None:
        async with open_state(settings) as database:
            opened.append((await database.overview.totals()).devices)

    async with anyio.create_task_group() as group:
        for _ in range(4):
            group.start_soon(open_one)
    assert opened == [0, 0, 0, 0]


async def test_a_report_needs_a_state(settings: StateSettings) -> None:
    with pytest.raises(StateError, match=r"no state database at .*Run `osfsync sync` first"):
        async with open_view(settings):
            pytest.fail("opened")


@pytest.fixture
def empty(path: Path) -> None:
    path.touch()


@pytest.mark.usefixtures("empty")
async def test_a_report_migrates_an_older_state(settings: StateSettings) -> None:
    async with open_view(settings) as view:
        assert await view.reader.folders() == {}


def test_an_installed_package_brings_its_migrations(tmp_path: Path) -> None:
    package = Path(osfsync.__file__).parent
    installed = tmp_path / "site" / "osfsync"
    shutil.copytree(package, installed, ignore=shutil.ignore_patterns("__pycache__"))
    shutil.copytree(migrate.migrations_folder(), installed / "migrations")
    script = (
        "from pathlib import Path; from osfsync.state import migrate;"
        f"print(migrate.migrations_folder()); print(migrate.ensure_current(Path({str(tmp_path / 'x.db')!r})))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.splitlines() == [str(installed / "migrations"), f"(None, '{HEAD}')"]
