"""Weather: `osfsync sync` against a platform that fails, limits or is far away, beside a clean run.

    python -m benchmarks.weather [--case NAME …] [--write RESULTS]

Ratios to the clean run in the same run are what can be compared; machines differ.
"""

import argparse
import json
import tempfile
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.speed.cheap import Load
from benchmarks.speed.running import Timed, machine, osfsync, timed
from benchmarks.weather.sky import KINDS, Weather, raining

FILES = 2_000
SIZE = 4_000
LATENCY = 0.03
MODES = {"singly": "never", "batched": "auto"}
_ENDS = (0, 3, 10, 13)
_LIMIT = "600s"


@dataclass(frozen=True, slots=True)
class Outcome:
    """One run: seconds, exit code, files fetched and failed, and what the platform saw."""

    timed: Timed
    code: int
    fetched: int
    failed: int
    at_once: int
    seen: Mapping[str, Any]

    @property
    def seconds(self) -> float:
        """How long it took."""
        return self.timed.wall


def run(load: Load, weather: Weather, folder: Path, mode: str = "never", runs: int = 1) -> list[Outcome]:
    """Runs in a row into one archive, until one has all."""
    folder.mkdir(parents=True)
    outcomes: list[Outcome] = []
    with raining(load, weather) as url:
        for _ in range(runs):
            limits = f'downloads = 32\nbatch = "{mode}"'
            done = timed(
                osfsync(url, folder, limits, "-q", "sync", "--json", "--max-duration", _LIMIT), may_end=_ENDS
            )
            with urllib.request.urlopen(f"{url}/weather") as answer:
                seen = json.load(answer)
            told = json.loads(done.output)
            files = told["files"]
            failed = files["failed"] + files["quarantined"]
            outcomes.append(Outcome(done, told["exit_code"], files["fetched"], failed, told["at_once"], seen))
            if told["exit_code"] == 0:
                break
    return outcomes


def row(label: str, outcome: Outcome, note: str) -> str:
    """One line of a table."""
    return (
        f"{label:44}{outcome.seconds:>8.1f} s{outcome.fetched:>8,} files{outcome.failed:>6} failed, "
        f"exit {outcome.code}  {note}"
    )


def _ratios(
    name: str, kinds: tuple[str, ...], asked: Mapping[str, Mapping[float, float]], scratch: Path
) -> Iterator[str]:
    load = Load(FILES, SIZE, latency=LATENCY)
    for mode, batch in MODES.items():
        (clean,) = run(load, Weather(), scratch / f"{mode}-clean", batch)
        lines = [row(f"clean, {mode}", clean, f"up to {clean.at_once} at once in the end")]
        for share, most in asked[mode].items():
            weather = Weather({kind: share / len(kinds) for kind in kinds})
            (rough,) = run(load, weather, scratch / f"{mode}-{share}", batch)
            ratio = rough.seconds / clean.seconds
            note = f"{ratio:.2f} x clean (asked: {most:g} x), up to {rough.at_once} at once in the end"
            lines.append(row(f"{name} on {100 * share:g} %, {mode}", rough, note))
        yield "\n".join(lines)


def refusals(scratch: Path) -> Iterator[str]:
    """503 at random."""
    asked = {
        "singly": {0.01: 1.2, 0.03: 1.5, 0.05: 2, 0.1: 3},
        "batched": {0.01: 1.5, 0.03: 2, 0.05: 3, 0.1: 5},
    }
    return _ratios("503", ("503",), asked, scratch)


def mixed(scratch: Path) -> Iterator[str]:
    """A third each of 503, reset and silence."""
    each = {0.01: 2.0, 0.03: 3.0, 0.1: 6.0}
    return _ratios(
        "503, reset, silence", ("503", "reset", "silence"), {"singly": each, "batched": each}, scratch
    )


def rates(scratch: Path) -> Iterator[str]:
    """Limits of the rate, told as 429 and as 503, small and large."""
    lines = []
    for rate, files in ((20, 300), (100, 1_500), (300, 4_000)):
        for status in (429, 503):
            load = Load(files, SIZE, latency=LATENCY)
            (done,) = run(load, Weather(rate=rate, status=status), scratch / f"{rate}-{status}")
            seen = done.seen
            reached = seen["accepted"] / max(0.001, seen["seconds"]) / rate
            share = seen["refused"] / (seen["accepted"] + seen["refused"])
            late = 100 * seen["late_refused"]
            note = f"{reached:.2f} R, {100 * share:.1f} % refused, {late:.1f} % in the long run"
            lines.append(row(f"{status} above {rate} requests/s", done, f"{note} (asked: 0.9 R, 2 %)"))
    yield "\n".join(lines)


def line(scratch: Path) -> Iterator[str]:
    """A slow line that all share."""
    load = Load(12, 320_000, latency=LATENCY)
    (done,) = run(load, Weather(bits=64_000), scratch / "line")
    share = 8 * 12 * 320_000 / 64_000 / done.seconds
    yield row("64 kbit/s, 12 x 320 kB", done, f"{share:.2f} of the line (asked: 0.8)")


def kinds(scratch: Path) -> Iterator[str]:
    """All kinds of transient failure together."""
    lines = []
    for mode, batch in MODES.items():
        for share in (0.01, 0.03, 0.05):
            load = Load(600, SIZE, suffix="osfz", latency=LATENCY)
            weather = Weather({kind: share / len(KINDS) for kind in KINDS})
            outcomes = run(load, weather, scratch / f"{mode}-{share}", batch, runs=2)
            for number, outcome in enumerate(outcomes, start=1):
                met = sum(outcome.seen["met"].values())
                label = f"{len(KINDS)} kinds on {100 * share:g} %, {mode}, run {number}"
                lines.append(row(label, outcome, f"{met} met so far (asked: all in 2 runs of 90 s)"))
    yield "\n".join(lines)


def overload(scratch: Path) -> Iterator[str]:
    """Overload that is real."""
    lines = []
    for most in (4, 10, 20):
        load = Load(100 * most, SIZE, latency=LATENCY)
        (done,) = run(load, Weather(at_once=most), scratch / f"{most}")
        seen = done.seen
        share = seen["refused"] / (seen["accepted"] + seen["refused"])
        note = (
            f"{seen['at_once'] / most:.2f} N on the average, {done.at_once} at once in the end, "
            f"{100 * share:.1f} % refused, {100 * seen['late_refused']:.1f} % in the long run "
            f"(asked: 0.8 to 1.0 N)"
        )
        lines.append(row(f"503 above {most} at once, latency grows", done, note))
    yield "\n".join(lines)


CASES: dict[str, Callable[[Path], Iterator[str]]] = {
    "refusals": refusals,
    "mixed": mixed,
    "rates": rates,
    "line": line,
    "kinds": kinds,
    "overload": overload,
}


def main() -> None:
    """The chosen cases."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--case", choices=list(CASES), action="append")
    parser.add_argument("--write", type=Path, help="keep what was printed in this file as well")
    given = parser.parse_args()
    told = [machine()]
    print(told[0], flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        for case in given.case or CASES:
            for text in CASES[case](Path(scratch) / case):
                told.append(text)
                print(f"\n{text}", flush=True)
    if given.write is not None:
        given.write.write_text("\n\n".join(told) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
