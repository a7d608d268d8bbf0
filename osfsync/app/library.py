"""What `import osfsync` offers: the commands' own work as coroutines, with the same settings."""

import os
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import structlog

from osfsync.app import runs
from osfsync.app.rooms import USER_AGENT, Password
from osfsync.app.runs import BackfillRequest, SyncRequest, ignore_progress
from osfsync.cloud import client as cloud
from osfsync.cloud.client import CloudClient
from osfsync.config import Settings, load
from osfsync.config.password import read_password
from osfsync.domain.summary import RunSummary
from osfsync.pipeline.perform import Observe

_WHOLE = SyncRequest()


def keep_quiet() -> None:
    """Leave what becomes of log lines to the program that calls us.

    Unless it has set structlog up itself, lines go to the standard library's logging, under the names of our
    modules, with values as Python would write them: names come from the platform, and may be hostile.
    """
    if not structlog.is_configured():
        structlog.configure(
            processors=[
                structlog.stdlib.filter_by_level,
                structlog.processors.format_exc_info,
                structlog.processors.KeyValueRenderer(key_order=["event"]),
            ],
            wrapper_class=structlog.stdlib.BoundLogger,
            logger_factory=structlog.stdlib.LoggerFactory(),
        )


def load_settings(config: Path | str | None = None) -> Settings:
    """Settings as the commands read them.

    The environment counts before `config` (or ./sync.toml), and that before the user's own file.

    Raises ConfigError with every problem that was found.
    """
    path = None if config is None else Path(config)
    return load(config=path, environ=os.environ, flags={}, cwd=Path.cwd()).settings


def _password_of(settings: Settings) -> Password:
    async def ask() -> str:
        return await read_password(settings, os.environ)

    return ask


async def sync(
    settings: Settings,
    request: SyncRequest = _WHOLE,
    *,
    password: Password | None = None,
    observe: Observe = ignore_progress,
) -> RunSummary:
    """One pass over the tenant, as `osfsync sync`.

    Args:
        settings: from `load_settings`, or made by hand.
        request: what to list, and limits of this run.
        password: asked at each login; as the settings say, if not given.
        observe: a coroutine function that gets the run's live tally, and is cancelled at the run's end.

    Returns:
        The summary, whatever ended the run: look at `outcome` and `exit_code`. Only defects are raised.
    """
    keep_quiet()
    return await runs.sync(settings, password or _password_of(settings), request, observe=observe)


async def backfill(
    settings: Settings,
    request: BackfillRequest,
    *,
    password: Password | None = None,
    observe: Observe = ignore_progress,
) -> RunSummary:
    """An archive period in windows, as `osfsync backfill`; resumes the last one of this period."""
    keep_quiet()
    return await runs.backfill(settings, password or _password_of(settings), request, observe=observe)


@asynccontextmanager
async def open_client(
    settings: Settings, *, password: Callable[[], Awaitable[str]] | None = None
) -> AsyncIterator[CloudClient]:
    """The platform's endpoints as verbs, without archive and state. Logs in at the first call."""
    keep_quiet()
    async with cloud.open_client(
        settings.cloud,
        settings.limits,
        password=password or _password_of(settings),
        user_agent=USER_AGENT,
    ) as client:
        yield client
