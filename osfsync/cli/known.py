"""`devices`, `files`, `missing`, `status`: what is known, from the state alone."""

from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import aclosing
from typing import Any

import click

from osfsync.cli.context import Context, pass_context, run_async
from osfsync.cli.output import say
from osfsync.reports.renderers import FORMATS
from osfsync.reports.sheets import DEVICES, FILES, MISSING, Sheet

_format = click.option(
    "--format",
    "format_name",
    type=click.Choice(FORMATS),
    default=FORMATS[0],
    show_default=True,
    help="How rows are written.",
)


@click.command()
@_format
@pass_context
def devices(context: Context, format_name: str) -> None:
    """Show the known devices: what is held, what is missing, when they were listed."""
    from osfsync.app import known

    settings = context.load().settings
    _print(DEVICES, format_name, lambda: known.devices(settings))


@click.command()
@click.argument("device", required=False)
@_format
@pass_context
def files(context: Context, device: str | None, format_name: str) -> None:
    """Show the known files, of all devices or of DEVICE (name or id)."""
    from osfsync.app import known

    settings = context.load().settings
    _print(FILES, format_name, lambda: known.files(settings, device))


@click.command()
@_format
@pass_context
def missing(context: Context, format_name: str) -> None:
    """Show every file that is known and not held: why, and what happens next."""
    from osfsync.app import known

    settings = context.load().settings
    _print(MISSING, format_name, lambda: known.missing(settings))


@click.command()
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
@pass_context
def status(context: Context, *, as_json: bool) -> None:
    """Show the last runs, totals and the file that has been missing longest."""
    from functools import partial

    from osfsync.app import known
    from osfsync.reports.renderers import status as words
    from osfsync.reports.renderers.json import document

    settings = context.load().settings
    model = run_async(partial(known.status, settings))
    say(document(model) if as_json else words.table(model))


def _print(sheet: Sheet[Any], format_name: str, chunks: Callable[[], AsyncGenerator[Sequence[Any]]]) -> None:
    from osfsync.reports.renderers import renderer

    drawing = renderer(format_name, sheet)

    async def write() -> None:
        head = drawing.begin()  # told with the first rows: what fails before them leaves stdout empty
        async with aclosing(chunks()) as stream:
            async for chunk in stream:
                if not say(head + drawing.rows(chunk)):
                    return
                head = ""
        say(head + drawing.end())

    run_async(write)
