"""CSV with a header, for spreadsheets: a cell never starts a formula.

Nor does a piece of one: a spreadsheet also cuts at semicolons, where these separate lists, as in much of
Europe.
"""

import csv
import io
import re
from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any

from osfsync.reports.sheets import NO_TAIL, Sheet, Tail

_FORMULA = re.compile("(^|[;\t\r\n|])(?=[=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20])")


class CsvRenderer:
    """Streams rows as CSV; columns are the model's fields. Text gets a `'` where it would start a formula."""

    def __init__(self, sheet: Sheet[Any]) -> None:
        self._fields = [field.name for field in fields(sheet.model)]

    def begin(self) -> str:
        """The header."""
        return _line(self._fields)

    def rows(self, chunk: Sequence[Any]) -> str:
        """Rows."""
        return "".join(_line([_cell(getattr(row, name)) for name in self._fields]) for row in chunk)

    def end(self, tail: Tail = NO_TAIL) -> str:  # noqa: ARG002 - the protocol's signature
        """Nothing: a tail has no columns."""
        return ""


def _cell(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, datetime):
        return value.isoformat().replace("+00:00", "Z")
    if isinstance(value, tuple):
        value = " ".join(value)
    return _FORMULA.sub(r"\1'", value) if isinstance(value, str) else str(value)


def _line(cells: Sequence[str]) -> str:
    # The writer quotes a lone carriage return only where its own line end has one.
    buffer = io.StringIO()
    csv.writer(buffer, lineterminator="\r\n").writerow(cells)
    return buffer.getvalue().removesuffix("\r\n") + "\n"
