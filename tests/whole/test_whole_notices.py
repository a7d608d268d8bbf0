"""Whom a run tells how it went: Prometheus, a check, a webhook, a program; over real HTTP."""

import json
import os
import sys
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
import pytest
from aiohttp import web
from structlog.testing import capture_logs

from osfsync.app.runs import SyncRequest, sync
from osfsync.domain.errors import ExitCode
from osfsync.domain.model import StorageStatus
from osfsync.pipeline.perform import Observe
from osfsync.pipeline.tally import Tally
from osfsync.reports.build import summary_model
from osfsync.reports.renderers.json import document
from osfsync.simulator.behaviour import Behaviour
from osfsync.simulator.faults import Fault
from osfsync.simulator.world import World
from osfsync.state.location import database_path

MirrorOf = Callable[..., AbstractAsyncContextManager[Any]]

DEAD = Behaviour(contact_every=None, files_per_day=0)
SECRET = "c0ffee-c0ffee-c0ffee"


@dataclass
class Listener:
    """A service of the user's own; remembers what was posted."""

    url: str = ""
    status: int = 200
    heard: list[tuple[str, bytes]] = field(default_factory=list)

    async def take(self, request: web.Request) -> web.Response:
        self.heard.append((request.path_qs, await request.read()))
        headers = {"Location": "/elsewhere"} if self.status == 302 else {}
        return web.Response(status=self.status, headers=headers)


@asynccontextmanager
async def listening(status: int = 200) -> AsyncIterator[Listener]:
    listener = Listener(status=status)
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", listener.take)
    runner = web.AppRunner(app)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        assert site._server is not None
        port = runner.addresses[0][1]
        listener.url = f"http://127.0.0.1:{port}/{SECRET}"
        yield listener
    finally:
        await runner.cleanup()


def _cancels(scope: anyio.CancelScope) -> Observe:
    async def cancel(_: Tally) -> None:
        scope.cancel()
        await anyio.sleep_forever()

    return cancel


def samples(path: Path) -> dict[str, float]:
    """Samples of a textfile by name and labels, as Prometheus would read them."""
    told = {}
    for line in path.read_text(encoding="utf-8").splitlines():
        if not line.startswith("#"):
            name, _, value = line.rpartition(" ")
            told[name] = float(value)
    return told


@pytest.fixture
def fleet(empty_world: World) -> World:
    truck = empty_world.add_device("Truck 1", behaviour=DEAD)
    van = empty_world.add_device('Van "2"', behaviour=DEAD)
    start = empty_world.now - timedelta(days=3)
    empty_world.add_file(truck, "a.osf", StorageStatus.BOTH)
    empty_world.add_file(truck, "b.osf", StorageStatus.DEVICE_ONLY, start=start)
    empty_world.add_file(van, "c.osf", StorageStatus.BOTH)
    return empty_world


async def test_a_check_hears_of_begin_and_end(mirror_of: MirrorOf, fleet: World) -> None:
    async with listening() as listener, mirror_of(fleet) as mirror:
        mirror.change("notify", ping_url=f"{listener.url}?mode=a")
        await mirror.sync()
        (begin, _), (end, told) = listener.heard
        assert begin == f"/{SECRET}/start?mode=a"
        assert end == f"/{SECRET}/0?mode=a"
        assert told.startswith(b"osfsync sync: complete, 2 fetched")


async def test_a_check_hears_of_failure(mirror_of: MirrorOf, fleet: World) -> None:
    async with listening() as listener, mirror_of(fleet) as mirror:
        mirror.change("notify", ping_url=listener.url)
        mirror.change("limits", retries=0)
        mirror.simulator.faults.add(Fault.status(500), on="devices", times=None)
        summary = await mirror.sync()
        assert summary.exit_code is ExitCode.UNREACHABLE
        assert [path for path, _ in listener.heard] == [f"/{SECRET}/start", f"/{SECRET}/13"]


async def test_a_check_hears_of_a_run_that_is_cancelled(mirror_of: MirrorOf, fleet: World) -> None:
    async with listening() as listener, mirror_of(fleet) as mirror:
        mirror.change("notify", ping_url=listener.url)
        with anyio.CancelScope() as scope:
            await sync(mirror.settings, mirror.ask_password, SyncRequest(), observe=_cancels(scope))
        assert scope.cancelled_caught
        assert [path for path, _ in listener.heard] == [f"/{SECRET}/start", f"/{SECRET}/130"]


async def test_a_webhook_gets_the_summary(mirror_of: MirrorOf, fleet: World) -> None:
    async with listening() as listener, mirror_of(fleet) as mirror:
        mirror.change("notify", webhook_url=listener.url)
        summary = await mirror.sync()
        ((path, told),) = listener.heard
        assert path == f"/{SECRET}"
        document = json.loads(told)
        assert (document["schema"], document["run"], document["exit_code"]) == (1, summary.run, 0)
        assert document["files"]["fetched"] == 2
        assert document["requests"]["200"] == sum(document["requests"].values()) > 5


async def test_a_program_gets_the_summary_and_no_password(
    mirror_of: MirrorOf, fleet: World, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("OSFSYNC_PASSWORD", fleet.password)
    out = tmp_path / "out.json"
    program = (
        "import json, os, sys; told = json.load(sys.stdin);"
        "json.dump([told['files']['fetched'], os.environ['OSFSYNC_EXIT_CODE'],"
        "'OSFSYNC_PASSWORD' in os.environ, sys.argv[2]], open(sys.argv[1], 'w'))"
    )
    async with mirror_of(fleet) as mirror:
        mirror.change("notify", command=(sys.executable, "-c", program, str(out), "$HOME; true"))
        await mirror.sync()
    assert json.loads(out.read_text()) == [2, "0", False, "$HOME; true"]


async def test_metrics_tell_what_the_state_knows(mirror_of: MirrorOf, fleet: World, tmp_path: Path) -> None:
    textfile = tmp_path / "osfsync.prom"
    async with mirror_of(fleet) as mirror:
        mirror.change("metrics", textfile=textfile, groups=("Truck*", 'van "*'))
        summary = await mirror.sync()
        told = samples(textfile)
        assert told['osfsync_last_run_exit_code{command="sync"}'] == 0
        assert told['osfsync_last_run_fetched_files{command="sync"}'] == 2
        assert told['osfsync_last_run_timestamp_seconds{command="sync"}'] == pytest.approx(
            summary.finished.timestamp()
        )
        assert told['osfsync_last_run_requests{command="sync",status="200"}'] == summary.requests[200]
        assert told['osfsync_files{group="Truck*",state="held"}'] == 1
        assert told['osfsync_files{group="Truck*",state="device-only"}'] == 1
        assert told['osfsync_files{group="van \\"*",state="held"}'] == 1
        assert told['osfsync_files{group="other",state="held"}'] == 0
        assert told['osfsync_devices{group="van \\"*"}'] == 1
        assert told["osfsync_open_orders"] == 1
        oldest = (fleet.now - timedelta(days=3)).timestamp()
        assert told["osfsync_oldest_pending_timestamp_seconds"] == oldest
        assert told["osfsync_last_success_timestamp_seconds"] == pytest.approx(fleet.now.timestamp())
        assert not [name for name in os.listdir(tmp_path) if name.startswith(".osfsync")]  # noqa: PTH208


async def test_metrics_tell_of_failure_too(mirror_of: MirrorOf, fleet: World, tmp_path: Path) -> None:
    textfile = tmp_path / "osfsync.prom"
    async with mirror_of(fleet) as mirror:
        mirror.change("metrics", textfile=textfile)
        mirror.change("limits", retries=0)
        await mirror.sync()
        mirror.simulator.faults.add(Fault.status(503), on="devices", times=None)
        await mirror.sync()
        told = samples(textfile)
        assert told['osfsync_last_run_exit_code{command="sync"}'] == 13
        assert told['osfsync_last_run_requests{command="sync",status="503"}'] == 1
        assert told['osfsync_files{group="other",state="held"}'] == 2
        assert "osfsync_last_success_timestamp_seconds" in told


async def test_success_is_that_of_the_tenant_that_was_mirrored_last(
    mirror_of: MirrorOf, fleet: World, tmp_path: Path
) -> None:
    textfile = tmp_path / "osfsync.prom"
    fleet.add_device("Other 1", tenant=fleet.other)
    async with mirror_of(fleet) as mirror:
        mirror.change("metrics", textfile=textfile)
        mirror.change("limits", retries=0)
        mirror.change("cloud", tenant=fleet.other.name)
        await mirror.sync()
        mirror.change("cloud", tenant=fleet.main.name)
        mirror.simulator.faults.add(Fault.status(503), on="devices", times=None)
        assert (await mirror.sync()).exit_code is not ExitCode.COMPLETE
        assert "osfsync_last_success_timestamp_seconds" not in samples(textfile)


async def test_metrics_without_a_state_tell_of_the_run_alone(
    mirror_of: MirrorOf, fleet: World, tmp_path: Path
) -> None:
    textfile = tmp_path / "osfsync.prom"
    async with mirror_of(fleet) as mirror:
        mirror.change("metrics", textfile=textfile)
        await anyio.Path(database_path(mirror.settings.state)).write_bytes(b"no database at all" * 100)
        summary = await mirror.sync()
        assert summary.exit_code is not ExitCode.COMPLETE
        told = samples(textfile)
        assert told['osfsync_last_run_exit_code{command="sync"}'] == summary.exit_code
        assert not any(name.startswith("osfsync_files") for name in told)


@pytest.mark.parametrize("status", [302, 404, 500])
async def test_who_does_not_listen_is_a_warning_without_the_address(
    mirror_of: MirrorOf, fleet: World, status: int
) -> None:
    async with listening(status) as listener, mirror_of(fleet) as mirror:
        mirror.change("notify", ping_url=listener.url, webhook_url=listener.url)
        with capture_logs() as logs:
            summary = await mirror.sync()
        assert summary.exit_code is ExitCode.COMPLETE
        assert len(listener.heard) == 3  # nothing is followed or repeated
    warned = [entry for entry in logs if entry["log_level"] == "warning"]
    assert [entry["setting"] for entry in warned] == [
        "notify.ping_url",
        "notify.ping_url",
        "notify.webhook_url",
    ]
    assert all(f"it answered with {status}" in entry["error"] for entry in warned)
    assert SECRET not in str(logs)


async def test_nothing_that_fails_there_ends_a_run(mirror_of: MirrorOf, fleet: World, tmp_path: Path) -> None:
    async with mirror_of(fleet) as mirror:
        mirror.change(
            "notify",
            ping_url=f"http://127.0.0.1:1/{SECRET}",
            webhook_url=f"http://{SECRET}.invalid/",
            command=(str(tmp_path / "no such program"),),
        )
        mirror.change("metrics", textfile=tmp_path / "no such folder" / "osfsync.prom")
        with capture_logs() as logs:
            summary = await mirror.sync()
        assert summary.exit_code is ExitCode.COMPLETE
        mirror.change("notify", command=(sys.executable, "-c", "import sys; sys.exit(7)"))
        with capture_logs() as again:
            await mirror.sync()
    warned = [entry["setting"] for entry in logs if entry["log_level"] == "warning"]
    assert sorted(warned) == [
        "metrics.textfile",
        "notify.command",
        "notify.ping_url",
        "notify.ping_url",
        "notify.webhook_url",
    ]
    assert SECRET not in str(logs)
    assert any("exit status 7" in str(entry.get("error")) for entry in again)


async def test_metrics_go_neither_into_the_archive_nor_over_the_state(
    mirror_of: MirrorOf, fleet: World
) -> None:
    async with mirror_of(fleet) as mirror:
        database = anyio.Path(database_path(mirror.settings.state))
        for place in (Path(str(database)), mirror.settings.archive.path / "osfsync.prom"):
            mirror.change("metrics", textfile=place)
            with capture_logs() as logs:
                summary = await mirror.sync()
            assert summary.exit_code is ExitCode.COMPLETE
            assert "metrics.textfile" in [entry.get("setting") for entry in logs]
        assert (await database.read_bytes()).startswith(b"SQLite format 3")
        assert not await anyio.Path(mirror.settings.archive.path / "osfsync.prom").exists()


async def test_metrics_go_over_no_file_of_another_kind(
    mirror_of: MirrorOf, fleet: World, tmp_path: Path
) -> None:
    configuration = anyio.Path(tmp_path / "sync.toml")
    await configuration.write_text("[cloud]")
    async with mirror_of(fleet) as mirror:
        mirror.change("metrics", textfile=Path(str(configuration)))
        with capture_logs() as logs:
            await mirror.sync()
        assert await configuration.read_text() == "[cloud]"
        assert any("holds something else" in str(entry.get("error")) for entry in logs)
        await configuration.write_text("")
        await mirror.sync()
        await mirror.sync()  # over our own
        assert samples(Path(str(configuration)))['osfsync_last_run_fetched_files{command="sync"}'] == 0


async def test_a_program_that_reads_nothing_ends_no_run(mirror_of: MirrorOf, fleet: World) -> None:
    """The summary is longer than a pipe holds, so that the program is gone while it is written."""
    async with mirror_of(fleet) as mirror:
        mirror.change("notify", command=(sys.executable, "-c", ""))
        for number in range(400):
            name = "Boat " + "x" * 200 + f" {number}"
            fleet.add_device(name, behaviour=DEAD, readable=False)
        with capture_logs() as logs:
            summary = await mirror.sync()
        assert len(document(summary_model(summary))) > 65_536
        assert summary.exit_code is ExitCode.COMPLETE
        assert "notify.command" not in [entry.get("setting") for entry in logs]
