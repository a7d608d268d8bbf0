"""A table for a terminal. Long sheets are cut, and say so: a terminal is no place for a million rows."""

import io
import textwrap
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import replace
from typing import Any, Literal

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from osfsync.reports.sheets import Column, Sheet
from osfsync.reports.text import amount, count, printable

ROWS_SHOWN = 1000
NARROWEST = 6
"""Columns that a folded column keeps in the narrowest terminal."""

SHORT_ID = 8


class TableRenderer:
    """Collects up to ROWS_SHOWN rows and draws them at the end."""

    def __init__(self, sheet: Sheet[Any]) -> None:
        self._sheet = sheet
        self._kept: list[Any] = []
        self._seen = 0
        self._counts: Counter[str] = Counter()
        self._devices: dict[str, str] = {}
        self._twins: set[str] = set()

    def begin(self) -> str:
        """Nothing: widths are known at the end only."""
        return ""

    def rows(self, chunk: Sequence[Any]) -> str:
        """Keep what will be shown."""
        self._seen += len(chunk)
        self._kept.extend(chunk[: max(0, ROWS_SHOWN - len(self._kept))])
        for row in chunk:
            if self._devices.setdefault(row.device, row.device_id) != row.device_id:
                self._twins.add(row.device)
        if self._sheet.counted is not None:
            self._counts.update(getattr(row, self._sheet.counted) for row in chunk)
        return ""

    def end(self) -> str:
        """The table."""
        columns = self._sheet.columns
        rows = [[printable(column.cell(self._told_apart(row))) for column in columns] for row in self._kept]
        table = Table(box=SIMPLE_HEAD, padding=0)
        widths = _widths(columns, rows, Console().width)
        for column, width in zip(columns, widths, strict=True):
            side: Literal["left", "right"] = "right" if column.right else "left"
            table.add_column(column.heading, justify=side, overflow="fold", width=width)
        for row in rows:
            table.add_row(*map(Text, row))
        text = draw(table, sum(widths) + _lines_between(columns))
        if self._seen > len(self._kept):
            text += (
                f"{count(self._seen - len(self._kept))} more rows are not shown; "
                "--format csv and --format json give all of them.\n"
            )
        return text + (f"{wrap(totals(self._counts))}\n" if self._counts else "")

    def _told_apart(self, row: Any) -> Any:
        if row.device not in self._twins:
            return row
        return replace(row, device=f"{row.device} ({row.device_id[:SHORT_ID]})")


def totals(counts: Counter[str]) -> str:
    """Sums by name, the largest first: "12 files: 9 ordered, 3 delivering."."""
    parts = ", ".join(f"{count(number)} {name}" for name, number in counts.most_common())
    return f"{amount(counts.total(), 'file')}: {parts}."


def _lines_between(columns: Sequence[Column]) -> int:
    return len(columns) + 1


def _widths(columns: Sequence[Column], rows: Sequence[Sequence[str]], room: int) -> list[int]:
    """A width for each column: as wide as its cells, narrowed from the widest on until all fit.

    First columns give way as far as their words allow, then those that may fold, prose last. What can't
    fit then is drawn wider than the terminal: a size or a state that is broken can't be read.
    """
    wanted: list[int] = []
    floors: list[tuple[int, int, int]] = []
    for index, column in enumerate(columns):
        cells = [row[index] for row in rows]
        heading = _longest(column.heading.split())
        whole = max(_longest(cells), heading)
        words = max(heading, _longest(word for cell in cells for word in cell.split()))
        wanted.append(max(whole, min(len(column.heading), words)))
        if column.folds is None:
            floors.append((whole,) * 3 if column.right else (words,) * 3)
        else:
            prose, narrowest = min(column.prose, whole), min(NARROWEST, words)
            readable = max(heading, prose, min(column.folds, words))
            floors.append((readable, max(prose, narrowest), narrowest))
    room -= _lines_between(columns)
    for least in zip(*floors, strict=True):
        wanted = _narrowed(wanted, least, room)
    return wanted


def _narrowed(widths: Sequence[int], least: Sequence[int], room: int) -> list[int]:
    narrowed = list(widths)
    while sum(narrowed) > room:
        able = [index for index, width in enumerate(narrowed) if width > least[index]]
        if not able:
            break
        narrowed[max(able, key=narrowed.__getitem__)] -= 1
    return narrowed


def _longest(texts: Iterable[str]) -> int:
    return max(map(cell_len, texts), default=0)


def draw(table: Table, least: int = 0) -> str:
    """A rich table as text without colours, as wide as the terminal, or as `least`."""
    buffer = io.StringIO()
    width = max(Console().width, least)
    Console(file=buffer, no_color=True, highlight=False, width=width).print(table)
    return buffer.getvalue()


def wrap(text: str, indent: str = "") -> str:
    """Text in lines that fit the terminal, broken between words; lines after the first are indented."""
    width = Console().width
    lines = textwrap.wrap(
        text, width, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
    return "\n".join(lines)
