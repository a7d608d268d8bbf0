"""Complete bytes that come the same twice are what the platform has: archived, marked, reported once."""

import gzip
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from random import Random
from typing import Any

import pytest

from osfsync.app import story
from osfsync.cloud.settings import BatchMode
from osfsync.domain.errors import ExitCode
from osfsync.domain.model import StorageStatus
from osfsync.simulator.behaviour import Behaviour
from osfsync.simulator.faults import Fault, Replace
from osfsync.simulator.world import World
from tests.whole.test_whole_former import made, set_aside
from tests.whole.test_whole_verify import look, mend

MirrorOf = Callable[..., AbstractAsyncContextManager[Any]]
DEAD = Behaviour(contact_every=None, files_per_day=0)
NAME = "a/cut.osfz"


def cut(size: int) -> bytes:
    """A compressed recording whose device lost power before the end marker."""
    return made("b.osfz", size)[:-600]


def large() -> bytes:
    return gzip.compress(made("b.osf", 5_000_000) + Random(1).randbytes(4_500_000), 1)[:-600]


DAMAGED: dict[str, tuple[Callable[[], bytes], str]] = {
    "a small one, cut": (lambda: cut(9_000), "gzip-end"),
    "a large one, cut": (large, "gzip-end"),
    "one of zeros": (lambda: bytes(5_000), "compression"),
    "one with a wrong checksum": (lambda: made("b.osfz", 9_000)[:-8] + bytes(8), "gzip-data"),
}


@pytest.mark.parametrize("kind", DAMAGED)
async def test_the_same_damaged_bytes_twice_are_archived_marked_and_left_alone(
    mirror_of: MirrorOf, empty_world: World, kind: str
) -> None:
    make, check = DAMAGED[kind]
    content = make()
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    empty_world.add_file(device, NAME, StorageStatus.BOTH, content=content)
    for number in range(3):
        empty_world.add_file(device, f"a/{number}.osfz", StorageStatus.BOTH)
    async with mirror_of(empty_world) as mirror:
        summary = await mirror.sync()
        assert summary.exit_code is ExitCode.COMPLETE
        assert [(problem.file, problem.reason) for problem in summary.problems] == [
            (NAME, "damaged-at-source")
        ]
        assert check in summary.problems[0].explanation
        await mirror.assert_equals_server()
        (file,) = [file for (_, name), file in (await mirror.files()).items() if name == NAME]
        assert file.verification == "damaged-at-source"
        mirror.simulator.requests.clear()
        again = await mirror.sync()
        assert (again.exit_code, again.problems) == (ExitCode.COMPLETE, ())
        assert mirror.simulator.requests["download"] == 0
        empty_world.add_file(device, NAME, StorageStatus.BOTH, content=made("b.osfz", 9_500))
        assert (await mirror.sync()).files.fetched == 1
        await mirror.assert_equals_server()
        assert [path.read_bytes() for path in set_aside(mirror)] == [content]


REFUSED: dict[str, Callable[[int], bytes]] = {
    "html": lambda size: b"<html><body>" + b"x" * (size - 12),
    "json": lambda size: b'{"error":"' + b"x" * (size - 12) + b'"}',
    "text": lambda size: b"Internal Server Error\r\n".ljust(size, b"."),
    "text in UTF-8": lambda size: "Größe ungültig ".encode().ljust(size, b"."),
    "a packed page": lambda size: gzip.compress(b"<html>").ljust(size, b"\0"),
}


@pytest.mark.parametrize("kind", REFUSED)
async def test_pages_and_messages_are_never_archived_as_damaged_files(
    mirror_of: MirrorOf, empty_world: World, kind: str
) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    file = empty_world.add_file(device, NAME, StorageStatus.BOTH)
    async with mirror_of(empty_world) as mirror:
        mirror.change("limits", batch=BatchMode.NEVER)
        body = REFUSED[kind](file.size)
        assert len(body) == file.size
        mirror.simulator.faults.add(
            Fault(Replace(body, "application/octet-stream")), on="download", times=None
        )
        for _ in range(2):
            summary = await mirror.sync()
            assert (summary.exit_code, mirror.on_disk()) == (ExitCode.PARTIAL, {})


async def test_why_and_verify_name_the_damage_and_repair_nothing(
    mirror_of: MirrorOf, empty_world: World
) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    empty_world.add_file(device, NAME, StorageStatus.BOTH, content=cut(9_000))
    async with mirror_of(empty_world) as mirror:
        await mirror.sync()
        mirror.simulator.requests.clear()
        assert (await look(mirror)).broken() == {}
        repaired = await mend(mirror)
        assert (repaired.code, mirror.simulator.requests["download"]) == (ExitCode.COMPLETE, 0)
        (told,) = (await story.why(mirror.settings, NAME)).files
        assert "(check gzip-end failed)" in told.events[-1].what
        await mirror.assert_equals_server()
