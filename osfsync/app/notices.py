"""Tells others how a run went: Prometheus, a check, a device, a webhook, a program. At worst a warning."""

import os
import subprocess
import sys
from collections.abc import Awaitable, Callable, Coroutine
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import anyio
import structlog
from anyio import to_thread
from anyio.abc import Process

from osfsync.app.remote import tell
from osfsync.app.rooms import USER_AGENT
from osfsync.app.targets import refuse_as_target
from osfsync.archive.beside import put_beside
from osfsync.cloud.elsewhere import post
from osfsync.config import Settings
from osfsync.config.sources import EXIT_CODE_VARIABLE, without_password
from osfsync.domain.errors import ConfigError, ExitCode, OsfsyncError
from osfsync.domain.summary import RunSummary
from osfsync.reports.build import summary_model
from osfsync.reports.metrics import BEGIN, KnownModel, exposition, groups_of
from osfsync.reports.renderers.json import document
from osfsync.reports.renderers.summary import line
from osfsync.state.database import open_view

log = structlog.get_logger(__name__)

PATIENCE = timedelta(seconds=60)
"""For a program that is told; it is ended then."""

_TEXT, _JSON = "text/plain; charset=utf-8", "application/json"


@dataclass(frozen=True, slots=True)
class Notices:
    """Whoever the settings name."""

    settings: Settings

    async def around(self, perform: Callable[[], Awaitable[RunSummary]]) -> RunSummary:
        """Tell that a run begins, and how it ended, also where it was cancelled or met a defect."""
        await self._ping(b"", "start")
        try:
            summary = await perform()
        except BaseException as error:
            code = ExitCode.UNEXPECTED if isinstance(error, Exception) else ExitCode.INTERRUPTED
            with anyio.CancelScope(shield=True):
                await self._ping(f"{type(error).__name__}\n".encode(), str(int(code)))
            raise
        with anyio.CancelScope(shield=True):
            await self._tell(summary)
        return summary

    async def _tell(self, summary: RunSummary) -> None:
        told = document(summary_model(summary)).encode()
        notify, textfile = self.settings.notify, self.settings.metrics.textfile
        if textfile is not None:
            await _warned("metrics.textfile", self._write_metrics(textfile, summary))
        await self._ping(line(summary).encode(), str(int(summary.exit_code)))
        if self.settings.mqtt.url is not None:
            await _warned("mqtt", tell(self.settings, summary))
        if notify.webhook_url is not None:
            await _warned("notify.webhook_url", post(notify.webhook_url, told, _JSON, USER_AGENT))
        if notify.command is not None:
            await _warned("notify.command", _run(notify.command, told, summary.exit_code))

    async def _ping(self, data: bytes, *below: str) -> None:
        address = self.settings.notify.ping_url
        if address is not None:
            await _warned("notify.ping_url", post(address, data, _TEXT, USER_AGENT, *below))

    async def _write_metrics(self, textfile: Path, summary: RunSummary) -> None:
        refuse_as_target(textfile, self.settings)
        await to_thread.run_sync(_refuse_strangers, textfile)
        known = None
        with suppress(OsfsyncError):  # where the state can't be read, the run's own numbers tell so
            known = await self._known()
        await put_beside(textfile, exposition(summary, known).encode())

    async def _known(self) -> KnownModel:
        async with open_view(self.settings.state) as view:
            rows = await view.overview.devices()
            oldest = await view.overview.oldest_gap()
            pending = None if oldest is None else oldest.record
            return KnownModel(
                groups=groups_of(rows, self.settings.metrics.groups),
                last_success=await view.overview.last_complete(),
                oldest_pending=None
                if pending is None
                else pending.file.start or pending.file.end or pending.first_seen,
                open_orders=sum(row.open_orders for row in rows),
            )


async def _warned(setting: str, telling: Coroutine[Any, Any, None]) -> None:
    try:
        await telling
    except OsfsyncError as error:
        log.warning("nobody was told how the run went", setting=setting, error=str(error))


class CommandFailedError(OsfsyncError):
    """A program that is told how a run went did not take it."""


async def _run(command: tuple[str, ...], told: bytes, code: ExitCode) -> None:
    """Run a program without a shell: the summary on its stdin, what it prints on our stderr."""
    environ = {**without_password(os.environ), EXIT_CODE_VARIABLE: str(int(code))}
    try:
        with anyio.fail_after(PATIENCE.total_seconds()):
            process = await anyio.open_process(
                command, stdin=subprocess.PIPE, stdout=_stderr(), stderr=None, env=environ
            )
            async with process:
                await _give(process, told)
                status = await process.wait()
    except TimeoutError:
        raise CommandFailedError(f"it did not end within {PATIENCE.total_seconds():.0f} seconds") from None
    except OSError as error:
        raise CommandFailedError(f"it can't be started: {error.strerror or type(error).__name__}") from error
    if status != 0:
        raise CommandFailedError(f"it failed with exit status {status}")


async def _give(process: Process, told: bytes) -> None:
    """A program need not read what it is told."""
    if process.stdin is not None:
        with suppress(anyio.BrokenResourceError, anyio.ClosedResourceError, ConnectionError):
            await process.stdin.send(told)
            await process.stdin.aclose()


def _refuse_strangers(textfile: Path) -> None:
    """A setting that names the wrong file must not cost that file: each run would write over it."""
    try:
        with textfile.open("rb") as file:
            head = file.read(len(BEGIN))
    except OSError:
        return  # writing tells what is wrong
    if head and head != BEGIN:
        raise ConfigError(f"{textfile} holds something else, and was left as it is.")


def _stderr() -> int:
    """Where stderr goes; a notebook has none that a program could write to."""
    try:
        return subprocess.DEVNULL if sys.stderr is None else sys.stderr.fileno()
    except OSError:
        return subprocess.DEVNULL
