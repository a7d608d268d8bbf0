"""A run waits for another one as long as `--wait-lock` says; the end of a terminal ends a run in order."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, ExitStack, asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest
from anyio.abc import Process
from structlog.testing import capture_logs

from osfsync.app import locks
from osfsync.app.repair import repair
from osfsync.app.runs import BackfillRequest, SyncRequest
from osfsync.app.verify import VerifyRequest
from osfsync.archive.owner import hold
from osfsync.domain.errors import ExitCode
from osfsync.domain.summary import RunOutcome
from osfsync.simulator.faults import Fault
from osfsync.simulator.world import World
from osfsync.state.lock import hold_lock
from tests.whole.test_whole_kill import write_config
from tests.whole.test_whole_notices import listening

MirrorOf = Callable[..., AbstractAsyncContextManager[Any]]

MINUTE = timedelta(minutes=1)


async def mend(mirror: Any, wait: timedelta) -> Any:
    async def ignore(_: Any) -> bool:
        return True

    return await repair(mirror.settings, mirror.ask_password, VerifyRequest(), ignore, wait_lock=wait)


async def backfill(mirror: Any, wait: timedelta) -> Any:
    return await mirror.backfill(BackfillRequest(since=mirror.world.now - 30 * MINUTE, wait_lock=wait))


RUNS = {
    "sync": lambda mirror, wait: mirror.sync(SyncRequest(wait_lock=wait)),
    "backfill": backfill,
    "repair": mend,
}


@pytest.mark.parametrize("place", ["state", "archive"])
@pytest.mark.parametrize("run", RUNS)
async def test_a_run_waits_for_another_one_to_end(
    mirror_of: MirrorOf, small_world: World, monkeypatch: pytest.MonkeyPatch, run: str, place: str
) -> None:
    monkeypatch.setattr(locks, "POLL", 0.01)
    async with mirror_of(small_world) as mirror:
        await mirror.sync()
        lock = hold_lock(mirror.settings.state) if place == "state" else hold(mirror.settings.archive.path)
        with ExitStack() as other, capture_logs() as logs:
            other.enter_context(lock)

            async def end_once_waited_for() -> None:
                while not logs:  # noqa: ASYNC110 - nothing notifies
                    await anyio.sleep(0.01)
                await anyio.sleep(0.1)  # for some more tries
                other.close()

            with anyio.fail_after(20):
                async with anyio.create_task_group() as group:
                    group.start_soon(end_once_waited_for)
                    ended = await RUNS[run](mirror, MINUTE)
        assert ended.exit_code is ExitCode.COMPLETE
        (waiting,) = [entry for entry in logs if entry["event"] == "waiting for another run"]
        assert waiting["reason"].startswith(f"Another run works on the {place} ")


@pytest.mark.parametrize("run", RUNS)
async def test_a_run_that_waited_in_vain_is_refused(
    mirror_of: MirrorOf, small_world: World, run: str
) -> None:
    async with mirror_of(small_world) as mirror:
        await mirror.sync()
        with hold_lock(mirror.settings.state):
            ended = await RUNS[run](mirror, timedelta(milliseconds=50))
            assert ended.exit_code is ExitCode.LOCKED
            assert ended.error.startswith("Another run works on the state ")
            assert (await RUNS[run](mirror, timedelta(0))).exit_code is ExitCode.LOCKED


async def test_a_check_hears_of_no_failure_while_a_run_waits(
    mirror_of: MirrorOf, small_world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(locks, "POLL", 0.01)
    async with listening() as listener, mirror_of(small_world) as mirror:
        mirror.change("notify", ping_url=listener.url)
        lock = ExitStack()
        lock.enter_context(hold_lock(mirror.settings.state))
        with capture_logs() as logs, anyio.fail_after(20):
            async with anyio.create_task_group() as group:

                async def end_once_waited_for() -> None:
                    while not logs:  # noqa: ASYNC110 - nothing notifies
                        await anyio.sleep(0.01)
                    lock.close()

                group.start_soon(end_once_waited_for)
                await mirror.sync(SyncRequest(wait_lock=MINUTE))
        assert [path.rpartition("/")[2] for path, _ in listener.heard] == ["start", "0"]


@asynccontextmanager
async def started(folder: Path, environment: dict[str, str], *command: str) -> AsyncIterator[Process]:
    process = await anyio.open_process(
        [*command, "sync", "--json", "--wait-lock", "1h"],
        cwd=folder,
        env=environment,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    try:
        with anyio.fail_after(60):
            yield process
    finally:
        if process.returncode is None:
            process.kill()
        await process.aclose()


async def rest_of(stream: Any) -> bytes:
    return b"".join([piece async for piece in stream])


OSFSYNC = (sys.executable, "-m", "osfsync")


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such signals to send")
@pytest.mark.parametrize(
    ("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 143)]
)
async def test_a_run_that_waits_ends_on_a_signal(
    tmp_path: Path, mirror_of: MirrorOf, small_world: World, number: signal.Signals, code: int
) -> None:
    async with mirror_of(small_world) as mirror:
        environment = write_config(tmp_path, mirror)
        with hold_lock(mirror.settings.state):
            async with started(tmp_path, environment, *OSFSYNC) as process:
                assert process.stderr is not None
                assert b"waiting for another run" in await process.stderr.receive()
                process.send_signal(number)
                told = json.loads(await rest_of(process.stdout))
                assert await process.wait() == code
        assert (told["outcome"], told["exit_code"]) == (RunOutcome.INTERRUPTED, code)
        assert mirror.simulator.requests.total() == 0


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGHUP to send")
async def test_the_end_of_a_terminal_ends_a_run_in_order(tmp_path: Path, mirror_of: MirrorOf) -> None:
    """Summary, ping and metrics as with SIGTERM, also where SIGHUP comes twice and stderr is gone with it."""
    textfile = tmp_path / "osfsync.prom"
    world = World.generate(seed=7, devices=2, files_per_device=5, now=datetime.now(UTC))
    async with listening() as listener, mirror_of(world) as mirror:
        environment = write_config(tmp_path, mirror)
        environment |= {"OSFSYNC_METRICS_TEXTFILE": str(textfile), "OSFSYNC_NOTIFY_PING_URL": listener.url}
        mirror.simulator.faults.add(Fault.silence(), on="download", times=None)
        ours, theirs = os.openpty()
        process = await anyio.open_process(
            [*OSFSYNC, "sync"], cwd=tmp_path, env=environment, stdin=theirs, stdout=theirs, stderr=theirs
        )
        os.close(theirs)
        with anyio.fail_after(60):
            while mirror.simulator.requests["download"] == 0:  # noqa: ASYNC110 - the simulator counts
                await anyio.sleep(0.01)
            os.close(ours)
            process.send_signal(signal.SIGHUP)
            process.send_signal(signal.SIGHUP)
            assert await process.wait() == 143
        await process.aclose()
        assert [path.rpartition("/")[2] for path, _ in listener.heard] == ["start", "143"]
        assert 'osfsync_last_run_exit_code{command="sync"} 143' in textfile.read_text()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no SIGHUP to send")
async def test_a_run_under_nohup_outlives_its_terminal(tmp_path: Path, mirror_of: MirrorOf) -> None:
    world = World.generate(seed=7, devices=2, files_per_device=5, now=datetime.now(UTC))
    async with mirror_of(world) as mirror:
        environment = write_config(tmp_path, mirror)
        with ExitStack() as other:
            other.enter_context(hold_lock(mirror.settings.state))
            async with started(tmp_path, environment, "nohup", *OSFSYNC) as process:
                assert process.stderr is not None
                assert b"waiting for another run" in await process.stderr.receive()
                process.send_signal(signal.SIGHUP)
                other.close()
                told = json.loads(await rest_of(process.stdout))
                assert await process.wait() == told["exit_code"] == 0
        await mirror.assert_equals_server()
