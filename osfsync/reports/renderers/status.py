"""The state in a few numbers, for people."""

from collections.abc import Iterator

from rich.box import SIMPLE_HEAD
from rich.table import Table

from osfsync.reports.models import StatusModel
from osfsync.reports.renderers.table import draw
from osfsync.reports.text import amount, count, moment, printable, size


def table(status: StatusModel) -> str:
    """Totals, the oldest gap, the last runs."""
    missing = status.device_only + status.requested + status.on_server
    totals = (
        f"{count(status.devices)} devices, {count(status.held)} files held ({size(status.held_bytes)}), "
        f"{count(missing)} missing: {count(status.on_server)} on the server "
        f"({count(status.failing)} failing), {count(status.requested)} requested, "
        f"{count(status.device_only)} only on devices."
    )
    lines = [totals, *_more(status), f"Last complete run: {moment(status.last_success)}."]
    if status.oldest_gap is not None:
        gap = status.oldest_gap
        lines.append(printable(f"Missing longest: {gap.name} of {gap.device}, since {moment(gap.since)}."))
    if not status.runs:
        return "\n".join([*lines, "No run yet."]) + "\n"
    runs = Table(box=SIMPLE_HEAD, pad_edge=False)
    for heading in ("Run", "Started (UTC)", "Took", "Outcome", "Exit code"):
        runs.add_column(heading)
    for run in status.runs:
        took = "–" if run.finished is None else f"{(run.finished - run.started).total_seconds():.1f} s"
        runs.add_row(
            run.command,
            f"{run.started:%Y-%m-%d %H:%M}",
            took,
            run.outcome or "working or killed",
            "–" if run.exit_code is None else str(run.exit_code),
        )
    return "\n".join(lines) + "\n" + draw(runs)


def _more(status: StatusModel) -> Iterator[str]:
    if status.open_orders:
        yield f"{amount(status.open_orders, 'open order')} may still bring files (osfsync orders)."
    if status.lost:
        files = amount(status.lost, "file")
        yield f"{files} vanished from a device before being held (osfsync missing --reason lost)."
    if status.unseen_devices:
        devices = amount(status.unseen_devices, "device")
        yield f"What lies only on {devices} can't be seen: their own lists can't be had."
