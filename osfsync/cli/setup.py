"""`init`, `doctor`, `config show`."""

import os
import sys
from contextlib import aclosing
from dataclasses import replace
from pathlib import Path

import click

from osfsync.cli.context import Context, pass_context, run_async
from osfsync.cli.output import say
from osfsync.domain.errors import ConfigError, ExitCode


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
    return _examine(replace(context, config=file), given.password)


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
@pass_context
def doctor(context: Context) -> int:
    """Check url, login, tenant, permissions, clock, disk and database, and say how to mend what is wrong."""
    context.set_up_logs()
    return _examine(context, None)


def _examine(context: Context, known: str | None) -> int:
    """`known` is the password, where the user has just typed it."""
    from osfsync.app import doctor as checks
    from osfsync.reports.text import printable

    loaded = context.load()

    async def typed() -> str:
        return known or ""

    async def examine() -> int:
        worst = ExitCode.COMPLETE
        password = context.password(loaded.settings) if known is None else typed
        async with aclosing(checks.examine(loaded.settings, password, loaded.files)) as findings:
            async for finding in findings:
                say(printable(f"{_MARKS[finding.grade]} {finding.subject}: {finding.text}") + "\n")
                worst = max(worst, finding.exit_code)
        return int(worst)

    return run_async(examine)


_MARKS = {"ok": "ok     ", "warning": "warning", "error": "error  "}


@click.group()
def config() -> None:
    """Show the configuration."""


@config.command()
@pass_context
def show(context: Context) -> None:
    """Show the effective settings and where each comes from; secrets are masked."""
    from osfsync.config import effective

    loaded = context.load()
    rows = effective(loaded)
    keys = max(len(key) for key, _, _ in rows)
    values = max(len(value) for _, value, _ in rows)
    say("".join(f"{key:<{keys}}  {value:<{values}}  {origin}\n" for key, value, origin in rows))
