"""The fault campaign: every trouble that a platform can make, each met by a whole sync.

    python -m tests.campaign.faults [--seed N] [--rounds K] [--case NAME] [--workers W]

Prints a line for each case (what was expected, what was seen), and what is wrong with those that are red.
Exits with 1 when any is. A seed gives the same worlds and the same script of faults each time.
"""

import argparse
import multiprocessing
import sys
import time
from collections.abc import Sequence
from concurrent.futures import Executor, ProcessPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

import anyio

from osfsync import logs
from tests.campaign.fault_cases import CASES
from tests.campaign.fault_verdict import judge

WIDTHS = (62, 68, 84)
WORKERS = 4
"""Processes: a case waits more than it works."""


@dataclass(frozen=True, slots=True)
class Line:
    """One line of the table, as it comes from another process."""

    cells: tuple[str, str, str]
    seconds: float
    complaints: tuple[str, ...]


def main(arguments: Sequence[str] | None = None) -> int:
    """Conduct the campaign; 0 where all is green."""
    given = _parse(arguments)
    chosen = [n for n, case in enumerate(CASES) if given.case is None or fnmatchcase(case.name, given.case)]
    if not chosen:
        say(f"No case is named {given.case!r}.")
        return 2
    context = multiprocessing.get_context("spawn")
    red = 0
    with ProcessPoolExecutor(given.workers, mp_context=context) as pool:
        for seed in range(given.seed, given.seed + given.rounds):
            red += play(chosen, seed, pool)
    return 1 if red else 0


def play(chosen: Sequence[int], seed: int, pool: Executor) -> int:
    """One round over the chosen cases; how many are red."""
    say(_row(("case", "expected", "seen"), "seconds", "verdict"))
    started = time.monotonic()
    red = 0
    for line in pool.map(partial(conduct, seed), chosen):
        red += bool(line.complaints)
        say(_row(line.cells, f"{line.seconds:.1f}", "red" if line.complaints else "green"))
        for complaint in line.complaints:
            say(f"    {complaint}")
    took = time.monotonic() - started
    say(f"seed {seed}: {len(chosen) - red} of {len(chosen)} cases green, {took:.0f} seconds\n")
    return red


def conduct(seed: int, number: int) -> Line:
    """One case in a folder of its own, on the event loop that the command line has."""
    logs.setup(verbosity=-1, log_format="console", stream=sys.stderr)
    options = {"use_uvloop": sys.platform != "win32"}
    with TemporaryDirectory(prefix="osfsync-campaign-") as folder:
        verdict = anyio.run(judge, CASES[number], seed, Path(folder), backend_options=options)
    case = verdict.case
    return Line((case.name, case.expected, verdict.seen), verdict.seconds, verdict.complaints)


def say(text: str) -> None:
    """Print a line at once: a round takes a while."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _row(cells: Sequence[str], seconds: str, verdict: str) -> str:
    wide = [f"{cell:<{width}}" for cell, width in zip(cells, WIDTHS, strict=True)]
    return "  ".join([*wide, f"{seconds:>7}", verdict])


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.campaign.faults", description=__doc__)
    parser.add_argument("--seed", type=int, default=1, help="of the first round; each has the next one")
    parser.add_argument("--rounds", type=int, default=1)
    parser.add_argument("--case", metavar="NAME", help="only this case, or those that fit a glob")
    parser.add_argument("--workers", type=int, default=WORKERS)
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
