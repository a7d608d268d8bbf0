"""Parquet, for data frames: rows in groups, typed as the models are. Needs the extra `parquet`.

Bytes, unlike the other formats; so it is no renderer of the registry, and `export` writes it to a file.
"""

from collections.abc import Sequence
from dataclasses import fields
from datetime import datetime
from typing import Any, Literal, get_args, get_origin, get_type_hints

import pyarrow as pa
from pyarrow.parquet import ParquetWriter

from osfsync.reports.models import SCHEMA
from osfsync.reports.sheets import Sheet

GROUP = 20_000
"""Rows of one group: these lie in memory."""

_TYPES: dict[type, pa.DataType] = {
    str: pa.string(),
    int: pa.int64(),
    float: pa.float64(),
    bool: pa.bool_(),
    datetime: pa.timestamp("us", tz="UTC"),
}


class _Drain:
    """A file that is never read: what was written can be taken away."""

    closed = False

    def __init__(self) -> None:
        self._pieces: list[bytes] = []
        self._written = 0

    def write(self, data: bytes) -> int:
        self._pieces.append(bytes(data))
        self._written += len(data)
        return len(data)

    def tell(self) -> int:
        return self._written

    def flush(self) -> None:
        """Nothing waits."""

    def close(self) -> None:
        """What was written stays."""

    def take(self) -> bytes:
        taken, self._pieces = b"".join(self._pieces), []
        return taken


class ParquetRenderer:
    """Turns a sheet's rows into the bytes of one file, a group at a time."""

    def __init__(self, sheet: Sheet[Any]) -> None:
        hints = get_type_hints(sheet.model)
        self._names = [field.name for field in fields(sheet.model)]
        columns = [pa.field(name, *_type_of(hints[name])) for name in self._names]
        told = {"osfsync.schema": str(SCHEMA), "osfsync.rows": sheet.name}
        self._schema = pa.schema(columns, metadata=told)
        self._drain = _Drain()
        self._writer = ParquetWriter(pa.PythonFile(self._drain, mode="w"), self._schema, compression="zstd")
        self._waiting: list[Any] = []

    def rows(self, chunk: Sequence[Any]) -> bytes:
        """Some rows; what a whole group of them comes to."""
        self._waiting.extend(chunk)
        if len(self._waiting) < GROUP:
            return b""
        self._write()
        return self._drain.take()

    def end(self) -> bytes:
        """What is left, and the file's end."""
        if self._waiting:
            self._write()
        self._writer.close()
        return self._drain.take()

    def _write(self) -> None:
        columns = {name: [_plain(getattr(row, name)) for row in self._waiting] for name in self._names}
        self._waiting = []
        self._writer.write_table(pa.table(columns, schema=self._schema))


def _type_of(hint: Any) -> tuple[pa.DataType, bool]:
    """Its column's type, and whether it may be missing."""
    if type(None) in get_args(hint):
        (inner,) = (part for part in get_args(hint) if part is not type(None))
        return _type_of(inner)[0], True
    if get_origin(hint) is Literal:
        return pa.string(), False
    if get_origin(hint) is tuple:
        return pa.list_(_type_of(get_args(hint)[0])[0]), False
    return _TYPES[hint], False


def _plain(value: object) -> object:
    return list(value) if isinstance(value, tuple) else value
