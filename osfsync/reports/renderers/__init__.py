"""One file a format, one registry. Renderers stream: a million rows never lie in memory."""

from collections.abc import Callable, Sequence
from importlib import import_module
from typing import Any, Protocol

from osfsync.reports.sheets import NO_TAIL, Sheet, Tail


class Renderer(Protocol):
    """Turns a sheet's rows into text, a chunk at a time. Every part ends with a line break or is empty."""

    def begin(self) -> str:
        """What comes before the first row."""

    def rows(self, chunk: Sequence[Any]) -> str:
        """Some rows."""

    def end(self, tail: Tail = NO_TAIL) -> str:
        """What comes after the last row; a format that has rows only leaves the tail out."""


_MODULES = {"table": "TableRenderer", "json": "JsonRenderer", "csv": "CsvRenderer"}

FORMATS = tuple(_MODULES)

ROWS_ONLY = frozenset({"csv"})
"""Formats that have no room for a tail."""


def renderer(format_name: str, sheet: Sheet[Any]) -> Renderer:
    """A renderer by its name, one of FORMATS; imported when it is needed."""
    module = import_module(f"osfsync.reports.renderers.{format_name}")
    make: Callable[[Sheet[Any]], Renderer] = getattr(module, _MODULES[format_name])
    return make(sheet)
