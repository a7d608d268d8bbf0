"""Whole syncs over HTTP with every hostile name: nothing outside the archive, everything held, once."""

import gzip
from pathlib import Path

import pytest

from osfsync.archive.paths import path_key
from osfsync.domain.errors import ExitCode
from osfsync.domain.model import StorageStatus
from osfsync.simulator.behaviour import Behaviour
from osfsync.simulator.fleet import ListedBy, SimDevice
from osfsync.simulator.listing import ATTRIBUTES, Dialect
from osfsync.simulator.world import World
from tests.content.content_bytes import XML, narrow, osf
from tests.hostile.corpus import IDS, NAMES, in_xml
from tests.whole.conftest import NOW, Mirror, MirrorOf

DEAD = Behaviour(contact_every=None, files_per_day=0)


def add(world: World, device: SimDevice, name: str) -> None:
    """A file on both lists, or on the one that can tell its name."""
    content = osf(XML, narrow(b"\x08" + name.encode()))
    packed = gzip.compress(content) if name.casefold().endswith(".osfz") else content
    file = world.add_file(device, name, StorageStatus.BOTH, content=packed)
    if not in_xml(name):
        file.listed_by = ListedBy.SERVER_LIST


def tree(folder: Path) -> set[str]:
    return {path.relative_to(folder).as_posix() for path in folder.rglob("*")}


async def assert_mirrored_once(mirror: Mirror, folder: Path) -> None:
    """All is held under paths of its own inside the archive, and a second run fetches nothing."""
    mirror.change("select", files=("*",))
    before = tree(folder)
    summary = await mirror.sync()
    assert summary.exit_code is ExitCode.COMPLETE, summary
    assert [problem for problem in summary.problems if problem.file is not None] == []
    rows = await mirror.files()
    assert {row.state for row in rows.values()} == {"held"}
    assert rows.keys() == mirror.world.available().keys()
    assert len({path_key(row.path or "") for row in rows.values()}) == len(rows)
    disk = mirror.on_disk()
    assert disk.keys() == {row.path for row in rows.values()}
    for key, row in rows.items():
        assert disk[row.path or ""] == mirror.world.content(*key)
    outside = {path for path in tree(folder) - before if path.partition("/")[0] != "mirror"}
    assert {path for path in outside if not path.startswith("osfsync.db")} == set()
    mirror.simulator.requests.clear()
    again = await mirror.sync()
    assert (again.exit_code, again.files.fetched, again.files.held) == (ExitCode.COMPLETE, 0, len(rows))
    assert mirror.simulator.requests["download"] == 0
    assert mirror.on_disk() == disk


@pytest.mark.parametrize("dialect", [Dialect(), ATTRIBUTES], ids=["elements", "attributes"])
async def test_files_of_every_name(mirror_of: MirrorOf, tmp_path: Path, dialect: Dialect) -> None:
    world = World(now=NOW, dialect=dialect)
    device = world.add_device("Crane 4", behaviour=DEAD)
    for name in NAMES:
        add(world, device, name)
    async with mirror_of(world) as mirror:
        await assert_mirrored_once(mirror, tmp_path)


@pytest.mark.parametrize(
    ("layout", "first"), [("{device}/{name}", 0), ("{tenant}/{device_id}/{date}/{device}_{name}", 1)]
)
async def test_devices_of_every_name(mirror_of: MirrorOf, tmp_path: Path, layout: str, first: int) -> None:
    world = World(now=NOW)
    for name in NAMES[first::2]:
        add(world, world.add_device(name, behaviour=DEAD), "20260301/a.osf")
    for identity in IDS:
        add(world, world.add_device("Twin", device_id=identity, behaviour=DEAD), f"{identity}.osf")
    async with mirror_of(world) as mirror:
        mirror.change("archive", layout=layout)
        await assert_mirrored_once(mirror, tmp_path)
