"""`verify` over a real archive: what is found, what is left alone, and what a repair brings back."""

import os
import sqlite3
import sys
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import AbstractAsyncContextManager, closing
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Any

import anyio
import pytest

from osfsync.app import known, story
from osfsync.app.repair import repair
from osfsync.app.verify import Verified, VerifyRequest, manifest, verify
from osfsync.domain.errors import ExitCode
from osfsync.domain.model import OrderMode, StorageStatus
from osfsync.domain.outcomes import Fact, Fetched
from osfsync.domain.sample import Sample
from osfsync.domain.verdict import Verdict
from osfsync.pipeline import verify as pipeline
from osfsync.reports.verify import VerifiedModel
from osfsync.simulator.behaviour import Behaviour
from osfsync.simulator.faults import Fault
from osfsync.simulator.fleet import SimDevice
from osfsync.simulator.world import World
from osfsync.state.holdings import Holdings
from osfsync.state.lock import hold_lock
from osfsync.state.writer import Writer
from tests.whole.conftest import Mirror

DEAD = Behaviour(contact_every=None, files_per_day=0)
NAMES = ("20260228/a.osf", "20260228/b.osfz", "20260301/a.osf", "large.osf", "empty.osf")

MirrorOf = Callable[..., AbstractAsyncContextManager[Any]]


@dataclass
class Found:
    """What one verification told."""

    verified: Verified
    rows: list[VerifiedModel]

    @property
    def code(self) -> ExitCode:
        return self.verified.exit_code

    def broken(self) -> dict[str, str]:
        return {row.path: row.verdict for row in self.rows if row.verdict != Verdict.OK}

    def explanation(self, path: str) -> str:
        return next(row.explanation for row in self.rows if row.path == path)


@dataclass
class Teller:
    """Collects rows; wants no more than so many pages."""

    most: int = 1_000
    rows: list[VerifiedModel] = field(default_factory=list)
    pages: int = 0

    async def tell(self, rows: Sequence[VerifiedModel]) -> bool:
        self.rows += rows
        self.pages += 1
        return self.pages < self.most


async def look(mirror: Mirror, request: VerifyRequest | None = None) -> Found:
    teller = Teller()
    verified = await verify(mirror.settings, request or VerifyRequest(), teller.tell)
    return Found(verified, teller.rows)


async def mend(mirror: Mirror, request: VerifyRequest | None = None) -> Found:
    teller = Teller()
    verified = await repair(
        mirror.settings,
        mirror.ask_password,
        request or VerifyRequest(),
        teller.tell,
        clock=lambda: mirror.world.now,
    )
    return Found(verified, teller.rows)


def set_aside(mirror: Mirror) -> list[bytes]:
    folder = mirror.settings.archive.path / ".osfsync-part" / "set-aside"
    return [path.read_bytes() for path in folder.iterdir()] if folder.exists() else []


def bytes_at(path: Path) -> bytes:
    return path.read_bytes()


def flip(path: Path, at: int = -20) -> bytes:
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)
    return bytes(data)


@pytest.fixture
def truck(empty_world: World) -> SimDevice:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    for name in NAMES[:3]:
        empty_world.add_file(device, name)
    empty_world.add_file(device, "large.osf", size=1_500_000)
    empty_world.add_file(device, "empty.osf", content=b"")
    return device


@pytest.fixture
async def mirror(mirror_of: MirrorOf, empty_world: World, truck: SimDevice) -> AsyncIterator[Mirror]:
    """An archive of five files, mirrored; one is only on the device."""
    empty_world.add_file(truck, "device-only.osf", StorageStatus.DEVICE_ONLY)
    async with mirror_of(empty_world) as mirror:
        assert (await mirror.sync()).files.fetched == len(NAMES)
        yield mirror


def path_of(mirror: Mirror, name: str) -> Path:
    return mirror.settings.archive.path / "Truck 1" / name


async def test_all_is_well(mirror: Mirror) -> None:
    before = mirror.on_disk()
    found = await look(mirror)
    assert (found.code, found.verified.complete, found.broken()) == (ExitCode.COMPLETE, True, {})
    checked = {row.name: row.checked for row in found.rows}
    assert checked == {
        "20260228/a.osf": ("length", "structure", "sha256"),
        "20260228/b.osfz": ("length", "compression", "structure", "sha256"),
        "20260301/a.osf": ("length", "structure", "sha256"),
        "large.osf": ("length", "header", "sha256"),
        "empty.osf": ("length", "sha256"),
    }
    assert {(row.device, row.explanation) for row in found.rows} == {("Truck 1", "")}
    progress = found.verified.progress
    assert (progress.files, progress.of_files) == (5, 5)
    assert progress.bytes == progress.of_bytes == sum(map(len, before.values()))
    assert mirror.on_disk() == before


async def test_what_is_broken_is_named(mirror: Mirror) -> None:
    flip(path_of(mirror, NAMES[0]))
    packed = path_of(mirror, NAMES[1])
    packed.write_bytes(packed.read_bytes()[:-7])
    path_of(mirror, NAMES[2]).unlink()
    path_of(mirror, "large.osf").unlink()
    path_of(mirror, "large.osf").mkdir()
    path_of(mirror, "empty.osf").write_bytes(b"no more")
    before = mirror.on_disk()
    found = await look(mirror)
    assert found.code is ExitCode.PARTIAL
    assert found.broken() == {
        "Truck 1/20260228/a.osf": "changed",
        "Truck 1/20260228/b.osfz": "changed",
        "Truck 1/20260301/a.osf": "missing",
        "Truck 1/large.osf": "missing",
        "Truck 1/empty.osf": "changed",
    }
    assert "Its length is right, its SHA-256 is" in found.explanation("Truck 1/20260228/a.osf")
    assert "structure is sound to the last byte" in found.explanation("Truck 1/20260228/a.osf")
    assert "It has 3,993 bytes, 4,000 were held" in found.explanation("Truck 1/20260228/b.osfz")
    assert "Its content is damaged (" in found.explanation("Truck 1/20260228/b.osfz")
    assert "a folder" in found.explanation("Truck 1/large.osf")
    checked = {row.path: row.checked for row in found.rows}
    assert checked["Truck 1/20260301/a.osf"] == ()
    assert "sha256" in checked["Truck 1/20260228/b.osfz"]
    assert mirror.on_disk() == before
    assert set_aside(mirror) == []
    assert {row.state for row in (await mirror.files()).values() if row.name in NAMES} == {"held"}


@pytest.mark.skipif(sys.platform != "linux", reason="needs a file that the system fails to read")
async def test_what_cannot_be_read_is_named_and_stays_until_it_is_removed(mirror: Mirror) -> None:
    """No process has memory at address 0, so that reading there fails as a bad disk does."""
    path = path_of(mirror, NAMES[0])
    path.unlink()
    path.symlink_to("/proc/self/mem")
    found = await look(mirror)
    assert (found.code, found.broken()) == (ExitCode.PARTIAL, {"Truck 1/20260228/a.osf": "unreadable"})
    assert os.strerror(5) in found.explanation("Truck 1/20260228/a.osf")
    mended = await mend(mirror)
    assert mended.code is ExitCode.PARTIAL
    assert path.is_symlink()  # it may be whole: a passing trouble must not empty an archive
    assert "remove it, and it is fetched again" in mended.explanation("Truck 1/20260228/a.osf")
    path.unlink()
    assert (await mend(mirror)).code is ExitCode.COMPLETE
    await mirror.assert_equals_server()


async def test_what_nobody_reads_to_its_end_is_not_all_well(mirror: Mirror) -> None:
    async def had_enough(_: object) -> bool:
        return False

    verified = await verify(mirror.settings, VerifyRequest(), had_enough)
    assert (verified.exit_code, verified.complete) == (ExitCode.PARTIAL, False)
    assert "no reader any more" in verified.error


@pytest.mark.skipif(sys.platform == "win32", reason="needs symbolic links")
async def test_what_is_extra_is_named_and_no_failure(mirror: Mirror, tmp_path: Path) -> None:
    root = mirror.settings.archive.path
    (root / "mine.txt").write_text("mine")
    (root / "Truck 1" / "20260228" / "more.osf").write_text("more")
    (root / "link").symlink_to(tmp_path)
    path_of(mirror, "device-only.osf").write_bytes(b"not held")
    (root / "empty folder").mkdir()
    found = await look(mirror)
    assert found.code is ExitCode.COMPLETE
    assert found.broken() == {
        "mine.txt": "extra",
        "Truck 1/20260228/more.osf": "extra",
        "link": "extra",
        "Truck 1/device-only.osf": "extra",
    }
    assert "a symbolic link" in found.explanation("link")
    known = next(row for row in found.rows if row.path == "Truck 1/device-only.osf")
    assert (known.device, known.name) == ("Truck 1", "device-only.osf")
    assert next(row for row in found.rows if row.path == "mine.txt").device is None
    assert found.verified.progress.files == 5
    # What belongs to no device is told where everything is read only.
    for request in (VerifyRequest(devices=["truck*"]), VerifyRequest(sample=Sample(Fraction(1, 2), 1))):
        assert (await look(mirror, request)).broken() == {}
    mended = await mend(mirror)
    assert (mended.code, len(mended.broken())) == (ExitCode.COMPLETE, 4)
    assert (root / "mine.txt").read_text() == "mine"


@pytest.mark.skipif(sys.platform != "linux", reason="needs a file system that tells cases apart")
async def test_a_twin_in_another_case_is_extra(mirror: Mirror) -> None:
    path_of(mirror, "LARGE.osf").write_bytes(b"twin")
    assert (await look(mirror)).broken() == {"Truck 1/LARGE.osf": "extra"}


async def test_a_repair_brings_everything_back_and_touches_nothing_else(
    mirror: Mirror, empty_world: World, truck: SimDevice
) -> None:
    changed = flip(path_of(mirror, NAMES[0]))
    cut = path_of(mirror, NAMES[1]).read_bytes()[:-7]
    path_of(mirror, NAMES[1]).write_bytes(cut)
    path_of(mirror, NAMES[2]).unlink()
    times = {name: path_of(mirror, name).stat().st_mtime_ns for name in NAMES[3:]}
    empty_world.add_file(truck, "20260228/new.osf")
    orders = len(empty_world.command_log)
    mirror.simulator.downloads.clear()
    found = await mend(mirror)
    assert (found.code, found.verified.error) == (ExitCode.COMPLETE, "")
    assert found.verified.repair is not None
    assert (found.verified.repair.queued, found.verified.repair.back) == (3, 3)
    assert Counter(found.broken().values()) == {"changed": 2, "missing": 1}
    assert {name for _, name in mirror.simulator.downloads} == set(NAMES[:3])
    assert len(empty_world.command_log) == orders
    assert {name: path_of(mirror, name).stat().st_mtime_ns for name in NAMES[3:]} == times
    assert set(set_aside(mirror)) == {changed, cut}
    assert "was moved to" in found.explanation("Truck 1/20260228/a.osf")
    del truck.files["20260228/new.osf"]  # it is the next sync's
    await mirror.assert_equals_server()
    assert (await look(mirror)).code is ExitCode.COMPLETE
    told = (await story.why(mirror.settings, "20260228/a.osf")).files[0]
    (event,) = [event.what for event in told.events if "verification" in event.what]
    assert "(check sha256)" in event
    assert "set-aside" in event
    again = await mend(mirror)
    assert (again.code, again.broken()) == (ExitCode.COMPLETE, {})
    assert again.verified.repair is not None
    assert again.verified.repair.queued == 0


async def test_a_repair_with_the_settings_of_one_tenant_where_another_was_mirrored_last(
    mirror: Mirror, empty_world: World
) -> None:
    other = empty_world.add_device("Other 1", behaviour=DEAD, tenant=empty_world.other)
    empty_world.add_file(other, "other.osf")
    own = mirror.settings.cloud.tenant
    mirror.change("cloud", tenant=empty_world.other.name)
    await mirror.sync()
    mirror.change("cloud", tenant=own or empty_world.main.name)
    flip(path_of(mirror, NAMES[0]))
    found = await mend(mirror)
    assert (found.code, found.verified.error) == (ExitCode.COMPLETE, "")
    assert found.verified.repair is not None
    assert (found.verified.repair.queued, found.verified.repair.back) == (1, 1)
    assert (await look(mirror)).code is ExitCode.COMPLETE
    told = [row async for rows in known.provenance(mirror.settings) for row in rows]
    assert {row.name: row.tenant for row in told} == {
        **dict.fromkeys(NAMES, empty_world.main.name),
        "other.osf": empty_world.other.name,
    }
    mirror.change("cloud", tenant=empty_world.other.name)
    assert (await mirror.sync()).problems == ()  # its devices are still its own, and no others are
    mirror.change("cloud", tenant=empty_world.main.name)
    for device in empty_world.devices(empty_world.main.id):
        empty_world.remove_device(device)
    assert "though 1 are known" in (await mirror.sync()).error


async def test_a_repair_of_nothing_asks_nobody(mirror: Mirror) -> None:
    mirror.simulator.requests.clear()
    assert (await mend(mirror)).code is ExitCode.COMPLETE
    assert mirror.simulator.requests == Counter()
    with closing(sqlite3.connect(mirror.settings.state.url.removeprefix("sqlite:///"))) as database:
        assert database.execute("SELECT command FROM runs").fetchall() == [("sync",)]


async def test_a_file_that_the_server_lost_stays_findable(
    mirror: Mirror, empty_world: World, truck: SimDevice
) -> None:
    changed = flip(path_of(mirror, NAMES[0]))
    flip(path_of(mirror, NAMES[2]))
    empty_world.remove_file(truck, NAMES[0])
    mirror.simulator.faults.add(Fault.status(404), on="download-token", file=NAMES[2], times=None)
    found = await mend(mirror)
    assert found.code is ExitCode.PARTIAL
    assert found.verified.repair is not None
    assert (found.verified.repair.queued, found.verified.repair.back, found.verified.repair.left) == (2, 0, 2)
    left = {file.name: file for file in found.verified.repair.files}
    assert (left[NAMES[0]].reason, left[NAMES[2]].reason) == ("lost", "retrying")
    kept = Path(left[NAMES[0]].found.rpartition(" was moved to ")[2].removesuffix("."))
    assert bytes_at(kept) == changed
    assert kept.is_relative_to(mirror.settings.archive.path / ".osfsync-part")
    assert (await mirror.missing()).keys() >= {NAMES[0], NAMES[2]}
    await mirror.sync()  # removes nothing that was set aside
    assert bytes_at(kept) == changed
    mirror.simulator.faults.clear()
    await mirror.sync()
    await mirror.assert_equals_server()


async def test_a_device_that_the_platform_does_not_list_any_more(
    mirror: Mirror, empty_world: World, truck: SimDevice
) -> None:
    path_of(mirror, NAMES[0]).unlink()
    empty_world.add_device("Boat", behaviour=DEAD)
    empty_world.remove_device(truck)
    found = await mend(mirror)
    assert found.code is ExitCode.PARTIAL
    assert found.verified.repair is not None
    assert [file.name for file in found.verified.repair.files] == [NAMES[0]]


async def test_what_only_the_device_has_now_is_asked_for(
    mirror: Mirror, empty_world: World, truck: SimDevice
) -> None:
    orders = len(empty_world.command_log)
    path_of(mirror, NAMES[0]).unlink()
    empty_world.set_status(truck, NAMES[0], StorageStatus.DEVICE_ONLY)
    found = await mend(mirror)
    assert found.code is ExitCode.PARTIAL
    assert len(empty_world.command_log) == orders + 1
    assert (await mirror.missing())[NAMES[0]].reason == "ordered"


async def test_a_repair_while_the_platform_is_out_of_reach_is_finished_by_the_next_sync(
    mirror: Mirror,
) -> None:
    flip(path_of(mirror, NAMES[0]))
    path_of(mirror, NAMES[2]).unlink()
    mirror.simulator.faults.add(Fault.status(500), on="login", times=None)
    found = await mend(mirror)
    assert found.code is ExitCode.UNREACHABLE
    assert found.verified.error
    assert found.verified.repair is not None
    assert found.verified.repair.left == 2
    assert {row.reason for row in (await mirror.missing()).values()} >= {"on-server"}
    mirror.simulator.faults.clear()
    assert (await mirror.sync()).files.fetched == 2
    await mirror.assert_equals_server()
    assert (await look(mirror)).code is ExitCode.COMPLETE


async def test_a_repair_fetches_whatever_is_selected_today(mirror: Mirror) -> None:
    mirror.change("select", files=("*.csv",), devices=("nobody",))
    mirror.change("orders", mode=OrderMode.ONLY)
    flip(path_of(mirror, NAMES[0]))
    assert (await mend(mirror)).code is ExitCode.COMPLETE
    await mirror.assert_equals_server()


@pytest.mark.skipif(sys.platform == "win32", reason="needs symbolic links")
async def test_what_cannot_be_moved_aside_is_left_as_it_is(mirror: Mirror, tmp_path: Path) -> None:
    """Nothing is written through a link that leads out of the archive."""
    folder = path_of(mirror, "20260228")
    folder.rename(tmp_path / "elsewhere")
    folder.symlink_to(tmp_path / "elsewhere")
    changed = flip(folder / "a.osf")
    found = await mend(mirror)
    assert found.code is ExitCode.PARTIAL
    assert "could not be repaired" in found.explanation("Truck 1/20260228/a.osf")
    assert (folder / "a.osf").read_bytes() == changed
    assert (await mirror.files())[
        next(key for key in await mirror.files() if key[1] == NAMES[0])
    ].state == "held"
    assert found.verified.repair is not None
    assert (found.verified.repair.queued, found.verified.repair.stuck) == (0, 1)


async def test_another_run_holds_the_lock(mirror: Mirror) -> None:
    flip(path_of(mirror, NAMES[0]))
    with hold_lock(mirror.settings.state):
        found = await mend(mirror)
        assert (found.code, found.rows) == (ExitCode.LOCKED, [])
        assert "Another run" in found.verified.error
        assert (await look(mirror)).code is ExitCode.PARTIAL  # reading needs no lock
    assert set_aside(mirror) == []


async def test_a_file_that_a_run_replaces_meanwhile_is_not_changed(
    mirror: Mirror, empty_world: World, truck: SimDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The new version is in place, and the state does not know it yet."""
    monkeypatch.setattr(pipeline, "PATIENCE", 1.0)
    commit, placed, told = Writer.commit, anyio.Event(), anyio.Event()

    async def late(self: Writer, facts: Sequence[Fact]) -> None:
        if any(isinstance(fact, Fetched) for fact in facts):
            placed.set()
            await anyio.sleep(0.5)
            await commit(self, facts)
            told.set()
            return
        await commit(self, facts)

    monkeypatch.setattr(Writer, "commit", late)
    empty_world.add_file(truck, NAMES[0], size=6_000)  # replaced
    empty_world.add_file(truck, "20260228/new.osf")  # and new
    async with anyio.create_task_group() as group:
        group.start_soon(mirror.sync)
        await placed.wait()
        found = await look(mirror)
        assert told.is_set()
    assert (found.code, found.broken()) == (ExitCode.COMPLETE, {})


async def test_a_file_that_a_run_has_just_put_in_place_is_not_extra(
    mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The run records it a moment later; a verification waits for that before it calls a new file extra."""
    monkeypatch.setattr(pipeline, "PATIENCE", 0)
    under_way = Holdings.run_under_way
    asked = []
    with closing(sqlite3.connect(mirror.settings.state.url.removeprefix("sqlite:///"))) as database:

        def write(values: Sequence[Any]) -> None:
            database.execute("UPDATE files SET sha256 = ?, held_size = ? WHERE name = ?", (*values, NAMES[0]))
            database.commit()

        async def recorded_meanwhile(self: Holdings) -> bool:
            asked.append(await under_way(self))
            write(held)
            return asked[-1]

        query = "SELECT sha256, held_size FROM files WHERE name = ?"
        held = database.execute(query, NAMES[:1]).fetchone()
        write((None, None))
        database.execute("UPDATE runs SET finished = NULL")
        database.commit()
        monkeypatch.setattr(Holdings, "run_under_way", recorded_meanwhile)
        found = await look(mirror)
    assert asked == [True]
    assert Verdict.EXTRA not in {row.verdict for row in found.rows}


async def test_a_file_that_is_not_held_any_more_is_left_out(
    mirror: Mirror, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As if a repair had forgotten it since the page of the state was read."""
    path_of(mirror, NAMES[0]).unlink()
    examine = pipeline.Verifier._examine

    async def forgetting(self: pipeline.Verifier, files: Sequence[Any]) -> list[Any]:
        findings = await examine(self, files)
        with closing(sqlite3.connect(mirror.settings.state.url.removeprefix("sqlite:///"))) as database:
            database.execute("UPDATE files SET sha256 = NULL, held_size = NULL WHERE name = ?", (NAMES[0],))
            database.commit()
        return findings

    monkeypatch.setattr(pipeline.Verifier, "_examine", forgetting)
    found = await look(mirror)
    assert (found.code, len(found.rows)) == (ExitCode.COMPLETE, 4)


async def test_samples_take_everything_in_turn(mirror_of: MirrorOf, empty_world: World) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    for number in range(60):
        empty_world.add_file(device, f"{number:02}.osf", content=b"")
    async with mirror_of(empty_world) as mirror:
        await mirror.sync()
        rows = []
        for number in range(7, 11):
            found = await look(mirror, VerifyRequest(sample=Sample(Fraction(1, 4), number)))
            assert 0 < len(found.rows) < 40
            assert found.verified.progress.of_files == 15
            rows += [row.name for row in found.rows]
        assert sorted(map(str, rows)) == [f"{number:02}.osf" for number in range(60)]


async def test_only_the_named_devices(mirror_of: MirrorOf, small_world: World) -> None:
    async with mirror_of(small_world) as mirror:
        await mirror.sync()
        names = sorted({row.device for row in (await mirror.files()).values() if row.state == "held"})
        found = await look(mirror, VerifyRequest(devices=[names[0]]))
        assert {row.device for row in found.rows} == {names[0]}
        unknown = await look(mirror, VerifyRequest(devices=["nobody"]))
        assert (unknown.code, unknown.rows) == (ExitCode.USAGE, [])
        assert "nobody" in unknown.verified.error


async def test_an_archive_that_is_gone_is_told_and_nothing_is_missing(mirror: Mirror) -> None:
    root = mirror.settings.archive.path
    root.rename(root.with_name("unmounted"))
    for found in (await look(mirror), await mend(mirror)):
        assert (found.code, found.rows) == (ExitCode.USAGE, [])
        assert "mounted" in found.verified.error


async def test_nobody_wants_more(
    mirror_of: MirrorOf, small_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "PAGE", 2)
    async with mirror_of(small_world) as mirror:
        await mirror.sync()
        teller = Teller(most=2)
        verified = await verify(mirror.settings, VerifyRequest(), teller.tell)
        assert (teller.pages, verified.complete) == (2, False)


async def test_the_manifest_lists_what_is_held(mirror: Mirror, tmp_path: Path) -> None:
    target = tmp_path / "MANIFEST"
    assert await manifest(mirror.settings, target) == len(NAMES)
    lines = target.read_text(encoding="utf-8").splitlines()
    paths = [line[66:] for line in lines]
    assert paths == sorted(mirror.on_disk())
    hashes = {row.path: row.sha256 for row in (await mirror.files()).values()}
    assert lines == [f"{hashes[path]}  {path}" for path in paths]


async def test_a_caller_that_cancels_a_repair_leaves_a_state_that_knows(mirror: Mirror) -> None:
    flip(path_of(mirror, NAMES[0]))
    before = mirror.simulator.requests["download"]
    mirror.simulator.faults.add(Fault.silence(), on="download", times=None)
    async with anyio.create_task_group() as group:
        group.start_soon(mend, mirror)
        with anyio.fail_after(30):
            while mirror.simulator.requests["download"] == before:  # noqa: ASYNC110 - it counts, and notifies nobody
                await anyio.sleep(0.01)
        group.cancel_scope.cancel()
    assert (await mirror.missing())[NAMES[0]].reason == "on-server"
    mirror.simulator.faults.clear()
    await mirror.sync()
    await mirror.assert_equals_server()
