"""What every archive does with the beginning of a large file: it is kept, and never trusted blindly."""

import threading
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from hashlib import sha256
from pathlib import Path

import anyio
import pytest
from anyio import to_thread

from osfsync.archive.base import Archive, PartLabel, Receiver
from osfsync.content import check_for
from osfsync.domain.errors import DamagedError
from osfsync.domain.model import ContentCheck
from tests.archive.archive_bytes import HeldUpCheck, body, let_go_at_the_end, osf, osfz
from tests.archive.test_archive_contract import ARCHIVES

PATH = "d/e/a.osf"
DATA = osf(900_000)
HALF = 8_500_000
LABEL = PartLabel("id", "e/a.osf", len(DATA), '"v1"')

Make = Callable[[], Archive]


@pytest.fixture(params=ARCHIVES.values(), ids=list(ARCHIVES))
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Open the same archive, as another run would."""
    return lambda: request.param(tmp_path / "mirror")


async def opened(make: Make) -> Archive:
    archive = make()
    await archive.prepare("state", known=False)
    return archive


@pytest.fixture
async def archive(make: Make) -> Archive:
    return await opened(make)


@asynccontextmanager
async def receiving(
    archive: Archive, label: PartLabel | None = LABEL, path: str = PATH
) -> AsyncIterator[Receiver]:
    async with archive.receive(path, len(DATA), check_for(path), label) as receiver:
        yield receiver


async def begin(
    archive: Archive, upto: int = HALF, label: PartLabel | None = LABEL, path: str = PATH
) -> None:
    """Receive the first bytes of a file, and leave."""
    async with receiving(archive, label, path) as receiver:
        for at in range(0, upto, 1_000_000):
            await receiver.write([DATA[at : min(at + 1_000_000, upto)]])
        assert receiver.size == upto


async def go_on(archive: Archive, path: str = PATH) -> None:
    async with archive.resume(path, check_for(path)) as receiver:
        await receiver.write([DATA[receiver.size :]])
        await receiver.commit()


async def lies_there(archive: Archive, path: str = PATH) -> bool:
    held = await archive.adopt(path, len(DATA), check_for(path))
    return held is not None and held.sha256 == sha256(DATA).hexdigest()


async def test_what_came_is_kept_and_gone_on_with(archive: Archive) -> None:
    assert await archive.kept(PATH) is None
    await begin(archive)
    assert await archive.kept(PATH) == LABEL
    assert await archive.sizes([PATH]) == {}
    async with archive.resume(PATH, check_for(PATH)) as receiver:
        assert receiver.size == HALF
        await receiver.write([DATA[HALF : HALF + 5], DATA[HALF + 5 :]])
        held = (await receiver.commit()).held
        assert (held.size, held.sha256) == (len(DATA), sha256(DATA).hexdigest())
    assert await lies_there(archive)
    assert await archive.kept(PATH) is None


async def test_another_run_goes_on_with_it(make: Make) -> None:
    await begin(await opened(make))
    archive = await opened(make)
    assert await archive.kept(PATH) == LABEL
    await go_on(archive)
    assert await lies_there(archive)
    assert await (await opened(make)).kept(PATH) is None


async def test_it_may_be_gone_on_with_several_times(make: Make) -> None:
    archive = await opened(make)
    await begin(archive)
    for step in range(1, 4):
        archive = await opened(make)
        async with archive.resume(PATH, check_for(PATH)) as receiver:
            assert receiver.size == HALF + (step - 1) * 1_000_000
            await receiver.write([DATA[receiver.size : receiver.size + 1_000_000]])
    await go_on(archive)
    assert await lies_there(archive)


async def test_going_on_that_brings_nothing_keeps_it(archive: Archive) -> None:
    await begin(archive)
    async with archive.resume(PATH, check_for(PATH)):
        assert await archive.kept(PATH) is None  # somebody is at it
    assert await archive.kept(PATH) == LABEL


@pytest.mark.parametrize(
    ("upto", "label"), [(HALF, None), (4_000_000, LABEL), (len(DATA), LABEL)], ids=["plain", "small", "whole"]
)
async def test_what_is_not_worth_it_is_not_kept(archive: Archive, upto: int, label: PartLabel | None) -> None:
    await begin(archive, upto, label)
    assert await archive.kept(PATH) is None
    with pytest.raises(DamagedError):
        async with archive.resume(PATH, check_for(PATH)):
            raise AssertionError("it was gone on with")


async def test_damage_is_not_kept(archive: Archive) -> None:
    async def receive() -> None:
        async with receiving(archive, path="d/a.osfz") as receiver:
            await receiver.write([osfz() + DATA])

    with pytest.raises(DamagedError):
        await receive()
    assert await archive.kept("d/a.osfz") is None


async def test_damage_at_the_end_of_what_was_gone_on_with_is_not_kept(archive: Archive) -> None:
    async def finish(rest: bytes) -> None:
        async with archive.resume(PATH, check_for(PATH)) as receiver:
            await receiver.write([rest])
            await receiver.commit()

    for rest in (DATA[HALF:-1], DATA[HALF:] + b"more"):
        await begin(archive)
        with pytest.raises(DamagedError, match="bytes"):
            await finish(rest)
        assert await archive.kept(PATH) is None
        assert await archive.sizes([PATH]) == {}


async def test_what_is_given_up_is_not_kept(archive: Archive) -> None:
    async with receiving(archive) as receiver:
        await receiver.write([DATA[:HALF]])
        await receiver.discard()
        await receiver.discard()
    assert await archive.kept(PATH) is None
    await begin(archive)
    async with archive.resume(PATH, check_for(PATH)) as receiver:
        await receiver.discard()
    assert await archive.kept(PATH) is None


async def test_forgetting(archive: Archive) -> None:
    await archive.forget(PATH)
    await begin(archive)
    await archive.forget(PATH)
    assert await archive.kept(PATH) is None


async def test_beginning_anew_forgets(archive: Archive) -> None:
    await begin(archive)
    async with receiving(archive, None) as receiver:
        assert (receiver.size, await archive.kept(PATH)) == (0, None)


async def test_a_path_that_is_filled_otherwise_keeps_nothing(archive: Archive) -> None:
    for path in ("d/1.osf", "d/2.osf"):
        await begin(archive, path=path)
    await archive.place([body("d/1.osf"), body("d/2.osf", b"<html>")])
    assert await archive.kept("d/1.osf") is None
    assert await archive.kept("d/2.osf") == LABEL
    async with archive.receive("d/3.osf", None, check_for("d/3.osf")) as receiver:
        await begin(archive, path="d/3.osf")
        await receiver.write([osf()])
        await receiver.commit()
    assert await archive.kept("d/3.osf") is None
    assert await archive.adopt("d/2.osf", None, check_for("d/2.osf")) is None
    assert await archive.kept("d/2.osf") == LABEL


async def test_an_adopted_file_needs_no_part(archive: Archive) -> None:
    async with receiving(archive, None) as receiver:
        await begin(archive)
        await receiver.write([DATA])
        await receiver.commit()
    await begin(archive)
    assert await lies_there(archive)
    assert await archive.kept(PATH) is None


async def test_parts_of_several_files_are_told_apart(make: Make) -> None:
    archive = await opened(make)
    other = PartLabel("id", "other.osf", len(DATA), None)
    await begin(archive)
    await begin(archive, HALF + 7, other, "d/other.osf")
    archive = await opened(make)
    assert (await archive.kept(PATH), await archive.kept("d/other.osf")) == (LABEL, other)
    async with archive.resume("d/other.osf", check_for("a.osf")) as receiver:
        assert receiver.size == HALF + 7


async def test_a_name_that_no_note_can_hold_is_received_all_the_same(archive: Archive) -> None:
    label = PartLabel("id", "half a character \ud800.osf", len(DATA), None)
    await begin(archive, label=label)
    assert await archive.kept(PATH) is None


async def check_again(archive: Archive, check: ContentCheck) -> None:
    async with archive.resume(PATH, check) as receiver:
        await receiver.write([DATA[receiver.size :]])


async def test_kept_bytes_are_read_off_the_event_loop(archive: Archive) -> None:
    await begin(archive)
    check = HeldUpCheck()
    check.go_on.set()
    await check_again(archive, check)
    assert check.threads
    assert threading.get_ident() not in check.threads


async def test_who_is_cancelled_while_kept_bytes_are_read_keeps_them(archive: Archive) -> None:
    await begin(archive)
    with let_go_at_the_end(HeldUpCheck()) as check:
        async with anyio.create_task_group() as group:
            group.start_soon(check_again, archive, check)
            await to_thread.run_sync(check.reached.wait, 30)
            group.cancel_scope.cancel()
            check.go_on.set()
    assert await archive.kept(PATH) == LABEL
    await go_on(archive)
    assert await lies_there(archive)


async def test_who_is_cancelled_while_receiving_keeps_what_came(archive: Archive) -> None:
    with anyio.CancelScope() as scope:
        async with receiving(archive) as receiver:
            await receiver.write([DATA[:HALF]])
            scope.cancel()
            await receiver.write([DATA[HALF:]])
    assert scope.cancelled_caught
    assert await archive.kept(PATH) == LABEL
    await go_on(archive)
    assert await lies_there(archive)
