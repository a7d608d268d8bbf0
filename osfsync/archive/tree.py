"""Folders and names below an archive's root. Blocking calls, for worker threads."""

import errno
import os
import re
import stat
import sys
from collections.abc import Collection, Iterable, Iterator, Mapping
from collections.abc import Set as AbstractSet
from contextlib import contextmanager, suppress
from itertools import count
from pathlib import Path
from secrets import token_hex

from osfsync.archive.durable import sync_folder
from osfsync.archive.failures import translate
from osfsync.archive.folders import note_folders, read_folders
from osfsync.archive.former import is_worth_keeping, keep, undo
from osfsync.archive.moving import rename
from osfsync.archive.owner import claim, judge, last_step, note_step
from osfsync.archive.paths import PART_FOLDER
from osfsync.domain.errors import ArchiveError
from osfsync.domain.model import Held, Verification

PART_SUFFIX = ".part"
SET_ASIDE = "set-aside"
_KNOWN_FOLDERS = 10_000  # remembered at most; a few hundred bytes each
_PLAIN = getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_NOFOLLOW", 0)
_CREATE = os.O_WRONLY | os.O_CREAT | os.O_EXCL | _PLAIN
_COMPONENT = r"(?!\.{1,2}(?:/|\Z))[^/\\:\x00]+"
_INSIDE = re.compile(rf"{_COMPONENT}(?:/{_COMPONENT})*")


class Tree:
    """Part files lie in one hidden folder at the root, so that a rename never leaves the file system.

    A symbolic link that leads out of the archive is read through, never written through. Paths of files are
    plain text here: a `Path` for each would cost a sixth of what a small file costs.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.absolute()
        self.parts = self.root / PART_FOLDER
        self._part_prefix = str(self.parts / f"{token_hex(4)}-")
        self._numbers = count()
        self._known: set[str] = set()

    def check(self) -> None:
        """Make root and part folder where missing, and try to write. Raises ArchiveError, DiskFullError."""
        if sys.getfilesystemencoding() != "utf-8":
            raise ArchiveError(
                f"This process names files in {sys.getfilesystemencoding()}; an archive's names are UTF-8.",
                hint="Start Python in UTF-8 mode: python -X utf8, or PYTHONUTF8=1.",
            )
        with self._translated():
            self.root.mkdir(parents=True, exist_ok=True)
            if self.parts.is_symlink():
                raise ArchiveError(f"{self.parts} is a symbolic link.", hint="Remove the link.")
            self.parts.mkdir(exist_ok=True)
            probe = self.new_part()
            os.close(open_part(probe))
            remove_part(probe)
            sync_folder(self.root)

    def claim(self, state: str, *, known: bool) -> None:
        """See `owner.claim`. Raises ArchiveError, DiskFullError."""
        with self._translated():
            claim(self.root, state, known=known)

    def judge(self, state: str, *, known: bool) -> None:
        """See `owner.judge`. Raises ArchiveError, DiskFullError."""
        with self._translated():
            judge(self.root, state, known=known)

    def last_step(self) -> str:
        """See `owner.last_step`. Raises ArchiveError."""
        with self._translated():
            return last_step(self.root)

    def note_step(self, step: str) -> None:
        """See `owner.note_step`. Raises ArchiveError, DiskFullError."""
        with self._translated():
            note_step(self.root, step)

    def folders(self) -> dict[str, str]:
        """See `folders.read_folders`. Raises ArchiveError."""
        with self._translated():
            return read_folders(self.root)

    def note_folders(self, folders: Mapping[str, str]) -> None:
        """See `folders.note_folders`. Raises ArchiveError, DiskFullError."""
        with self._translated():
            note_folders(self.root, folders)

    def remove_parts(self, keep: Collection[str] = ()) -> None:
        """Remove all half-written files but those to `keep`. Raises ArchiveError, DiskFullError."""
        with self._translated():
            for entry in self.parts.glob("*" + PART_SUFFIX):
                if str(entry) not in keep:
                    entry.unlink(missing_ok=True)  # another command's probe comes and goes

    def set_aside(self, path: str) -> str:
        """Move a file into the hidden folder, durably, under a random name. Raises as `check` does."""
        source = Path(self.locate(path))
        with self._translated():
            self._refuse_outside(source.parent)
            kept = self._aside(source)
            rename(str(source), str(kept))
            sync_folder(kept.parent)
            sync_folder(source.parent)
        return str(kept)

    def _aside(self, source: Path) -> Path:
        """A new name in the folder of what was set aside."""
        folder = self.parts / SET_ASIDE
        if not folder.is_dir():
            folder.mkdir(exist_ok=True)
            sync_folder(self.parts)
        return folder / f"{token_hex(8)}{source.suffix[:16]}"

    def _refuse_outside(self, folder: Path) -> None:
        if not folder.resolve().is_relative_to(self.root.resolve()):
            raise ArchiveError(
                f"{folder} leads out of the archive by a symbolic link, and nothing is written there.",
                hint="The archive must lie on one file system: mount the disk at the archive's root instead.",
            )

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            raise translate(error, "making it ready", self.root) from error

    def locate(self, path: str) -> str:
        """Where a path of `safe_path` lies. Raises ArchiveError for any path that could lead elsewhere."""
        if _INSIDE.fullmatch(path) is None or path.partition("/")[0].casefold() == PART_FOLDER:
            raise ArchiveError(f"{path!r} is not a path inside the archive.")
        return f"{self.root}{os.sep}{path.replace('/', os.sep)}"

    def sizes(self, paths: Iterable[str]) -> dict[str, int | None]:
        """See `Archive.sizes`. Raises ArchiveError for a path that could lead elsewhere."""
        found: dict[str, int | None] = {}
        for path in paths:
            try:
                status = os.lstat(self.locate(path))
            except (FileNotFoundError, NotADirectoryError):
                continue
            except OSError:  # whoever reads or writes it is told why
                found[path] = None
            else:
                if not stat.S_ISDIR(status.st_mode):
                    found[path] = status.st_size
        return found

    def new_part(self) -> str:
        """A name for a part file that nothing else uses."""
        return f"{self._part_prefix}{next(self._numbers)}{PART_SUFFIX}"

    def move(
        self, part: str, path: str, verification: Verification, former: Held | None, changed: set[str]
    ) -> str | None:
        """Give a part file its name, over what lies there; `changed` takes the folders that got new names.

        What may hold more, by what `verification` shows of the new one, is set aside: answers where.

        Raises ArchiveError for this path, DiskFullError.
        """
        target = self.locate(path)
        folder = target.rpartition(os.sep)[0]
        kept: Path | None = None
        try:
            self._make_folder(folder, changed)
            if is_worth_keeping(part, target, verification, former):
                kept = self._aside(Path(target))
                keep(target, kept)
            self._rename_into(folder, part, target, changed)
        except OSError as error:
            if kept is not None:
                with suppress(OSError):
                    undo(target, kept)
            told = error
            if os.path.isdir(target):  # noqa: PTH112 - never raises. Systems differ in what they call this
                told = OSError(errno.EISDIR, os.strerror(errno.EISDIR))
            raise translate(told, f"putting {path} in place", self.root) from error
        changed.add(folder)
        return None if kept is None else str(kept)

    def _rename_into(self, folder: str, part: str, target: str, changed: set[str]) -> None:
        try:
            rename(part, target)
        except FileNotFoundError:  # someone removed the folder since it was last seen
            self._known.discard(folder)
            self._make_folder(folder, changed)
            rename(part, target)

    def _make_folder(self, folder: str, changed: set[str]) -> None:
        if folder in self._known or folder in changed:  # what changed is made durable with those above it
            return
        missing = []
        existing = Path(folder)
        while existing != self.root and not existing.is_dir():
            missing.append(existing)
            existing = existing.parent
        self._refuse_outside(existing)
        for new in reversed(missing):
            new.mkdir(exist_ok=True)  # raises FileExistsError where a file lies
        # Also where it was there: another thread may have made it just now.
        while folder != str(self.root):
            folder = folder.rpartition(os.sep)[0]
            changed.add(folder)

    def know(self, durable: AbstractSet[str]) -> None:
        """These folders, and their names in the folders above, are on the disk."""
        if len(self._known) >= _KNOWN_FOLDERS:
            self._known.clear()
        self._known |= durable


def open_part(part: str) -> int:
    """Create a part file; a descriptor for writing."""
    return os.open(part, _CREATE, 0o666)


def open_part_again(part: str) -> int:
    """Open a part file that was left; a descriptor for reading and writing."""
    return os.open(part, os.O_RDWR | _PLAIN)


def remove_part(part: str) -> None:
    """Remove a part file, where there is one."""
    Path(part).unlink(missing_ok=True)


def write_all(descriptor: int, piece: bytes) -> None:
    """Write every byte: the system may take fewer at once."""
    rest = memoryview(piece)
    while rest:
        rest = rest[os.write(descriptor, rest) :]
