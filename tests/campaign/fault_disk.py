"""What lies on the disk after a run, seen with other eyes than the product's: bytes, SQL, SHA-256."""

import hashlib
import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path

from tests.campaign.fault_conduct import Site
from tests.campaign.fault_world import Key

HIDDEN = ".osfsync-part"
BELONGS_THERE = {"folders", "lock", "state"}
"""What lies in the hidden folder when nothing is under way."""

ASIDE = "set-aside/"

NOTE = ".note"
"""Ends the name of what is told of a part file that is kept for a later run."""


@dataclass(frozen=True, slots=True)
class Row:
    """What the state says of a file; `sha256` is None where it is not held."""

    path: str
    sha256: str | None
    held_size: int | None


@dataclass(frozen=True, slots=True)
class Disk:
    """The archive's files by their path, what is left in its hidden folder by name, and the state's rows."""

    files: dict[str, bytes]
    hidden: dict[str, bytes]
    rows: dict[Key, Row]
    last_exit: int | None

    def here(self, site: Site) -> set[Key]:
        """The files that are here as the server has them now."""
        return {
            key
            for key in site.world.available()
            if (row := self.rows.get(key)) is not None
            and row.sha256 is not None
            and self.files.get(row.path) == site.world.content(*key)
        }


def look(site: Site) -> Disk:
    """Read it all."""
    root = site.settings.archive.path
    files: dict[str, bytes] = {}
    hidden: dict[str, bytes] = {}
    for path in (path for path in root.rglob("*") if path.is_file()):
        inside = path.relative_to(root)
        if inside.parts[0] != HIDDEN:
            files[inside.as_posix()] = path.read_bytes()
        elif inside.name not in BELONGS_THERE:
            hidden["/".join(inside.parts[1:])] = path.read_bytes()
    database = Path(site.settings.state.url.removeprefix("sqlite:///"))
    if not database.exists():
        return Disk(files, hidden, {}, None)
    with closing(sqlite3.connect(f"file:{database}?mode=ro", uri=True)) as connection:
        found = connection.execute("SELECT device_id, name, path, sha256, held_size FROM files").fetchall()
        last = connection.execute("SELECT exit_code FROM runs ORDER BY started DESC, rowid DESC").fetchone()
    rows = {(device_id, name): Row(*rest) for device_id, name, *rest in found}
    return Disk(files, hidden, rows, None if last is None else last[0])


def damages(site: Site, disk: Disk) -> Iterator[str]:
    """What must never be, whatever went wrong."""
    held = {key: row for key, row in disk.rows.items() if row.sha256 is not None}
    for path in sorted(disk.files.keys() - {row.path for row in held.values()}):
        yield f"{path} lies in the archive, and the state does not know that"
    for key, row in sorted(held.items()):
        data = disk.files.get(row.path)
        if data is None:
            yield f"{row.path} is held by the state, and not there"
        elif data not in site.had.get(key, set()):
            yield f"{row.path} is damaged: {len(data)} bytes that the server never had"
        elif (hashlib.sha256(data).hexdigest(), len(data)) != (row.sha256, row.held_size):
            yield f"{row.path} is not what the state tells of it"
    kept = {name for name in disk.hidden if _is_kept(site, disk, name)}
    for name in sorted(disk.hidden.keys() - kept - {name + NOTE for name in kept} - former(site, disk)):
        yield f"{name} was left behind in the hidden folder"


def former(site: Site, disk: Disk) -> set[str]:
    """What was set aside because the server has other bytes now, that do not go on from these."""
    versions = set().union(*site.had.values())
    current = {site.world.content(*key) for key in site.world.available()}
    return {
        name
        for name, data in disk.hidden.items()
        if name.startswith(ASIDE) and data in versions and not any(now.startswith(data) for now in current)
    }


def _is_kept(site: Site, disk: Disk, name: str) -> bool:
    """Whether this is the beginning of a large file, kept for a later run, with a note that is true."""
    if name + NOTE not in disk.hidden:
        return False
    note = json.loads(disk.hidden[name + NOTE])
    beginning = disk.hidden[name][: note["durable"]]
    label = note["label"]
    return (
        len(beginning) == note["durable"] > 0
        and hashlib.sha256(beginning).hexdigest() == note["sha256"]
        and disk.rows[label["device_id"], label["name"]].path == note["path"]
        and any(whole.startswith(beginning) for whole in site.had[label["device_id"], label["name"]])
    )
