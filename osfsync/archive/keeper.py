"""Makes the beginning of a part file durable now and then, and notes how much of it is. Blocking."""

import os

from osfsync.archive.base import PartLabel
from osfsync.archive.intake import Intake
from osfsync.archive.kept import KeptPart, Note, Shelf

KEPT_FROM = 8_000_000
"""Bytes from which on a part file is kept: less is soon here again."""

DURABLE_EVERY = 32_000_000
"""Bytes of a file that a killed run loses at most: after so many they are made durable, and noted."""


class Keeper:
    """Looks after one part file, from its first byte or from where it was kept before."""

    def __init__(self, shelf: Shelf, path: str, label: PartLabel, kept: KeptPart | None = None) -> None:
        self._shelf = shelf
        self._path = path
        self._label = label
        self._noted = kept

    def note_now_and_then(self, part: str, descriptor: int, intake: Intake) -> None:
        """To be called after each write. Raises OSError."""
        due = KEPT_FROM if self._noted is None else self._noted.note.durable + DURABLE_EVERY
        if due <= intake.size < self._label.size:
            self._write(part, descriptor, intake)

    def keep(self, part: str, descriptor: int, intake: Intake) -> KeptPart | None:
        """Note all that is here, for the shelf; None where that is not worth it. Raises OSError."""
        # One that is complete can't be gone on with: no server gives a part of no bytes.
        if not KEPT_FROM <= intake.size < self._label.size:
            return None
        if self._noted is None or self._noted.note.durable < intake.size:
            self._write(part, descriptor, intake)
        return self._noted

    def _write(self, part: str, descriptor: int, intake: Intake) -> None:
        os.fsync(descriptor)
        note = Note(path=self._path, label=self._label, durable=intake.size, sha256=intake.digest())
        kept = KeptPart(part, note)
        self._shelf.write(kept)
        self._noted = kept
