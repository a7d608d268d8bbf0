"""Whose archive it is: a lock against other runs, and a mark.

The mark names the state which knows its files, and in a second line how far that had come: see `note_step`.
"""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from filelock import FileLock, Timeout

from osfsync.archive.durable import read_small, write_durably
from osfsync.archive.failures import FULL, translate
from osfsync.archive.paths import PART_FOLDER
from osfsync.domain.errors import ArchiveError, LockedError

MARK = "state"
_LOCK = "lock"
_LARGEST = 65_536


@contextmanager
def hold(root: Path) -> Iterator[None]:
    """Keep other runs off this archive. Raises LockedError. Blocks for no time; the folder must exist."""
    lock = FileLock(root / PART_FOLDER / _LOCK, thread_local=False)
    try:
        lock.acquire(timeout=0)
    except Timeout as error:
        raise LockedError(
            f"Another run works on the archive {root}.", hint="Wait until it has ended, or stop it."
        ) from error
    except NotImplementedError as error:
        raise ArchiveError(
            f"The file system of the archive {root} knows no locks.",
            hint="Mount it with locks, or move the archive to another file system.",
        ) from error
    except OSError as error:
        raise translate(error, "locking it", root) from error
    try:
        yield
    finally:
        lock.release()


def judge(root: Path, state: str, *, known: bool) -> bool:
    """Whether the archive is marked as this state's already; `known` says whether the state has one.

    Raises ArchiveError where another state's files lie here, or where the archive is not the one that this
    state has filled: what is missing would be called held, and what is there could be overwritten.
    """
    mark = root / PART_FOLDER / MARK
    owner, _ = _read(root)
    if owner and owner == state:
        return True
    if owner:
        raise ArchiveError(
            f"The archive {root} belongs to another state database.",
            hint="Give this one a folder of its own (archive.path). If the other state is lost for good, "
            f"remove {mark}: files that are whole and of the listed size are then taken over, all others are "
            "fetched anew.",
        )
    if known:
        raise ArchiveError(
            f"The archive {root} is not marked as the one that the state has worked with.",
            hint="Is its disk mounted, and is archive.path right? An archive that moves takes its hidden "
            f"folder {PART_FOLDER} along. To mirror everything anew, start with a new state (state.url).",
        )
    return False


def claim(root: Path, state: str, *, known: bool) -> None:
    """Mark the archive as the one that `state` knows, durably. Raises ArchiveError, see `judge`."""
    if judge(root, state, known=known):
        return
    _write(root, state, "")


def last_step(root: Path) -> str:
    """What `note_step` noted last; empty where nothing was. Raises OSError."""
    return _read(root)[1]


def note_step(root: Path, step: str) -> None:
    """Note, durably, how far the state is whose files lie here now. Raises OSError."""
    owner = _read(root)[0]
    if owner:  # else someone took the mark away meanwhile, for another state
        _write(root, owner, step)


def _read(root: Path) -> tuple[str, str]:
    try:
        data = read_small(root / PART_FOLDER / MARK, _LARGEST)
    except FileNotFoundError:
        return "", ""
    text = (data or b"").decode(errors="replace")
    owner, _, step = text.partition("\n")
    return owner.strip(), step.strip()


def _write(root: Path, state: str, step: str) -> None:
    mark, data = root / PART_FOLDER / MARK, f"{state}\n{step}\n".encode()
    try:
        write_durably(mark, data)
    except OSError as error:
        if error.errno not in FULL or not _is_alone(mark):
            raise
        _overwrite(mark, data)


def _is_alone(mark: Path) -> bool:
    """Whether no copy of the archive shares it, as one that was made of links does."""
    try:
        return mark.stat().st_nlink == 1
    except FileNotFoundError:
        return False


def _overwrite(mark: Path, data: bytes) -> None:
    """Where there is no room for another one; a mark that is torn is nobody's step."""
    with mark.open("r+b") as file:
        file.write(data)
        file.truncate()
        file.flush()
        os.fsync(file.fileno())
