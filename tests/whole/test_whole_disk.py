"""An archive's disk that is not mounted, or goes away: what is missing then is not lost."""

import errno
import shutil
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from osfsync.app.repair import repair
from osfsync.app.verify import VerifyRequest, verify
from osfsync.archive import owner
from osfsync.archive.base import Placed
from osfsync.archive.durable import read_small
from osfsync.archive.local import LocalArchive
from osfsync.archive.receiver import LocalReceiver
from osfsync.domain.errors import ArchiveError, ExitCode
from osfsync.domain.model import Held, StorageStatus
from osfsync.pipeline import verify as pipeline
from osfsync.reports.verify import VerifiedModel
from osfsync.simulator.behaviour import Behaviour
from osfsync.simulator.fleet import SimDevice
from osfsync.simulator.world import World
from tests.whole.test_whole_verify import flip

MirrorOf = Callable[..., AbstractAsyncContextManager[Any]]
DEAD = Behaviour(contact_every=None, files_per_day=0)
DAY = timedelta(days=1)
FILES = 9


@pytest.fixture
def device(empty_world: World) -> SimDevice:
    made = empty_world.add_device("Truck 1", behaviour=DEAD)
    for number in range(FILES):
        empty_world.add_file(made, f"{number}.osf", StorageStatus.BOTH)
    return made


def unmount(archive: Path) -> None:
    """What lies behind a mount point is another, empty folder."""
    archive.rename(archive.with_name("the disk"))
    archive.mkdir()


def mount(archive: Path) -> None:
    written = [path.name for path in archive.rglob("*") if path.is_file()]
    assert set(written) <= {"lock"}
    shutil.rmtree(archive)
    archive.with_name("the disk").rename(archive)


@contextmanager
def unmounted(archive: Path) -> Iterator[None]:
    unmount(archive)
    yield
    mount(archive)


async def assert_nothing_is_lost(mirror: Any, device: SimDevice) -> None:
    """The platform has made room meanwhile: what is here is all there is."""
    for name in list(device.files):
        mirror.world.remove_file(device, name)
    summary = await mirror.sync()
    assert summary.files.lost == 0
    assert [row.state for row in (await mirror.files()).values()] == ["held"] * FILES


async def test_a_bare_mount_point_gets_no_file_also_where_none_is_held_yet(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    empty_world.add_file(device, "a.osf", StorageStatus.DEVICE_ONLY)
    async with mirror_of(empty_world) as mirror:
        await mirror.sync()
        empty_world.set_status(device, "a.osf", StorageStatus.BOTH)
        with unmounted(mirror.settings.archive.path):
            summary = await mirror.sync()
            assert summary.exit_code is ExitCode.USAGE
            assert "Is its disk mounted" in summary.error
        assert (await mirror.sync()).files.fetched == 1
        await mirror.assert_equals_server()


async def test_a_disk_that_goes_away_while_a_repair_reads_takes_no_file_along(
    mirror_of: MirrorOf, empty_world: World, device: SimDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "PAGE", 2)
    async with mirror_of(empty_world) as mirror:
        await mirror.sync()
        archive = mirror.settings.archive.path
        flip(archive / "Truck 1" / "0.osf")
        told: list[VerifiedModel] = []

        async def tell(rows: Sequence[VerifiedModel]) -> bool:
            told.extend(rows)
            if len(told) == 4:
                unmount(archive)
            return True

        ended = await repair(
            mirror.settings, mirror.ask_password, VerifyRequest(), tell, clock=lambda: empty_world.now
        )
        assert ended.exit_code is ExitCode.USAGE
        assert "Is its disk mounted" in ended.error
        mount(archive)
        assert (await mirror.sync()).files.fetched == 1
        await assert_nothing_is_lost(mirror, device)


async def test_a_disk_that_goes_away_while_an_archive_is_verified_is_told(
    mirror_of: MirrorOf, empty_world: World, device: SimDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pipeline, "PAGE", 2)
    async with mirror_of(empty_world) as mirror:
        await mirror.sync()
        archive = mirror.settings.archive.path
        told: list[VerifiedModel] = []

        async def tell(rows: Sequence[VerifiedModel]) -> bool:
            told.extend(rows)
            if len(told) == 4:
                unmount(archive)
            return True

        ended = await verify(mirror.settings, VerifyRequest(), tell)
        assert ended.exit_code is ExitCode.USAGE
        assert "Is its disk mounted" in ended.error
        assert {row.verdict for row in told} == {"ok"}
        mount(archive)
        await assert_nothing_is_lost(mirror, device)


async def test_a_disk_that_goes_away_while_large_files_come_ends_the_run(
    mirror_of: MirrorOf, empty_world: World, device: SimDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit, large, placed = LocalReceiver.commit, 20, 0
    async with mirror_of(empty_world) as mirror:
        await mirror.sync()
        archive = mirror.settings.archive.path
        mirror.change("limits", downloads=2)
        for number in range(large):
            empty_world.add_file(device, f"large {number}.osf", size=4_200_000)

        async def too_late(of: LocalReceiver, former: Held | None = None) -> Placed:
            nonlocal placed
            placed += 1
            if placed == 3:
                unmount(archive)
            return await commit(of, former)

        mirror.simulator.requests.clear()
        with monkeypatch.context() as patched:
            patched.setattr(LocalReceiver, "commit", too_late)
            summary = await mirror.sync()
        assert summary.exit_code is ExitCode.USAGE
        assert "Is its disk mounted" in summary.error
        assert mirror.simulator.requests["download-token"] < large / 2
        mount(archive)
        assert (await mirror.sync()).exit_code is ExitCode.COMPLETE
        await mirror.assert_equals_server()


async def test_an_archive_whose_mark_is_deleted_while_a_run_works_is_noticed_by_that_run(
    mirror_of: MirrorOf, small_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with mirror_of(small_world) as mirror:
        place, mark = LocalArchive.place, mirror.settings.archive.path / ".osfsync-part" / "state"

        async def placed(*arguments: Any) -> Any:
            results = await place(*arguments)
            mark.unlink(missing_ok=True)
            return results

        with monkeypatch.context() as patched:
            patched.setattr(LocalArchive, "place", placed)
            summary = await mirror.sync()
        assert summary.exit_code is ExitCode.USAGE
        assert "not marked" in summary.error


async def test_a_disk_that_fails_is_told_as_such(
    mirror_of: MirrorOf, empty_world: World, device: SimDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its root is there, and what is read of it ends with an error of the system's."""
    failing = False

    def read(path: Path, most: int) -> bytes | None:
        if failing and path.name == "state":
            raise OSError(errno.EIO, "Input/output error", str(path))
        return read_small(path, most)

    async def fail(*_: Any, **__: Any) -> Placed:
        nonlocal failing
        failing = True
        raise ArchiveError("Input/output error")

    async with mirror_of(empty_world) as mirror:
        await mirror.sync()
        empty_world.add_file(device, "large.osf", size=4_200_000)
        with monkeypatch.context() as patched:
            patched.setattr(owner, "read_small", read)
            patched.setattr(LocalReceiver, "commit", fail)
            summary = await mirror.sync()
            assert (summary.exit_code, "Input/output error" in summary.error) == (ExitCode.USAGE, True)

            async def tell(_: Sequence[VerifiedModel]) -> bool:
                return True

            ended = await verify(mirror.settings, VerifyRequest(), tell)
            assert (ended.exit_code, "Input/output error" in ended.error) == (ExitCode.USAGE, True)
        assert (await mirror.sync()).files.fetched == 1
        await mirror.assert_equals_server()


async def test_a_disk_that_goes_away_while_stock_is_taken_takes_no_file_along(
    mirror_of: MirrorOf, empty_world: World, device: SimDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes = LocalArchive.sizes
    async with mirror_of(empty_world) as mirror:
        await mirror.sync()
        archive = mirror.settings.archive.path
        mark = archive / ".osfsync-part" / "state"
        mark.write_text(mark.read_text().splitlines()[0] + "\nanother run\n")  # as of a backup put back

        async def too_late(of: LocalArchive, paths: Sequence[str]) -> dict[str, int | None]:
            unmount(archive)
            return await sizes(of, paths)

        with monkeypatch.context() as patched:
            patched.setattr(LocalArchive, "sizes", too_late)
            summary = await mirror.sync()
        assert summary.exit_code is ExitCode.USAGE
        assert "Is its disk mounted" in summary.error
        mount(archive)
        await assert_nothing_is_lost(mirror, device)


async def test_a_disk_that_is_back_when_it_is_asked_for_takes_no_file_along(
    mirror_of: MirrorOf, empty_world: World, device: SimDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was away while files were looked for, and is here again before that is believed."""
    assert device.files
    async with mirror_of(empty_world) as mirror:
        await mirror.sync()
        looks = pipeline.Verifier.look

        async def away(self: pipeline.Verifier, page: Any) -> Any:
            with unmounted(mirror.settings.archive.path):
                return await looks(self, page)

        monkeypatch.setattr(pipeline.Verifier, "look", away)

        async def tell(_: Sequence[VerifiedModel]) -> bool:
            return True

        ended = await repair(mirror.settings, mirror.ask_password, VerifyRequest(), tell)
        assert ended.exit_code is ExitCode.PARTIAL
        assert ended.repair is not None
        assert (ended.repair.queued, ended.repair.stuck) == (0, FILES)
        assert {row.state for row in (await mirror.files()).values()} == {"held"}


async def test_a_disk_that_is_back_when_stock_is_taken_takes_no_file_along(
    mirror_of: MirrorOf, empty_world: World, device: SimDevice, monkeypatch: pytest.MonkeyPatch
) -> None:
    assert device.files
    async with mirror_of(empty_world) as mirror:
        await mirror.sync()
        copy = Path(f"{mirror.settings.archive.path}-state")
        state = Path(mirror.settings.state.url.removeprefix("sqlite:///"))
        shutil.copy(state, copy)
        empty_world.advance(DAY)
        await mirror.sync()
        shutil.copy(copy, state)  # a backup is put back: state and archive are out of step
        sizes = LocalArchive.sizes
        asked: list[Sequence[str]] = []

        async def away(self: LocalArchive, paths: Sequence[str]) -> Any:
            if asked:
                return await sizes(self, paths)
            asked.append(paths)
            with unmounted(mirror.settings.archive.path):
                return await sizes(self, paths)

        monkeypatch.setattr(LocalArchive, "sizes", away)
        summary = await mirror.sync()
        assert "out-of-step" not in {problem.reason for problem in summary.problems}
        assert summary.files.fetched == 0
