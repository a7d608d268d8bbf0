"""A table for a terminal. Long sheets are cut, and say so: a terminal is no place for a million rows."""

import io
import textwrap
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from typing import Any, Literal

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from osfsync.reports.sheets import NO_TAIL, Column, Sheet, Tail
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

    def end(self, tail: Tail = NO_TAIL) -> str:
        """The table, where there is something in it, and what is told below it."""
        if not self._kept:
            return "".join(f"{wrap(printable(line))}\n" for line in tail.lines or ("None.",))
        room = Console().width
        columns, rows = _without_spare(*self._cells(), room)
        widths = _widths(columns, rows, room)
        table = Table(box=SIMPLE_HEAD, padding=0)
        for column, width in zip(columns, widths, strict=True):
            side: Literal["left", "right"] = "right" if column.right else "left"
            table.add_column(column.heading, justify=side, overflow="fold", width=width)
        for row in rows:
            table.add_row(*map(Text, row))
        text = draw(table, sum(widths) + _lines_between(columns))
        below = [*self._left_out(columns), *tail.lines]
        if self._counts:
            below.append(totals(self._counts, self._sheet.thing))
        return text + "".join(f"{wrap(printable(line))}\n" for line in below)

    def _cells(self) -> tuple[Sequence[Column], list[list[str]]]:
        columns = self._sheet.columns
        rows = map(self._told_apart, self._kept)
        return columns, [[printable(column.cell(row)) for column in columns] for row in rows]

    def _left_out(self, shown: Sequence[Column]) -> Iterator[str]:
        if self._seen > len(self._kept):
            hidden = count(self._seen - len(self._kept))
            yield f"{hidden} more rows are not shown; --format csv and --format json give all of them."
        hidden = ", ".join(column.heading for column in self._sheet.columns if column not in shown)
        if hidden:
            yield f"Not shown, for want of room: {hidden}."

    def _told_apart(self, row: Any) -> Any:
        if row.device not in self._twins:
            return row
        return replace(row, device=f"{row.device} ({row.device_id[:SHORT_ID]})")


def totals(counts: Counter[str], thing: str = "file") -> str:
    """Sums by name, the largest first: "12 files: 9 ordered, 3 delivering."."""
    parts = ", ".join(f"{count(number)} {name}" for name, number in counts.most_common())
    return f"{amount(counts.total(), thing)}: {parts}."


def _lines_between(columns: Sequence[Column]) -> int:
    return len(columns) + 1


def _without_spare(
    columns: Sequence[Column], rows: list[list[str]], room: int
) -> tuple[Sequence[Column], list[list[str]]]:
    """The columns that find room before any name must be broken, and their cells."""
    spare = [index for index, column in enumerate(columns) if column.spare]
    while spare and sum(_floors(columns, rows)[0]) + _lines_between(columns) > room:
        index = spare.pop()
        columns = [*columns[:index], *columns[index + 1 :]]
        rows = [[*row[:index], *row[index + 1 :]] for row in rows]
    return columns, rows


def _widths(columns: Sequence[Column], rows: Sequence[Sequence[str]], room: int) -> list[int]:
    """A width for each column: as wide as its cells, narrowed from the widest on until all fit.

    First columns give way as far as their words allow, then those that may fold, prose last. What can't
    fit then is drawn wider than the terminal: a size or a state that is broken can't be read.
    """
    wanted: list[int] = []
    for column, cells in zip(columns, _by_column(columns, rows), strict=True):
        whole = max(_longest(cells), _longest(column.heading.split()))
        wanted.append(max(whole, min(len(column.heading), _words(column, cells))))
    room -= _lines_between(columns)
    for least in _floors(columns, rows):
        wanted = _narrowed(wanted, least, room)
    return wanted


def _floors(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> list[tuple[int, ...]]:
    """How narrow the columns may become at first, then, and in the end."""
    by_column = _by_column(columns, rows)
    return list(zip(*map(_floors_of, columns, by_column), strict=True))


def _floors_of(column: Column, cells: Sequence[str]) -> tuple[int, int, int]:
    heading, words = _longest(column.heading.split()), _words(column, cells)
    whole = max(_longest(cells), heading)
    if column.folds is None:
        return (whole,) * 3 if column.right else (words,) * 3
    prose, narrowest = min(column.prose, whole), min(NARROWEST, words)
    readable = max(heading, prose, min(column.folds, words))
    return readable, max(prose, narrowest), narrowest


def _by_column(columns: Sequence[Column], rows: Sequence[Sequence[str]]) -> list[list[str]]:
    return [[row[index] for row in rows] for index in range(len(columns))]


def _words(column: Column, cells: Sequence[str]) -> int:
    """The longest word of a column, its heading included."""
    heading = _longest(column.heading.split())
    return max(heading, _longest(word for cell in cells for word in cell.split()))


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
