"""A sync in the working folder without some of its parts: they are taken out in this process.

python -m benchmarks.speed.parts PART -q sync
"""

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import partial
from hashlib import sha256
from pathlib import Path

import anyio

import osfsync
from osfsync.__main__ import main as sync
from osfsync.archive import group
from osfsync.archive.base import Body, Complete, Placed
from osfsync.archive.local import LocalArchive
from osfsync.cli.context import run_async
from osfsync.cloud.client import CloudClient
from osfsync.cloud.settings import BatchMode
from osfsync.domain.model import ContentCheck, Device, Held, Verification, utc_now
from osfsync.pipeline.batch import MOST_BYTES, MOST_FILES
from osfsync.pipeline.decide import Decider, Outputs
from osfsync.pipeline.messages import ListedPage

NAMES = "names"
"""File in the working folder: the size of all files in bytes, then their names, a line each."""


def _without_structure() -> None:
    def judge(
        data: bytes,
        expected_size: int | None,  # noqa: ARG001
        check: ContentCheck,  # noqa: ARG001
        complete: Complete | None = None,  # noqa: ARG001
    ) -> Held:
        return Held(len(data), sha256(data).hexdigest(), utc_now(), Verification.WHOLE)

    group.judge = judge  # type: ignore[attr-defined]  # where it is used, not where it is from
    sync()


def _without_placing() -> None:
    async def place(_: LocalArchive, bodies: Sequence[Body]) -> list[Placed]:
        return [Placed(Held(len(body.data), "0" * 64, utc_now(), Verification.WHOLE)) for body in bodies]

    LocalArchive.place = place  # type: ignore[method-assign, assignment]
    sync()


def _lists_alone() -> None:
    async def page(_: Decider, _page: ListedPage, _out: Outputs) -> None:
        """Nothing is looked up and decided."""

    Decider.page = page  # type: ignore[method-assign, assignment]
    sync()


def _requests_alone() -> None:
    size, *names = Path(NAMES).read_text(encoding="utf-8").split()
    run_async(partial(_fetch_all, names, int(size)))


async def _fetch_all(names: Sequence[str], size: int) -> None:
    """Whole batches, as many files as one may have; no ZIP is unpacked."""
    settings = osfsync.load_settings()
    limits = settings.limits
    together = 1 if limits.batch is BatchMode.NEVER else min(MOST_FILES, MOST_BYTES // size)
    parts = (names[at : at + together] for at in range(0, len(names), together))
    async with osfsync.open_client(settings) as client:
        (device,) = await client.devices()
        async with anyio.create_task_group() as workers:
            for _ in range(limits.downloads):
                workers.start_soon(_fetch, client, device, parts)


async def _fetch(client: CloudClient, device: Device, parts: Iterator[Sequence[str]]) -> None:
    for names in parts:
        if len(names) > 1:
            await client.batch(device, names, sys.maxsize)
            continue
        async with client.download(device, names[0]) as body:
            while await body.piece():
                pass


PARTS: Mapping[str, Callable[[], None]] = {
    "everything": sync,
    "no-structure-check": _without_structure,
    "nothing-placed": _without_placing,
    "requests-alone": _requests_alone,
    "lists-alone": _lists_alone,
}


if __name__ == "__main__":
    part = sys.argv.pop(1)
    PARTS[part]()
