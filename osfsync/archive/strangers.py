"""Walks the archive's tree and names all that lies there, but the hidden folder. Changes nothing."""

import os
from collections.abc import AsyncGenerator, Generator
from itertools import islice
from pathlib import Path

from anyio import CapacityLimiter

from osfsync.archive.examine import kind_of
from osfsync.archive.failures import translate
from osfsync.archive.paths import PART_FOLDER, path_key
from osfsync.archive.steps import Steps
from osfsync.domain.verdict import Stranger

PAGE = 500


async def everything(root: Path) -> AsyncGenerator[list[Stranger]]:
    """All that lies below `root`, in pages; nobody knows yet whose it is.

    Folders are walked into and not named, but those that can't be read. Symbolic links are named, and not
    followed. A name that is no Unicode is told with its odd bytes spelled out.

    Raises ArchiveError where the root can't be read.
    """
    walk = _walk(root)
    steps = Steps(CapacityLimiter(1))
    try:
        while page := await steps.run(lambda: list(islice(walk, PAGE))):
            yield page
    except OSError as error:
        raise translate(error, "looking through it", root) from error
    finally:
        await steps.last(walk.close)


def is_same(root: Path, one: str, other: str) -> bool:
    """Whether two paths name one file, on a file system that ignores case or composes accents. Blocking."""
    try:
        return os.path.samestat((root / one).lstat(), (root / other).lstat())
    except OSError:
        return False


def _walk(root: Path) -> "Generator[Stranger]":
    """Depth first. A folder may hold a million names: none is read as a whole."""
    folders: list[str] = [""]
    while folders:
        folder = folders.pop()
        try:
            with os.scandir(root / folder) as entries:
                for entry in entries:
                    path = f"{folder}/{entry.name}" if folder else entry.name
                    if not folder and path_key(entry.name) == PART_FOLDER:
                        continue
                    if entry.is_dir(follow_symlinks=False):
                        folders.append(path)
                    else:
                        yield _named(path, entry)
        except OSError as error:
            if not folder:
                raise
            yield Stranger(_told(folder), f"a folder that can't be read ({error.strerror})", 0.0)


def _named(path: str, entry: "os.DirEntry[str]") -> Stranger:
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError as error:
        return Stranger(_told(path), f"a thing that can't be looked at ({error.strerror})", 0.0)
    return Stranger(_told(path), kind_of(status.st_mode), max(status.st_mtime, status.st_ctime))


def _told(path: str) -> str:
    return path if path.isascii() else path.encode(errors="backslashreplace").decode()
