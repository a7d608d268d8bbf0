"""One run per state: a lock of the operating system beside the database, which dies with its holder."""

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from osfsync.domain.errors import LockedError, StateError
from osfsync.domain.model import utc_now
from osfsync.state.border import border
from osfsync.state.location import beside, database_path, require_folder
from osfsync.state.settings import StateSettings

_MIGRATION_PATIENCE = 10.0
"""Seconds to wait for another process that is migrating the same state."""

_held_here: set[Path] = (
    set()
)  # global because the lock is the process's: a migration must not wait for itself


@contextmanager
def hold_lock(settings: StateSettings) -> Iterator[None]:
    """Keep other runs off this state.

    Raises:
        LockedError: another run (of this or another process) works on it.
        StateError: there is no folder for the database, or it can't be written.
    """
    with _hold(database_path(settings), patience=0):
        yield


@contextmanager
def hold_lock_to_migrate(path: Path) -> Iterator[None]:
    """The same for a migration: part of the run that already holds the lock, or waits for it a moment."""
    if path.resolve() in _held_here:
        yield
        return
    with _hold(path, patience=_MIGRATION_PATIENCE):
        yield


@contextmanager
def _hold(path: Path, patience: float) -> Iterator[None]:
    require_folder(path)
    path = path.resolve()  # by whatever name it is called, it is one database
    lock = FileLock(beside(path, ".lock"), thread_local=False)
    with border(path):
        try:
            lock.acquire(timeout=patience)
        except Timeout as error:  # an OSError too, so it must not reach the border
            raise LockedError(
                f"Another run works on the state {path}{_holder(path)}.",
                hint="Wait until it has ended, or stop it.",
            ) from error
        except NotImplementedError as error:
            raise StateError(
                f"The file system of the state {path} knows no locks.",
                hint="Set state.url to a file on a local disk.",
            ) from error
    try:
        with border(path):
            beside(path, ".holder").write_text(
                json.dumps({"pid": os.getpid(), "since": f"{utc_now():%Y-%m-%d %H:%M:%S} UTC"}),
                encoding="utf-8",
            )
        _held_here.add(path.resolve())
        yield
    finally:
        _held_here.discard(path.resolve())
        lock.release()


def _holder(path: Path) -> str:
    """Who holds the lock, for the message only: a note that may be missing, or a killed run's."""
    try:
        note = json.loads(beside(path, ".holder").read_text(encoding="utf-8"))
        return f" (process {note['pid']}, since {note['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        return ""
