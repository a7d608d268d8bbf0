"""Runs whole programs, and says what they took."""

import os
import platform
import subprocess
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

from benchmarks.speed.cheap import PASSWORD, TENANT, USERNAME


@dataclass(frozen=True, slots=True)
class Command:
    """One program to be timed, in `folder`. `files` is how many it fetches."""

    argv: list[str]
    folder: Path
    environment: dict[str, str]
    files: int = 0


@dataclass(frozen=True, slots=True)
class Timed:
    """One program's run: seconds, CPU seconds, bytes of memory at the most, and what it printed."""

    files: int
    wall: float
    cpu: float
    peak: int
    output: str

    @property
    def rate(self) -> float:
        """Files per second."""
        return self.files / self.wall


def timed(command: Command, *, may_end: tuple[int, ...] = (0,)) -> Timed:
    """Run it; its children are counted. Ends the benchmark where it does not end as it should."""
    begun = time.perf_counter()
    with (command.folder / "output").open("w+b") as output:
        process = subprocess.Popen(command.argv, cwd=command.folder, env=command.environment, stdout=output)
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - begun
        output.seek(0)
        told = output.read().decode()
    if os.waitstatus_to_exitcode(status) not in may_end:
        raise SystemExit(f"{command.argv[:2]} ended with status {status}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Timed(command.files, wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit, told)


def osfsync(url: str, folder: Path, limits: str, *arguments: str, files: int = 0) -> Command:
    """The command line in `folder`, with these `[limits]`."""
    return _ours(url, folder, limits, ["-m", "osfsync", *arguments], files)


def parted(url: str, folder: Path, limits: str, part: str, files: int = 0) -> Command:
    """A sync without some of its parts; see `parts`."""
    return _ours(url, folder, limits, ["-m", "benchmarks.speed.parts", part, "-q", "sync"], files)


def probed(url: str, folder: Path, limits: str, files: int = 0) -> Command:
    """A sync with a probe of its loop; see `probe`."""
    return _ours(url, folder, limits, ["-m", "benchmarks.speed.probe"], files)


def _ours(url: str, folder: Path, limits: str, arguments: list[str], files: int) -> Command:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "sync.toml").write_text(
        f'[cloud]\nurl = "{url}"\nusername = "{USERNAME}"\ntenant = "{TENANT}"\n[limits]\n{limits}\n'
    )
    environment = {
        **os.environ,
        "OSFSYNC_PASSWORD": PASSWORD,
        "XDG_CONFIG_HOME": str(folder),
        "PYTHONPATH": str(Path(__file__).resolve().parents[2]),
    }
    return Command([sys.executable, *arguments], folder, environment, files)


def machine() -> str:
    """Where and with what this was measured."""
    parts = [
        platform.system(),
        platform.machine(),
        f"{os.cpu_count()} cores",
        f"Python {platform.python_version()}",
    ]
    parts += [
        f"{name} {version(name)}" for name in ("osfsync", "aiohttp", "uvloop", "xmltodict", "SQLAlchemy")
    ]
    return f"{datetime.now(UTC):%Y-%m-%d}, {', '.join(parts)}"
