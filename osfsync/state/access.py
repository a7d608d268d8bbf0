"""How the database file is opened: for a run, or by a command that only reads.

SQLite keeps the index of its write-ahead log in memory that processes share through a mapped file (-shm).
Where such a file can't be mapped, a run keeps the index in its own memory and other processes have to wait.
Where the disk is full, writing to a mapped file kills the process with SIGBUS, without an error: so the room
is checked first, and commands that only read map nothing for writing. See https://sqlite.org/wal.html
("Read-Only Databases", "Use of WAL Without Shared-Memory") and https://sqlite.org/uri.html (immutable).
"""

import mmap
import os
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing, suppress
from dataclasses import dataclass
from pathlib import Path
from secrets import token_bytes, token_hex
from typing import TypeVar

from osfsync.domain.errors import LockedError
from osfsync.state.border import NO_SPACE, border
from osfsync.state.location import beside

TRIES = 10
"""Times a read starts again because a run opened or closed the database meanwhile."""

_ROOM_FOR_A_RUN = 262_144  # bytes: the first region of -shm (32 kB), some pages of -wal, the lock's note
_ROOM_FOR_AN_INDEX = 65_536
_SHARED_IN_ADVANCE = 131_072  # bytes of -shm: enough for a -wal of 64 MB; SQLite moves it back at 4 MB
_PAGE = 4096  # SQLite makes sure that each page of -shm has one block: smaller blocks leave holes
_ALLOCATE = (
    "import os, sys\n"
    "try: os.posix_fallocate(os.open(sys.argv[1], os.O_RDWR), 0, int(sys.argv[2]))\n"
    "except OSError as error: sys.exit(error.errno)\n"
)

T = TypeVar("T")

Signature = tuple[int, ...]


@dataclass(frozen=True, slots=True)
class Access:
    """One way to open the database.

    Attributes:
        uri: for `sqlite3.connect(uri, uri=True)`.
        calm: the signature of a database that no process has open; it is read without locks, so a result
            counts only if the signature is the same afterwards. None where SQLite sees to that.
    """

    uri: str
    calm: Signature | None = None

    def holds(self, path: Path) -> bool:
        """Whether what was read through it is a consistent view of the database at `path`."""
        return self.calm is None or self.calm == _calm(path)


def for_writing(path: Path) -> Access:
    """How a run opens the database. Raises OSError where the folder has no room or can't be written."""
    maps = _probe(path.absolute().parent, _ROOM_FOR_A_RUN)
    return Access(_uri(path, "mode=rwc" if maps else "mode=rwc&vfs=unix-excl"))


def for_reading(path: Path) -> Access:
    """How a command that only reads opens the database. Nothing is created, where that can be avoided."""
    calm = _calm(path)
    if calm is not None:
        return Access(_uri(path, "immutable=1"), calm)
    try:
        maps = _probe(path.absolute().parent, _ROOM_FOR_AN_INDEX)
    except OSError as error:
        if error.errno in NO_SPACE and beside(path, "-shm").exists():
            return Access(_uri(path, "mode=ro&readonly_shm=1"))
        maps = True  # where the folder can't be written, SQLite maps the index for reading by itself
    return Access(_uri(path, "mode=ro" if maps else "mode=rw&vfs=unix-excl"))


def shares_memory(path: Path) -> bool:
    """Whether other processes can read the state while a run works. Raises OSError, see `for_writing`."""
    return _probe(path.absolute().parent, _ROOM_FOR_A_RUN)


def read_steadily(path: Path, work: Callable[[sqlite3.Connection], T]) -> T:
    """The result of `work`, on a connection that only reads. Blocking.

    Raises DiskFullError, LockedError, StateError, StateDamagedError: see `border`.
    """
    for _ in range(TRIES):
        access = for_reading(path)
        try:
            with border(path), closing(sqlite3.connect(access.uri, uri=True)) as connection:
                connection.execute("PRAGMA query_only = ON")
                result = work(connection)
        except Exception:
            if access.holds(path):
                raise
            continue
        if access.holds(path):
            return result
    raise changes_all_the_time(path)


def changes_all_the_time(path: Path) -> LockedError:
    """The error for a database that was opened or closed by others during each of `TRIES` reads."""
    return LockedError(
        f"The state database {path} was changed by other programs during each of {TRIES} reads.",
        hint="Run the command again.",
    )


def allocate_shared(path: Path) -> None:
    """Give the mapped file of an open database all its blocks, where SQLite leaves holes. Raises OSError.

    Done in a process of its own: closing a file drops all locks that this process holds on it.
    """
    if sys.platform != "linux" or os.statvfs(path).f_bsize >= _PAGE:
        return
    shared = beside(path, "-shm")
    if not shared.exists():
        return
    command = [sys.executable, "-I", "-S", "-c", _ALLOCATE, str(shared), str(_SHARED_IN_ADVANCE)]
    code = subprocess.run(command, check=False, stdin=subprocess.DEVNULL).returncode  # noqa: S603 - our own
    if code in NO_SPACE:
        raise OSError(code, os.strerror(code), str(shared))


def _calm(path: Path) -> Signature | None:
    """What shows a change of a database that no process has open; None where one may have."""
    try:
        found = path.stat()
    except OSError:  # whoever opens it is told why
        return None
    if any(os.path.lexists(beside(path, suffix)) for suffix in ("-wal", "-journal")):
        return None
    return (found.st_dev, found.st_ino, found.st_size, found.st_mtime_ns, found.st_ctime_ns)


def _probe(folder: Path, room: int) -> bool:
    """Whether files there can be mapped as shared memory. Raises OSError, also where `room` is not free.

    Free space is not asked for but used: a quota shows in no figure.
    """
    probe = folder / f".osfsync-{token_hex(8)}.probe"
    try:
        with probe.open("xb+", buffering=0) as file:
            rest = memoryview(token_bytes(room))  # no file system compresses it away
            while rest:
                rest = rest[file.write(rest) or 0 :]
            return _maps(file.fileno())
    finally:
        with suppress(OSError):
            probe.unlink(missing_ok=True)


def _maps(descriptor: int) -> bool:
    """Whether what SQLite does with -shm works on a file; some FUSE file systems refuse a step."""
    if sys.platform == "win32":  # SQLite has no other way there
        return True
    try:
        os.ftruncate(descriptor, 3)
        os.pwrite(descriptor, b"\0", _PAGE - 1)
        with mmap.mmap(descriptor, _PAGE) as mapped:
            mapped[0] = 1
            return os.pread(descriptor, 1, 0) == b"\1"
    except OSError as error:
        if error.errno in NO_SPACE:
            raise
        return False


def _uri(path: Path, options: str) -> str:
    return f"{path.absolute().as_uri()}?{options}"
