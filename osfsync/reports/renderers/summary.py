"""A run's summary for people: a table at a terminal, one line for a log.

What ended a run early (`error`) is not repeated here: the command tells it on stderr.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import islice

from rich.box import SIMPLE_HEAD
from rich.table import Table
from rich.text import Text

from osfsync.domain.errors import ForbiddenError
from osfsync.domain.rows import LEFT_OUT, LEFT_OUT_TOLD
from osfsync.domain.summary import FileCounts, Problem, RunOutcome, RunSummary
from osfsync.reports.renderers.table import draw, wrap
from osfsync.reports.text import amount, count, printable, size

PROBLEMS_SHOWN = 20
DEVICES_NAMED = 5


def could_be_had(files: FileCounts) -> int:
    """Files that lay on the server for us, whether they are here now or not."""
    return files.held + files.fetched + files.failed + files.quarantined + files.left


def share(summary: RunSummary) -> str:
    """How much of what could be had is here; of what was listed, where not every device was."""
    files = summary.files
    could = could_be_had(files)
    here = files.held + files.fetched
    whole = _saw_all(summary)
    if could == 0:
        if whole:
            return "nothing to be had"
        return "nothing was listed" if files.listed == 0 else "nothing to be had of what was listed"
    percent = 100 * here / could
    shown = "100" if here == could else f"{min(percent, 99.9):.1f}"
    what = "what could be had" if whole else "what was listed and could be had"
    return f"{shown} % of {what} ({count(here)} of {count(could)})"


def line(summary: RunSummary) -> str:
    """One line, for cron and logs."""
    kind = ", dry run" if summary.dry_run else ""
    parts = (
        f"osfsync {summary.command}{kind}: {summary.outcome.value}, {_done(summary)}",
        _devices_in_short(summary),
        _passed_over(summary.problems),
        _files_in_short(summary),
        f"{summary.seconds:.1f} s, exit {int(summary.exit_code)}",
    )
    return printable("; ".join(part for part in parts if part)) + "\n"


def failure(summary: RunSummary) -> str:
    """Why the exit code is not 0, on one line."""
    if summary.error:
        return f"{summary.outcome.value}: {summary.error}"
    reasons = Counter(problem.reason for problem in summary.problems)
    named = ", ".join(f"{reason} {count(number)}" for reason, number in reasons.most_common())
    undone = "; ".join(part for part in (_devices_in_short(summary), _files_in_short(summary)) if part)
    return f"{summary.outcome.value}: {undone}" + (f" ({named})" if named else "")


def table(summary: RunSummary) -> str:
    """The whole summary."""
    files, devices = summary.files, summary.devices
    sheet = Table(box=SIMPLE_HEAD, pad_edge=False, title=_title(summary), title_justify="left")
    sheet.add_column("Files")
    sheet.add_column("", justify="right")
    for label, number in _rows(summary):
        sheet.add_row(label, count(number))
    sheet.add_section()
    sheet.add_row(Text("listed", style="bold"), count(files.listed))
    told = (
        _would(summary).capitalize() + "."
        if summary.dry_run
        else f"Here: {share(summary)}. {_downloaded(summary)}."
    )
    lines = [
        told,
        f"Devices: {count(devices.listed)} of {count(devices.seen)} listed, {count(devices.failed)} failed.",
        *_commands(summary),
        *_lost(files),
    ]
    problems = [wrap(f"- {told}", indent="  ") for told in _problems(summary.problems)]
    return "\n".join([draw(sheet).rstrip("\n"), "", *map(wrap, lines), *problems]) + "\n"


def _downloaded(summary: RunSummary) -> str:
    told = f"Downloaded {size(summary.bytes)} in {summary.seconds:.1f} s"
    return f"{told}, {amount(summary.at_once, 'file')} at once in the end" if summary.at_once else told


def _saw_all(summary: RunSummary) -> bool:
    ended = summary.outcome in {RunOutcome.COMPLETE, RunOutcome.PARTIAL}
    return ended and summary.devices.listed == summary.devices.seen


def _done(summary: RunSummary) -> str:
    if summary.dry_run:
        return f"{_would(summary)}, {amount(summary.files.held, 'file')} held"
    return f"{count(summary.files.fetched)} fetched ({size(summary.bytes)}), {share(summary)}"


def _would(summary: RunSummary) -> str:
    files, commands = amount(summary.files.left, "file"), amount(summary.orders.sent, "command")
    return f"would fetch {files}, would send {commands}"


def _devices_in_short(summary: RunSummary) -> str:
    parts = [
        f"{count(number)}{{}} {what}"
        for number, what in (
            (summary.devices.failed, "failed"),
            (_seen_in_part(summary.problems), "can't be seen fully"),
        )
        if number
    ]
    total = f" of {amount(summary.devices.seen, 'device')}"
    return ", ".join(part.format("" if index else total) for index, part in enumerate(parts))


def _passed_over(problems: Sequence[Problem]) -> str:
    number = sum(problem.reason == LEFT_OUT for problem in problems)
    if number > LEFT_OUT_TOLD:
        return f"more than {LEFT_OUT_TOLD} devices passed over"
    return f"{amount(number, 'device')} passed over" if number else ""


def _seen_in_part(problems: Sequence[Problem]) -> int:
    """Devices whose credentials are refused; a command may be refused too, which hides nothing."""
    return sum(
        problem.file is None
        and problem.reason == ForbiddenError.slug
        and "credentials" in problem.explanation
        for problem in problems
    )


def _files_in_short(summary: RunSummary) -> str:
    files = summary.files
    parts = [
        f"{count(files.device_only)} on devices",
        f"{count(files.requested)} requested",
        f"{count(files.failed + files.quarantined)} failed",
    ]
    left = 0 if summary.dry_run else files.left
    parts += [
        f"{count(number)} {what}"
        for number, what in ((left, "left"), (files.filtered, "filtered"), (files.lost, "lost"))
        if number
    ]
    return ", ".join(parts)


def _rows(summary: RunSummary) -> Iterator[tuple[str, int]]:
    files = summary.files
    if summary.dry_run:
        yield "held", files.held
        yield "would be fetched", files.left
    else:
        yield "held before", files.held
        yield "fetched now", files.fetched
    asked = summary.orders.open or (summary.orders.sent and not summary.dry_run)
    for label, number in (
        ("failed", files.failed),
        ("arrived damaged", files.quarantined),
        ("left for another run", 0 if summary.dry_run else files.left),
        ("requested: the device delivers when it next connects", files.requested),
        (
            "only on the device (asked for by command, or waiting for it)"
            if asked
            else "only on the device (no command is open)",
            files.device_only,
        ),
        ("filtered", files.filtered),
    ):
        if number:
            yield label, number


def _commands(summary: RunSummary) -> Iterator[str]:
    orders = summary.orders
    if not summary.dry_run:
        yield (
            f"Commands: {count(orders.sent)} sent, {count(orders.open)} open. One command asks one device "
            "for its files of a period; it runs when the device next connects."
        )
    elif orders.open:
        yield f"Commands of earlier runs that are still open: {count(orders.open)}."


def _lost(files: FileCounts) -> Iterator[str]:
    if files.lost:
        yield (
            f"Lost: {amount(files.lost, 'file')} vanished from a device's list before they were held, and "
            "can't be had any more; osfsync missing --reason lost tells more."
        )


def _title(summary: RunSummary) -> str:
    kind = " (dry run: nothing was ordered, fetched or recorded)" if summary.dry_run else ""
    return f"{summary.command}: {summary.outcome.value}{kind}"


def _problems(problems: Sequence[Problem]) -> list[str]:
    """One text a problem; what is the same for several devices is told once."""
    groups: dict[tuple[str, str, str | None], list[str]] = {}
    for problem in problems:
        groups.setdefault((problem.explanation, problem.reason, problem.file), []).append(problem.device)
    shown = dict(islice(groups.items(), PROBLEMS_SHOWN))
    texts = []
    for (explanation, reason, file), names in shown.items():
        where = [_named(names), *([] if file is None else [file])]
        texts.append(printable(f"{', '.join(where)}: {explanation} [{reason}]"))
    hidden = len(problems) - sum(map(len, shown.values()))
    if hidden > 0:
        texts.append(f"and {count(hidden)} more; --json gives all of them, osfsync missing every file.")
    return texts


def _named(devices: Sequence[str]) -> str:
    more = len(devices) - DEVICES_NAMED
    named = ", ".join(devices[:DEVICES_NAMED])
    return f"{named} and {count(more)} more" if more > 0 else named
