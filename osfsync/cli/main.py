"""The group of all commands; a command's module is imported when the command is used."""

from importlib import import_module
from pathlib import Path
from typing import Literal

import click

from osfsync import __version__
from osfsync.cli.context import Context

_COMMANDS = {
    "demo": ("demo", "Mirror a simulated fleet for two nights, and show the reports."),
    "simulate": ("demo", "Serve a simulated platform until stopped."),
    "init": ("setup", "Write a commented sync.toml."),
    "doctor": ("setup", "Check url, login, tenant, permissions, clock, disk and database."),
    "config": ("setup", "Show the configuration."),
    "sync": ("sync", "Mirror a tenant: list, order, fetch, report."),
    "backfill": ("sync", "Mirror an archive period, window by window."),
    "devices": ("known", "Show the known devices."),
    "files": ("known", "Show the known files."),
    "missing": ("known", "Show every file that is known and not held, and why."),
    "gaps": ("known", "Show when devices were in contact, but no file is known."),
    "why": ("known", "Tell a file's whole story, and why it is missing."),
    "orders": ("orders", "Show commands to devices, or forget open ones."),
    "report": ("report", "Write one self-contained page about the whole fleet."),
    "verify": ("verify", "Read the archive once more, and fetch again what is broken."),
    "manifest": ("verify", "Write the hashes of all held files, for sha256sum -c."),
    "provenance": ("content", "Show where each held file came from."),
    "status": ("known", "Show the last runs, totals and the oldest gap."),
    "index": ("content", "Read which channels the held files have, for find."),
    "find": ("content", "List the held files that have a channel."),
    "info": ("content", "Tell what is in one OSF file."),
    "export": ("report", "Write rows into one Parquet file."),
    "schema": ("report", "Print the JSON Schema of a command's JSON."),
    "db": ("database", "Look after the state database."),
}


class _Commands(click.Group):
    """Knows its commands by name, and imports them one by one."""

    def list_commands(self, ctx: click.Context) -> list[str]:  # noqa: ARG002 — click's signature
        return list(_COMMANDS)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:  # noqa: ARG002 — click's signature
        if cmd_name not in _COMMANDS:
            return None
        module = import_module(f"osfsync.cli.{_COMMANDS[cmd_name][0]}")
        command: click.Command = getattr(module, cmd_name)
        return command

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:  # noqa: ARG002 — click's signature
        with formatter.section("Commands"):
            formatter.write_dl([(name, text) for name, (_, text) in _COMMANDS.items()])


@click.group(cls=_Commands, context_settings={"help_option_names": ["-h", "--help"]})
@click.option("--config", type=click.Path(path_type=Path), metavar="FILE", help="The configuration file.")
@click.option("-v", "--verbose", count=True, help="Say more; twice: say everything.")
@click.option("-q", "--quiet", is_flag=True, help="Print errors only, one line where the exit code is not 0.")
@click.option(
    "--log-format",
    type=click.Choice(["console", "json"]),
    default="console",
    show_default=True,
    help="How logs on stderr are written.",
)
@click.version_option(__version__, prog_name="osfsync")
@click.pass_context
def cli(
    ctx: click.Context,
    *,
    config: Path | None,
    verbose: int,
    quiet: bool,
    log_format: Literal["console", "json"],
) -> None:
    """Mirror the OSF files of an optiCLOUD tenant, and say why each missing file is missing."""
    ctx.obj = Context(config, -1 if quiet else verbose, log_format)
