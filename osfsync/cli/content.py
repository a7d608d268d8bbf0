"""`index`, `find`, `info`: what is in files. `provenance`: where they came from."""

from contextlib import aclosing
from datetime import datetime
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

import click

from osfsync.cli.context import Context, pass_context, run_async
from osfsync.cli.output import complain, say
from osfsync.cli.rows import Chunks, device_option, format_option, print_rows
from osfsync.cli.types import END, MOMENT
from osfsync.reports.renderers import FORMATS
from osfsync.reports.sheets import FOUND

if TYPE_CHECKING:
    from osfsync.config import Settings

PATHS = "paths"


@click.command()
@pass_context
def index(context: Context) -> None:
    """Read which channels the held files have, for `find`. Reads only what is new; fetches nothing.

    Needs the extra: pip install 'osfsync[content]'.
    """
    from osfsync.app import contents
    from osfsync.reports.text import amount, count

    settings = context.load().settings
    told = run_async(partial(contents.index, settings))
    line = f"{amount(told.read, 'file')} read, {count(told.known)} known."
    if now := told.read - told.stored:
        line += f" {amount(now, 'file')} can't be read now, and will be tried again."
    if told.known_unreadable:
        line += f" What is in {count(told.known_unreadable)} of them can't be told."
    click.echo(line)


@click.command()
@click.option("--channel", "channels", multiple=True, required=True, metavar="GLOB", help="Its name (GPS.*).")
@click.option("--since", type=MOMENT, help="Recorded after this (2026-01-31, or 30d).")
@click.option("--until", type=END, help="Recorded before the end of this.")
@device_option
@click.option(
    "--format",
    "format_name",
    type=click.Choice((PATHS, *FORMATS)),
    default=PATHS,
    show_default=True,
    help="Paths, a line each, or rows.",
)
@pass_context
def find(
    context: Context,
    *,
    channels: tuple[str, ...],
    since: datetime | None,
    until: datetime | None,
    devices: tuple[str, ...],
    format_name: str,
) -> None:
    """List the held files that have samples of a channel, as far as `index` has read them."""
    from osfsync.app import contents

    settings = context.load().settings
    search = partial(contents.find, settings, channels, devices, since, until)
    if format_name == PATHS:
        run_async(partial(_print_paths, settings, search))
    else:
        print_rows(FOUND, format_name, search)


async def _print_paths(settings: "Settings", search: Chunks) -> None:
    from osfsync.app import contents

    found = False
    async with aclosing(search()) as pages:
        async for page in pages:
            found = found or bool(page)
            if not say("".join(f"{settings.archive.path / row.path}\n" for row in page)):
                return
    if not found and not await contents.is_indexed(settings):
        complain("No file was read yet: `osfsync index` reads what is in the held files.")


@click.command()
@format_option
@pass_context
def provenance(context: Context, format_name: str) -> None:
    """Show where each held file came from: platform, tenant, run, hash, what was checked."""
    from osfsync.app import known
    from osfsync.reports.contents import PROVENANCE

    settings = context.load().settings
    print_rows(PROVENANCE, format_name, lambda: known.provenance(settings))


@click.command()
@click.argument("file", type=click.Path(path_type=Path, dir_okay=False, exists=True))
@click.option("--json", "as_json", is_flag=True, help="One JSON object on stdout.")
def info(file: Path, *, as_json: bool) -> None:
    """Tell what is in one OSF file: its channels, their samples, its true time span."""
    from osfsync.app import contents
    from osfsync.reports.contents import info_text
    from osfsync.reports.renderers.json import document

    told = run_async(partial(contents.info, file))
    say(document(told) if as_json else info_text(told))
