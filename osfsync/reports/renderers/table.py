"""A table for a terminal. Long sheets are cut, and say so: a terminal is no place for a million rows."""

import io
from collections.abc import Iterable, Sequence
from typing import Any, Literal

from rich.box import SIMPLE_HEAD
from rich.cells import cell_len
from rich.console import Console
from rich.table import Table
from rich.text import Text

from osfsync.reports.sheets import Column, Sheet
from osfsync.reports.text import count, printable

ROWS_SHOWN = 1000


class TableRenderer:
    """Collects up to ROWS_SHOWN rows and draws them at the end."""

    def __init__(self, sheet: Sheet[Any]) -> None:
        self._sheet = sheet
        self._kept: list[Any] = []
        self._seen = 0

    def begin(self) -> str:
        """Nothing: widths are known at the end only."""
        return ""

    def rows(self, chunk: Sequence[Any]) -> str:
        """Keep what will be shown."""
        self._seen += len(chunk)
        self._kept.extend(chunk[: max(0, ROWS_SHOWN - len(self._kept))])
        return ""

    def end(self) -> str:
        """The table."""
        rows = [[printable(c.show(getattr(row, c.field))) for c in self._sheet.columns] for row in self._kept]
        table = Table(box=SIMPLE_HEAD, padding=0)
        widths = _widths(self._sheet.columns, rows, Console().width)
        for column, width in zip(self._sheet.columns, widths, strict=True):
            side: Literal["left", "right"] = "right" if column.right else "left"
            table.add_column(column.heading, justify=side, overflow="fold", width=width)
        for row in rows:
            table.add_row(*map(Text, row))
        text = draw(table)
        if self._seen > len(self._kept):
            text += (
                f"{count(self._seen - len(self._kept))} more rows are not shown; "
                "--format csv and --format json give all of them.\n"
            )
        return text


def _widths(columns: Sequence[Column], rows: Sequence[Sequence[str]], room: int) -> list[int]:
    """A width for each column: as wide as its cells, narrowed from the widest on until all fit."""
    wanted, least = [], []
    for index, column in enumerate(columns):
        cells = [row[index] for row in rows]
        heading = _longest(column.heading.split())
        whole = _longest(cells)
        words = _longest(word for cell in cells for word in cell.split())
        wanted.append(max(heading, whole, min(len(column.heading), column.readable)))
        least.append(max(heading, whole if column.right else min(column.readable, words)))
    room -= len(columns) + 1
    while sum(wanted) > room:
        slack = [width - floor for width, floor in zip(wanted, least, strict=True)]
        if max(slack) <= 0:
            break
        widest = max((index for index, left in enumerate(slack) if left > 0), key=wanted.__getitem__)
        wanted[widest] -= 1
    return wanted


def _longest(texts: Iterable[str]) -> int:
    return max(map(cell_len, texts), default=0)


def draw(table: Table) -> str:
    """A rich table as text, as wide as the terminal, without colours."""
    buffer = io.StringIO()
    Console(file=buffer, no_color=True, highlight=False).print(table)
    return buffer.getvalue()
