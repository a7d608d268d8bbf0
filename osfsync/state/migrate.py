"""Brings a database to the revision that this version works with. Synchronous: call it in a thread."""

import os
import sqlite3
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING

from osfsync.domain.errors import StateError
from osfsync.state.access import for_writing, read_steadily
from osfsync.state.border import border
from osfsync.state.location import require_folder
from osfsync.state.lock import hold_lock_to_migrate
from osfsync.state.terms import HEAD

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sqlalchemy import Connection


_ONE_AT_A_TIME = Lock()
"""Alembic keeps what it works on in a global variable of the process."""


def ensure_current(path: Path) -> tuple[str | None, str]:
    """Migrate the database at `path` where it is empty or older; answers the revisions before and after.

    Raises:
        StateError: it is newer than this version, or another program's.
        StateDamagedError, DiskFullError, LockedError: see `border`.
    """
    require_folder(path)
    found = read_revision(path)
    if found == HEAD:
        return found, HEAD
    with _ONE_AT_A_TIME, hold_lock_to_migrate(path):
        found = read_revision(path)  # another process may have been faster
        if found != HEAD:
            _migrate(path, found)
    return found, HEAD


def ensure_readable(path: Path) -> None:
    """The same for a command that only reads. Raises StateError where this user may not migrate."""
    found = read_revision(path)
    if found == HEAD:
        return
    if is_older(found) and not (os.access(path, os.W_OK) and os.access(path.absolute().parent, os.W_OK)):
        raise StateError(
            f"The state database {path} was written by an older version of osfsync, and this user may not "
            "write it.",
            hint="Run `osfsync db upgrade` as the user who runs osfsync.",
        )
    ensure_current(path)


def read_revision(path: Path) -> str | None:
    """The database's revision; None where there is no file yet, or nothing in it."""
    if not path.exists():
        return None
    tables, row = read_steadily(path, _tables_and_revision)
    if not tables - {"alembic_version"} and row is None:
        return None
    if row is None:
        raise StateError(
            f"{path} is a database of another program.", hint="Set state.url to a file of its own."
        )
    return row[0]


def _tables_and_revision(connection: sqlite3.Connection) -> tuple[set[str], tuple[str] | None]:
    tables = {name for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'table'")}
    if "alembic_version" not in tables:
        return tables, None
    return tables, connection.execute("SELECT version_num FROM alembic_version").fetchone()


def is_older(revision: str | None) -> bool:
    """Whether it is one that was, and that the next command which opens the state brings up to date."""
    known = {file.name.partition("_")[0] for file in (migrations_folder() / "versions").glob("*.py")}
    return revision in known - {HEAD}


def migrations_folder() -> Path:
    """The migrations: beside the rooms in an installed package, beside the package in a checkout."""
    package = Path(__file__).resolve().parents[1]
    for folder in (package / "migrations", package.parent / "migrations"):
        if (folder / "env.py").is_file():
            return folder
    raise StateError("The migrations of the state database are missing.", hint="Install osfsync again.")


def _migrate(path: Path, found: str | None) -> None:
    from alembic import command  # noqa: PLC0415 - half a second that only a migration needs
    from alembic.config import Config  # noqa: PLC0415 - likewise
    from alembic.script import ScriptDirectory  # noqa: PLC0415 - likewise

    config = Config()
    config.set_main_option("script_location", str(migrations_folder()).replace("%", "%%"))
    known = {script.revision for script in ScriptDirectory.from_config(config).walk_revisions()}
    if found is not None and found not in known:
        raise StateError(
            f"The state database {path} has revision {found}; this version of osfsync knows {HEAD} at most.",
            hint="Install the newer osfsync that wrote it, or put back a backup from before.",
        )
    from osfsync.state.engine import unwrapped  # noqa: PLC0415 - likewise

    with border(path), unwrapped(), _transaction(path) as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "head")


@contextmanager
def _transaction(path: Path) -> "Iterator[Connection]":
    """One transaction around a whole migration: SQLite can take DDL back once the driver stays out of it."""
    from sqlalchemy import NullPool, create_engine, event  # noqa: PLC0415 - as alembic

    from osfsync.state.engine import url_of  # noqa: PLC0415 - likewise

    url = url_of(for_writing(path), "sqlite")
    engine = create_engine(url, poolclass=NullPool, hide_parameters=True)

    @event.listens_for(engine, "connect")
    def _on_connect(connection: sqlite3.Connection, _: object) -> None:
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode = WAL")

    @event.listens_for(engine, "begin")
    def _on_begin(connection: "Connection") -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    with engine.begin() as connection:
        yield connection
