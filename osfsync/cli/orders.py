"""`orders`: commands to devices, shown and forgotten."""

from functools import partial

import click

from osfsync.cli.context import Context, pass_context, run_async
from osfsync.cli.rows import device_option, format_option, print_rows
from osfsync.reports.sheets import ORDERS


@click.group(invoke_without_command=True)
@click.option("--past", is_flag=True, help="Also those that have ended.")
@device_option
@format_option
@click.pass_context
def orders(ctx: click.Context, *, past: bool, devices: tuple[str, ...], format_name: str) -> None:
    """Show the commands to devices that may still bring files, newest first: how far each has come."""
    if ctx.invoked_subcommand is not None:
        if past or devices:
            raise click.UsageError(f"Options of {ctx.invoked_subcommand} stand behind it.")
        return
    from osfsync.app import ledger

    context: Context = ctx.obj
    settings = context.load().settings
    told = ledger.all_orders if past else ledger.open_orders
    print_rows(ORDERS, format_name, lambda: told(settings, devices))


@orders.command()
@device_option
@click.option("--all", "everything", is_flag=True, help="Of all devices.")
@pass_context
def cancel(context: Context, *, devices: tuple[str, ...], everything: bool) -> None:
    """Forget open orders, so that their files count as never asked for.

    The platform's own queue can't be recalled.
    """
    from osfsync.app import ledger
    from osfsync.domain.model import OrderMode
    from osfsync.reports.text import amount

    if bool(devices) is everything:
        raise click.UsageError("Say whose orders: --device GLOB, or --all.")
    settings = context.load().settings
    cancelled = run_async(partial(ledger.cancel, settings, devices))
    if not cancelled:
        click.echo("No order awaits files; nothing was changed.")
        return
    then = (
        "they are not asked for again, because orders are switched off (orders.mode)"
        if settings.orders.mode is OrderMode.NEVER
        else "the next sync asks for them again"
    )
    click.echo(
        f"{amount(cancelled, 'order')} forgotten. The files count as never asked for; {then}.\n"
        "The platform's queue can't be recalled: commands that wait there still run when the device connects."
    )
