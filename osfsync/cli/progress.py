"""What a person sees while a run works: a live line at a terminal, a line every 30 seconds elsewhere."""

from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TextIO, TypeVar

import anyio
import click

from osfsync.cli.context import Context
from osfsync.pipeline.perform import Observe
from osfsync.pipeline.tally import Tally
from osfsync.reports.text import count, size

REFRESH = 0.2
LINE_EVERY = 30.0

T = TypeVar("T")


def observer(context: Context, stream: TextIO) -> Observe:
    """The right progress for where stderr goes; none with -q."""
    return progress(context, stream, describe)


def progress(
    context: Context, stream: TextIO, tell: Callable[[T], str]
) -> Callable[[T], Coroutine[Any, Any, None]]:
    """The same of anything that can be told on one line."""
    if context.verbosity < 0:
        return _nothing
    return partial(_live if stream.isatty() else _lines, tell)


async def _nothing(_: object) -> None:
    """Show nothing."""


async def _lines(tell: Callable[[T], str], progress: T) -> None:
    while True:
        await anyio.sleep(LINE_EVERY)
        click.echo(f"osfsync: {tell(progress)}", err=True)


async def _live(tell: Callable[[T], str], progress: T) -> None:
    from rich.console import Console
    from rich.live import Live
    from rich.text import Text

    with Live(console=Console(stderr=True), auto_refresh=False, transient=True) as live:
        while True:
            live.update(Text(tell(progress)), refresh=True)
            await anyio.sleep(REFRESH)


def describe(tally: Tally) -> str:
    """The run so far, on one line."""
    devices = tally.device_counts()
    parts = [
        f"devices {count(devices.listed + devices.failed)}/{count(devices.seen)}",
        f"files {count(tally.listed)} listed, {count(tally.held)} held",
        f"{count(tally.fetched)} of {count(tally.to_fetch)} fetched ({size(tally.received)})",
    ]
    if tally.at_once:
        parts.append(f"up to {tally.at_once} at once")
    if tally.device_only:
        parts.append(f"{count(tally.device_only)} on devices, {count(tally.orders_sent)} commands sent")
    failed = tally.failed + tally.quarantined
    if failed or devices.failed:
        parts.append(f"{count(failed)} files and {count(devices.failed)} devices failed")
    return " · ".join(parts)
