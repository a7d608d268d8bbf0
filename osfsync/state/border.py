"""The border to SQLite: its errors become ours here, and nowhere else."""

import errno
import shutil
import sqlite3
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from osfsync.domain.errors import DiskFullError, LockedError, OsfsyncError, StateDamagedError, StateError

_ALMOST_FULL = 1_000_000
"""Free bytes below which a failed write is put down to the disk: SQLite hides the system's reason."""

NO_SPACE = frozenset({errno.ENOSPC, errno.EDQUOT})

REBUILD = (
    "Move it away with what lies beside it (-wal, -shm). Then put a backup in its place; or remove "
    ".osfsync-part/state in the archive: the next sync builds a new one and takes over the files that are "
    "whole and of the listed size."
)
"""What to do about a damaged state; README tells it step by step."""


@contextmanager
def border(path: Path) -> Iterator[None]:
    """Around everything that touches the database at `path`.

    Raises:
        DiskFullError, LockedError, StateError, StateDamagedError: what SQLite or the system said.
        OsfsyncError: the database refuses a row, which is a fault of ours.
    """
    try:
        yield
    except (sqlite3.Error, OSError) as error:
        raise explain(error, path) from error


def explain(error: BaseException, path: Path) -> OsfsyncError:
    """What the error means for the state at `path`, and what to do."""
    if isinstance(error, OSError):
        return _disk_full(error, path) if error.errno in NO_SPACE else _unusable(error, path)
    extended: int = getattr(error, "sqlite_errorcode", 0)
    tell = _TELL.get(extended & 0xFF, _unusable)  # the low byte is the kind of error, the rest tells more
    return tell(error, path)


def _disk_full(_: BaseException, path: Path) -> OsfsyncError:
    return DiskFullError(
        f"No space is left for the state database {path}.",
        hint="Free some space; the next run goes on where this one stopped.",
    )


def _input_output(error: BaseException, path: Path) -> OsfsyncError:
    folder = path.absolute().parent
    full = folder.is_dir() and shutil.disk_usage(folder).free < _ALMOST_FULL
    return _disk_full(error, path) if full else _unusable(error, path)


def _locked(_: BaseException, path: Path) -> OsfsyncError:
    return LockedError(
        f"Another program has locked the state database {path}.",
        hint="Close database tools and backups that keep it open, then run again.",
    )


def _damaged(error: BaseException, path: Path) -> OsfsyncError:
    return StateDamagedError(
        f"The state database {path} is damaged, or no database at all: {error}.",
        hint=REBUILD,
    )


def _refused(error: BaseException, path: Path) -> OsfsyncError:
    return OsfsyncError(f"The state database {path} refuses what it was told: {error}.")


def _unusable(error: BaseException, path: Path) -> OsfsyncError:
    return StateError(
        f"The state database {path} can't be used: {error}.",
        hint="Check that the file and its folder can be read and written by this user.",
    )


_TELL: Mapping[int, Callable[[BaseException, Path], OsfsyncError]] = {
    sqlite3.SQLITE_FULL: _disk_full,
    sqlite3.SQLITE_IOERR: _input_output,
    sqlite3.SQLITE_BUSY: _locked,
    sqlite3.SQLITE_LOCKED: _locked,
    sqlite3.SQLITE_CORRUPT: _damaged,
    sqlite3.SQLITE_NOTADB: _damaged,
    sqlite3.SQLITE_CONSTRAINT: _refused,
}
