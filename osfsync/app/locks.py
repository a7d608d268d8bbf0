"""The locks of a run: one run at a time on a state and on an archive; another one waits, or is refused."""

from collections.abc import AsyncIterator, Callable
from contextlib import AbstractContextManager, AsyncExitStack, asynccontextmanager
from datetime import timedelta
from functools import partial

import anyio
import structlog

from osfsync.archive.local import LocalArchive
from osfsync.archive.owner import hold
from osfsync.archive.paths import check_layout
from osfsync.config import Settings
from osfsync.domain.errors import LockedError
from osfsync.state.lock import hold_lock

log = structlog.get_logger(__name__)

POLL = 0.5
"""Seconds between two tries for a lock; the operating system does not tell when it is free."""


@asynccontextmanager
async def locked(settings: Settings, wait: timedelta) -> AsyncIterator[LocalArchive]:
    """Hold the state and the archive; another run is waited for up to `wait`.

    Raises:
        LockedError: another run still works on the state or the archive.
        ConfigError, ArchiveError, StateError: a place can't be used.
    """
    check_layout(settings.archive.layout)
    deadline = anyio.current_time() + wait.total_seconds()
    async with AsyncExitStack() as stack:
        await _enter(stack, partial(hold_lock, settings.state), deadline)
        archive = LocalArchive(settings.archive.path)
        await archive.check()
        await _enter(stack, partial(hold, settings.archive.path), deadline)
        yield archive


async def _enter(
    stack: AsyncExitStack, lock: Callable[[], AbstractContextManager[None]], deadline: float
) -> None:
    waits = False
    while True:
        try:
            stack.enter_context(lock())
        except LockedError as error:
            left = deadline - anyio.current_time()
            if left <= 0:
                raise
            if not waits:
                log.warning("waiting for another run", reason=error.message)
            waits = True
            await anyio.sleep(min(POLL, left))
        else:
            return
