"""The border to SQLite: its errors become ours here, and nowhere else."""

import errno
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy.exc import DBAPIError

from osfsync.domain.errors import DiskFullError, LockedError, OsfsyncError, StateDamagedError, StateError

_ALMOST_FULL = 1_000_000
"""Free bytes below which a failed write is put down to the disk: SQLite does not pass the system's reason on."""

_NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT}) if hasattr(errno, "EDQUOT") else frozenset({errno.ENOSPC})


@contextmanager
def border(path: Path) -> Iterator[None]:
    """Around everything that touches the database at `path`.

    Raises:
        DiskFullError, LockedError, StateError, StateDamagedError: what SQLite or the system said, in our words.
        OsfsyncError: the database refuses a row, which is a fault of ours.
    """
    try:
        yield
    except DBAPIError as error:
        raise explain(error.orig if error.orig is not None else error, path) from error
    except (sqlite3.Error, OSError) as error:
        raise explain(error, path) from error


def explain(error: BaseException, path: Path) -> OsfsyncError:
    """What the error means for the state at `path`, and what to do."""
    if isinstance(error, OSError):
        return _disk_full(path) if error.errno in _NO_SPACE else _unusable(error, path)
    extended: int = getattr(error, "sqlite_errorcode", 0)
    match extended & 0xFF:  # the low byte is the kind of error, the rest tells more of it
        case sqlite3.SQLITE_FULL:
            return _disk_full(path)
        case sqlite3.SQLITE_IOERR:
            return _disk_full(path) if _free_bytes(path) < _ALMOST_FULL else _unusable(error, path)
        case sqlite3.SQLITE_BUSY | sqlite3.SQLITE_LOCKED:
            return LockedError(
                f"Another program has locked the state database {path}.",
                hint="Close database tools and backups that keep it open, then run again.",
            )
        case sqlite3.SQLITE_CORRUPT | sqlite3.SQLITE_NOTADB:
            return StateDamagedError(
                f"The state database {path} is damaged, or no database at all: {error}.",
                hint="Put a backup in its place, or move it away: the next sync builds a new one "
                "and takes over the files that are in the archive.",
            )
        case sqlite3.SQLITE_CONSTRAINT:
            return OsfsyncError(f"The state database {path} refuses what it was told: {error}.")
        case _:
            return _unusable(error, path)


def _disk_full(path: Path) -> DiskFullError:
    return DiskFullError(
        f"No space is left for the state database {path}.",
        hint="Free some space; the next run goes on where this one stopped.",
    )


def _unusable(error: BaseException, path: Path) -> StateError:
    return StateError(
        f"The state database {path} can't be used: {error}.",
        hint="Check that the file and its folder can be read and written by this user.",
    )


def _free_bytes(path: Path) -> int:
    folder = path.absolute().parent
    return shutil.disk_usage(folder).free if folder.is_dir() else _ALMOST_FULL
