"""What a sync takes without some of its parts: what could be won at most, were they to cost nothing.

    python -m benchmarks.speed.without [--write RESULTS]

Beside curl in the same run, without latency. See `parts`.
"""

import argparse
import compileall
import tempfile
from collections.abc import Iterator
from pathlib import Path

import benchmarks
import osfsync
from benchmarks.speed.cheap import Load, serving
from benchmarks.speed.peers import curl, limits_of
from benchmarks.speed.running import Timed, machine, parted, timed

_LOADS = {"4 kB": Load(20_000, 4_000), "64 kB": Load(5_000, 64_000)}
_HOW = {"singly": "never", "batched": "auto"}
_PARTS = {
    "everything": "everything on",
    "no-structure-check": "no structure check",
    "nothing-placed": "nothing checked, hashed, written, named",
    "requests-alone": "nothing but the requests",
}
_NAMES = "names"


def _measure(load: Load, folder: Path, batch: str, part: str) -> Timed:
    with serving(load) as url:
        command = parted(url, folder, limits_of(batch), part, files=load.files)
        (folder / _NAMES).write_text("\n".join([str(load.size), *load.names()]), encoding="utf-8")
        return timed(command)


def _curl(load: Load, folder: Path) -> Timed:
    folder.mkdir(parents=True)
    with serving(load) as url:
        return timed(curl(load, url, folder, load.files))


def _tables(scratch: Path) -> Iterator[str]:
    for size, load in _LOADS.items():
        peer = _curl(load, scratch / size / "curl")
        head = f"{size + ', 0 ms':50}{'files/s':>10}{'CPU s/1,000':>14}{'of curl':>10}"
        lines = [head, _row("curl --parallel 32", peer, peer)]
        for how, batch in _HOW.items():
            for part, words in _PARTS.items():
                result = _measure(load, scratch / size / how / part, batch, part)
                lines.append(_row(f"{how}, {words}", result, peer))
        yield "\n".join(lines)


def _row(name: str, result: Timed, peer: Timed) -> str:
    cpu = 1000 * result.cpu / result.files
    return f"{name:50}{result.rate:>10,.0f}{cpu:>14.3f}{result.rate / peer.rate:>8.2f} x"


def main() -> None:
    """All tables."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--write", type=Path, help="keep what was printed in this file as well")
    given = parser.parse_args()
    for package in (osfsync, benchmarks):  # as an installed program is
        compileall.compile_dir(package.__path__[0], quiet=1)
    told = [machine()]
    print(told[0], flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        for text in _tables(Path(scratch)):
            told.append(text)
            print(f"\n{text}", flush=True)
    if given.write is not None:
        given.write.write_text("\n\n".join(told) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
