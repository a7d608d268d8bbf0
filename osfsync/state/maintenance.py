"""Care for the state database: check, upgrade, backup; in threads, so that the caller's loop goes on."""

import os
import re
import sqlite3
import time
from contextlib import closing
from pathlib import Path
from secrets import token_hex

from anyio import to_thread

from osfsync.domain.errors import StateDamagedError, StateError
from osfsync.state.access import read_steadily
from osfsync.state.border import border
from osfsync.state.location import database_path, is_own_file, require_database
from osfsync.state.migrate import ensure_current, is_older, read_revision
from osfsync.state.settings import StateSettings
from osfsync.state.terms import HEAD

_PROBLEMS_SHOWN = 100
_TOKEN = 4  # bytes
_ABANDONED = 86_400  # seconds since anybody wrote to a copy that is not whole


async def check(settings: StateSettings) -> list[str]:
    """Problems of the database, one sentence each; empty where all is well.

    Raises:
        StateError: there is no database, or it can't be read at all.
    """
    path = database_path(settings)
    require_database(path)
    return await to_thread.run_sync(_check, path)


async def upgrade(settings: StateSettings) -> tuple[str | None, str]:
    """Migrate to this version's revision; answers the revisions before (None: it was empty) and after.

    Raises as `open_state` does.
    """
    return await to_thread.run_sync(ensure_current, database_path(settings))


async def backup(settings: StateSettings, target: Path) -> None:
    """Copy the database into one file, consistent to a moment, while runs may go on.

    Raises:
        StateError: there is no database, or `target` exists, or can't be written.
        DiskFullError: there is no space for the copy.
    """
    path = database_path(settings)
    require_database(path)
    if is_own_file(target, path):
        raise StateError(f"{target} is a file of the state.", hint="Give the backup another name.")
    await to_thread.run_sync(_backup, path, target)


def _check(path: Path) -> list[str]:
    try:
        revision = read_revision(path)
        integrity, orphans = read_steadily(path, _checked)
    except StateDamagedError as error:
        return [error.message]
    problems = [f"Integrity: {message}." for (message,) in integrity if message != "ok"]
    problems += [
        f"Row {row} of {table} refers to {parent}, where there is no such row."
        for table, row, parent, _ in orphans
    ]
    if revision != HEAD and not is_older(revision):
        problems.append(f"The revision is {revision or 'none'}, this version of osfsync works with {HEAD}.")
    return problems


def _checked(connection: sqlite3.Connection) -> tuple[list[tuple[str]], list[tuple[str, int, str, int]]]:
    return (
        connection.execute(f"PRAGMA integrity_check({_PROBLEMS_SHOWN})").fetchall(),
        connection.execute("PRAGMA foreign_key_check").fetchmany(_PROBLEMS_SHOWN),
    )


def _backup(path: Path, target: Path) -> None:
    if target.exists():
        raise _exists(target)
    with border(target):
        _remove_old_parts(target)
        part = target.with_name(f".{target.name}.{token_hex(_TOKEN)}.part")
        try:
            _copy(path, part)
            _name_it(part, target)
        finally:
            part.unlink(missing_ok=True)


def _remove_old_parts(target: Path) -> None:
    """Killed backups leave theirs; another backup may be at work on a newer one."""
    ours = re.compile(rf"\.{re.escape(target.name)}\.[0-9a-f]{{{2 * _TOKEN}}}\.part")
    for part in list(target.parent.iterdir()):
        if ours.fullmatch(part.name) and part.stat().st_mtime < time.time() - _ABANDONED:
            part.unlink(missing_ok=True)


def _name_it(part: Path, target: Path) -> None:
    """Over nothing: another backup may have come first."""
    try:
        try:
            os.link(part, target)
        except FileExistsError:
            raise
        except OSError:  # a file system without links
            if target.exists():
                raise FileExistsError from None
            part.rename(target)
    except FileExistsError:
        raise _exists(target) from None


def _exists(target: Path) -> StateError:
    return StateError(f"The backup {target} exists already.", hint="Name a new file; none is overwritten.")


def _copy(path: Path, part: Path) -> None:
    def work(source: sqlite3.Connection) -> None:
        source.execute("PRAGMA schema_version").fetchone()  # tells a damaged source from a bad target
        with border(part), closing(sqlite3.connect(part)) as copy:
            source.backup(copy)  # in one step: writers go on beside it, and none makes it begin anew

    read_steadily(path, work)
