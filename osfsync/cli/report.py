"""`report`: one page about the fleet. `schema`: what scripts can rely on. `export`: rows for data frames."""

import json
from functools import partial
from pathlib import Path

import click

from osfsync import __version__
from osfsync.cli.context import Context, pass_context, run_async
from osfsync.cli.output import say
from osfsync.cli.rows import output_option

DOCUMENTED = (
    "config-show",
    "devices",
    "doctor",
    "files",
    "find",
    "gaps",
    "info",
    "missing",
    "orders",
    "provenance",
    "status",
    "sync",
    "verify",
    "why",
)
"""The names in `reports.schemas`, which is imported when the command runs."""


@click.command()
@output_option("FILE.html")
@pass_context
def report(context: Context, *, target: Path) -> None:
    """Write one page about the whole fleet: what is held, what is missing and why, who needs attention.

    It needs no network and opens from disk, in German or English.
    """
    from osfsync.app import page
    from osfsync.reports.text import size

    loaded = context.load()
    written = run_async(partial(page.report, loaded.settings, target, __version__, loaded.files))
    click.echo(f"{target} is written ({size(written)}).")


@click.command("schema")
@click.argument("name", type=click.Choice(DOCUMENTED))
def schema(name: str) -> None:
    """Print the JSON Schema of what the command NAME prints as JSON."""
    from osfsync.reports import schemas

    say(json.dumps(schemas.schema(name), indent=2, ensure_ascii=False) + "\n")


EXPORTED = ("devices", "files", "gaps", "missing", "orders", "provenance")
"""The kinds of `app.export`, which is imported when the command runs."""


@click.command("export")
@click.argument("kind", type=click.Choice(EXPORTED))
@output_option("FILE.parquet")
@pass_context
def export(context: Context, *, kind: str, target: Path) -> None:
    """Write all rows of a KIND into one Parquet file, for data frames.

    Needs the extra: pip install 'osfsync[parquet]'.
    """
    from osfsync.app import export as exporting
    from osfsync.reports.text import amount, size

    loaded = context.load()
    rows, written = run_async(partial(exporting.export, loaded.settings, kind, target, loaded.files))
    click.echo(f"{target} holds {amount(rows, 'row')} ({size(written)}).")
