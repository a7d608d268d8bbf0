"""What is special about kept parts on a local disk: what is durable when, notes that lie, and bounds."""

import errno
import json
import os
import shutil
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from osfsync.archive import keeper, kept, receiver
from osfsync.archive.base import PartLabel
from osfsync.archive.kept import KEPT_FOR, Shelf
from osfsync.archive.local import LocalArchive
from osfsync.archive.paths import PART_FOLDER
from osfsync.content import check_for
from osfsync.domain.errors import DamagedError, DiskFullError
from tests.archive.archive_bytes import files_below, osf

PATH = "d/a.osf"
DATA = osf(500)
LABEL = PartLabel("id", "a.osf", len(DATA), '"v1"')


@pytest.fixture(autouse=True)
def small_steps(monkeypatch: pytest.MonkeyPatch) -> None:
    """As if every byte were thousands."""
    monkeypatch.setattr(keeper, "KEPT_FROM", 1_000)
    monkeypatch.setattr(keeper, "DURABLE_EVERY", 2_000)
    monkeypatch.setattr(receiver, "READ", 300)
    monkeypatch.setattr(receiver, "READS_A_STEP", 2)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    return tmp_path / "mirror"


async def opened(root: Path) -> LocalArchive:
    archive = LocalArchive(root)
    await archive.prepare("state", known=False)
    return archive


async def begin(archive: LocalArchive, upto: int = 5_000, path: str = PATH) -> None:
    async with archive.receive(path, len(DATA), check_for(path), LABEL) as receiver:
        for at in range(0, upto, 100):
            await receiver.write([DATA[at : min(at + 100, upto)]])


async def size_of_kept(archive: LocalArchive, path: str = PATH) -> int:
    async with archive.resume(path, check_for(path)) as receiver:
        return receiver.size


async def finish(archive: LocalArchive, path: str = PATH) -> None:
    async with archive.resume(path, check_for(path)) as receiver:
        await receiver.write([DATA[receiver.size :]])
        await receiver.commit()


class Left(NamedTuple):
    part: Path
    note: Path


def left_below(root: Path) -> Left:
    (part,) = (root / PART_FOLDER).glob("*.part")
    (note,) = (root / PART_FOLDER).glob("*.note")
    return Left(part, note)


def hidden(root: Path) -> set[str]:
    return {path for path in files_below(root) if path.startswith(PART_FOLDER)}


async def test_a_killed_run_leaves_what_was_durable_and_nothing_behind_it_is_trusted(root: Path) -> None:
    archive = await opened(root)
    async with archive.receive(PATH, len(DATA), check_for(PATH), LABEL) as receiver:
        for at in range(0, 4_600, 100):
            await receiver.write([DATA[at : at + 100]])
        killed = root.with_name("killed")
        shutil.copytree(root, killed)  # what a kill leaves
    part = left_below(killed).part
    assert part.stat().st_size == 4_600
    data = bytearray(part.read_bytes())
    data[3_000:] = bytes(5_000)  # noted were the first 3,000; what a power cut makes of the rest nobody knows
    part.write_bytes(data)
    again = await opened(killed)
    assert await size_of_kept(again) == 3_000
    assert part.stat().st_size == 3_000
    await finish(again)
    assert files_below(killed) == {PATH: DATA}


@pytest.mark.skipif(sys.platform != "linux", reason="asks Linux for the names of open files")
async def test_bytes_are_durable_before_a_note_vouches_for_them(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    fsync, replace = os.fsync, os.replace

    def spy_fsync(descriptor: int) -> None:
        fsync(descriptor)
        steps.append(Path(f"/proc/self/fd/{descriptor}").readlink().suffix or "folder")

    def spy_replace(part: str, target: str) -> None:
        replace(part, target)
        steps.append("named")

    archive = await opened(root)
    monkeypatch.setattr(os, "fsync", spy_fsync)
    monkeypatch.setattr(os, "replace", spy_replace)
    await begin(archive)
    assert steps == [".part", ".new", "named", "folder"] * 3  # at 1,000, at 3,000, at the end
    steps.clear()
    await finish(archive)
    assert steps[:2] == [".part", "named"]  # as any file; nothing is noted any more


async def test_a_note_is_gone_with_its_part(root: Path) -> None:
    archive = await opened(root)
    await begin(archive)
    assert hidden(root) == {f"{PART_FOLDER}/{file.name}" for file in left_below(root)}
    await finish(archive)
    assert files_below(root) == {PATH: DATA}


@pytest.mark.parametrize("at", [0, 2_500, 4_999])
async def test_a_kept_byte_that_is_another_is_found_out(root: Path, at: int) -> None:
    """Not even the blocks of a plain file could tell."""
    await begin(await opened(root))
    part = left_below(root).part
    data = bytearray(part.read_bytes())
    data[at] ^= 1
    part.write_bytes(data)
    archive = await opened(root)
    with pytest.raises(DamagedError):
        await finish(archive)
    assert await archive.kept(PATH) is None
    assert files_below(root) == {}


async def test_a_part_that_is_gone_or_shortened_meanwhile_is_found_out(root: Path) -> None:
    archive = await opened(root)
    for left in (None, b"", DATA[:4_999]):
        await begin(archive)
        part = left_below(root).part
        part.unlink()
        if left is not None:
            part.write_bytes(left)
        with pytest.raises(DamagedError, match="not what it was"):
            await finish(archive)
        assert files_below(root) == {}


def changed(**fields: Any) -> Callable[[bytes], bytes]:
    return lambda note: json.dumps(json.loads(note) | fields).encode()


def label(**fields: Any) -> Callable[[bytes], bytes]:
    return lambda note: changed(label=json.loads(note)["label"] | fields)(note)


@pytest.mark.parametrize(
    "spoil",
    [
        lambda _: b"",
        lambda note: note[:-1],
        lambda _: b"\xff\xfe",
        lambda _: b"[" * 100_000,
        lambda note: note + b" " * 100_000,
        lambda _: bytes(300),
        changed(format=2),
        changed(more=1),
        changed(path="../a.osf"),
        changed(path=f"{PART_FOLDER}/a.osf"),
        changed(path=7),
        changed(durable=0),
        changed(durable=-1),
        changed(durable=10**30),
        changed(durable=5_001),
        changed(sha256="0" * 63),
        changed(label=None),
        label(size=0),
        label(name=None),
        label(validator="two\r\nlines"),
        label(validator=""),
    ],
)
async def test_a_note_that_can_not_be_believed_is_removed_with_its_part(
    root: Path, spoil: Callable[[bytes], bytes]
) -> None:
    await begin(await opened(root))
    note = left_below(root).note
    note.write_bytes(spoil(note.read_bytes()))
    archive = await opened(root)
    assert await archive.kept(PATH) is None
    assert files_below(root) == {}


async def test_a_note_of_other_bytes_is_found_out_before_they_count(root: Path) -> None:
    await begin(await opened(root))
    note = left_below(root).note
    note.write_bytes(changed(durable=4_000)(note.read_bytes()))
    archive = await opened(root)
    with pytest.raises(DamagedError, match="not what it was"):
        await finish(archive)
    assert files_below(root) == {}


async def test_what_has_no_counterpart_is_removed(root: Path) -> None:
    await begin(await opened(root))
    part, note = left_below(root)
    note.with_name(f"{note.name}.new").write_bytes(note.read_bytes())
    note.with_name("0f0f0f0f-1.part.note").write_bytes(note.read_bytes())
    note.with_name("1.part").write_bytes(part.read_bytes())
    note.with_name("1.part.note").write_bytes(note.read_bytes())  # no name of ours
    part.unlink()
    await opened(root)
    assert files_below(root) == {}


def replace_by_link(linked: Path, elsewhere: Path) -> None:
    linked.rename(elsewhere)
    try:
        linked.symlink_to(elsewhere)
    except OSError as error:
        pytest.skip(f"symbolic links can't be made here: {error}")


@pytest.mark.parametrize("which", ["part", "note"])
async def test_nothing_is_read_or_written_through_a_link(root: Path, tmp_path: Path, which: str) -> None:
    await begin(await opened(root))
    linked: Path = getattr(left_below(root), which)
    elsewhere = tmp_path / "elsewhere"
    replace_by_link(linked, elsewhere)
    before = elsewhere.read_bytes()
    archive = await opened(root)
    assert await archive.kept(PATH) is None
    assert elsewhere.read_bytes() == before
    assert files_below(root) == {}


async def test_nothing_is_written_that_has_another_name_too(root: Path) -> None:
    await begin(await opened(root))
    part = left_below(root).part
    other = root / "other.osf"
    other.hardlink_to(part)
    archive = await opened(root)
    with pytest.raises(DamagedError, match="not what it was"):
        await finish(archive)
    assert files_below(root) == {"other.osf": DATA[:5_000]}


async def test_of_two_parts_that_are_found_the_newer_counts(root: Path) -> None:
    await begin(await opened(root))
    part, note = left_below(root)
    for old, suffix in ((part, ".part"), (note, ".part.note")):
        copy = old.with_name(f"00000000-1{suffix}")
        copy.write_bytes(old.read_bytes())
        os.utime(copy, (1_000 + time.time(), 1_000 + time.time()))
    archive = await opened(root)
    assert {Path(path).name for path in hidden(root)} == {"00000000-1.part", "00000000-1.part.note"}
    await finish(archive)
    assert files_below(root) == {PATH: DATA}


async def test_the_oldest_give_way(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kept, "MOST_KEPT", 3)
    archive = await opened(root)
    paths = [f"d/{number}.osf" for number in range(5)]
    for path in paths:
        await begin(archive, path=path)
    assert [path for path in paths if await archive.kept(path)] == paths[2:]
    assert len(hidden(root)) == 6
    monkeypatch.setattr(kept, "MOST_KEPT_BYTES", 10_000)
    archive = await opened(root)
    assert len([path for path in paths if await archive.kept(path)]) == 2
    assert len(hidden(root)) == 4


async def test_no_more_is_kept_than_is_free(root: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    await begin(await opened(root))
    usage = shutil.disk_usage(root)
    monkeypatch.setattr(kept, "disk_usage", lambda _: usage._replace(free=4_999))
    assert await (await opened(root)).kept(PATH) is None
    assert files_below(root) == {}


async def test_what_nobody_fetched_for_long_is_removed(root: Path) -> None:
    await begin(await opened(root))
    long_ago = time.time() - KEPT_FOR.total_seconds()
    os.utime(left_below(root).note, (long_ago + 60, long_ago + 60))
    assert await (await opened(root)).kept(PATH) == LABEL
    os.utime(left_below(root).note, (long_ago - 60, long_ago - 60))
    assert await (await opened(root)).kept(PATH) is None
    assert files_below(root) == {}


async def test_two_parts_of_one_path_leave_the_newer(root: Path) -> None:
    archive = await opened(root)
    async with archive.receive(PATH, len(DATA), check_for(PATH), LABEL) as first:
        await begin(archive, 4_000)
        await first.write([DATA[:6_000]])
    assert await size_of_kept(archive) == 6_000
    assert len(hidden(root)) == 2


async def test_a_note_that_can_not_be_written_is_a_full_disk_or_no_note(
    root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device")

    archive = await opened(root)
    monkeypatch.setattr(Shelf, "write", full)
    with pytest.raises(DiskFullError):
        await begin(archive)
    assert files_below(root) == {}
    monkeypatch.setattr(keeper, "KEPT_FROM", 6_000)
    async with archive.receive(PATH, len(DATA), check_for(PATH), LABEL) as receiver:
        await receiver.write([DATA[:5_000]])
        monkeypatch.setattr(keeper, "KEPT_FROM", 4_000)
    assert files_below(root) == {}
    assert await archive.kept(PATH) is None


async def test_what_else_lies_in_the_hidden_folder_is_left_alone(root: Path) -> None:
    await opened(root)
    (root / PART_FOLDER / "a.note").write_bytes(b"somebody's")
    (root / PART_FOLDER / "set-aside").mkdir()
    (root / PART_FOLDER / "set-aside" / "0f0f0f0f-1.part.note").write_bytes(b"somebody's")
    await opened(root)
    assert len(hidden(root)) == 2
