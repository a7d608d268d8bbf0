"""Nights on which nothing is new: what lists cost whose files are all held, and how much memory they take."""

import json
import sqlite3
import sys
from contextlib import closing
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path

from benchmarks.speed.cheap import Load, device_list, serving
from benchmarks.speed.running import Command, Timed, osfsync, parted, probed, timed

_SIZE = 4_000
_HELD = """
    UPDATE files SET sha256 = ?, held_size = size, fetched_at = first_seen, verification = 'whole',
        adopted = 0, storage_status = 3
"""
_PARSE = """
import sys, xmltodict
data = open(sys.argv[1], "rb").read()
for _ in range(int(sys.argv[2])):
    seen = []
    xmltodict.parse(data, item_depth=2, item_callback=lambda path, item: seen.append(1) or True)
"""


@dataclass(frozen=True, slots=True)
class Night:
    """One night, beside a parse of the same lists by xmltodict, as a stream.

    Attributes:
        lists: the same night, in which nothing is looked up and decided.
        p99: seconds that the loop stood still, of all looks but the worst hundredth.
        changed: whether anything in the state's files is another than before.
    """

    ours: Timed
    lists: Timed
    parse: Timed
    p99: float
    longest: float
    changed: bool


def quiet(devices: int, files: int, folder: Path) -> Night:
    """A night over `devices` with `files` each, which are all known and held.

    The state is made by a sync that orders nothing, and its rows are marked as held: nothing is fetched.
    """
    folder.mkdir(parents=True)
    load = Load(files, _SIZE, devices=devices, status=0)
    with serving(load) as url:
        limits = 'listings = 8\n[orders]\nmode = "never"'
        timed(osfsync(url, folder, limits, "-q", "sync"))
    state = folder / "osfsync.db"
    with closing(sqlite3.connect(state)) as database:
        database.execute(_HELD, ("0" * 64,))
        database.commit()
        database.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    before = _content(state)
    with serving(replace(load, status=3)) as url:
        ours = timed(probed(url, folder, "listings = 8", files=devices * files))
        changed = _content(state) != before
        lists = timed(parted(url, folder, "listings = 8", "lists-alone"))
    told = json.loads(ours.output)
    if told["held"] != devices * files:
        raise SystemExit(f"a quiet night held {told['held']} of {devices * files} files")
    data = folder / "list.xml"
    data.write_bytes(device_list(replace(load, status=3), _SIZE))
    parse = timed(
        Command([sys.executable, "-c", _PARSE, str(data), str(devices)], folder, {}, devices * files)
    )
    return Night(ours, lists, parse, told["p99"], told["longest"], changed)


def _content(state: Path) -> str:
    """A hash over all that is known of files."""
    digest = sha256()
    with closing(sqlite3.connect(state)) as database:
        for row in database.execute("SELECT * FROM files ORDER BY device_id, name"):
            digest.update(repr(row).encode())
    return digest.hexdigest()


def told(label: str, night: Night) -> str:
    """One row."""
    ratio, lists = night.ours.wall / night.parse.wall, night.lists.wall / night.parse.wall
    return (
        f"{label:34}{night.ours.wall:>9.1f} s{night.parse.wall:>12.1f} s{ratio:>9.2f} x{lists:>12.2f} x"
        f"{night.ours.cpu:>9.1f} s{night.ours.peak / 1e6:>9.0f}{1000 * night.p99:>10.1f} ms"
        f"{1000 * night.longest:>9.1f} ms{'yes' if night.changed else 'no':>9}"
    )


HEAD = (
    f"{'nights on which nothing is new':34}{'osfsync':>11}{'xmltodict':>14}{'ratio':>11}"
    f"{'lists alone':>14}{'CPU':>11}"
    f"{'peak MB':>9}{'stall p99':>13}{'longest':>12}{'writes':>9}"
)
