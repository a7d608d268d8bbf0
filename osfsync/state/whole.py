"""Nothing is left half-way: work on the database is run to its end, whoever is cancelled meanwhile."""

from collections.abc import Awaitable, Callable
from typing import TypeVar

import anyio

T = TypeVar("T")


async def to_the_end(work: Callable[[], Awaitable[T]]) -> T:
    """Do `work`, which is short, and answer its result or raise its error; cancellation has to wait.

    A cancelled anyio scope finds out after this has returned. A task that asyncio itself cancels (a program
    that embeds us, Ctrl-C without our handlers) gets its CancelledError when the work is done: it is in a
    task of its own, for a connection cut off in a transaction would keep the database locked until the
    garbage collector has found it.
    """
    results: list[T] = []
    errors: list[Exception] = []

    async def run() -> None:
        with anyio.CancelScope(shield=True):
            try:
                results.append(await work())
            except Exception as error:  # noqa: BLE001 - raised below, without the task group's wrapping
                errors.append(error)

    with anyio.CancelScope(shield=True):
        async with anyio.create_task_group() as group:
            group.start_soon(run)
    for error in errors:
        raise error
    return results[0]
