"""`devices`, `files`, `missing`, `gaps`, `why`, `status`: what is known, from the state alone."""

from datetime import timedelta
from functools import partial

import click

from osfsync.cli.context import Context, pass_context, run_async
from osfsync.cli.output import say
from osfsync.cli.rows import device_option, format_option, print_rows
from osfsync.cli.types import DURATION
from osfsync.domain.planner import Reason
from osfsync.reports.sheets import DEVICES, FILES, GAPS, MISSING, Tail, unseen_tail


@click.command()
@format_option
@pass_context
def devices(context: Context, format_name: str) -> None:
    """Show the known devices: what is held, what is missing, when they were in contact, what is wrong."""
    from osfsync.app import known

    settings = context.load().settings
    print_rows(DEVICES, format_name, lambda: known.devices(settings))


@click.command()
@click.argument("device", required=False)
@format_option
@pass_context
def files(context: Context, device: str | None, format_name: str) -> None:
    """Show the known files, of all devices or of DEVICE (name or id)."""
    from osfsync.app import known

    settings = context.load().settings

    async def tail() -> Tail:
        return unseen_tail(await known.unseen_among(settings, device))

    print_rows(FILES, format_name, lambda: known.files(settings, device), tail)


@click.command()
@device_option
@click.option(
    "--reason",
    "reasons",
    multiple=True,
    type=click.Choice([reason.value for reason in Reason]),
    help="Only files that are missing for this reason.",
)
@click.option(
    "--older-than",
    type=DURATION,
    help="Only files that were recorded longer ago than this (7d); else first seen, if that is not known.",
)
@format_option
@pass_context
def missing(
    context: Context,
    *,
    devices: tuple[str, ...],
    reasons: tuple[str, ...],
    older_than: timedelta | None,
    format_name: str,
) -> None:
    """Show every file that is known and not held: why, and what happens next."""
    from osfsync.app import known
    from osfsync.reports.wanted import Wanted

    settings = context.load().settings
    wanted = Wanted(frozenset(map(Reason, reasons)), older_than)

    async def tail() -> Tail:
        return unseen_tail(await known.unseen_devices(settings, devices))

    print_rows(MISSING, format_name, lambda: known.missing(settings, devices, wanted), tail)


@click.command()
@device_option
@format_option
@pass_context
def gaps(context: Context, *, devices: tuple[str, ...], format_name: str) -> None:
    """Show intervals in which a device was in contact, but from which no file is known at all.

    Pauses that recur at least once a fortnight, such as nights and weekends, are no gaps. Contacts are known
    for the last 120 days.
    """
    from osfsync.app import gaps as intervals

    settings = context.load().settings
    print_rows(GAPS, format_name, lambda: intervals.gaps(settings, devices))


@click.command()
@click.argument("name")
@device_option
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@pass_context
def why(context: Context, *, name: str, devices: tuple[str, ...], as_json: bool) -> None:
    """Tell the whole story of the file NAME, why it is missing and what happens next.

    NAME is the file's whole name, its path in the archive, or the part after the last folder.
    """
    from osfsync.app import story
    from osfsync.reports.renderers import story as words
    from osfsync.reports.renderers.json import document

    settings = context.load().settings
    model = run_async(partial(story.why, settings, name, devices))
    say(document(model) if as_json else words.text(model))


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@pass_context
def status(context: Context, *, as_json: bool) -> None:
    """Show the last runs, totals and the file that has been missing longest."""
    from osfsync.app import known
    from osfsync.reports.renderers import status as words
    from osfsync.reports.renderers.json import document

    settings = context.load().settings
    model = run_async(partial(known.status, settings))
    say(document(model) if as_json else words.table(model))
