"""Record: the single writer's stage; batches facts into one transaction each."""

from collections.abc import Iterator, Sequence

import anyio
from anyio.streams.memory import MemoryObjectReceiveStream

from osfsync.domain.outcomes import FilesSeen
from osfsync.pipeline.messages import Facts
from osfsync.pipeline.streams import batches
from osfsync.state.writer import Writer

ROWS = 500
SECONDS = 2.0
SECONDS_WHEN_AWAITED = 0.05
"""Downloads wait for the row of their file before they get their final name."""


async def record(facts: MemoryObjectReceiveStream[Facts], writer: Writer) -> None:
    """Write until the senders are gone.

    Cancellation does not end it: it closes the senders, and what they told before is written.
    """
    waiting: list[Facts] = []
    with anyio.CancelScope(shield=True):
        async with facts:
            try:
                async for batch in batches(facts, most=ROWS, patience=_patience, weigh=_rows):
                    waiting = batch
                    await writer.commit([fact for told in batch for fact in told.facts])
                    for told in batch:
                        if told.receipt is not None:
                            told.receipt.confirm()
            except BaseException:
                _refuse([*waiting, *_left_in(facts)])
                raise


def _left_in(facts: MemoryObjectReceiveStream[Facts]) -> Iterator[Facts]:
    while True:
        try:
            yield facts.receive_nowait()
        except (anyio.WouldBlock, anyio.EndOfStream):
            return


def _refuse(lost: Sequence[Facts]) -> None:
    """The writer failed: whoever waits for these facts must not wait for ever."""
    for told in lost:
        if told.receipt is not None:
            told.receipt.refuse()


def _patience(told: Facts) -> float:
    return SECONDS if told.receipt is None else SECONDS_WHEN_AWAITED


def _rows(told: Facts) -> int:
    return sum(len(fact.files) if isinstance(fact, FilesSeen) else 1 for fact in told.facts)
