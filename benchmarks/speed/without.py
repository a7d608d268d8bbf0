"""What a sync takes without some of its parts: what could be won at most, were they to cost nothing.

    python -m benchmarks.speed.without [--write RESULTS]

Beside curl in the same run, without latency. A part is taken out in the process that is measured.
"""

import argparse
import sys
import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import partial
from hashlib import sha256
from pathlib import Path

import anyio

import osfsync
from benchmarks.speed.cheap import Load, serving
from benchmarks.speed.peers import CONNECTIONS, curl, limits_of
from benchmarks.speed.running import Command, Timed, machine, timed
from benchmarks.speed.running import osfsync as command
from osfsync.__main__ import main as sync
from osfsync.archive import group
from osfsync.archive.base import Body, Placed
from osfsync.archive.local import LocalArchive
from osfsync.cli.context import run_async
from osfsync.cloud.client import CloudClient
from osfsync.cloud.settings import BatchMode
from osfsync.domain.model import ContentCheck, Device, Held, Verification, utc_now
from osfsync.pipeline.batch import MOST_FILES

_LOADS = {"4 kB": Load(20_000, 4_000), "64 kB": Load(5_000, 64_000)}
_HOW = {"singly": "never", "batched": "auto"}
_NAMES = "names"
"""File with the names that are fetched, in the working folder."""


def _everything() -> None:
    sync()


def _without_structure() -> None:
    def judge(data: bytes, expected_size: int | None, check: ContentCheck) -> Held:  # noqa: ARG001
        return Held(len(data), sha256(data).hexdigest(), utc_now(), Verification.WHOLE)

    group.judge = judge  # type: ignore[attr-defined]  # where it is used, not where it is from
    sync()


def _without_placing() -> None:
    async def place(_: LocalArchive, bodies: Sequence[Body]) -> list[Placed]:
        return [Placed(Held(len(body.data), "0" * 64, utc_now(), Verification.WHOLE)) for body in bodies]

    LocalArchive.place = place  # type: ignore[method-assign, assignment]
    sync()


def _requests_alone() -> None:
    run_async(partial(_fetch_all, Path(_NAMES).read_text(encoding="utf-8").split()))


async def _fetch_all(names: Sequence[str]) -> None:
    settings = osfsync.load_settings()
    together = 1 if settings.limits.batch is BatchMode.NEVER else MOST_FILES
    parts = (names[at : at + together] for at in range(0, len(names), together))
    async with osfsync.open_client(settings) as client:
        (device,) = await client.devices()
        async with anyio.create_task_group() as workers:
            for _ in range(CONNECTIONS):
                workers.start_soon(_fetch, client, device, parts)


async def _fetch(client: CloudClient, device: Device, parts: Iterator[Sequence[str]]) -> None:
    for names in parts:
        if len(names) > 1:
            await client.batch(device, names, sys.maxsize)
            continue
        async with client.download(device, names[0]) as body:
            while await body.piece():
                pass


WITHOUT: Mapping[str, Callable[[], None]] = {
    "everything on": _everything,
    "no structure check": _without_structure,
    "nothing checked, hashed, written": _without_placing,
    "the requests alone": _requests_alone,
}


def _measure(load: Load, url: str, folder: Path, batch: str, part: str) -> Timed:
    made = command(url, folder, limits_of(batch), files=load.files)
    (folder / _NAMES).write_text("\n".join(load.names()), encoding="utf-8")
    argv = [made.argv[0], "-m", "benchmarks.speed.without", "--child", part, "-q", "sync"]
    return timed(replace(made, argv=argv))


def _curl(load: Load, url: str, folder: Path) -> Command:
    folder.mkdir(parents=True)
    return curl(load, url, folder, load.files)


def _tables(scratch: Path) -> Iterator[str]:
    for size, load in _LOADS.items():
        with serving(load) as url:
            peer = timed(_curl(load, url, scratch / size / "curl"))
        lines = [
            f"{size + ', 0 ms':50}{'files/s':>10}{'CPU s/1,000':>14}{'of curl':>10}",
            _row("curl --parallel 32", peer, peer),
        ]
        for how, batch in _HOW.items():
            for part in WITHOUT:
                with serving(load) as url:
                    result = _measure(load, url, scratch / size / how / part, batch, part)
                lines.append(_row(f"{how}, {part}", result, peer))
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
    told = [machine()]
    print(told[0], flush=True)
    with tempfile.TemporaryDirectory() as scratch:
        for text in _tables(Path(scratch)):
            told.append(text)
            print(f"\n{text}", flush=True)
    if given.write is not None:
        given.write.write_text("\n\n".join(told) + "\n", encoding="utf-8")


if __name__ == "__main__":
    if sys.argv[1:2] == ["--child"]:
        part = sys.argv[2]
        sys.argv[1:] = sys.argv[3:]
        WITHOUT[part]()
    else:
        main()
