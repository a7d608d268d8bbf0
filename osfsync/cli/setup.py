"""`init`, `doctor`, `config show`."""

import os
import sys
from collections.abc import Callable
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import click

from osfsync.cli.context import Context, pass_context, run_async
from osfsync.cli.output import complain_of_exit, say
from osfsync.cli.rows import TEXT, text_option
from osfsync.domain.errors import ConfigError, ExitCode
from osfsync.reports.models import FindingModel, SettingModel
from osfsync.reports.sheets import FINDINGS, SETTINGS


@click.command()
@click.argument("file", type=click.Path(path_type=Path), default=Path("sync.toml"))
@click.option("--no-input", is_flag=True, help="Ask nothing: write the example, to be filled in.")
@pass_context
def init(context: Context, *, file: Path, no_input: bool) -> int:
    """Write a commented sync.toml, here or to FILE. An existing file is never overwritten.

    At a terminal it asks for platform and account, lists the tenants, and checks everything at the end.
    """
    from osfsync.config import example_text

    if file.exists():
        raise ConfigError(f"{file} exists; it was left as it is.")
    if no_input or not sys.stdin.isatty():
        _write(file, example_text())
        click.echo(
            f"Wrote {file}. Fill in cloud.url and cloud.username, put the password where [cloud] says, "
            "then run `osfsync doctor`."
        )
        return int(ExitCode.COMPLETE)
    from osfsync.cli.asking import answers
    from osfsync.config import filled_text

    context.set_up_logs()
    given = answers(file.absolute().parent)
    if given.password_file is not None:
        _write(given.password_file, f"{given.password}\n", mode=0o600)
        click.echo(f"Wrote {given.password_file}, readable by you only.")
    _write(file, filled_text(given.values))
    click.echo(f"Wrote {file}. These are the checks of `osfsync doctor`:")
    code = _examine(replace(context, config=file), given.password, _tell)
    if code == ExitCode.COMPLETE:
        click.echo("Next: `osfsync sync --dry-run` says what would be done, `osfsync sync` does it.")
    return code


def _write(file: Path, text: str, mode: int = 0o666) -> None:
    """Never over what lies there."""
    try:
        file.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, mode)
        with open(descriptor, "w", encoding="utf-8") as target:  # noqa: PTH123 - a descriptor
            target.write(text)
    except FileExistsError as error:
        raise ConfigError(f"{file} exists; it was left as it is.") from error
    except OSError as error:
        raise ConfigError(f"{file} can't be written: {error.strerror}.") from error


@click.command()
@text_option
@pass_context
def doctor(context: Context, *, format_name: str) -> int:
    """Check url, login, tenant, permissions, clock, disk and database, and say how to mend what is wrong."""
    from osfsync.reports.renderers import renderer

    context.set_up_logs()
    if format_name == TEXT:
        return _examine(context, None, _tell)
    drawing = renderer(format_name, FINDINGS)
    say(drawing.begin())
    code = _examine(context, None, lambda finding: say(drawing.rows([finding])))
    say(drawing.end())
    return code


def _examine(context: Context, known: str | None, tell: Callable[[FindingModel], object]) -> int:
    """Tell each finding as it is made. `known` is the password, where the user has just typed it."""
    from osfsync.app import doctor as checks

    loaded = context.load()

    async def typed() -> str:
        return known or ""

    async def examine() -> int:
        worst, errors = ExitCode.COMPLETE, list[str]()
        password = context.password(loaded.settings) if known is None else typed
        async with aclosing(checks.examine(loaded.settings, password, loaded.files)) as findings:
            async for finding in findings:
                tell(FindingModel(finding.grade, finding.subject, finding.text))
                worst = max(worst, finding.exit_code)
                if finding.exit_code:
                    errors.append(f"{finding.subject}: {finding.text}")
        if context.quiet and worst:
            complain_of_exit("doctor", " ".join(errors), int(worst))
        return int(worst)

    return run_async(examine)


def _tell(finding: FindingModel) -> None:
    from osfsync.reports.text import printable

    say(printable(f"{_MARKS[finding.grade]} {finding.subject}: {finding.text}") + "\n")


_MARKS = {"ok": "ok     ", "warning": "warning", "error": "error  "}


@click.group()
def config() -> None:
    """Show the configuration."""


@config.command()
@text_option
@pass_context
def show(context: Context, *, format_name: str) -> None:
    """Show the effective settings and where each comes from; secrets are masked."""
    from osfsync.config import effective
    from osfsync.reports.renderers import renderer

    loaded = context.load()
    rows = [SettingModel(*row) for row in effective(loaded)]
    if format_name != TEXT:
        drawing = renderer(format_name, SETTINGS)
        say(drawing.begin() + drawing.rows(rows) + drawing.end())
        return
    keys = max(len(row.key) for row in rows)
    values = max(len(row.value) for row in rows)
    say("".join(f"{row.key:<{keys}}  {row.value:<{values}}  {row.origin}\n" for row in rows))
