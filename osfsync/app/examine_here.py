"""The checks of `doctor` that ask no platform: archive, database, settings, who else is told."""

import os
import shutil
import stat
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Sequence
from datetime import timedelta
from pathlib import Path

from anyio import to_thread

from osfsync.app.examined import Finding
from osfsync.app.runs import SHARE
from osfsync.archive.local import LocalArchive
from osfsync.archive.paths import check_layout
from osfsync.config import Settings
from osfsync.domain.errors import ExitCode, LockedError, OsfsyncError
from osfsync.domain.model import OrderMode
from osfsync.reports.text import duration, size
from osfsync.state import maintenance
from osfsync.state.access import shares_memory
from osfsync.state.border import border
from osfsync.state.location import database_path
from osfsync.state.lock import hold_lock
from osfsync.state.share import network_share

ROOM_TOLERANCE = 1_000_000_000
"""Bytes of free space below which a warning is due."""

SHORT_LOOKBACK = timedelta(days=4)
SMALL_FILE = 10_000_000
_OPEN_TO_OTHERS = stat.S_IRWXG | stat.S_IRWXO


async def here(settings: Settings, configuration: Sequence[Path]) -> AsyncGenerator[Finding]:
    """Archive and database first: without these nothing else matters."""
    yield await _tried("archive", lambda: _archive(settings))
    yield await _tried("database", lambda: _database(settings))
    for finding in await to_thread.run_sync(lambda: list(_odd(settings, configuration))):
        yield finding


async def _tried(subject: str, check: Callable[[], Awaitable[Finding]]) -> Finding:
    try:
        return await check()
    except OsfsyncError as error:
        return Finding("error", subject, str(error), error.exit_code)


async def _archive(settings: Settings) -> Finding:
    check_layout(settings.archive.layout)
    archive = LocalArchive(settings.archive.path)
    await archive.check()
    free = await archive.free_space()
    if free < ROOM_TOLERANCE:
        return Finding(
            "warning", "archive", f"{settings.archive.path} is writable, but only {size(free)} are free."
        )
    return Finding("ok", "archive", f"{settings.archive.path} is writable, {size(free)} are free.")


_UNSHARED = (
    "{} is on a file system without shared memory: while a run works, other commands can't read the state. "
    "Set state.url to a file on a local disk."
)


async def _database(settings: Settings) -> Finding:
    before, _ = await maintenance.upgrade(settings.state)
    problems = await maintenance.check(settings.state)
    if problems:
        return Finding(
            "error",
            "database",
            f"{problems[0]} ({len(problems)} problems). Put back a backup made with `osfsync db backup`.",
            ExitCode.UNEXPECTED,
        )
    share = network_share(database_path(settings.state))
    if share:
        return Finding("warning", "database", SHARE.format(share))
    path = database_path(settings.state)
    with border(path):
        shared = await to_thread.run_sync(shares_memory, path)
    if not shared:
        return Finding("warning", "database", _UNSHARED.format(path))
    return Finding("ok", "database", "created and sound." if before is None else "sound.")


def _odd(settings: Settings, configuration: Sequence[Path]) -> Iterator[Finding]:
    """What is allowed, and mostly a mistake."""
    database = database_path(settings.state)
    if database.is_relative_to(settings.archive.path):
        yield _warning(
            "database",
            f"{database} lies in the archive: set state.url to a place beside it.",
        )
    if _is_locked(settings):
        yield _warning("lock", "a run is at work: another one would end with exit code 11.")
    if settings.select.lookback < SHORT_LOOKBACK:
        yield _warning(
            "select.lookback",
            f"is {duration(settings.select.lookback)}: what comes some days late may be missed. Set 30d.",
        )
    if settings.orders.mode is not OrderMode.AUTO:
        yield _warning("orders.mode", f'is "{settings.orders.mode.value}": {_MODES[settings.orders.mode]}')
    most = settings.limits.max_file_size
    if 0 < most < SMALL_FILE:
        yield _warning("limits.max_file_size", f"is {size(most)}: larger files fail. Is that wanted?")
    yield from _told(settings)
    yield from _open_to_others(settings, configuration)


_MODES = {
    OrderMode.AUTO: "",
    OrderMode.NEVER: "what lies only on devices stays there. Set auto to have it ordered.",
    OrderMode.ONLY: "nothing is fetched. Set auto to have files fetched.",
}


def _warning(subject: str, text: str) -> Finding:
    return Finding("warning", subject, text)


def _is_locked(settings: Settings) -> bool:
    try:
        with hold_lock(settings.state):
            return False
    except LockedError:
        return True
    except OsfsyncError:
        return False  # told as the database's


def _told(settings: Settings) -> Iterator[Finding]:
    textfile, command = settings.metrics.textfile, settings.notify.command
    if textfile is not None and not os.access(textfile.parent, os.W_OK):
        yield _warning(
            "metrics.textfile", f"{textfile.parent} is no folder that can be written: make it, or allow it."
        )
    if command is not None and shutil.which(command[0]) is None:
        yield _warning("notify.command", "its program can't be found or may not be run: give its whole path.")


def _open_to_others(settings: Settings, configuration: Sequence[Path]) -> Iterator[Finding]:
    """Addresses of notices are secrets. Windows has no such bits: there the folder's access list decides."""
    secret = settings.notify.ping_url or settings.notify.webhook_url or settings.cloud.proxy
    for file in configuration if secret and os.name == "posix" else ():
        if file.stat().st_mode & _OPEN_TO_OTHERS:
            yield _warning("configuration", f"{file} holds secrets, and others may read it: chmod 600 {file}")
