"""JSON: one object, `{"schema": 1, "<sheet>": [...]}`, a row a line."""

import json
from collections import Counter
from collections.abc import Sequence
from typing import Any

import msgspec

from osfsync.reports.models import SCHEMA
from osfsync.reports.sheets import NO_TAIL, Sheet, Tail


class JsonRenderer:
    """Streams rows into one JSON object."""

    def __init__(self, sheet: Sheet[Any]) -> None:
        self._sheet = sheet
        self._first = True
        self._counts: Counter[str] = Counter()

    def begin(self) -> str:
        """The object's head."""
        return f'{{"schema":{SCHEMA},"{self._sheet.name}":['

    def rows(self, chunk: Sequence[Any]) -> str:
        """Rows, separated."""
        if self._sheet.counted is not None:
            self._counts.update(getattr(row, self._sheet.counted) for row in chunk)
        text = ",\n".join(map(_text, chunk))
        if not text:
            return ""
        head = "\n" if self._first else ",\n"
        self._first = False
        return head + text

    def end(self, tail: Tail = NO_TAIL) -> str:
        """The object's tail, with the sums of what the sheet counts."""
        counted = {} if self._sheet.counted is None else {"totals": dict(self._counts.most_common())}
        more = (f",\n{_text(key)}:{_text(value)}" for key, value in {**counted, **tail.fields}.items())
        return f"]{''.join(more)}}}\n"


def document(model: object) -> str:
    """One model as one JSON object on one line."""
    return f"{_text(model)}\n"


def _text(value: object) -> str:
    """JSON in which a terminal finds nothing to obey: such characters are escaped, which means the same."""
    text = msgspec.json.encode(value).decode()
    return text if text.isprintable() else "".join(c if c.isprintable() else _escaped(c) for c in text)


def _escaped(char: str) -> str:
    """Outside its strings JSON has no such characters, so that an escape stands in a string here."""
    return json.dumps(char)[1:-1]
