"""Commands that write rows: a table, JSON or CSV, a chunk at a time."""

from collections.abc import AsyncGenerator, Awaitable, Callable, Sequence
from contextlib import aclosing
from pathlib import Path
from typing import Any

import click

from osfsync.cli.context import run_async
from osfsync.cli.output import complain, say
from osfsync.cli.types import DURATION
from osfsync.reports.renderers import FORMATS, ROWS_ONLY
from osfsync.reports.sheets import NO_TAIL, Sheet, Tail

Chunks = Callable[[], AsyncGenerator[Sequence[Any]]]

format_option = click.option(
    "--format",
    "format_name",
    type=click.Choice(FORMATS),
    default=FORMATS[0],
    show_default=True,
    help="How rows are written.",
)

TEXT = "text"

text_option = click.option(
    "--format",
    "format_name",
    type=click.Choice((TEXT, "json", "csv")),
    default=TEXT,
    show_default=True,
    help="Lines for people, or rows.",
)

device_option = click.option(
    "--device", "devices", multiple=True, metavar="GLOB", help="Only these devices (name or id)."
)

wait_lock_option = click.option(
    "--wait-lock", type=DURATION, help="Wait up to this long for another run to end (2h); else exit code 11."
)


def output_option(metavar: str) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """`-o`, the file that a command writes, as `target`."""
    return click.option(
        "-o",
        "--output",
        "target",
        type=click.Path(path_type=Path, dir_okay=False),
        required=True,
        metavar=metavar,
        help="Where to write it, outside of the archive; an older one is replaced.",
    )


async def no_tail() -> Tail:
    """Nothing is told after the rows."""
    return NO_TAIL


def print_rows(
    sheet: Sheet[Any],
    format_name: str,
    chunks: Chunks,
    tail: Callable[[], Awaitable[Tail]] = no_tail,
) -> None:
    """Write rows as they come. What fails before the first of them leaves stdout empty.

    What a format has no room for is said on stderr.
    """
    from osfsync.reports.renderers import renderer

    drawing = renderer(format_name, sheet)

    async def write() -> None:
        last = await tail()
        head = drawing.begin()
        async with aclosing(chunks()) as stream:
            async for chunk in stream:
                if not say(head + drawing.rows(chunk)):
                    return
                head = ""
        say(head + drawing.end(last))
        if format_name in ROWS_ONLY:
            for line in last.lines:
                complain(f"warning: {line}")

    run_async(write)
