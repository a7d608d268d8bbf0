"""Asks the state: one statement, all its rows."""

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from sqlalchemy import Row, Select
from sqlalchemy.ext.asyncio import AsyncEngine

from osfsync.state.border import border
from osfsync.state.whole import to_the_end

if TYPE_CHECKING:
    import aiosqlite


class Query:
    """Runs statements on reading connections. Long answers are asked for in pages, a statement each."""

    def __init__(self, engine: AsyncEngine, path: Path) -> None:
        self._engine = engine
        self._path = path

    async def select(self, statement: Select[*tuple[Any, ...]]) -> Sequence[Row[*tuple[Any, ...]]]:
        """All rows of a statement, values in Python's types."""
        with border(self._path):
            rows = await to_the_end(partial(self._select, statement))
        return rows  # noqa: RET504 - mypy thinks that a context manager may swallow an error

    async def sql(self, text: str, values: tuple[Any, ...] = ()) -> Sequence[tuple[Any, ...]]:
        """All rows of SQL text, values as SQLite gives them; one hop to the connection's thread."""
        with border(self._path):
            rows = await to_the_end(partial(self._sql, text, values))
        return rows  # noqa: RET504 - mypy thinks that a context manager may swallow an error

    async def sqls(self, texts: Sequence[str], values: tuple[Any, ...]) -> list[Sequence[tuple[Any, ...]]]:
        """All rows of each of several SQL texts that take the same values, on one connection."""
        with border(self._path):
            rows = await to_the_end(partial(self._sqls, texts, values))
        return rows  # noqa: RET504 - mypy thinks that a context manager may swallow an error

    async def _select(self, statement: Select[*tuple[Any, ...]]) -> Sequence[Row[*tuple[Any, ...]]]:
        async with self._engine.connect() as connection:
            return (await connection.execute(statement)).all()

    async def _sql(self, text: str, values: tuple[Any, ...]) -> Sequence[tuple[Any, ...]]:
        return (await self._sqls([text], values))[0]

    async def _sqls(self, texts: Sequence[str], values: tuple[Any, ...]) -> list[Sequence[tuple[Any, ...]]]:
        async with self._engine.connect() as connection:
            pooled = await connection.get_raw_connection()
            driver = cast("aiosqlite.Connection", pooled.driver_connection)
            return [
                cast("list[tuple[Any, ...]]", await driver.execute_fetchall(text, values)) for text in texts
            ]
