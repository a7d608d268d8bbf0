"""Speed: `osfsync sync` beside its peers, in one run; nights on which nothing is new; limits; start.

    python -m benchmarks.speed [--case 4kB …] [--latency 0 …] [--files N] [--write RESULTS]

Prints files per second, CPU seconds per 1,000 files, peak memory, and how osfsync compares.
Slow peers fetch fewer files: rates are compared. Read ratios, not figures: machines differ.
"""

import argparse
import compileall
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import benchmarks
import osfsync
from benchmarks.speed import limits, nights, start, without
from benchmarks.speed.cheap import Load, serving
from benchmarks.speed.peers import (
    BATCHED,
    PEERS,
    PEERS_OF_LARGE,
    PEERS_OF_PACKED,
    SINGLY,
    Peer,
    limits_of,
)
from benchmarks.speed.running import Timed, machine, probed, timed


@dataclass(frozen=True, slots=True)
class Case:
    """Files of one size, and who fetches them; `latencies` in milliseconds."""

    size: int
    files: int
    peers: Mapping[str, Peer]
    latencies: tuple[float, ...] = (0,)
    suffix: str = "osf"

    def load(self, files: int, latency: float) -> Load:
        """What the platform has."""
        return Load(files, self.size, suffix=self.suffix, latency=latency)


CASES = {
    "4kB": Case(4_000, 20_000, PEERS, (0, 20, 100)),
    "64kB": Case(64_000, 5_000, PEERS, (0, 20, 100)),
    "1MB": Case(1_000_000, 2_000, PEERS_OF_LARGE),
    "1GB": Case(1_000_000_000, 4, PEERS_OF_LARGE),
    "1MB-packed": Case(1_000_000, 1_000, PEERS_OF_PACKED, suffix="osfz"),
    "1GB-packed": Case(1_000_000_000, 2, PEERS_OF_PACKED, suffix="osfz"),
}

NIGHTS = {
    "10 devices x 1,000 files": (10, 1_000),
    "1,000 devices x 1,000 files": (1_000, 1_000),
    "1 device x 10,000 files": (1, 10_000),
    "1 device x 1,000,000 files": (1, 1_000_000),
}

MOST_SEQUENTIAL = 20.0
"""Seconds that a slow peer is given, about: it fetches no more files than that."""


def most_for(name: str, files: int, latency: float) -> int:
    """How many files a peer fetches: none is let run for minutes."""
    at_once = 1 if name == "API page's sample" else 32
    each = 2 * latency + 0.004  # seconds a file, about
    return min(files, max(32, int(MOST_SEQUENTIAL * at_once / each)))


def table(case: str, latency: float, results: dict[str, Timed], stalls: str) -> str:
    """The rows of one case."""
    ours = [results[name] for name in (SINGLY, BATCHED) if name in results]
    head = f"{case}, {1000 * latency:.0f} ms"
    heads = "".join(f"{head:>14}" for head in ("singly is", "batched is")[: len(ours)])
    lines = [f"{head:34}{'files':>8}{'files/s':>10}{'CPU s/1,000':>14}{'peak MB':>10}{heads}"]
    for name, result in results.items():
        cpu = 1000 * result.cpu / result.files
        ratios = (f"{mine.rate / result.rate:.2f} x" for mine in ours)
        told = "".join(f"{ratio:>14}" for ratio in ratios)
        rate = f"{result.rate:,.0f}" if result.rate > 10 else f"{result.rate:.2f}"
        lines.append(f"{name:34}{result.files:>8,}{rate:>10}{cpu:>14.3f}{result.peak / 1e6:>10.0f}{told}")
    return "\n".join([*lines, stalls])


def measure(case: str, files: int, latency: float, scratch: Path) -> str:
    """All programs in turn, each against a new server and into a folder of its own below `scratch`."""
    results: dict[str, Timed] = {}
    for name, peer in CASES[case].peers.items():
        if name.startswith("curl") and shutil.which("curl") is None:
            continue
        folder = scratch / str(len(results))
        folder.mkdir(parents=True)
        most = files if name == BATCHED else most_for(name, files, latency)
        load = CASES[case].load(most, latency)
        with serving(load) as url:
            results[name] = timed(peer(load, url, folder, most))
    with serving(CASES[case].load(files, latency)) as url:
        told = json.loads(timed(probed(url, scratch / "probed", limits_of("auto"), files)).output)
    p99, longest = 1000 * told["p99"], 1000 * told["longest"]
    stalls = f"its loop stood still for {p99:.1f} ms (p99), {longest:.1f} ms (longest)"
    return table(case, latency, results, stalls)


def downloads(case: str, latencies: list[float], files: int | None) -> Callable[[Path], Iterator[str]]:
    """A table for each latency, in milliseconds."""

    def tables(scratch: Path) -> Iterator[str]:
        for latency in latencies or CASES[case].latencies:
            yield measure(case, files or CASES[case].files, latency / 1000, scratch / f"{case}-{latency:g}")

    return tables


def quiet_nights(scratch: Path) -> Iterator[str]:
    """One table."""
    rows = [nights.told(label, nights.quiet(*size, scratch / label)) for label, size in NIGHTS.items()]
    yield "\n".join([nights.HEAD, *rows])


def main() -> None:
    """The chosen cases."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--case", choices=[*CASES, "without", "nights", "limits", "start"], action="append")
    parser.add_argument("--latency", type=float, action="append", help="milliseconds")
    parser.add_argument("--files", type=int)
    parser.add_argument("--write", type=Path, help="keep what was printed in this file as well")
    given = parser.parse_args()
    others: dict[str, Callable[[Path], Iterator[str]]] = {
        "without": without.tables,
        "nights": quiet_nights,
        "limits": lambda scratch: iter(["\n".join(limits.measure(scratch / "limits"))]),
        "start": lambda scratch: iter(["\n".join(start.measure(scratch / "start"))]),
    }
    for package in (osfsync, benchmarks):  # as an installed program is
        compileall.compile_dir(package.__path__[0], quiet=1)
    told = [machine()]
    print(told[0], flush=True)
    # Nothing is deleted before the end: ext4 creates files many times slower for minutes after that.
    with tempfile.TemporaryDirectory() as scratch:
        for case in given.case or ["start", *CASES, "without", "nights", "limits"]:
            tables = others.get(case) or downloads(case, given.latency or [], given.files)
            for text in tables(Path(scratch)):
                told.append(text)
                print(f"\n{text}", flush=True)
    if given.write is not None:
        given.write.write_text("\n\n".join(told) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
