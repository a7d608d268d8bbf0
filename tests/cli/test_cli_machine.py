"""Machines that allow little: few files, threads or memory, another locale, no home, closed streams."""

import os
import subprocess
import sys
from pathlib import Path

import anyio
import pytest

from osfsync.simulator.server import Simulator
from tests.cli.test_cli_errors import Ended, clean_environment, osfsync, simulator, write_config
from tests.disks import NOBODY, as_nobody

if sys.platform == "win32":
    pytest.skip("limits and locales as POSIX has them", allow_module_level=True)

__all__ = ["simulator"]

LATIN = {"LC_ALL": "C", "PYTHONCOERCECLOCALE": "0", "PYTHONUTF8": "0"}
"""Python takes ASCII for the names of files then, as it would take Latin-1 in a locale of that."""


def limited(*limits: str) -> list[str]:
    return ["sh", "-c", " && ".join(f"ulimit {limit}" for limit in limits) + ' && exec "$@"', "sh"]


@pytest.fixture
def place(tmp_path: Path, simulator: Simulator) -> Path:
    device = simulator.world.devices(simulator.world.main.id)[0]
    device.name = "Kran Ü €"
    write_config(tmp_path, simulator.url)
    return tmp_path


@pytest.mark.parametrize("limit", ["-n 64", "-n 40", "-v 500000"])
async def test_a_run_does_with_what_the_system_allows(place: Path, simulator: Simulator, limit: str) -> None:
    ended = await osfsync(place, "sync", password=simulator.world.password, prefix=limited(limit))
    assert ended.code == 0, ended.err


@pytest.mark.parametrize(
    ("limit", "word"), [("-n 12", "ulimit -n"), ("-n 30", "ulimit -n"), ("-v 100000", "ulimit -v")]
)
async def test_what_is_too_little_is_one_sentence(
    place: Path, simulator: Simulator, limit: str, word: str
) -> None:
    ended = await osfsync(place, "sync", password=simulator.world.password, prefix=limited(limit))
    assert ended.code == 2, ended.err
    assert "defect" not in ended.err
    ended.assert_one_message(word)


@pytest.mark.parametrize("threads", [1, 3, 12])
async def test_too_few_threads_are_one_sentence(place: Path, simulator: Simulator, threads: int) -> None:
    os.chown(place, NOBODY, NOBODY)
    prefix = as_nobody(["prlimit", f"--nproc={threads}"])
    ended = await osfsync(place, "sync", password=simulator.world.password, prefix=prefix)
    assert ended.code == 2, ended.err
    assert "Traceback" not in ended.err
    assert "defect" not in ended.err


async def test_a_user_without_home_and_entry_works(place: Path) -> None:
    prefix = as_nobody(["env", "-u", "HOME", "-u", "XDG_CONFIG_HOME"])
    ended = await osfsync(place, "status", prefix=prefix)
    assert ended.code == 2
    ended.assert_one_message("There is no state database")


@pytest.mark.parametrize("closed", ["<&-", ">&-", "2>&-", "<&- >&- 2>&-"])
async def test_closed_streams_change_nothing(place: Path, simulator: Simulator, closed: str) -> None:
    prefix = ["sh", "-c", f'exec "$@" {closed}', "sh"]
    ended = await osfsync(place, "sync", password=simulator.world.password, prefix=prefix)
    assert ended.code == 0, ended.err


async def in_locale(folder: Path, variables: dict[str, str], *arguments: str, password: str = "") -> Ended:
    environment = clean_environment({"OSFSYNC_PASSWORD": password, **variables}, folder / "no-home")
    done = await anyio.run_process(
        [sys.executable, "-m", "osfsync", *arguments],
        cwd=folder,
        env=environment,
        stdin=subprocess.DEVNULL,
        check=False,
    )
    return Ended(done.returncode, done.stdout.decode(errors="replace"), done.stderr.decode(errors="replace"))


async def test_names_are_utf_8_whatever_the_locale(place: Path, simulator: Simulator) -> None:
    password = simulator.world.password
    assert (await in_locale(place, LATIN, "sync", "--device", "Kran Ü €", password=password)).code == 0
    assert "Kran Ü €".encode() in os.listdir(os.fsencode(place / "mirror"))  # noqa: PTH208 - as bytes
    again = await in_locale(place, {"LC_ALL": "C.UTF-8"}, "sync", password=password)
    assert again.code == 0
    verified = await in_locale(place, LATIN, "verify", "--format", "json")
    assert verified.code == 0, verified.out
    shown = await in_locale(place, LATIN, "devices")
    assert (shown.code, "Kran \\xdc \\u20ac" in shown.out) == (0, True)


async def test_the_library_refuses_to_name_files_in_another_encoding(tmp_path: Path) -> None:
    code = (
        "import anyio, pathlib\n"
        "from osfsync.archive.local import LocalArchive\n"
        "try: anyio.run(LocalArchive(pathlib.Path('mirror')).check)\n"
        "except Exception as error: print(type(error).__name__, error)\n"
    )
    done = await anyio.run_process(
        [sys.executable, "-c", code], cwd=tmp_path, env={**os.environ, **LATIN}, check=False
    )
    assert done.stdout.startswith(b"ArchiveError This process names files in")
    assert b"python -X utf8" in done.stdout
