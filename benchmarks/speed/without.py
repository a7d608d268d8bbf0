"""What a sync takes without some of its parts: what could be won at most, were they to cost nothing.

Beside curl, without latency. See `parts`.
"""

from collections.abc import Iterator
from pathlib import Path

from benchmarks.speed.cheap import Load, serving
from benchmarks.speed.parts import NAMES
from benchmarks.speed.peers import curl, limits_of
from benchmarks.speed.running import Timed, parted, timed

_LOADS = {"4 kB": Load(20_000, 4_000), "64 kB": Load(5_000, 64_000)}
_HOW = {"singly": "never", "batched": "auto"}
_PARTS = {
    "everything": "everything on",
    "no-structure-check": "no structure check",
    "nothing-placed": "nothing checked, hashed, written, named",
    "requests-alone": "nothing but the requests",
}


def _measure(load: Load, folder: Path, batch: str, part: str) -> Timed:
    with serving(load) as url:
        command = parted(url, folder, limits_of(batch), part, files=load.files)
        (folder / NAMES).write_text("\n".join([str(load.size), *load.names()]), encoding="utf-8")
        return timed(command)


def _curl(load: Load, folder: Path) -> Timed:
    folder.mkdir(parents=True)
    with serving(load) as url:
        return timed(curl(load, url, folder, load.files))


def tables(scratch: Path) -> Iterator[str]:
    """One for each size of files."""
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
