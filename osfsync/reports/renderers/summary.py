"""A run's summary for people: a table at a terminal, one line for a log."""

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from osfsync.domain.summary import FileCounts, RunSummary
from osfsync.reports.renderers.table import draw
from osfsync.reports.text import count, printable, size

PROBLEMS_SHOWN = 20


def could_be_had(files: FileCounts) -> int:
    """Files that lay on the server for us, whether they are here now or not."""
    return files.held + files.fetched + files.failed + files.quarantined + files.left


def share(files: FileCounts) -> str:
    """How much of what could be had is here."""
    could = could_be_had(files)
    here = files.held + files.fetched
    if could == 0:
        return "nothing to be had"
    percent = 100 * here / could
    shown = "100" if here == could else f"{min(percent, 99.9):.1f}"
    return f"{shown} % of what could be had ({count(here)} of {count(could)})"


def line(summary: RunSummary) -> str:
    """One line, for cron and logs."""
    files = summary.files
    text = (
        f"osfsync {summary.command}: {summary.outcome.value}, {count(files.fetched)} fetched "
        f"({size(summary.bytes)}), {share(files)}; {count(files.device_only)} on devices, "
        f"{count(files.requested)} requested, {count(files.failed + files.quarantined)} failed; "
        f"{summary.seconds:.1f} s, exit {int(summary.exit_code)}"
    )
    return printable(text + (f"; {summary.error}" if summary.error else "")) + "\n"


def table(summary: RunSummary) -> str:
    """The whole summary."""
    files, devices = summary.files, summary.devices
    sheet = Table(box=SIMPLE_HEAD, pad_edge=False, title=_title(summary), title_justify="left")
    sheet.add_column("Files")
    sheet.add_column("", justify="right")
    for label, amount in (
        ("held before", files.held),
        ("fetched now", files.fetched),
        ("failed", files.failed),
        ("arrived damaged", files.quarantined),
        ("left for another run", files.left),
        ("requested from the device", files.requested),
        ("only on the device", files.device_only),
        ("lost", files.lost),
        ("filtered", files.filtered),
    ):
        if amount or label in {"held before", "fetched now"}:
            sheet.add_row(label, count(amount))
    sheet.add_section()
    sheet.add_row(Text("listed", style="bold"), count(files.listed))
    lines = [
        draw(sheet).rstrip("\n"),
        "",
        f"Here: {share(files)}. Downloaded {size(summary.bytes)} in {summary.seconds:.1f} s.",
        f"Devices: {count(devices.listed)} of {count(devices.seen)} listed, {count(devices.failed)} failed.",
        f"Commands: {count(summary.orders.sent)} sent, {count(summary.orders.open)} open.",
    ]
    lines += _problems(summary)
    if summary.error:
        lines.append(printable(summary.error))
    return "\n".join(lines) + "\n"


def _title(summary: RunSummary) -> str:
    kind = " (dry run: nothing was ordered, fetched or recorded)" if summary.dry_run else ""
    return f"{summary.command}: {summary.outcome.value}{kind}"


def _problems(summary: RunSummary) -> list[str]:
    lines = []
    for problem in summary.problems[:PROBLEMS_SHOWN]:
        where = problem.device if problem.file is None else f"{problem.device}, {problem.file}"
        lines.append(printable(f"- {where}: {problem.explanation} [{problem.reason}]"))
    hidden = len(summary.problems) - PROBLEMS_SHOWN
    if hidden > 0:
        lines.append(f"- and {count(hidden)} more; --json gives all of them, osfsync missing every file.")
    return lines
