"""What concerns a whole run: refusals, a dead line, a state that fails, a caller that cancels."""

import sqlite3
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import anyio
import pytest

from osfsync.domain.errors import ExitCode, StateError
from osfsync.domain.model import StorageStatus
from osfsync.domain.outcomes import Fact, RunOutcome
from osfsync.pipeline.stop import GIVE_UP_AFTER
from osfsync.simulator.behaviour import Behaviour
from osfsync.simulator.faults import Fault
from osfsync.simulator.world import World
from osfsync.state.writer import Writer

DEAD = Behaviour(contact_every=None, files_per_day=0)

MirrorOf = Callable[..., AbstractAsyncContextManager[Any]]


@pytest.mark.parametrize("status", [400, 403, 429, 500])
async def test_a_refused_command_never_ends_the_run(
    mirror_of: MirrorOf, empty_world: World, status: int
) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    empty_world.add_file(device, "a.osf", StorageStatus.DEVICE_ONLY)
    empty_world.add_file(device, "b.osf", StorageStatus.BOTH)
    async with mirror_of(empty_world) as mirror:
        mirror.change("limits", retries=0)
        mirror.simulator.faults.add(Fault.status(status), on="request-list", times=None)
        summary = await mirror.sync()
        assert summary.exit_code is ExitCode.COMPLETE
        assert summary.files.fetched == 1
        assert summary.orders.sent == 0
        (problem,) = summary.problems
        assert problem.device == "Truck 1"
        assert "could not be asked for" in problem.explanation
        assert (await mirror.missing())["a.osf"].reason == "listed-not-ordered"
        mirror.simulator.faults.clear()
        assert (await mirror.sync()).orders.sent == 1  # nothing was sent, so there is no patience to keep


async def test_a_line_that_dies_ends_the_run_soon(mirror_of: MirrorOf, empty_world: World) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    for number in range(200):
        empty_world.add_file(device, f"{number}.osf", StorageStatus.BOTH)
    async with mirror_of(empty_world) as mirror:
        mirror.change("limits", retries=0, downloads=4)
        mirror.simulator.faults.add(Fault.delay(0), on="download-token", times=20)
        mirror.simulator.faults.add(Fault.reset(), on="download-token", times=None)
        summary = await mirror.sync()
        assert summary.outcome is RunOutcome.FAILED
        assert summary.exit_code is ExitCode.UNREACHABLE
        asked = mirror.simulator.requests["download-token"]
        assert asked <= 20 + GIVE_UP_AFTER + 4
        assert summary.files.fetched == len(mirror.on_disk()) == 20  # what came before is safe
        mirror.simulator.faults.clear()
        await mirror.sync()
        await mirror.assert_equals_server()


async def test_a_login_that_is_refused_in_the_middle_ends_the_run(
    mirror_of: MirrorOf, small_world: World
) -> None:
    async with mirror_of(small_world) as mirror:
        mirror.simulator.faults.add(Fault.expire_tokens(), on="download-token", times=1)
        mirror.simulator.faults.add(Fault.delay(0), on="login", times=1)
        mirror.simulator.faults.add(Fault.status(401), on="login", times=None)
        summary = await mirror.sync()
        assert summary.exit_code is ExitCode.LOGIN_REFUSED
        assert summary.outcome is RunOutcome.FAILED
        mirror.simulator.faults.clear()
        await mirror.sync()
        await mirror.assert_equals_server()


async def test_a_state_that_fails_ends_the_run_and_nothing_is_put_in_place_unknown(
    mirror_of: MirrorOf, small_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    commit = Writer.commit
    calls = 0

    async def failing(self: Writer, facts: list[Fact]) -> None:
        nonlocal calls
        calls += 1
        if calls > 2:
            raise StateError("The state can't be written.")
        await commit(self, facts)

    async with mirror_of(small_world) as mirror:
        with monkeypatch.context() as patch:
            patch.setattr(Writer, "commit", failing)
            with anyio.fail_after(20):
                summary = await mirror.sync()
        assert summary.exit_code is ExitCode.USAGE
        assert "can't be written" in summary.error
        known = {row.path for row in (await mirror.files()).values()}
        assert mirror.on_disk().keys() <= known
        await mirror.sync()
        await mirror.assert_equals_server()


async def test_a_caller_that_cancels_leaves_a_run_that_says_so(
    mirror_of: MirrorOf, small_world: World
) -> None:
    async with mirror_of(small_world) as mirror:
        mirror.simulator.faults.add(Fault.silence(), on="download", times=None)
        async with anyio.create_task_group() as group:
            group.start_soon(mirror.sync)
            with anyio.fail_after(20):
                while mirror.simulator.requests["download"] == 0:  # noqa: ASYNC110 — the simulator counts, it does not notify
                    await anyio.sleep(0.01)
            group.cancel_scope.cancel()
        path = mirror.settings.state.url.removeprefix("sqlite:///")
        with sqlite3.connect(path) as database:
            rows = database.execute("SELECT outcome, exit_code FROM runs").fetchall()
        database.close()
        assert rows == [("interrupted", 130)]
        mirror.simulator.faults.clear()
        await mirror.sync()
        await mirror.assert_equals_server()


async def test_what_lies_in_the_archive_whole_is_adopted(mirror_of: MirrorOf, small_world: World) -> None:
    async with mirror_of(small_world) as mirror:
        await mirror.sync()
        path = mirror.settings.state.url.removeprefix("sqlite:///")
        with sqlite3.connect(path) as database:  # as if the run had been killed before it told
            database.execute(
                "UPDATE files SET sha256 = NULL, held_size = NULL, fetched_at = NULL, verification = NULL,"
                " adopted = NULL, fetched_run = NULL"
            )
        database.close()
        mirror.simulator.requests.clear()
        summary = await mirror.sync()
        assert summary.files.fetched == len(small_world.available())
        assert summary.bytes == 0
        assert mirror.simulator.requests["download"] == 0
        await mirror.assert_equals_server()


async def test_what_lies_there_damaged_is_fetched_anew(mirror_of: MirrorOf, empty_world: World) -> None:
    device = empty_world.add_device("Truck 1", behaviour=DEAD)
    empty_world.add_file(device, "a.osfz", StorageStatus.BOTH)
    async with mirror_of(empty_world) as mirror:
        folder = mirror.settings.archive.path / "Truck 1"
        folder.mkdir(parents=True)
        (folder / "a.osfz").write_bytes(b"<html>no file at all</html>")
        assert (await mirror.sync()).files.fetched == 1
        await mirror.assert_equals_server()
