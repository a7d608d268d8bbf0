"""Notices that files of the state were renamed, replaced or deleted while a run works."""

from collections.abc import Iterable
from pathlib import Path

from osfsync.domain.errors import StateError

Identity = tuple[int, int]


class Watch:
    """The files that a run has open, as they were when it opened them.

    Systems that let no open file be renamed or deleted (Windows) need no such check, and pass it.
    """

    def __init__(self, files: Iterable[Path]) -> None:
        self._files = {file: identity for file in files if (identity := _identity(file)) is not None}

    def check(self) -> None:
        """Raises StateError where a file is not the one any more that was there."""
        for file, before in self._files.items():
            if _identity(file) != before:
                raise StateError(
                    f"{file} was renamed, replaced or deleted while this run worked; nothing more is "
                    "downloaded or recorded.",
                    hint="Put the file back in its place (or a backup of the database), then run again: "
                    "files that are in the archive already are taken over.",
                )


def _identity(file: Path) -> Identity | None:
    try:
        found = file.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino
