"""What is in held files: read once, found by channel, read again where a file changed."""

import os
import sys
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest

from osfsync.app.contents import find, index
from osfsync.app.gaps import gaps
from osfsync.app.reading import content_reader
from osfsync.domain.errors import ArchiveError, LockedError
from osfsync.domain.model import StorageStatus
from osfsync.simulator.behaviour import Behaviour
from osfsync.simulator.listing import TERSE
from osfsync.simulator.world import World
from osfsync.state.database import open_view
from osfsync.state.lock import hold_lock
from tests.whole.test_whole_disk import unmounted

MirrorOf = Callable[..., AbstractAsyncContextManager[Any]]

DEAD = Behaviour(contact_every=None, files_per_day=0)


async def gaps_of(mirror: Any) -> list[tuple[datetime, datetime]]:
    told = [gap async for page in gaps(mirror.settings, clock=lambda: mirror.world.now) for gap in page]
    return [(gap.start, gap.end) for gap in told]


async def found(mirror: Any, *channels: str, **period: Any) -> dict[str, tuple[str, ...]]:
    """Names of channels by the path of the file."""
    return {
        row.path: row.channels async for page in find(mirror.settings, channels, **period) for row in page
    }


@pytest.fixture
def fleet(empty_world: World) -> World:
    truck = empty_world.add_device("Truck 1", behaviour=DEAD)
    for day in (1, 2, 3):
        start = empty_world.now - timedelta(days=day)
        empty_world.add_file(truck, f"{day}.osf", StorageStatus.BOTH, start=start)
    empty_world.add_file(truck, "odd.osf", StorageStatus.BOTH, content=b"OSF3 6\n<osf/>")
    empty_world.add_file(truck, "waits.osf", StorageStatus.DEVICE_ONLY)
    return empty_world


async def test_where_lists_tell_no_times_gaps_are_seen_by_what_is_in_files(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    empty_world.dialect = TERSE
    truck = empty_world.add_device("Truck 1", behaviour=DEAD)
    spans = []
    for hours in range(48):
        if not 20 <= hours < 30:
            start = empty_world.now
            file = empty_world.add_file(truck, f"{hours}.osf", StorageStatus.BOTH, start=start)
            spans.append((file.start, file.end))
        empty_world.advance(timedelta(hours=1))
        empty_world.connect(truck)
    empty_world.add_file(truck, "waits.osf", StorageStatus.DEVICE_ONLY)  # makes the log worth reading
    async with mirror_of(empty_world) as mirror:
        await mirror.sync()
        await mirror.sync()
        assert await gaps_of(mirror) == []
        await index(mirror.settings)
        ((start, end),) = await gaps_of(mirror)
        assert abs(start - spans[19][1]) < timedelta(minutes=1)
        assert abs(end - spans[20][0]) < timedelta(minutes=1)
        async with open_view(mirror.settings.state) as view:
            days = await view.chronicle.held_days(truck.id, empty_world.now - timedelta(days=9))
        assert sum(files for first, _, files in days if first is not None) == 38


async def test_held_files_are_found_by_their_channels(mirror_of: MirrorOf, fleet: World) -> None:
    async with mirror_of(fleet) as mirror:
        await mirror.sync()
        assert await found(mirror, "*") == {}  # nothing was read yet
        told = await index(mirror.settings)
        assert (told.read, told.unreadable, told.known, told.known_unreadable) == (4, 1, 4, 1)
        everything = await found(mirror, "*")
        assert set(everything) == {f"Truck 1/{day}.osf" for day in (1, 2, 3)}
        (names, *_) = everything.values()
        assert len(names) > 1
        assert await found(mirror, names[0].swapcase()) == dict.fromkeys(everything, names[:1])
        assert await found(mirror, "no such channel") == {}
        since = fleet.now - timedelta(days=2, hours=1)
        assert set(await found(mirror, "*", since=since)) == {"Truck 1/1.osf", "Truck 1/2.osf"}
        assert set(await found(mirror, "*", until=since)) == {"Truck 1/3.osf"}


async def test_what_was_read_is_read_again_only_where_it_changed(mirror_of: MirrorOf, fleet: World) -> None:
    async with mirror_of(fleet) as mirror:
        await mirror.sync()
        await index(mirror.settings)
        assert (await index(mirror.settings)).read == 0
        (truck,) = fleet.devices(fleet.main.id)
        fleet.add_file(truck, "2.osf", StorageStatus.BOTH, size=9_000)
        await mirror.sync()
        assert set(await found(mirror, "*")) == {"Truck 1/1.osf", "Truck 1/3.osf"}  # not by what it was
        told = await index(mirror.settings)
        assert (told.read, told.known) == (1, 4)
        assert len(await found(mirror, "*")) == 3


async def test_a_disk_that_is_away_makes_no_file_unreadable(mirror_of: MirrorOf, fleet: World) -> None:
    async with mirror_of(fleet) as mirror:
        await mirror.sync()
        archive = mirror.settings.archive.path
        with unmounted(archive), pytest.raises(ArchiveError, match="Is its disk mounted"):
            await index(mirror.settings)
        away = archive / "Truck 1" / "1.osf"
        away.rename(archive.parent / "away")
        told = await index(mirror.settings)
        assert (told.read, told.unreadable, told.known) == (4, 2, 3)
        (archive.parent / "away").rename(away)
        told = await index(mirror.settings)
        assert (told.read, told.unreadable, told.known) == (1, 0, 4)
        assert len(await found(mirror, "*")) == 3


async def test_it_never_works_beside_a_run_and_fetches_nothing(mirror_of: MirrorOf, fleet: World) -> None:
    async with mirror_of(fleet) as mirror:
        await mirror.sync()
        asked = mirror.simulator.requests.total()
        with hold_lock(mirror.settings.state), pytest.raises(LockedError):
            await index(mirror.settings)
        (mirror.settings.archive.path / "Truck 1" / "1.osf").unlink()
        told = await index(mirror.settings)
        assert (told.read, told.unreadable) == (4, 2)
        assert mirror.simulator.requests.total() == asked


async def test_a_file_on_which_the_reader_breaks_off_costs_no_other(
    mirror_of: MirrorOf, fleet: World
) -> None:
    """It believes a length of four gigabytes, and ends the process that it runs in."""
    async with mirror_of(fleet) as mirror:
        await mirror.sync()
        path = mirror.settings.archive.path / "Truck 1" / "2.osf"
        data = path.read_bytes()
        line, _, rest = data.partition(b"\n")
        size = int(line.split()[1])
        head = line + b"\n" + rest[:size].replace(b'sizeoflengthvalue="2"', b'sizeoflengthvalue="4"')
        wide = head.replace(line, line.replace(str(size).encode(), str(len(head) - len(line) - 1).encode()))
        path.write_bytes(wide + bytes(2) + b"\xf0\xff\xff\xff" + bytes(100))
        async with content_reader() as reader:
            assert await reader.read(path) == "The vendor's reader breaks off on it."
        told = await index(mirror.settings)
        assert (told.read, told.unreadable) == (4, 2)
        assert set(await found(mirror, "*")) == {"Truck 1/1.osf", "Truck 1/3.osf"}


async def test_a_reader_that_is_killed_is_started_again(tmp_path: Path) -> None:
    (tmp_path / "a.osf").write_bytes(b"OSF3 6\n<osf/>")
    async with content_reader() as reader:
        first = await reader.read(tmp_path / "a.osf")
        assert isinstance(first, str)
        assert reader._process is not None
        reader._process.kill()
        assert await reader.read(tmp_path / "a.osf") == "The vendor's reader breaks off on it."
        assert await reader.read(tmp_path / "a.osf") == first


async def test_no_file_of_a_device_is_ever_run(
    mirror_of: MirrorOf, empty_world: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A device that is called as we are, in the working folder: Python might take its files for ours."""
    ran = tmp_path / "ran"
    code = f"open({str(ran)!r}, 'w').close()".encode()
    device = empty_world.add_device("osfsync", behaviour=DEAD)
    for name in ("__init__.py", "content/__init__.py", "sitecustomize.py"):
        empty_world.add_file(device, name, StorageStatus.BOTH, content=code)
    empty_world.add_file(device, "a.osf", StorageStatus.BOTH)
    async with mirror_of(empty_world) as mirror:
        mirror.change("select", files=("*",))
        await mirror.sync()
        assert (mirror.settings.archive.path / "osfsync" / "__init__.py").exists()
        monkeypatch.chdir(mirror.settings.archive.path)
        told = await index(mirror.settings)
        assert (told.read, told.unreadable) == (4, 3)
        assert not ran.exists()


@pytest.mark.skipif(sys.platform != "linux", reason="only there a path may be no text")
async def test_an_archive_whose_path_is_no_text(tmp_path: Path) -> None:
    folder = anyio.Path(os.fsdecode(os.fsencode(tmp_path) + b"/m\xe9ss"))
    await folder.mkdir()
    await (folder / "a.osf").write_bytes(b"OSF4 7\n<osf />")
    async with content_reader() as reader:
        assert "Its path is no text" in str(await reader.read(Path(str(folder / "a.osf"))))
