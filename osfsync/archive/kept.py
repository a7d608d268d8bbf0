"""Part files that are kept for a later run, each with a note beside it. Blocking calls, for worker threads.

A note vouches for so many first bytes by their hash, and is written only after these had become durable.
Whatever it does not vouch for is removed.
"""

import re
import stat
import time
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from shutil import disk_usage
from threading import Lock
from typing import Annotated, Literal

import msgspec
from msgspec import Meta, Struct

from osfsync.archive.base import PartLabel
from osfsync.archive.durable import write_durably
from osfsync.archive.failures import translate
from osfsync.archive.tree import PART_SUFFIX, Tree, remove_part
from osfsync.domain.errors import ArchiveError

MOST_KEPT = 64
"""Part files that are kept at the same time; the oldest give way."""

MOST_KEPT_BYTES = 20_000_000_000
"""Bytes of all of them; nor is more kept than what is free beside them when a run starts."""

KEPT_FOR = timedelta(days=14)

_NOTE_SUFFIX = ".note"
_LARGEST_NOTE = 65_536
_PART_NAME = re.compile(rf"[0-9a-f]{{8}}-[0-9]{{1,18}}{re.escape(PART_SUFFIX)}")


class Note(Struct, frozen=True, forbid_unknown_fields=True, kw_only=True):
    """What is known of a part file.

    Attributes:
        path: where the file will lie in the archive.
        durable: how many of its first bytes may be trusted; `sha256` is their hash, in hex.
    """

    format: Literal[1] = 1
    path: str
    label: PartLabel
    durable: Annotated[int, Meta(ge=1)]
    sha256: Annotated[str, Meta(pattern=r"^[0-9a-f]{64}$")]


@dataclass(frozen=True, slots=True)
class KeptPart:
    """A part file, and what its note says."""

    part: str
    note: Note


class Shelf:
    """The kept parts of one archive, by the path that they are meant for. May be asked from any thread."""

    def __init__(self, tree: Tree) -> None:
        self._tree = tree
        self._kept: dict[str, KeptPart] = {}  # the oldest first
        self._lock = Lock()

    def load(self) -> set[str]:
        """Take stock of what earlier runs left, and remove the notes of all else; the part files to keep.

        Raises ArchiveError, DiskFullError.
        """
        try:
            found = sorted(self._found(), key=lambda each: each[0])
            with self._lock:
                self._kept = {kept.note.path: kept for _, kept in found}
                self._make_room(disk_usage(self._tree.root).free)
                parts = {kept.part for kept in self._kept.values()}
            for note in self._tree.parts.glob(f"*{PART_SUFFIX}{_NOTE_SUFFIX}*"):
                if str(note).removesuffix(_NOTE_SUFFIX) not in parts:
                    note.unlink(missing_ok=True)
        except OSError as error:
            raise translate(error, "making it ready", self._tree.root) from error
        return parts

    def label(self, path: str) -> PartLabel | None:
        """What the part that is kept for a path is labelled with."""
        kept = self._kept.get(path)
        return None if kept is None else kept.note.label

    def take(self, path: str) -> KeptPart | None:
        """Hand over the part that is kept for a path; its files stay where they are."""
        with self._lock:
            return self._kept.pop(path, None)

    def write(self, kept: KeptPart) -> None:
        """Put the note beside a part file, in place of an older one. Raises OSError."""
        write_durably(Path(kept.part + _NOTE_SUFFIX), msgspec.json.encode(kept.note))

    def put(self, kept: KeptPart) -> None:
        """Keep a part whose note is written; what was kept for the same path gives way."""
        with self._lock:
            self._remove(kept.note.path)
            self._kept[kept.note.path] = kept
            self._make_room(MOST_KEPT_BYTES)

    def drop(self, paths: Iterable[str]) -> None:
        """Remove what is kept for these paths."""
        with self._lock:
            for path in paths:
                self._remove(path)

    def _remove(self, path: str) -> None:
        kept = self._kept.pop(path, None)
        if kept is not None:
            with suppress(OSError):  # the next run's `load` tries again
                remove_kept(kept.part)

    def _make_room(self, most: int) -> None:
        most = min(most, MOST_KEPT_BYTES)
        while self._kept and (
            len(self._kept) > MOST_KEPT or sum(kept.note.durable for kept in self._kept.values()) > most
        ):
            self._remove(next(iter(self._kept)))

    def _found(self) -> Iterable[tuple[float, KeptPart]]:
        """Part files whose notes can be believed so far, with the time of the note."""
        for file in self._tree.parts.glob(f"*{PART_SUFFIX}{_NOTE_SUFFIX}"):
            part = file.with_name(file.name.removesuffix(_NOTE_SUFFIX))
            written = _written_at(file)
            note = _read(file)
            if note is None or time.time() - written > KEPT_FOR.total_seconds():
                continue
            if _PART_NAME.fullmatch(part.name) and self._is_inside(note.path) and _holds(part, note):
                yield written, KeptPart(str(part), note)

    def _is_inside(self, path: str) -> bool:
        try:
            self._tree.locate(path)
        except ArchiveError:
            return False
        return True


def can_be_noted(label: PartLabel) -> bool:
    """Whether a note can hold this label: JSON has no place for half a character, and names may hold one."""
    try:
        msgspec.json.encode(label)
    except UnicodeEncodeError:
        return False
    return True


def remove_kept(part: str) -> None:
    """Remove a part file and its note, where there are any."""
    remove_part(part)
    Path(part + _NOTE_SUFFIX).unlink(missing_ok=True)


def remove_note(part: str) -> None:
    """Remove the note of a part file that has got its name."""
    Path(part + _NOTE_SUFFIX).unlink(missing_ok=True)


def _written_at(file: Path) -> float:
    try:
        return file.lstat().st_mtime
    except OSError:
        return 0.0


def _read(file: Path) -> Note | None:
    try:
        status = file.lstat()
        if not stat.S_ISREG(status.st_mode) or status.st_size > _LARGEST_NOTE:
            return None
        return msgspec.json.decode(file.read_bytes(), type=Note)
    except (OSError, ValueError):  # msgspec's errors and Unicode's are ValueErrors
        return None


def _holds(part: Path, note: Note) -> bool:
    """Whether a part file can be what its note says, as far as that shows without reading it."""
    try:
        status = part.lstat()
    except OSError:
        return False
    return stat.S_ISREG(status.st_mode) and status.st_size >= note.durable
