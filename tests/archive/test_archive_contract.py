"""What every archive does. A new back end joins by one more entry in ARCHIVES."""

import gzip
import threading
import zlib
from collections.abc import Callable
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

import anyio
import pytest
from anyio import to_thread

from osfsync.archive.base import Archive, Body, Placed
from osfsync.archive.local import LocalArchive
from osfsync.archive.paths import PART_FOLDER, twin_paths
from osfsync.content import LengthCheck, check_for
from osfsync.domain.errors import ArchiveError, DamagedError
from osfsync.domain.model import Held, Verification
from tests.archive.archive_bytes import HeldUpCheck, body, is_whole, let_go_at_the_end, osf, osfz, receive

NOW = datetime(2026, 3, 1, tzinfo=UTC)
ARCHIVES: dict[str, Callable[[Path], Archive]] = {"local": LocalArchive}


@pytest.fixture(params=ARCHIVES.values(), ids=list(ARCHIVES))
async def archive(request: pytest.FixtureRequest, tmp_path: Path) -> Archive:
    made: Archive = request.param(tmp_path / "mirror")
    await made.prepare("state", known=False)
    return made


async def holds(archive: Archive, path: str, data: bytes) -> bool:
    """Whether `data` lies at `path`."""
    return is_whole(await archive.adopt(path, len(data), check_for(path)), data)


async def test_placed_files_are_there_and_described(archive: Archive) -> None:
    bodies = [body(f"d{n % 3}/{n}.osf", osf(n)) for n in range(40)] + [body("d/e/f.osfz", osfz())]
    results = await archive.place(bodies)
    assert len(results) == len(bodies)
    for placed, result in zip(bodies, results, strict=True):
        assert is_whole(result, placed.data)
        assert await holds(archive, placed.path, placed.data)


async def test_an_empty_group_is_nothing(archive: Archive) -> None:
    assert await archive.place([]) == []


async def test_files_with_nothing_inside(archive: Archive) -> None:
    results = await archive.place([body("a.osf", b""), body("a.txt", b"")])
    assert isinstance(results[0], DamagedError)
    assert results[0].check == "empty"
    assert await archive.sizes(["a.osf", "a.txt"]) == {"a.txt": 0}
    assert (await receive(archive, "b.txt", [], 0)).size == 0
    assert await archive.sizes(["b.txt"]) == {"b.txt": 0}


@pytest.mark.parametrize(
    ("damaged", "check"),
    [
        (body("d/x.osf", osf(), size=1), "length"),
        (body("d/x.osf", osf(), size=10_000), "length"),
        (body("d/x.osf", b"<html>"), "not-osf"),
        (body("d/x.osfz", osfz()[:-1]), "gzip-end"),
        (body("d/x.osf", b"<html>", size=10_000), "length"),
    ],
)
async def test_a_damaged_body_is_refused_alone(archive: Archive, damaged: Body, check: str) -> None:
    await archive.place([body(damaged.path, osf(9) if damaged.path.endswith("osf") else osfz(9))])
    before = await archive.sizes([damaged.path])
    fresh = Body(damaged.path, damaged.data, damaged.expected_size, check_for(damaged.path))
    results = await archive.place([body("d/a.osf"), fresh, body("d/b.osf")])
    assert is_whole(results[0], osf())
    assert is_whole(results[2], osf())
    assert isinstance(results[1], DamagedError)
    assert results[1].check == check
    assert await archive.sizes([damaged.path]) == before


def held(data: bytes) -> Held:
    return Held(len(data), sha256(data).hexdigest(), NOW, Verification.WHOLE)


PADDED = osfz(2) + b"\0" * 9
MEMBERS = osfz(2) + gzip.compress(b"\0")
OTHER = gzip.compress(osf(2).replace(b"12345678", b"87654321"))
REPACKED = zlib.compress(osf(2))


BEFORE: dict[str, tuple[str, bytes | None, Held | None, bytes, bool]] = {
    "nothing": ("a.osf", None, None, osf(2), False),
    "the same": ("a.osf", osf(2), None, osf(2), False),
    "its beginning": ("a.osf", osf(2)[:-3], None, osf(2), False),
    "something else": ("a.osf", b"somebody's only copy", None, osf(2), True),
    "more": ("a.osf", osf(3), None, osf(2), True),
    "the held one, and more": ("a.osf", osf(3), held(osf(3)), osf(2), True),
    "the held one, packed": ("a.osfz", osfz(2), held(osfz(2)), osfz(99), False),
    "the held one, packed, and larger": ("a.osfz", osfz(99), held(osfz(99)), osfz(2), True),
    "the held one, packed otherwise": (
        "a.osfz",
        zlib.compress(osf(2)),
        held(zlib.compress(osf(2))),
        osfz(99),
        False,
    ),
    "the held one, packed and padded": ("a.osfz", PADDED, held(PADDED), osfz(99), False),
    "the held one, in two members": ("a.osfz", MEMBERS, held(MEMBERS), osfz(99), True),
    "another recording, packed": ("a.osfz", OTHER, held(OTHER), osfz(99), True),
    "another than the held one, packed": ("a.osfz", osfz(2), held(osfz(3)), osfz(99), True),
}


@pytest.mark.parametrize("before", BEFORE)
@pytest.mark.parametrize("large", [False, True])
async def test_what_lies_there_is_kept_where_it_may_hold_more(
    archive: Archive, before: str, large: bool
) -> None:
    name, lying, former, new, expected = BEFORE[before]
    path = f"d/{name}"
    if lying is not None:
        await archive.place([Body(path, lying, None, LengthCheck())])
    if large:
        async with archive.receive(path, None, check_for(name)) as receiver:
            await receiver.write([new])
            placed = await receiver.commit(former)
    else:
        (result,) = await archive.place([Body(path, new, None, check_for(name), former)])
        assert isinstance(result, Placed)
        placed = result
    assert is_whole(placed, new)
    assert await holds(archive, path, new)
    assert (placed.kept is not None) is expected
    if placed.kept is not None:
        assert await anyio.Path(placed.kept).read_bytes() == lying


async def test_twins_make_the_plain_path_doubtful(archive: Archive) -> None:
    """Also where they differ in what file systems ignore."""
    twin = next(twin_paths("d/A.osf", "x/A.osf"))
    await archive.place([body(path) for path in ("d/a.osf", twin, "d/b.osf", "e/a.osf")])
    asked = ["d/a.osf", "d/b.osf", "e/a.osf", twin, "no/such.osf"]
    assert await archive.doubtful(asked) == {"d/a.osf"}


async def test_a_new_body_replaces_the_old_one(archive: Archive) -> None:
    await archive.place([body("d/a.osf", osf(1))])
    await archive.place([body("d/a.osf", osf(2))])
    assert await holds(archive, "d/a.osf", osf(2))
    async with archive.receive("d/a.osf", len(osf(3)), check_for("a.osf")) as receiver:
        await receiver.write([osf(3)])
        assert await holds(archive, "d/a.osf", osf(2))
        await receiver.commit()
    assert await holds(archive, "d/a.osf", osf(3))


@pytest.mark.parametrize(
    "path",
    [
        "",
        ".",
        "/a.osf",
        "../a.osf",
        "d/../../a.osf",
        "d//a",
        "C:/a",
        "d\\a",
        "d/a\0",
        "d/",
        PART_FOLDER + "/a",
    ],
)
async def test_a_path_that_leads_elsewhere_is_refused_alone(archive: Archive, path: str) -> None:
    results = await archive.place([Body(path, b"x", None, check_for("a.txt")), body("a.osf")])
    assert isinstance(results[0], ArchiveError)
    assert is_whole(results[1], osf())
    with pytest.raises(ArchiveError):
        await archive.adopt(path, None, check_for("a.txt"))
    with pytest.raises(ArchiveError):
        await receive(archive, path, [osf()])


async def test_sizes_tell_what_exists(archive: Archive) -> None:
    await archive.place([body("d/a.osf", osf(1)), body("d/b.osf", osf(2))])
    assert await archive.sizes(["d/a.osf", "d/b.osf", "d/c.osf", "d", "d/a.osf/x", "no/such"]) == {
        "d/a.osf": len(osf(1)),
        "d/b.osf": len(osf(2)),
    }


async def test_adoption_takes_only_what_is_whole(archive: Archive) -> None:
    await archive.place([body("d/a.osf"), body("d/b.txt", osfz()[:-1])])
    assert is_whole(await archive.adopt("d/a.osf", None, check_for("a.osf")), osf())
    assert is_whole(await archive.adopt("d/a.osf", len(osf()), check_for("a.osf")), osf())
    assert await archive.adopt("d/a.osf", len(osf()) + 1, check_for("a.osf")) is None
    assert await archive.adopt("d/b.txt", None, check_for("b.osfz")) is None
    for missing in ("d/c.osf", "d", "d/a.osf/x", "no/such"):
        assert await archive.adopt(missing, None, check_for("a.txt")) is None


async def test_a_large_file_arrives_in_pieces(archive: Archive) -> None:
    data = osfz(2000)
    async with archive.receive("d/e/a.osfz", len(data), check_for("a.osfz")) as receiver:
        await receiver.write([])
        await receiver.write([data[:10], data[10:11]])
        await receiver.write([data[11:]])
        assert await archive.sizes(["d/e/a.osfz"]) == {}
        held = (await receiver.commit()).held
    assert (held.size, held.verification) == (len(data), Verification.WHOLE)
    assert await holds(archive, "d/e/a.osfz", data)


async def test_leaving_without_commit_leaves_nothing(archive: Archive) -> None:
    async with archive.receive("d/a.osf", None, check_for("a.osf")) as receiver:
        await receiver.write([osf()])

    async def fail() -> None:
        async with archive.receive("d/a.osf", None, check_for("a.osf")) as receiver:
            await receiver.write([osf()])
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        await fail()
    assert await archive.sizes(["d/a.osf"]) == {}


@pytest.mark.parametrize(
    ("pieces", "size", "check"),
    [
        ([osf(), b"more"], len(osf()), "length"),
        ([osf()], len(osf()) + 1, "length"),
        ([b"<html>"], None, "not-osf"),
        ([b"OSF4"], None, "magic"),
        ([], None, "empty"),
    ],
)
async def test_a_large_file_that_is_damaged_is_refused(
    archive: Archive, pieces: list[bytes], size: int | None, check: str
) -> None:
    await archive.place([body("d/a.osf", osf(9))])
    with pytest.raises(DamagedError) as caught:
        await receive(archive, "d/a.osf", pieces, size)
    assert caught.value.check == check
    assert await holds(archive, "d/a.osf", osf(9))


async def test_one_path_may_be_received_twice_at_once(archive: Archive) -> None:
    async with (
        archive.receive("d/a.osf", None, check_for("a.osf")) as first,
        archive.receive("d/a.osf", None, check_for("a.osf")) as second,
    ):
        await first.write([osf(1)])
        await second.write([osf(2)])
        await second.commit()
        await first.commit()
    assert await holds(archive, "d/a.osf", osf(1))


async def test_work_is_done_off_the_event_loop(archive: Archive) -> None:
    placed, received, adopted = HeldUpCheck(), HeldUpCheck(), HeldUpCheck()
    for check in (placed, received, adopted):
        check.go_on.set()
    await archive.place([Body("d/a", b"x", None, placed)])
    async with archive.receive("d/b", None, received) as receiver:
        await receiver.write([b"x"])
        await receiver.commit()
    await archive.adopt("d/a", 1, adopted)
    for check in (placed, received, adopted):
        assert check.threads
        assert threading.get_ident() not in check.threads


async def test_a_cancelled_group_that_began_is_put_in_place(archive: Archive) -> None:
    with let_go_at_the_end(HeldUpCheck()) as check:
        async with anyio.create_task_group() as group:
            group.start_soon(archive.place, [Body("d/held.txt", b"x", None, check), body("d/a.osf")])
            await to_thread.run_sync(check.reached.wait, 30)
            group.cancel_scope.cancel()
            check.go_on.set()
    assert await archive.sizes(["d/held.txt", "d/a.osf"]) == {"d/held.txt": 1, "d/a.osf": len(osf())}


async def test_a_group_cancelled_before_it_began_leaves_nothing(archive: Archive) -> None:
    with anyio.CancelScope() as scope:
        scope.cancel()
        await archive.place([body("d/a.osf")])
    assert scope.cancelled_caught
    assert await archive.sizes(["d/a.osf"]) == {}


async def test_a_cancelled_receive_leaves_nothing(archive: Archive) -> None:
    async def receive_held_up() -> None:
        async with archive.receive("d/a.txt", None, check) as receiver:
            await receiver.write([b"x"])
            await receiver.commit()

    with let_go_at_the_end(HeldUpCheck()) as check:
        async with anyio.create_task_group() as group:
            group.start_soon(receive_held_up)
            await to_thread.run_sync(check.reached.wait, 30)
            group.cancel_scope.cancel()
            check.go_on.set()
    assert await archive.sizes(["d/a.txt"]) == {}


async def test_preparing_again_keeps_what_is_held(archive: Archive) -> None:
    await archive.place([body("d/a.osf")])
    await archive.prepare("state", known=False)
    assert await holds(archive, "d/a.osf", osf())


async def test_free_space_is_told(archive: Archive) -> None:
    assert await archive.free_space() > 0
