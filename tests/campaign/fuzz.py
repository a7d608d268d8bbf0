"""The fuzz campaign: every parser that meets a stranger's bytes, with bytes that coverage leads.

    python -m tests.campaign.fuzz [--seconds S] [--target NAME] [--corpus FOLDER]

Prints a line for each target: executions, edges of the code that were reached, inputs that reached new ones,
and crashes, with the input that led to each. Exits with 1 when there is any crash.
"""

import argparse
import importlib.util
import os
import re
import subprocess
import sys
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from fnmatch import fnmatchcase
from pathlib import Path
from tempfile import TemporaryDirectory

from osfsync.reports.text import for_terminal
from tests.hostile.targets import TARGETS, Target

MISSING = """\
The campaign needs atheris, a coverage-guided fuzzer, which is not installed here:

    .venv/bin/python -m pip install -e '.[fuzz]'

There are wheels for Linux; elsewhere it is built with clang. Without it, tests/hostile/test_hostile_fuzz.py
tries the same targets with random bytes.
"""
LONGEST_INPUT = 4_096  # bytes
MOST_MEMORY = 1_024  # MB
LONGEST_RUN = 10  # seconds for one input
PATIENCE = 120  # seconds beyond the time that a target is given
SHOWN = 25  # lines of a crash

_STATUS = re.compile(r"^#(\d+)\s+\w+\s+(?:cov: (\d+))?", re.MULTILINE)
_ADDED = re.compile(r"^stat::new_units_added:\s+(\d+)", re.MULTILINE)
_EXECUTED = re.compile(r"^stat::number_of_executed_units:\s+(\d+)", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of one target. `crash` is empty where there was none."""

    name: str
    executions: int
    edges: int
    added: int
    crash: str

    @property
    def cells(self) -> tuple[str, ...]:
        """The line of the table."""
        crashed = "crash" if self.crash else "none"
        return self.name, f"{self.executions:,}", f"{self.edges:,}", f"{self.added:,}", crashed


def main(arguments: Sequence[str] | None = None) -> int:
    """Conduct the campaign; 0 where nothing crashed."""
    given = _parse(arguments)
    if importlib.util.find_spec("atheris") is None:
        sys.stderr.write(MISSING)
        return 2
    targets = [target for target in TARGETS if given.target is None or fnmatchcase(target.name, given.target)]
    if not targets:
        say(
            f"No target is named {given.target!r}, but these: {', '.join(target.name for target in TARGETS)}."
        )
        return 2
    with TemporaryDirectory(prefix="osfsync-fuzz-") as scratch:
        return play(targets, given.seconds, given.corpus or Path(scratch))


def play(targets: Sequence[Target], seconds: int, corpus: Path) -> int:
    """Try all targets, as many at once as there are processors."""
    say(_line(("target", "executions", "edges", "new inputs", "crashes")))
    with ThreadPoolExecutor(os.cpu_count() or 1) as pool:
        results = pool.map(lambda target: attempt(target, seconds, corpus), targets)
        crashes = []
        for tried in results:
            say(_line(tried.cells))
            crashes += [tried] if tried.crash else []
    for tried in crashes:
        say(f"\n{tried.name}:\n{tried.crash}")
    return 1 if crashes else 0


def attempt(target: Target, seconds: int, corpus: Path) -> Tried:
    """Fuzz one target for so many seconds, from its seeds and what the folder has from before."""
    folder = corpus / target.name.replace(" ", "-")
    folder.mkdir(parents=True, exist_ok=True)
    for number, seed in enumerate(target.seeds):
        (folder / f"seed-{number}").write_bytes(seed)
    words = folder.with_suffix(".words")
    words.write_text("".join(f'"{_quoted(word)}"\n' for word in target.words), encoding="ascii")
    options = (
        f"-max_total_time={seconds}",
        f"-max_len={LONGEST_INPUT}",
        f"-timeout={LONGEST_RUN}",
        f"-rss_limit_mb={MOST_MEMORY}",
        f"-dict={words}",
        f"-artifact_prefix={folder.with_suffix('')}-crash-",
        "-print_final_stats=1",
    )
    command = [sys.executable, "-m", "tests.campaign.fuzz_one", target.name, *options, str(folder)]
    try:
        done = subprocess.run(
            command,
            capture_output=True,
            text=True,
            errors="backslashreplace",
            timeout=seconds + PATIENCE,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return Tried(
            target.name, 0, 0, 0, f"It did not end within {PATIENCE} seconds more than it was given."
        )
    told = done.stdout + done.stderr
    crash = _crash(told) if done.returncode else ""
    edges = [int(found) for _, found in _STATUS.findall(told) if found]
    return Tried(target.name, _number(_EXECUTED, told), max(edges, default=0), _number(_ADDED, told), crash)


def _crash(told: str) -> str:
    """The exception, as far as one was met, and the input that led to it."""
    found = told.find("Uncaught Python exception")
    lines = told[found:].splitlines()[:SHOWN] if found >= 0 else told.splitlines()[-SHOWN:]
    kept = [line for line in told.splitlines() if line.startswith("Base64: ") or "Test unit written" in line]
    return for_terminal("\n".join([*lines, *kept])) or "It ended, and said nothing."


def say(text: str) -> None:
    """Print a line at once: a campaign takes minutes."""
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


def _number(pattern: re.Pattern[str], text: str) -> int:
    found = pattern.search(text)
    return int(found[1]) if found else 0


def _quoted(word: bytes) -> str:
    return "".join(f"\\x{byte:02x}" for byte in word)


def _line(cells: Sequence[str]) -> str:
    name, *numbers = cells
    return f"{name:<16}" + "".join(f"{number:>14}" for number in numbers)


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m tests.campaign.fuzz", description=__doc__)
    parser.add_argument("--seconds", type=int, default=60, help="for each target")
    parser.add_argument("--target", metavar="NAME", help="only this one, or those that fit a glob")
    parser.add_argument(
        "--corpus", type=Path, metavar="FOLDER", help="keep what was found, and go on from it"
    )
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
