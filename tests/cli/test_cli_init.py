"""`init` at a terminal: it asks, logs in, lists the tenants, writes, and checks."""

import os
import select
import stat
import subprocess
import sys
import tomllib
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

import anyio
import pytest
from anyio import to_thread

from osfsync.config import filled_text
from osfsync.simulator.server import Simulator, serve
from osfsync.simulator.world import World
from tests.cli.test_cli_errors import clean_environment

pty = pytest.importorskip("pty")

ADOPT = """
import fcntl, os, sys, termios
os.setsid()
fcntl.ioctl(0, termios.TIOCSCTTY, 0)
os.execv(sys.executable, [sys.executable, "-m", "osfsync", *sys.argv[1:]])
"""
"""Makes the terminal ours, as a shell does: passwords are asked for there."""

PATIENCE = 30.0


def converse(
    folder: Path, arguments: Sequence[str], talk: Sequence[tuple[str, str]], extra: Mapping[str, str]
) -> tuple[int, str]:
    """Answer each prompt once it has appeared; the exit code, and all that the terminal showed."""
    ours, theirs = pty.openpty()
    environment = clean_environment({"TERM": "dumb", "NO_COLOR": "1", **extra}, folder / "no-home")
    with subprocess.Popen(
        [sys.executable, "-c", ADOPT, *arguments],
        cwd=folder,
        env=environment,
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
    ) as process:
        os.close(theirs)
        shown, looked_at = "", 0
        for prompt, answer in [*talk, ("", "")]:
            while not prompt or prompt not in shown[looked_at:]:
                ready, _, _ = select.select([ours], [], [], PATIENCE)
                assert ready, f"{prompt!r} never came: {shown}"
                try:
                    piece = os.read(ours, 4096)
                except OSError:  # Linux tells the end so
                    piece = b""
                if not piece:
                    assert not prompt, f"{prompt!r} never came: {shown}"
                    break
                shown += piece.decode()
            looked_at = len(shown)
            if prompt:
                os.write(ours, f"{answer}\n".encode())
        os.close(ours)
        return process.wait(PATIENCE), shown


@pytest.fixture
async def simulator() -> AsyncIterator[Simulator]:
    world = World(now=datetime.now(UTC), seed=3)
    world.add_device("Truck 1")
    async with serve(world) as running:
        yield running


async def test_it_asks_lists_tenants_and_checks(tmp_path: Path, simulator: Simulator) -> None:
    world = simulator.world
    talk = [
        ("Address of the platform", "ftp://nowhere"),
        ("Address of the platform", f"{simulator.url}/"),
        ("User name", world.username),
        ("Password", "wrong-password"),
        ("Password", world.password),
        ("Number of the tenant", "7"),
        ("Number of the tenant", "1"),
        ("Folder of the mirror", ""),
        ("Keep the password", "y"),
    ]
    code, shown = await to_thread.run_sync(converse, tmp_path, ["init"], talk, {})
    assert code == 0, shown
    told = tomllib.loads(await anyio.Path(tmp_path / "sync.toml").read_text(encoding="utf-8"))
    assert told["cloud"]["url"] == simulator.url
    assert told["cloud"]["username"] == world.username
    assert told["cloud"]["tenant"] in {world.main.name, world.other.name}
    assert told["archive"]["path"] == "./mirror"
    password_file = anyio.Path(tmp_path / told["cloud"]["password_file"])
    assert await password_file.read_text() == f"{world.password}\n"
    assert stat.S_IMODE((await password_file.stat()).st_mode) == 0o600
    assert "1  Demo Fleet" in shown
    assert "`osfsync sync` does it" in shown
    assert "ok      login" in shown
    assert world.password not in shown
    assert "wrong-password" not in shown


async def test_a_password_that_is_known_is_not_asked_for(tmp_path: Path, simulator: Simulator) -> None:
    talk = [
        ("Address of the platform", simulator.url),
        ("User name", simulator.world.username),
        ("Number of the tenant", "1"),
        ("Folder of the mirror", "./osf"),
    ]
    extra = {"OSFSYNC_PASSWORD": simulator.world.password}
    code, shown = await to_thread.run_sync(converse, tmp_path, ["init", "my.toml"], talk, extra)
    assert code == 0, shown
    told = tomllib.loads(await anyio.Path(tmp_path / "my.toml").read_text(encoding="utf-8"))
    assert told["archive"]["path"] == "./osf"
    assert "password_file" not in told["cloud"]


async def test_a_login_that_is_refused_thrice_leaves_nothing(tmp_path: Path, simulator: Simulator) -> None:
    talk = [
        ("Address of the platform", simulator.url),
        ("User name", simulator.world.username),
        *[("Password", f"wrong-{number}") for number in range(3)],
    ]
    code, shown = await to_thread.run_sync(converse, tmp_path, ["init"], talk, {})
    assert code == 12, shown
    assert [name for name in os.listdir(tmp_path) if name != "no-home"] == []  # noqa: PTH208
    assert "Traceback" not in shown


@pytest.mark.parametrize("text", ["a\\b", 'a"b', "ümlaut", "a#b", "a\u202eb", "'"])
def test_what_was_answered_is_what_the_file_says(text: str) -> None:
    told = tomllib.loads(filled_text({"archive.path": text, "cloud.tenant": text}))
    assert told["archive"]["path"] == told["cloud"]["tenant"] == text


def test_only_keys_of_the_example_are_filled_in() -> None:
    with pytest.raises(KeyError, match=r"archive\.pth"):
        filled_text({"archive.pth": "x"})
