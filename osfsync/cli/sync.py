"""`sync` and `backfill`."""

import sys
from collections.abc import Callable
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING, Any

import click

from osfsync.cli.context import Context, pass_context, run_async
from osfsync.cli.output import complain, complain_of_exit, say
from osfsync.cli.rows import device_option, wait_lock_option
from osfsync.cli.types import DURATION, END, MOMENT, SIZE
from osfsync.domain.errors import ConfigError
from osfsync.domain.model import OrderMode

if TYPE_CHECKING:
    from osfsync.config import Settings
    from osfsync.domain.summary import RunSummary

FAIL_ON = ("pending", "lost")
"""The values of FailOn, which is imported when a command runs."""

Decorator = Callable[[Callable[..., Any]], Callable[..., Any]]


def _shared(command: Callable[..., Any]) -> Callable[..., Any]:
    """Options of both commands."""
    options: tuple[Decorator, ...] = (
        device_option,
        click.option(
            "--order",
            type=click.Choice([mode.value for mode in OrderMode]),
            help="Whether device-only files are asked for, or nothing else is done.",
        ),
        click.option(
            "--fail-on",
            multiple=True,
            type=click.Choice(FAIL_ON),
            help="End with exit code 4 where files are still on devices, or were lost.",
        ),
        click.option("--max-transfer", type=SIZE, help="Start no download after this much (10GB)."),
        click.option("--max-duration", type=DURATION, help="End the run after this time (6h)."),
        wait_lock_option,
        click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout."),
    )
    for option in reversed(options):
        command = option(command)
    return command


@click.command()
@click.option("--since", type=MOMENT, help="List from here on (2026-01-31, or 30d) instead of the lookback.")
@click.option("--until", type=END, help="List up to here.")
@click.option(
    "--wait", type=DURATION, help="Wait so long for what was ordered, and fetch what comes meanwhile (2h)."
)
@click.option("--dry-run", is_flag=True, help="Say what would be done; order, fetch and record nothing.")
@_shared
@pass_context
def sync(
    context: Context,
    *,
    since: datetime | None,
    until: datetime | None,
    wait: timedelta | None,
    dry_run: bool,
    devices: tuple[str, ...],
    order: str | None,
    fail_on: tuple[str, ...],
    max_transfer: int | None,
    max_duration: timedelta | None,
    wait_lock: timedelta | None,
    as_json: bool,
) -> int:
    """Mirror the tenant: list the devices' files, order what only devices have, fetch the rest.

    Lists the lookback window and the windows of everything that is known and not held; with --since or
    --until that period only.
    """
    from osfsync.app.runs import SyncRequest, rehearse
    from osfsync.app.runs import sync as run_sync
    from osfsync.pipeline.perform import FailOn

    _check_period(since, until)
    if dry_run and (wait or fail_on):
        raise click.UsageError("--dry-run orders nothing, so it goes neither with --wait nor with --fail-on.")
    context.set_up_logs()
    settings = _settings(context, "sync", _flags(devices, order), as_json=as_json)
    request = SyncRequest(
        since=since,
        until=until,
        max_transfer=max_transfer,
        max_duration=max_duration,
        wait=wait or timedelta(0),
        fail_on=frozenset(map(FailOn, fail_on)),
        wait_lock=wait_lock or timedelta(0),
    )
    perform = rehearse if dry_run else run_sync
    return _show(context, as_json, partial(perform, settings, context.password(settings), request))


@click.command()
@click.option("--since", type=MOMENT, required=True, help="Where the archive begins (2024-01-01).")
@click.option("--until", type=END, help="Where it ends; now, if not given.")
@_shared
@pass_context
def backfill(
    context: Context,
    *,
    since: datetime,
    until: datetime | None,
    devices: tuple[str, ...],
    order: str | None,
    fail_on: tuple[str, ...],
    max_transfer: int | None,
    max_duration: timedelta | None,
    wait_lock: timedelta | None,
    as_json: bool,
) -> int:
    """Mirror an archive period in windows of 30 days, oldest first.

    Run again with the same --since and --until, it goes on at the window where it stopped.
    """
    from osfsync.app.runs import BackfillRequest
    from osfsync.app.runs import backfill as run_backfill
    from osfsync.pipeline.perform import FailOn

    _check_period(since, until)
    context.set_up_logs()
    settings = _settings(context, "backfill", _flags(devices, order), as_json=as_json)
    request = BackfillRequest(
        since=since,
        until=until,
        max_transfer=max_transfer,
        max_duration=max_duration,
        fail_on=frozenset(map(FailOn, fail_on)),
        wait_lock=wait_lock or timedelta(0),
    )
    return _show(context, as_json, partial(run_backfill, settings, context.password(settings), request))


def _check_period(since: datetime | None, until: datetime | None) -> None:
    if since is not None and until is not None and until < since:
        raise click.UsageError(
            f"--until ({until:%Y-%m-%d %H:%M}) lies before --since ({since:%Y-%m-%d %H:%M})."
        )


def _settings(context: Context, command: str, flags: dict[str, object], *, as_json: bool) -> "Settings":
    """The settings; a script that reads JSON is given an object also where they can't be used."""
    from osfsync.app.runs import never_begun
    from osfsync.reports.build import summary_model
    from osfsync.reports.renderers.json import document

    try:
        return context.load(flags).settings
    except ConfigError as error:
        if as_json:
            say(document(summary_model(never_begun(command, error))))
        raise


def _flags(devices: tuple[str, ...], order: str | None) -> dict[str, object]:
    flags: dict[str, object] = {}
    if devices:
        flags["select.devices"] = devices
    if order is not None:
        flags["orders.mode"] = order
    return flags


def _show(context: Context, as_json: bool, perform: Callable[..., Any]) -> int:  # noqa: FBT001 — the user's own flag
    """Run with progress, then tell: JSON for scripts, a table for people, a line for cron."""
    from osfsync.cli.progress import observer
    from osfsync.reports.build import summary_model
    from osfsync.reports.renderers import summary as words
    from osfsync.reports.renderers.json import document

    summary: RunSummary = run_async(partial(perform, observe=observer(context, sys.stderr)))
    if as_json:
        say(document(summary_model(summary)))
    elif context.quiet:
        pass
    elif sys.stdout.isatty() or context.verbosity > 0:
        say(words.table(summary))
    else:
        say(words.line(summary))
    if context.quiet and summary.exit_code:
        complain_of_exit(summary.command, words.failure(summary), int(summary.exit_code))
    elif summary.error:
        complain(summary.error)
    return int(summary.exit_code)
