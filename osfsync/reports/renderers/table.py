"""A table for a terminal. Long sheets are cut, and say so: a terminal is no place for a million rows."""

import io
from collections.abc import Sequence
from typing import Any

from rich.box import SIMPLE_HEAD
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
        table = Table(box=SIMPLE_HEAD, pad_edge=False, padding=(0, 1, 0, 0))
        for index, column in enumerate(self._sheet.columns):
            table.add_column(
                column.heading,
                justify="right" if column.right else "left",
                overflow="fold",
                min_width=_least_width(column, [row[index] for row in rows]),
            )
        for row in rows:
            table.add_row(*map(Text, row))
        text = draw(table)
        if self._seen > len(self._kept):
            text += (
                f"{count(self._seen - len(self._kept))} more rows are not shown; "
                "--format csv and --format json give all of them.\n"
            )
        return text


def _least_width(column: Column, cells: Sequence[str]) -> int:
    """Numbers stay whole, and words of other cells up to a readable length."""
    heading = max(map(len, column.heading.split()))
    if column.right:
        return max(heading, max(map(len, cells), default=0))
    words = (len(word) for cell in cells for word in cell.split())
    return max(heading, min(column.readable, max(words, default=0)))


def draw(table: Table) -> str:
    """A rich table as text, as wide as the terminal, without colours."""
    buffer = io.StringIO()
    Console(file=buffer, no_color=True, highlight=False).print(table)
    return buffer.getvalue()
