"""Speed: `osfsync sync` beside its peers, in one run.

    python -m benchmarks.speed [--case 4kB] [--latency 0] [--files N] [--write RESULTS]

Prints files per second, CPU seconds per 1,000 files, peak memory, and how osfsync compares.
Slow peers fetch fewer files: rates are compared. Read ratios, not figures: machines differ.
"""

import argparse
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from random import Random

from benchmarks.speed.cheap import Load, serving
from benchmarks.speed.peers import PEERS, Command
from osfsync.simulator.osf import Packing, Recording, write

OURS = ("osfsync sync", "osfsync sync, batched")
CASES = {
    "4kB": (4_000, 20_000),
    "64kB": (64_000, 5_000),
    "1MB": (1_000_000, 2_000),
    "1GB": (1_000_000_000, 4),
}
"""Bytes of a file, and how many."""

MOST_SEQUENTIAL = 20.0
"""Seconds that a slow peer is given, about: it fetches no more files than that."""


@dataclass(frozen=True, slots=True)
class Timed:
    """One program's run."""

    files: int
    wall: float
    cpu: float
    peak: int

    @property
    def rate(self) -> float:
        """Files per second."""
        return self.files / self.wall


def timed(command: Command) -> Timed:
    """Run it; its children are counted."""
    begun = time.perf_counter()
    process = subprocess.Popen(
        command.argv, cwd=command.folder, env=command.environment, stdout=subprocess.DEVNULL
    )
    _, status, usage = os.wait4(process.pid, 0)
    wall = time.perf_counter() - begun
    if status:
        raise SystemExit(f"{command.argv[:2]} ended with status {status}")
    unit = 1 if sys.platform == "darwin" else 1024
    return Timed(command.files, wall, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * unit)


def most_for(name: str, files: int, latency: float) -> int:
    """How many files a peer fetches: none is let run for minutes."""
    at_once = 1 if name == "API page's sample" else 32
    each = 2 * latency + 0.004  # seconds a file, about
    return max(32, min(files, int(MOST_SEQUENTIAL * at_once / each))) if name not in OURS else files


def table(case: str, latency: float, results: dict[str, Timed]) -> str:
    """The rows of one case."""
    singly, batched = (results[name] for name in OURS)
    head = f"{case}, {1000 * latency:.0f} ms: {singly.files} files"
    lines = [f"{head:34}{'files/s':>10}{'CPU s/1,000':>14}{'peak MB':>10}{'singly is':>14}{'batched is':>14}"]
    for name, result in results.items():
        cpu = 1000 * result.cpu / result.files
        ratios = (f"{ours.rate / result.rate:.2f} x" for ours in (singly, batched))
        told = "".join(f"{ratio:>14}" for ratio in ratios)
        lines.append(f"{name:34}{result.rate:>10,.0f}{cpu:>14.3f}{result.peak / 1e6:>10.0f}{told}")
    return "\n".join(lines)


def measure(size: int, files: int, latency: float, scratch: Path) -> dict[str, Timed]:
    """All programs in turn, against one server, each into a folder of its own below `scratch`."""
    now = datetime.now(UTC)
    content = write(Recording("bench", now, now, "bench", 1), size, Packing.PLAIN, Random(1))
    load = Load(files, content, latency=latency)
    results = {}
    with serving(load) as url:
        for name, peer in PEERS.items():
            if name.startswith("curl") and shutil.which("curl") is None:
                continue
            folder = scratch / str(len(results))
            folder.mkdir(parents=True)
            results[name] = timed(peer(load, url, folder, most_for(name, files, latency)))
    return results


def machine() -> str:
    """Where and with what this was measured."""
    parts = [
        platform.system(),
        platform.machine(),
        f"{os.cpu_count()} cores",
        f"Python {platform.python_version()}",
    ]
    parts += [f"{name} {version(name)}" for name in ("osfsync", "aiohttp", "uvloop")]
    return f"{datetime.now(UTC):%Y-%m-%d}, {', '.join(parts)}"


def main() -> None:
    """The chosen cases."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--case", choices=CASES, action="append")
    parser.add_argument("--latency", type=float, action="append", help="milliseconds")
    parser.add_argument("--files", type=int)
    parser.add_argument("--write", type=Path, help="keep what was printed in this file as well")
    given = parser.parse_args()
    told = [machine()]
    print(told[0], flush=True)
    # Nothing is deleted before the end: ext4 creates files many times slower for minutes after that.
    with tempfile.TemporaryDirectory() as scratch:
        for case in given.case or ["4kB", "64kB", "1MB"]:
            size, files = CASES[case]
            for latency in given.latency or ([0, 20, 100] if case in {"4kB", "64kB"} else [0]):
                folder = Path(scratch) / f"{case}-{latency:g}"
                results = measure(size, given.files or files, latency / 1000, folder)
                told.append(table(case, latency / 1000, results))
                print(f"\n{told[-1]}", flush=True)
    if given.write is not None:
        given.write.write_text("\n\n".join(told) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
