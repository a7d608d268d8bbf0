"""`verify` and `manifest` as a user runs them."""

import csv
import io
import json
import os
import shutil
import signal
import subprocess
import sys
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import anyio
import pytest

from osfsync.domain.model import StorageStatus
from osfsync.simulator.behaviour import Behaviour
from osfsync.simulator.server import Simulator, serve
from osfsync.simulator.world import World
from osfsync.state.lock import hold_lock
from osfsync.state.settings import StateSettings
from tests.cli.test_cli_errors import Ended, clean_environment, osfsync, write_config

DEAD = Behaviour(contact_every=None, files_per_day=0)
HOSTILE = (
    "../../etc/passwd.osf",
    "C:\\x\ny.osf",
    "TWIN.osf",
    "twin.osf",
    "  spaces .osf",
    "ü.osf",
    "=2+2.osf",
)


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    world = World(now=datetime.now(UTC), seed=2)
    truck = world.add_device("Truck 1", behaviour=DEAD)
    for name in ("20260101/a.osf", "20260101/b.osfz", "20260102/a.osf"):
        world.add_file(truck, name, StorageStatus.BOTH)
    sealed = world.add_device(
        "Sealed", behaviour=DEAD, readable=False
    )  # its list is JSON, which can tell any name
    for name in HOSTILE:
        world.add_file(sealed, name, StorageStatus.BOTH)
    async with serve(world) as running:
        yield running


class Mirror:
    """A folder that mirrors the simulated platform."""

    def __init__(self, folder: Path, simulator: Simulator) -> None:
        self.folder = folder
        self.simulator = simulator

    async def run(self, *arguments: str) -> Ended:
        return await osfsync(self.folder, *arguments, password=self.simulator.world.password)

    async def json(self, *arguments: str) -> tuple[int, dict[str, Any]]:
        ended = await self.run("verify", *arguments, "--format", "json")
        shown: dict[str, Any] = json.loads(ended.out)
        return ended.code, shown

    def path(self, name: str) -> Path:
        return self.folder / "mirror" / "Truck 1" / name

    def flip(self, name: str = "20260101/a.osf") -> None:
        data = bytearray(self.path(name).read_bytes())
        data[-20] ^= 1
        self.path(name).write_bytes(data)


@pytest.fixture
async def mirror(tmp_path: Path, simulator: Simulator) -> Mirror:
    write_config(tmp_path, simulator.url)
    mirror = Mirror(tmp_path, simulator)
    ended = await mirror.run("sync")
    assert ended.code == 0, ended.err
    return mirror


async def test_all_is_well(mirror: Mirror) -> None:
    ended = await mirror.run("verify")
    assert (ended.code, ended.err) == (0, "")
    assert ended.out.splitlines()[-1] == "10 files: 10 ok."
    assert "a.osf" not in ended.out
    code, shown = await mirror.json()
    assert (code, shown["schema"], len(shown["files"])) == (0, 1, 10)
    assert shown["totals"] == {"ok": 10}
    assert (shown["complete"], shown["extra_looked_for"], shown["exit_code"]) == (True, True, 0)
    assert (shown["sample"], shown["error"], shown["repair"]) == (None, None, None)
    (file,) = [file for file in shown["files"] if file["name"] == "20260101/b.osfz"]
    assert file == {
        "device": "Truck 1",
        "device_id": file["device_id"],
        "name": "20260101/b.osfz",
        "path": "Truck 1/20260101/b.osfz",
        "verdict": "ok",
        "checked": ["length", "compression", "structure", "sha256"],
        "explanation": "",
    }


async def test_what_is_broken_ends_with_3_and_a_repair_with_0(mirror: Mirror) -> None:
    mirror.flip()
    mirror.path("20260102/a.osf").unlink()
    ended = await mirror.run("verify")
    assert (ended.code, ended.err) == (3, "")
    assert ended.out.splitlines()[-1] == "10 files: 8 ok, 1 changed, 1 missing."
    assert "Nothing lies at its path." in " ".join(ended.out.split())
    code, shown = await mirror.json("--device", "truck*")
    assert (code, shown["totals"]) == (3, {"changed": 1, "ok": 1, "missing": 1})
    rows = list(csv.DictReader(io.StringIO((await mirror.run("verify", "--format", "csv")).out)))
    assert Counter(row["verdict"] for row in rows) == {"ok": 8, "changed": 1, "missing": 1}
    assert {row["checked"] for row in rows if row["verdict"] == "changed"} == {"length structure sha256"}
    code, shown = await mirror.json("--repair")
    assert (code, shown["exit_code"]) == (0, 0)
    assert shown["totals"] == {"ok": 8, "changed": 1, "missing": 1}
    assert shown["repair"] == {"queued": 2, "back": 2, "left": 0, "stuck": 0, "files": []}
    assert (await mirror.run("verify")).code == 0
    status = json.loads((await mirror.run("status", "--json")).out)
    assert [run["command"] for run in status["runs"]] == ["verify", "sync"]
    assert status["last_success"] == status["runs"][1]["finished"]


async def test_what_cannot_be_brought_back_is_told(mirror: Mirror) -> None:
    mirror.flip()
    world = mirror.simulator.world
    truck = next(device for device in world.devices(world.main.id) if device.name == "Truck 1")
    world.remove_file(truck, "20260101/a.osf")
    ended = await mirror.run("verify", "--repair")
    assert ended.code == 3
    told = " ".join(ended.out.split())
    assert "1 file to be fetched again: 0 back, 1 not yet" in told
    assert "Not back: 20260101/a.osf of Truck 1 (lost)." in told
    assert "was moved to" in told
    assert ".osfsync-part/set-aside/" in told
    why = (await mirror.run("why", "20260101/a.osf")).out
    assert "A verification found" in why


async def test_what_is_extra_is_a_warning(mirror: Mirror) -> None:
    (mirror.folder / "mirror" / "notes.txt").write_text("mine")
    ended = await mirror.run("verify")
    assert ended.code == 0
    assert ended.err.startswith("osfsync: warning: 1 extra file ")
    assert "notes.txt" in ended.out
    assert ended.out.splitlines()[-1] == "11 files: 10 ok, 1 extra."
    quiet = await mirror.run("-q", "verify")
    assert (quiet.code, quiet.err) == (0, "")
    code, shown = await mirror.json("--sample", "50%")
    assert (code, shown["extra_looked_for"], "extra" in shown["totals"]) == (0, False, False)


async def test_a_sample_is_one_by_its_number(mirror: Mirror) -> None:
    taken = []
    for seed in ("1", "2", "3", "1"):
        code, shown = await mirror.json("--sample", "33.4%", "--seed", seed)
        assert (code, shown["sample"], shown["sample_number"]) == (0, "33.4%", int(seed))
        taken.append({file["path"] for file in shown["files"]})
    assert len(taken[0] | taken[1] | taken[2]) == 10
    assert taken[3] == taken[0]
    assert "A sample of 20%" in (await mirror.run("verify", "--sample", "20%")).out


@pytest.mark.parametrize(
    ("arguments", "word"),
    [
        (("--sample", "0%"), "0%"),
        (("--sample", "101%"), "101%"),
        (("--sample", "5"), "5%"),
        (("--seed", "5"), "--sample"),
        (("--device", "nobody"), "nobody"),
        (("--format", "xml"), "xml"),
    ],
)
async def test_what_cannot_be_asked(mirror: Mirror, arguments: tuple[str, ...], word: str) -> None:
    ended = await mirror.run("verify", *arguments)
    assert (ended.code, ended.out) == (2, "")
    assert word in ended.err


async def test_another_run_holds_the_lock(mirror: Mirror) -> None:
    mirror.flip()
    with hold_lock(StateSettings(url=f"sqlite:///{(mirror.folder / 'osfsync.db').as_posix()}")):
        ended = await mirror.run("verify", "--repair")
        assert (ended.code, ended.out) == (11, "")
        ended.assert_one_message("Another run")
        assert (await mirror.run("verify")).code == 3


@pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc for what is being read")
async def test_an_interrupted_one_ends_soon_and_says_so(mirror: Mirror) -> None:
    """In the middle of a file of 50 GB, all of it a hole."""
    path = mirror.path("20260101/a.osf")
    os.truncate(path, 50_000_000_000)
    process = await anyio.open_process(
        [sys.executable, "-m", "osfsync", "verify"],
        cwd=mirror.folder,
        env=clean_environment({}, mirror.folder / "no-home"),
    )
    with anyio.fail_after(60):
        while not is_open(process.pid, path):  # noqa: ASYNC110 - the process does not say so
            await anyio.sleep(0.02)
        process.send_signal(signal.SIGINT)
        assert process.stdout is not None
        assert process.stderr is not None
        out = b"".join([piece async for piece in process.stdout])
        err = b"".join([piece async for piece in process.stderr]).decode()
        assert await process.wait() == 130
    await process.aclose()
    assert out == b""
    assert "Interrupted before everything was read" in err


def is_open(pid: int, path: Path) -> bool:
    with suppress(OSError):  # it may close a file while we look, or have ended
        return any(entry.resolve() == path for entry in Path(f"/proc/{pid}/fd").iterdir())
    return False


@pytest.mark.parametrize("arguments", [("verify",), ("verify", "--repair"), ("manifest", "-o", "MANIFEST")])
async def test_before_any_run(tmp_path: Path, arguments: tuple[str, ...]) -> None:
    write_config(tmp_path, "https://example.opticloud.io")
    ended = await osfsync(tmp_path, *arguments, password="x")
    assert (ended.code, ended.out) == (2, "")
    ended.assert_one_message("osfsync.db")
    assert names_in(tmp_path) == {"sync.toml"}


def names_in(folder: Path) -> set[str]:
    return {path.name for path in folder.iterdir()}


@pytest.mark.parametrize(
    "target", ["osfsync.db", "osfsync.db-wal", "sync.toml", "mirror/MANIFEST", "mirror/.osfsync-part/x"]
)
@pytest.mark.parametrize("command", [("manifest", "-o"), ("db", "backup")])
async def test_nothing_is_written_over_state_configuration_or_archive(
    mirror: Mirror, command: tuple[str, ...], target: str
) -> None:
    before = {path: path.read_bytes() for path in mirror.folder.rglob("*") if path.is_file()}
    ended = await mirror.run(*command, target)
    assert ended.code == 2
    ended.assert_one_message(target)
    assert {path: path.read_bytes() for path in mirror.folder.rglob("*") if path.is_file()} == before


@pytest.mark.skipif(shutil.which("sha256sum") is None, reason="needs coreutils")
async def test_coreutils_checks_the_manifest(mirror: Mirror) -> None:
    ended = await mirror.run("manifest", "-o", "MANIFEST")
    assert (ended.code, ended.out) == (0, "MANIFEST lists 10 files.\n")
    command = ["sha256sum", "--check", "--strict", "--quiet", "../MANIFEST"]
    archive = mirror.folder / "mirror"
    assert subprocess.run(command, cwd=archive, check=False).returncode == 0  # noqa: ASYNC221 - a moment
    mirror.flip()
    assert subprocess.run(command, cwd=archive, check=False, capture_output=True).returncode == 1  # noqa: ASYNC221 - a moment
    again = await mirror.run("manifest", "-o", "MANIFEST")
    assert again.code == 0
    nowhere = await mirror.run("manifest", "-o", "gone/MANIFEST")
    assert nowhere.code == 2
    nowhere.assert_one_message("gone/MANIFEST")


async def test_help(tmp_path: Path) -> None:
    for command in ("verify", "manifest"):
        ended = await osfsync(tmp_path, command, "--help")
        assert ended.code == 0
        assert "Usage: osfsync" in ended.out
