"""`init`, `doctor`, `config show`."""

from contextlib import aclosing
from pathlib import Path

import click

from osfsync.cli.context import Context, pass_context, run_async
from osfsync.cli.output import say
from osfsync.domain.errors import ConfigError, ExitCode


@click.command()
@click.argument("file", type=click.Path(path_type=Path), default=Path("sync.toml"))
def init(file: Path) -> None:
    """Write a commented sync.toml, here or to FILE. An existing file is never overwritten."""
    from osfsync.config import example_text

    try:
        with file.open("x", encoding="utf-8") as target:
            target.write(example_text())
    except FileExistsError as error:
        raise ConfigError(f"{file} exists; it was left as it is.") from error
    except OSError as error:
        raise ConfigError(f"{file} can't be written: {error.strerror}.") from error
    click.echo(
        f"Wrote {file}. Fill in cloud.url and cloud.username, put the password where [cloud] says, "
        "then run `osfsync doctor`."
    )


@click.command()
@pass_context
def doctor(context: Context) -> int:
    """Check url, login, tenant, permissions, clock, disk and database, and say how to mend what is wrong."""
    from osfsync.app import doctor as checks
    from osfsync.reports.text import printable

    context.set_up_logs()
    settings = context.load().settings

    async def examine() -> int:
        worst = ExitCode.COMPLETE
        async with aclosing(checks.examine(settings, context.password(settings))) as findings:
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
