"""What the state database holds, read with SQL of the tests' own."""

import sqlite3
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path

Key = tuple[str, str]


@dataclass(frozen=True, slots=True)
class HeldRow:
    """A file that the state says is in place."""

    path: str
    size: int
    sha256: str


@dataclass(frozen=True, slots=True)
class Written:
    """All files by (device id, name)."""

    paths: dict[Key, str] = field(default_factory=dict)
    held: dict[Key, HeldRow] = field(default_factory=dict)

    def by_path(self) -> set[str]:
        """The paths of what is held."""
        return {row.path for row in self.held.values()}


def written(folder: Path) -> Written:
    """Read `osfsync.db` in a folder, as the last commit left it; empty where a kill came before it."""
    found = Written()
    path = folder / "osfsync.db"
    if not path.exists():
        return found
    with closing(sqlite3.connect(path)) as connection:
        if not connection.execute("SELECT 1 FROM sqlite_master WHERE name = 'files'").fetchone():
            return found
        rows = connection.execute("SELECT device_id, name, path, held_size, sha256 FROM files").fetchall()
    for device_id, name, place, size, sha256 in rows:
        found.paths[device_id, name] = place
        if sha256 is not None:
            found.held[device_id, name] = HeldRow(place, size, sha256)
    return found
