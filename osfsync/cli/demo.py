"""`demo` and `simulate`."""

import sys
import tempfile
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING

import click

from osfsync.cli.context import Context, pass_context, run_async

if TYPE_CHECKING:
    from osfsync.app.stage import Fleet
    from osfsync.simulator.server import Simulator

_devices = click.option(
    "--devices", type=click.IntRange(1, 10_000), default=8, show_default=True, help="Simulated devices."
)
_files = click.option(
    "--files", type=click.IntRange(0, 1_000_000), default=40, show_default=True, help="Files of each device."
)
_seed = click.option("--seed", type=int, default=1, show_default=True, help="The same seed, the same fleet.")


@click.command()
@_devices
@_files
@_seed
@click.option(
    "--keep",
    type=click.Path(path_type=Path, file_okay=False),
    help="Leave mirror and state in this folder; else they are removed at the end.",
)
@pass_context
def demo(context: Context, *, devices: int, files: int, seed: int, keep: Path | None) -> int:
    """Mirror a simulated fleet for two nights, and show the reports. Needs no configuration."""
    from osfsync.app.stage import Fleet

    context.set_up_logs()
    with ExitStack() as stack:
        folder = keep or Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="osfsync-demo-")))
        folder.mkdir(parents=True, exist_ok=True)
        code = run_async(lambda: _play(context, Fleet(devices, files, seed), folder))
        if keep is not None:
            click.echo(f"\nMirror and state are kept in {keep}.")
    return code


async def _play(context: Context, fleet: "Fleet", folder: Path) -> int:
    from osfsync.app import known
    from osfsync.app.stage import demo as play
    from osfsync.cli.progress import observer
    from osfsync.reports.renderers import renderer
    from osfsync.reports.renderers import summary as words
    from osfsync.reports.sheets import DEVICES
    from osfsync.reports.text import count

    code = 0
    async with play(fleet, folder, observer(context, sys.stderr)) as (settings, nights):
        click.echo(
            f"A simulated platform with {count(fleet.devices)} devices listens on {settings.cloud.url}.\n"
        )
        async for night in nights:
            if night.number > 1:
                click.echo(f"A day passes; devices connect and deliver {count(night.delivered)} files.\n")
            click.echo(f"Night {night.number}\n{words.table(night.summary)}")
            code = max(code, int(night.summary.exit_code))
        drawing = renderer("table", DEVICES)
        click.echo(f"What is known now\n{drawing.begin()}", nl=False)
        async for chunk in known.devices(settings):
            click.echo(drawing.rows(chunk), nl=False)
        click.echo(drawing.end(), nl=False)
    return code


@click.command()
@_devices
@_files
@_seed
@click.option("--host", default="127.0.0.1", show_default=True, help="The address to listen on.")
@click.option("--port", type=click.IntRange(0, 65_535), default=0, help="The port; 0 picks a free one.")
@click.option(
    "--speed",
    type=click.FloatRange(0),
    default=1,
    show_default=True,
    help="How much faster than ours the devices' clock runs.",
)
@pass_context
def simulate(
    context: Context, *, devices: int, files: int, seed: int, host: str, port: int, speed: float
) -> int:
    """Serve a simulated platform until stopped; prints url, account and a ready sync.toml."""
    from osfsync.app.stage import Fleet, serve_fleet

    context.set_up_logs()
    fleet = Fleet(devices, files, seed)
    run_async(lambda: serve_fleet(fleet, (host, port), speed, _announce))
    return 0


def _announce(simulator: "Simulator") -> None:
    from osfsync.app.stage import sync_toml_for

    click.echo(
        f"A simulated platform listens on {simulator.url}; Ctrl-C ends it.\n"
        f"Account: {simulator.world.username}, password: {simulator.world.password}\n"
        f"  OSFSYNC_PASSWORD={simulator.world.password} osfsync sync\n"
        "with this sync.toml:\n"
    )
    click.echo(sync_toml_for(simulator))
