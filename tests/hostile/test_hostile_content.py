"""Files that cost more than they weigh: judged in bounded memory and time, off the event loop."""

import gzip
import time
import tracemalloc
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import repeat
from random import Random
from typing import Any, cast

import anyio
import pytest

from osfsync.content import osfz
from osfsync.content.metablock import MAX_METABLOCK, PARSED_METABLOCK
from osfsync.domain.errors import ExitCode
from osfsync.domain.model import StorageStatus, Verification
from osfsync.simulator.behaviour import Behaviour
from osfsync.simulator.faults import Fault, Replace
from osfsync.simulator.listing import TERSE
from osfsync.simulator.world import World
from tests.content.content_bytes import XML, judge, narrow, osf
from tests.whole.conftest import NOW, MirrorOf

DEAD = Behaviour(contact_every=None, files_per_day=0)
WHOLE = osf(XML, narrow(b"\x08 time 4444"))
SOON = 60.0  # seconds; generous


@contextmanager
def memory_below(most: int) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < most


def bomb(megabytes: int, first: bytes = b"") -> bytes:
    """A sound file that goes on with zeros; 1,028 times as much comes out."""
    packer = zlib.compressobj(9, wbits=31)
    zeros = bytes(1_000_000)
    pieces = [
        packer.compress(WHOLE + first),
        *(packer.compress(zeros) for _ in range(megabytes)),
        packer.flush(),
    ]
    return b"".join(pieces)


FULL = PARSED_METABLOCK - 100
METABLOCKS = {
    "deep": (b"<a>" * (FULL // 3), "metablock"),
    "deep and closed": (b"<a>" * (FULL // 7) + b"</a>" * (FULL // 7), "metablock"),
    "elements": (b"<a>" + b"<b/>" * (FULL // 4) + b"</a>", "metablock"),
    "channels": (b"<a>" + b"<channel/>" * (FULL // 10) + b"</a>", "metablock"),
    "attributes": (b"<a " + b"".join(b' b%d=""' % n for n in range(300_000)) + b"/>", "metablock"),
    "a tag": (b"<a" + b"b" * FULL, "metablock"),
    "a comment": (b"<a><!--" + b"b" * FULL + b"--></a>", "metablock"),
    "an instruction": (b"<?a " + b"b" * FULL + b"?><a/>", "metablock"),
    "text": (b"<a>" + b"b" * FULL + b"</a>", "header"),
    "entities": (b'<!DOCTYPE a [<!ENTITY b "' + b"c" * 1_000_000 + b'">]><a>' + b"&b;" * 1_000, "metablock"),
    "JSON channels": (b'{"osf":{"channels":[' + b'{"index":1},' * 300_000 + b'{"index":0}]}}', "whole"),
    "JSON deep": (b'{"osf":' + b"[" * FULL, "metablock"),
    "JSON keys": (b"{" + b",".join(b'"%d":1' % n for n in range(300_000)) + b"}", "header"),
    "a JSON number": (b'{"osf":{"channels":[{"index":' + b"1" * FULL + b"}]}}", "header"),
    "too long to be read": (b"<a>" * (MAX_METABLOCK // 3), "header"),
}


@pytest.mark.parametrize("name", METABLOCKS)
def test_a_metablock_without_measure(name: str) -> None:
    metablock, verdict = METABLOCKS[name]
    packed = gzip.compress(osf(metablock), 1)
    most = 2 * len(metablock) + 60_000_000
    with memory_below(most):
        assert judge("a.osfz", [packed]) == verdict


def test_metablocks_of_real_sizes_are_read_to_their_end() -> None:
    """Thousands of channels, and a description that is long, are no attack."""
    channel = b'<channel index="%d" sizeoflengthvalue="2" name="' + b"x" * 400 + b'"/>'
    many = b"<optimeas><channels>" + b"".join(channel % n for n in range(8_000)) + b"</channels></optimeas>"
    described = (
        b'<optimeas info="' + b"x" * 200_000 + b'"><channels>' + channel % 0 + b"</channels></optimeas>"
    )
    for metablock in (many, described):
        assert judge("a.osf", [osf(metablock, narrow(b"\x08 time 4444"))]) == "whole"


def test_no_file_unpacks_to_more_than_a_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(osfz, "MOST_PLAIN", 20_000_000)
    assert judge("a.osfz", [bomb(19)]) == "header"
    with memory_below(6_000_000):
        assert judge("a.osfz", [bomb(40)]) == "unpacked-size"


@pytest.mark.parametrize("name", ["a.osf", "a.osfz"])
def test_gzip_in_gzip_is_not_unpacked_again(name: str) -> None:
    assert judge(name, [gzip.compress(gzip.compress(bomb(10)))]) == "magic"


def test_many_empty_members_behind_a_recording_are_no_damage() -> None:
    assert judge("a.osfz", [gzip.compress(WHOLE) + gzip.compress(b"") * 100_000]) is Verification.WHOLE


@pytest.mark.parametrize("large", [False, True])
async def test_a_bomb_holds_up_neither_the_run_nor_the_loop(
    mirror_of: MirrorOf, empty_world: World, large: bool
) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    # A large one is not collected in memory, but judged piece by piece.
    content = bomb(120, Random(1).randbytes(4_100_000) if large else b"")
    for number in range(2):
        empty_world.add_file(device, f"bomb {number}.osfz", StorageStatus.BOTH, content=content)
        empty_world.add_file(device, f"{number}.osf", StorageStatus.BOTH)
    lags: list[float] = []

    async def watch() -> None:
        while True:
            before = time.monotonic()
            await anyio.sleep(0.01)
            lags.append(time.monotonic() - before)

    async with mirror_of(empty_world) as mirror, anyio.create_task_group() as group:
        group.start_soon(watch)
        with anyio.fail_after(SOON):
            summary = await mirror.sync()
        group.cancel_scope.cancel()
        assert (summary.exit_code, summary.files.fetched) == (ExitCode.COMPLETE, 4)
        await mirror.assert_equals_server()
        rows = await mirror.files()
        assert {row.verification for row in rows.values() if "bomb" in row.name} == {"header"}
    assert max(lags) < 5


async def test_what_unpacks_beyond_all_measure_is_quarantined(
    mirror_of: MirrorOf, empty_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(osfz, "MOST_PLAIN", 20_000_000)
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    empty_world.add_file(device, "bomb.osfz", StorageStatus.BOTH, content=bomb(40))
    empty_world.add_file(device, "a.osf", StorageStatus.BOTH)
    async with mirror_of(empty_world) as mirror:
        summary = await mirror.sync()
        assert (summary.files.fetched, summary.files.quarantined) == (1, 1)
        assert mirror.on_disk().keys() == {"Truck 1/a.osf"}
        assert mirror.part_files() == []
        missing = (await mirror.missing())["bomb.osfz"]
        assert missing.reason == "quarantined"
        assert "unpacks to more than 20,000,000 bytes" in missing.explanation


def endless() -> Fault:
    return Fault(Replace(cast("Any", repeat(WHOLE + bytes(60_000))), "application/octet-stream"))


ENDLESS: dict[str, tuple[bool, int, str, str]] = {
    "small by the list": (True, 64_000_000_000, "quarantined", "More bytes came than the 5000"),
    "of no known size": (False, 12_000_000, "retrying", "(12,000,000). Raise limits.max_file_size"),
    "of no known size, and small": (False, 100_000, "retrying", "(100,000). Raise limits.max_file_size"),
    "too large by the list": (True, 4_000, "retrying", "(4,000). Raise limits.max_file_size"),
}


@pytest.mark.parametrize("name", ENDLESS)
async def test_a_download_without_end_is_cut(mirror_of: MirrorOf, name: str) -> None:
    """At the size that the list tells, else at the largest one that the user wants; nothing stays behind."""
    listed, largest, reason, words = ENDLESS[name]
    await _assert_cut(mirror_of, listed=listed, size=5_000, largest=largest, told=(reason, words))


async def test_a_large_download_without_end_is_cut(mirror_of: MirrorOf) -> None:
    told = ("quarantined", "more than the 6000000 bytes that were expected")
    await _assert_cut(mirror_of, listed=True, size=6_000_000, largest=0, told=told)


async def _assert_cut(
    mirror_of: MirrorOf, *, listed: bool, size: int, largest: int, told: tuple[str, str]
) -> None:
    world = World(now=NOW) if listed else World(now=NOW, dialect=TERSE)
    device = world.add_device("Truck 1", behaviour=DEAD)
    world.add_file(device, "a.osf", StorageStatus.BOTH, size=size)
    world.add_file(device, "b.osf", StorageStatus.BOTH, content=WHOLE)
    if not listed:
        device.files["a.osf"].listed_by = device.files["b.osf"].listed_by.DEVICE_LIST
    async with mirror_of(world) as mirror:
        mirror.change("limits", max_file_size=largest)
        mirror.simulator.faults.add(endless(), on="download", times=None, file="a.osf")
        with anyio.fail_after(SOON):
            summary = await mirror.sync()
        assert (summary.exit_code, summary.files.fetched) == (ExitCode.PARTIAL, 1)
        assert mirror.on_disk().keys() == {"Truck 1/b.osf"}
        assert [path.name for path in mirror.part_files()] == []
        missing = (await mirror.missing())["a.osf"]
        assert missing.reason == told[0]
        assert told[1] in missing.explanation
        mirror.simulator.faults.clear()
        mirror.change("limits", max_file_size=0)
        assert (await mirror.sync()).files.fetched == 1
