"""A stderr that can't be written never ends a run, and never hides how it ended."""

import os
import subprocess
import sys
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path

import anyio
import pytest

from osfsync.domain.model import StorageStatus
from osfsync.simulator.behaviour import Behaviour
from osfsync.simulator.server import Simulator, serve
from osfsync.simulator.world import World
from tests.cli.test_cli_errors import clean_environment, write_config

FULL = Path("/dev/full")
KINDS = ["full", "closed", "nobody reads"]


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    world = World(now=datetime.now(UTC), seed=2)
    truck = world.add_device("Truck 1", behaviour=Behaviour(contact_every=None, files_per_day=0))
    world.add_file(truck, "20260101/a.osf", StorageStatus.BOTH)
    async with serve(world) as running:
        yield running


@contextmanager
def unwritable(kind: str) -> Iterator[int]:
    """A file descriptor that takes nothing; for `closed`, the command closes it itself."""
    if kind == "nobody reads":
        read, write = os.pipe()
        os.close(read)
    elif kind == "full" and not FULL.exists():
        pytest.skip("needs /dev/full")
    elif kind == "closed" and os.name == "nt":
        pytest.skip("needs a POSIX shell")
    else:
        write = os.open(FULL if kind == "full" else os.devnull, os.O_WRONLY)
    try:
        yield write
    finally:
        os.close(write)


async def ended(folder: Path, kind: str, *arguments: str, password: str, **variables: str) -> tuple[int, str]:
    """The exit code, and what came on stdout."""
    command = [sys.executable, "-m", "osfsync", *arguments]
    if kind == "closed":
        command = ["sh", "-c", 'exec "$@" 2>&-', "sh", *command]
    environment = clean_environment({"OSFSYNC_PASSWORD": password, **variables}, folder / "no-home")
    with unwritable(kind) as stderr, anyio.fail_after(60):
        done = await anyio.run_process(
            command, cwd=folder, env=environment, stdin=subprocess.DEVNULL, stderr=stderr, check=False
        )
    return done.returncode, done.stdout.decode()


@pytest.mark.parametrize("kind", KINDS)
async def test_a_run_goes_on_to_its_end(tmp_path: Path, simulator: Simulator, kind: str) -> None:
    write_config(tmp_path, simulator.url)
    code, out = await ended(tmp_path, kind, "-vv", "sync", "--json", password=simulator.world.password)
    assert code == 0
    assert '"fetched":1' in out.replace(" ", "")
    assert list((tmp_path / "mirror").rglob("a.osf"))


@pytest.mark.parametrize(
    ("kind", "unbuffered"), [("full", ""), ("full", "1"), ("closed", ""), ("nobody reads", "")]
)
async def test_an_error_that_nobody_hears_has_its_exit_code(
    tmp_path: Path, simulator: Simulator, kind: str, unbuffered: str
) -> None:
    write_config(tmp_path, simulator.url)
    code, _ = await ended(tmp_path, kind, "-vv", "sync", password="wrong", PYTHONUNBUFFERED=unbuffered)
    assert code == 12


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("arguments", [("sync",), ("sync", "--frobnicate")])
async def test_wrong_use_that_nobody_hears_has_its_exit_code(
    tmp_path: Path, kind: str, arguments: tuple[str, ...]
) -> None:
    code, _ = await ended(tmp_path, kind, *arguments, password="unasked")
    assert code == 2


@pytest.mark.skipif(not FULL.exists(), reason="needs /dev/full")
async def test_an_answer_that_cannot_be_written_is_told(tmp_path: Path, simulator: Simulator) -> None:
    write_config(tmp_path, simulator.url)
    environment = clean_environment({"OSFSYNC_PASSWORD": simulator.world.password}, tmp_path / "no-home")
    with unwritable("full") as full:
        done = await anyio.run_process(
            [sys.executable, "-m", "osfsync", "sync", "--json"],
            cwd=tmp_path,
            env=environment,
            stdin=subprocess.DEVNULL,
            stdout=full,
            check=False,
        )
    assert done.returncode == 1
    assert done.stderr.decode() == "osfsync: The output can't be written: No space left on device.\n"
    assert list((tmp_path / "mirror").rglob("a.osf"))
