"""`demo` and `simulate`."""

import sys
import tempfile
from contextlib import ExitStack, aclosing
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

import click

from osfsync import __version__
from osfsync.cli.context import Context, pass_context, run_async
from osfsync.cli.output import complain, say
from osfsync.domain.model import utc_now

if TYPE_CHECKING:
    from osfsync.app.stage import Fleet, Served
    from osfsync.config import Settings

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
    help="Leave mirror, state and report.html in this folder; else they are removed at the end.",
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
            say(f"\nMirror, state and report.html, a page for your browser, are kept in {keep}.\n")
            say("In that folder, osfsync missing, why, gaps and status tell more; the platform is gone.\n")
    return code


async def _play(context: Context, fleet: "Fleet", folder: Path) -> int:
    from osfsync.app.stage import demo as play
    from osfsync.cli.progress import observer
    from osfsync.reports.renderers import summary as words
    from osfsync.reports.text import amount

    code, now = 0, utc_now()
    async with play(fleet, folder, observer(context, sys.stderr)) as (settings, nights):
        devices = amount(fleet.devices, "device")
        say(f"A simulated platform with {devices} listens on {settings.cloud.url}.\n\n")
        async for night in nights:
            if night.number > 1:
                delivered = amount(night.delivered, "file")
                say(f"A day passes; devices connect and deliver {delivered}.\n\n")
            say(f"Night {night.number}\n{words.table(night.summary)}\n")
            if night.summary.error:
                complain(night.summary.error)
            code, now = max(code, int(night.summary.exit_code)), night.ended
        await _tell_known(settings, now)
        await _write_report(settings, folder, now)
    return code


async def _tell_known(settings: "Settings", now: datetime) -> None:
    """What a user would ask for after the nights: the devices, and why files are missing."""
    from osfsync.app import known
    from osfsync.reports.renderers import renderer
    from osfsync.reports.renderers.reasons import Reasons
    from osfsync.reports.sheets import DEVICES

    drawing = renderer("table", DEVICES)
    async with aclosing(known.devices(settings, clock=lambda: now)) as devices:
        async for chunk in devices:
            drawing.rows(chunk)
    reasons = Reasons()
    async with aclosing(known.missing(settings, clock=lambda: now)) as missing:
        async for rows in missing:
            reasons.add(rows)
    say(f"What is known now (osfsync devices)\n{drawing.end()}\n")
    say(f"Why files are missing (osfsync missing tells it of each)\n{reasons.text()}")


async def _write_report(settings: "Settings", folder: Path, now: datetime) -> None:
    from osfsync.app import page

    await page.report(settings, folder / "report.html", __version__, clock=lambda: now)


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
@click.option("--mqtt", is_flag=True, help="Serve the platform's MQTT side, too, and a device of your own.")
@pass_context
def simulate(
    context: Context,
    *,
    devices: int,
    files: int,
    seed: int,
    host: str,
    port: int,
    speed: float,
    mqtt: bool,
) -> int:
    """Serve a simulated platform until stopped; prints url, account and a ready sync.toml."""
    from osfsync.app.stage import Address, Fleet, serve_fleet

    context.set_up_logs()
    fleet = Fleet(devices, files, seed)
    run_async(lambda: serve_fleet(fleet, Address(host, port, mqtt), speed, _announce))
    return 0


def _announce(served: "Served") -> None:
    from osfsync.app.stage import sync_toml_for

    world, broker = served.simulator.world, served.broker
    token = "" if served.own is None else f"  echo {served.own.access_token} >mqtt-token\n"
    mqtt = "" if broker is None else f", and MQTT on {broker.host}:{broker.port}"
    say(
        f"A simulated platform listens on {served.simulator.url}{mqtt}; Ctrl-C ends it.\n"
        f"Account: {world.username}, password: {world.password}\n{token}"
        f"  OSFSYNC_PASSWORD={world.password} osfsync sync\n"
        f'(PowerShell: $env:OSFSYNC_PASSWORD="{world.password}"; osfsync sync)\n'
        f"in a folder with this sync.toml:\n\n{sync_toml_for(served.simulator, broker)}\n"
    )
