"""What cancellation and a killed process do to a transaction: it is whole, or it never was."""

import asyncio
import random
import signal
import subprocess
import sys
import time
from collections.abc import Sequence
from pathlib import Path

import anyio
import pytest

from osfsync.domain.model import StorageStatus
from osfsync.domain.outcomes import Fact
from osfsync.state.database import Database, open_state
from osfsync.state.maintenance import check
from osfsync.state.settings import StateSettings
from osfsync.state.writer import Writer
from tests.state.state_samples import DEVICE, NOW, RUN, device_seen, fetched, file, files_seen

BATCH = 300


def names_of(number: int) -> list[str]:
    return [f"{number:04}/{n:04}.osf" for n in range(BATCH)]


def batch(number: int) -> Sequence[Fact]:
    """Several statements, so that there is a middle to be interrupted in."""
    names = names_of(number)
    return [files_seen(*map(file, names)), *(fetched(name) for name in names)]


async def held(database: Database, number: int) -> int:
    records = await database.reader.records(DEVICE.id, names_of(number))
    return sum(record.held is not None for record in records.values())


async def test_a_cancelled_scope_lets_the_transaction_end_and_its_caller_know(
    database: Database, writer: Writer
) -> None:
    told: list[int] = []

    async def commit(number: int) -> None:
        await writer.commit(batch(number))
        told.append(number)

    for number in range(30):
        async with anyio.create_task_group() as group:
            group.start_soon(commit, number)
            for _ in range(number):  # cancelled a little later each time
                await anyio.lowlevel.checkpoint()
            group.cancel_scope.cancel()
    in_place = [number for number in range(30) if await held(database, number) == BATCH]
    assert in_place == told
    assert told
    assert (await database.overview.totals()).missing[StorageStatus.BOTH] == 0


async def test_a_task_cancelled_by_asyncio_itself_leaves_whole_transactions_and_no_thread(
    settings: StateSettings,
) -> None:
    delays = random.Random(1)
    async with open_state(settings) as database:
        writer = await database.start_run(RUN, NOW)
        await writer.commit([device_seen()])
        told: set[int] = set()
        for number in range(40):
            task = asyncio.create_task(writer.commit(batch(number)))
            await asyncio.wait([task], timeout=delays.random() * 0.02)
            task.cancel()
            await asyncio.wait([task])
            if not task.cancelled():
                told.add(number)
        assert len(told) < 40
        counts = {number: await held(database, number) for number in range(40)}
        assert set(counts.values()) <= {0, BATCH}
        assert {number for number in told if counts[number] == 0} == set()
        await writer.commit(batch(40))
        assert await held(database, 40) == BATCH


async def test_cancelled_questions_leave_no_thread_and_the_next_is_answered(
    database: Database, writer: Writer
) -> None:
    await writer.commit(batch(0))
    for number in range(30):
        async with anyio.create_task_group() as group:
            for _ in range(6):  # more than there are connections
                group.start_soon(database.reader.records, DEVICE.id, names_of(0))
            for _ in range(number):
                await anyio.lowlevel.checkpoint()
            group.cancel_scope.cancel()
    assert await held(database, 0) == BATCH


async def test_leaving_the_pages_of_a_report_early_leaves_nothing_behind(
    database: Database, writer: Writer
) -> None:
    for number in range(8):
        await writer.commit(batch(number))
    pages = database.overview.files()
    assert len(await anext(pages)) == 1000
    await pages.aclose()  # type: ignore[attr-defined]  # an async generator
    assert await held(database, 0) == BATCH


WRITE = """
import sys
import anyio
sys.path.insert(0, sys.argv[2])
from tests.state.state_samples import NOW, RUN, device_seen
from tests.state.test_state_interruption import batch
from osfsync.state.database import open_state
from osfsync.state.settings import StateSettings

async def main():
    async with open_state(StateSettings(url=sys.argv[1])) as database:
        writer = await database.start_run(RUN, NOW)
        await writer.commit([device_seen()])
        number = 0
        while True:
            await writer.commit(batch(number))
            print(number, flush=True)
            number += 1

anyio.run(main)
"""


def kill_a_writer(settings: StateSettings, seed: int) -> int:
    """Kill a process in the midst of its commits; the number of the last batch that it said was committed."""
    with subprocess.Popen(
        [sys.executable, "-c", WRITE, settings.url, str(Path(__file__).parents[2])],
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdout is not None
        for _ in range(5 + seed):
            process.stdout.readline()
        time.sleep(random.Random(seed).random() * 0.02)  # into the midst of some later transaction
        process.kill()
        rest, _ = process.communicate()
    if sys.platform != "win32":
        assert process.returncode == -signal.SIGKILL
    return max([4 + seed, *map(int, rest.split())])


@pytest.mark.parametrize("seed", range(3))
async def test_a_killed_run_leaves_a_sound_state_that_has_all_it_was_told_it_has(
    settings: StateSettings, seed: int
) -> None:
    told = kill_a_writer(settings, seed)
    assert await check(settings) == []
    async with open_state(settings) as database:
        totals = await database.overview.totals()
        assert totals.missing[StorageStatus.BOTH] == 0
        assert totals.held % BATCH == 0
        assert totals.held >= (told + 1) * BATCH
        (run,) = await database.overview.runs(5)
        assert (run.finished, run.outcome) == (None, None)
        await database.start_run(RUN, NOW)
