"""JSON: one object, `{"schema": 1, "<sheet>": [...]}`, a row a line."""

from collections.abc import Sequence
from typing import Any

import msgspec

from osfsync.reports.models import SCHEMA
from osfsync.reports.sheets import Sheet


class JsonRenderer:
    """Streams rows into one JSON object."""

    def __init__(self, sheet: Sheet[Any]) -> None:
        self._sheet = sheet
        self._first = True

    def begin(self) -> str:
        """The object's head."""
        return f'{{"schema":{SCHEMA},"{self._sheet.name}":['

    def rows(self, chunk: Sequence[Any]) -> str:
        """Rows, separated."""
        text = ",\n".join(msgspec.json.encode(row).decode() for row in chunk)
        if not text:
            return ""
        head = "\n" if self._first else ",\n"
        self._first = False
        return head + text

    def end(self) -> str:
        """The object's tail."""
        return "]}\n"


def document(model: object) -> str:
    """One model as one JSON object on one line."""
    return msgspec.json.encode(model).decode() + "\n"
