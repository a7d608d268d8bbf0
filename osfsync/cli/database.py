"""`db`: look after the state database."""

from pathlib import Path

import click

from osfsync.cli.context import Context, pass_context, run_async
from osfsync.domain.errors import StateDamagedError
from osfsync.reports.text import amount


@click.group()
def db() -> None:
    """Look after the state database."""


@db.command()
@pass_context
def upgrade(context: Context) -> None:
    """Bring the database to this version; every command does so by itself."""
    from osfsync.state import maintenance

    settings = context.load().settings.state
    before, after = run_async(lambda: maintenance.upgrade(settings))
    history = {None: "it was created", after: "as before"}.get(before, f"it was at {before}")
    click.echo(f"The state is at revision {after}, {history}.")


@db.command()
@pass_context
def check(context: Context) -> None:
    """Check the database for damage."""
    from osfsync.state import maintenance
    from osfsync.state.border import REBUILD

    settings = context.load().settings.state
    problems = run_async(lambda: maintenance.check(settings))
    for problem in problems:
        click.echo(problem)
    if problems:
        raise StateDamagedError(f"The state has {amount(len(problems), 'problem')}.", hint=REBUILD)
    click.echo("The state is sound.")


@db.command()
@click.argument("file", type=click.Path(path_type=Path))
@pass_context
def backup(context: Context, file: Path) -> None:
    """Write a copy of the database to FILE; also while a sync works."""
    from osfsync.app.targets import refuse_as_target
    from osfsync.archive.durable import sync_folder
    from osfsync.state import maintenance

    loaded = context.load()
    refuse_as_target(file, loaded.settings, loaded.files)
    run_async(lambda: maintenance.backup(loaded.settings.state, file))
    sync_folder(file.absolute().parent)
    click.echo(f"The state was copied to {file}.")
