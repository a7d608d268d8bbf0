"""`-q` for cron, which mails what is printed and sees no exit codes: one line where that is not 0."""

import json
import sqlite3
import sys
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import UTC, datetime
from pathlib import Path

import anyio
import pytest

from osfsync.domain.model import StorageStatus
from osfsync.simulator.behaviour import Behaviour
from osfsync.simulator.faults import Fault
from osfsync.simulator.server import Simulator, serve
from osfsync.simulator.world import World
from tests.cli.test_cli_errors import Ended, osfsync, write_config

DEAD = Behaviour(contact_every=None, files_per_day=0)


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    world = World(now=datetime.now(UTC), seed=2)
    truck = world.add_device("Truck 1", behaviour=DEAD)
    for name in ("a.osf", "b.osf"):
        world.add_file(truck, name, StorageStatus.BOTH)
    world.add_file(truck, "c.osf", StorageStatus.DEVICE_ONLY)
    async with serve(world) as running:
        yield running


async def quiet(folder: Path, simulator: Simulator, *arguments: str) -> Ended:
    return await osfsync(folder, "-q", *arguments, password=simulator.world.password)


def the_line(ended: Ended) -> str:
    (line,) = ended.err.splitlines()
    assert line.startswith("osfsync: ")
    assert line.endswith(f"exit {ended.code}")
    return line


@pytest.mark.parametrize("command", [("sync",), ("backfill", "--since", "30d")])
async def test_a_run_in_which_files_failed_prints_one_line(
    tmp_path: Path, simulator: Simulator, command: tuple[str, ...]
) -> None:
    write_config(tmp_path, simulator.url)
    simulator.faults.add(Fault.status(404), on="download-token", times=None)
    ended = await quiet(tmp_path, simulator, *command)
    assert (ended.code, ended.out) == (3, "")
    line = the_line(ended)
    assert line.startswith(f"osfsync: {command[0]}: partial: ")
    assert "2 failed" in line
    assert "(not-found 2)" in line
    simulator.faults.clear()
    assert await quiet(tmp_path, simulator, *command) == Ended(0, "", "")


async def test_a_failed_device_prints_one_line(tmp_path: Path, simulator: Simulator) -> None:
    write_config(tmp_path, simulator.url)
    simulator.faults.add(Fault.status(500), on="file-list", times=None)
    ended = await quiet(tmp_path, simulator, "sync", "--json")
    assert json.loads(ended.out)["exit_code"] == ended.code == 3
    assert "partial: 1 of 1 device failed" in the_line(ended)


async def test_what_ended_a_run_prints_one_line(tmp_path: Path, simulator: Simulator) -> None:
    write_config(tmp_path, simulator.url)
    ended = await osfsync(tmp_path, "-q", "sync", password="wrong-password")
    assert ended.code == 12
    assert the_line(ended).startswith("osfsync: sync: failed: ")
    ended = await quiet(tmp_path, simulator, "sync", "--fail-on", "pending")
    assert ended.code == 4
    assert "complete: 1 on devices" in the_line(ended)


async def test_a_verification_that_finds_damage_prints_one_line(tmp_path: Path, simulator: Simulator) -> None:
    write_config(tmp_path, simulator.url)
    assert (await quiet(tmp_path, simulator, "sync")).code == 0
    (tmp_path / "mirror" / "Truck 1" / "a.osf").unlink()
    ended = await quiet(tmp_path, simulator, "verify", "--format", "json")
    assert (ended.code, json.loads(ended.out)["exit_code"]) == (3, 3)
    assert the_line(ended) == "osfsync: verify: partial: 1 file broken (1 missing); exit 3"
    simulator.faults.add(Fault.status(404), on="download-token", times=None)
    ended = await quiet(tmp_path, simulator, "verify", "--repair")
    assert ended.code == 3
    assert "1 file broken (1 missing), 1 not back" in the_line(ended)


@pytest.mark.parametrize(
    "command",
    [
        ("report", "-o", "no-folder/page.html"),
        ("status",),
        ("why", "nobody.osf"),
        ("doctor",),
        ("nonsense",),
        ("sync", "--no-such-option"),
        ("sync", "--since", "yesterday"),
        ("files", "--format", "nonsense"),
        ("db", "check"),
    ],
)
@pytest.mark.parametrize("config", ["", "nonsense = 1\n[orders]\nattempts = -1\n"], ids=["whole", "faulty"])
async def test_any_command_that_fails_prints_one_line(
    tmp_path: Path, command: tuple[str, ...], config: str
) -> None:
    write_config(tmp_path, "http://127.0.0.1:1", config)
    ended = await osfsync(tmp_path, "-q", *command)
    assert ended.code != 0
    the_line(ended)


async def test_a_damaged_state_prints_one_line(tmp_path: Path, simulator: Simulator) -> None:
    write_config(tmp_path, simulator.url)
    assert (await quiet(tmp_path, simulator, "sync")).code == 0
    with closing(sqlite3.connect(tmp_path / "osfsync.db")) as state:
        state.execute("PRAGMA foreign_keys = OFF")
        state.execute("UPDATE files SET device_id = 'nobody'")
        state.commit()
    ended = await quiet(tmp_path, simulator, "db", "check")
    assert ended.code == 1
    the_line(ended)


async def test_an_end_without_a_word_prints_one_line(tmp_path: Path) -> None:
    """Whatever ends a command, such as an interrupt before it has begun."""
    write_config(tmp_path, "http://127.0.0.1:1")
    code = """
import runpy, signal
from osfsync.cli import main
main.cli.main = lambda *_, **__: signal.raise_signal(signal.SIGINT)
runpy.run_module("osfsync", run_name="__main__")
"""
    done = await anyio.run_process([sys.executable, "-c", code, "-q", "sync"], cwd=tmp_path, check=False)
    assert (done.returncode, done.stderr.decode().splitlines()) == (130, ["osfsync: interrupted; exit 130"])
