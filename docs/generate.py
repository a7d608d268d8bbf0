"""The reference, made from the code itself: commands, settings, exit codes, the planner's table."""

from collections.abc import Iterator
from enum import Enum
from pathlib import Path

import click

from osfsync.cli.main import cli
from osfsync.config import example_text
from osfsync.domain.errors import ExitCode
from osfsync.domain.model import StorageStatus
from osfsync.domain.planner import TABLE, Rule
from osfsync.reports.schemas import NAMES

_CODES = {
    ExitCode.COMPLETE: "all that can be had is here; files that are still on devices are no error",
    ExitCode.UNEXPECTED: "unexpected: a damaged state database, or a defect (please report it)",
    ExitCode.USAGE: "usage or configuration",
    ExitCode.PARTIAL: "finished, some files or devices failed",
    ExitCode.PENDING: "files are pending or were lost, and `--fail-on` was given",
    ExitCode.MAX_TRANSFER: "`--max-transfer` reached",
    ExitCode.DISK_FULL: "disk full",
    ExitCode.MAX_DURATION: "`--max-duration` reached",
    ExitCode.LOCKED: "another run holds the lock",
    ExitCode.LOGIN_REFUSED: "login refused",
    ExitCode.UNREACHABLE: "server unreachable, or device list incomplete",
    ExitCode.PAUSED: "paused on the platform (`[mqtt]`); the state is consistent, the next run goes on",
    ExitCode.INTERRUPTED: "interrupted (SIGINT); the state is consistent, the next run goes on",
    ExitCode.TERMINATED: "terminated (SIGTERM, or SIGHUP where a terminal is closed); likewise",
}
_STATUS = {
    StorageStatus.DEVICE_ONLY: "device only",
    StorageStatus.REQUESTED: "requested",
    StorageStatus.SERVER_ONLY: "server only",
    StorageStatus.BOTH: "device and server",
}
_CONDITIONS = ("presence", "holding", "choice", "status", "mode", "transfer", "ordering")


def generate(folder: Path) -> None:
    """Write the pages into `folder`; a page that is the same already is left alone."""
    folder.mkdir(exist_ok=True)
    pages = {
        "commands.md": _commands(),
        "configuration.md": f"# Configuration\n\n```toml\n{example_text()}```\n",
        "exit-codes.md": _exit_codes(),
        "planner.md": _planner(),
        "json.md": _json(),
    }
    for name, text in pages.items():
        page = folder / name
        if not page.exists() or page.read_text(encoding="utf-8") != text:
            page.write_text(text, encoding="utf-8")


def _commands() -> str:
    parts = ["# Commands\n"]
    with click.Context(cli, info_name="osfsync") as context:
        parts.append(_help(cli, context))
        parts += _below(cli, context, 2)
    return "\n".join(parts)


def _below(group: click.Group, context: click.Context, depth: int) -> Iterator[str]:
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is None:
            continue
        with click.Context(command, info_name=name, parent=context) as below:
            yield f"{'#' * depth} {below.command_path}\n\n{_help(command, below)}"
            if isinstance(command, click.Group):
                yield from _below(command, below, depth + 1)


def _help(command: click.Command, context: click.Context) -> str:
    context.formatter_class.width = 100  # type: ignore[attr-defined]
    return f"```text\n{command.get_help(context)}\n```\n"


def _exit_codes() -> str:
    rows = [f"| {int(code)} | {_CODES[code]} |" for code in ExitCode]
    head = "# Exit codes\n\nAn unknown code means failure.\n\n| code | meaning |\n|---|---|\n"
    return head + "\n".join(rows) + "\n"


def _planner() -> str:
    rows = [f"| {number} | {_when(rule)} | {_then(rule)} |" for number, rule in enumerate(TABLE, 1)]
    return (
        "# The planner's table\n\n"
        "What a run does with each file is read off this table: the first line that fits counts. It is drawn "
        "from the program's own data, and the tests show that every situation has exactly one answer.\n\n"
        "| | where | then |\n|---|---|---|\n" + "\n".join(rows) + "\n"
    )


def _when(rule: Rule) -> str:
    told = []
    for name in _CONDITIONS:
        values = sorted(getattr(rule, name), key=lambda value: value.value)
        if values:
            told.append(f"{name} is {' or '.join(map(_named, values))}")
    return "; ".join(told) or "anything else"


def _named(value: Enum) -> str:
    return _STATUS[value] if isinstance(value, StorageStatus) else f"*{value.value}*"


def _then(rule: Rule) -> str:
    reason = "held" if rule.reason is None else f"`{rule.reason.value}`"
    return f"**{rule.action.value}**, {reason}"


def _json() -> str:
    lines = [
        f"- [`{name}`](https://github.com/osfsync/osfsync/blob/main/docs/schemas/{name}.json)"
        for name in NAMES
    ]
    return (
        "# JSON\n\nCommands that tell rows take `--format json`, all others `--json`. "
        "`osfsync schema COMMAND` prints the JSON Schema of what a command prints. "
        "Fields are added without notice; any other change raises the number in the field `schema`.\n\n"
        + "\n".join(lines)
        + "\n"
    )
