"""Asks the state: one statement, all its rows, never left half-way."""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import anyio
from sqlalchemy import Row, Select
from sqlalchemy.ext.asyncio import AsyncEngine

from osfsync.state.border import border

if TYPE_CHECKING:
    import aiosqlite


class Query:
    """Runs statements on reading connections.

    Each is short, so it is shielded: a cancelled caller learns of it right after, and no connection (which is
    a thread) is left behind. Long answers are asked for in pages, each a statement of its own.
    """

    def __init__(self, engine: AsyncEngine, path: Path) -> None:
        self._engine = engine
        self._path = path

    async def select(self, statement: Select[*tuple[Any, ...]]) -> Sequence[Row[*tuple[Any, ...]]]:
        """All rows of a statement, values in Python's types."""
        with anyio.CancelScope(shield=True), border(self._path):
            async with self._engine.connect() as connection:
                rows = (await connection.execute(statement)).all()
        return rows

    async def sql(self, text: str, values: tuple[Any, ...] = ()) -> Sequence[tuple[Any, ...]]:
        """All rows of SQL text, values as SQLite gives them; one hop to the connection's thread."""
        with anyio.CancelScope(shield=True), border(self._path):
            async with self._engine.connect() as connection:
                pooled = await connection.get_raw_connection()
                driver = cast("aiosqlite.Connection", pooled.driver_connection)
                rows = cast("list[tuple[Any, ...]]", await driver.execute_fetchall(text, values))
        return rows
