"""Asks the state: one statement, all its rows."""

import sqlite3
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any, cast

import aiosqlite
import anyio
from anyio import to_thread

from osfsync.state import terms
from osfsync.state.access import TRIES, Access, changes_all_the_time
from osfsync.state.border import border
from osfsync.state.whole import to_the_end

READERS = 4

Rows = Sequence[tuple[Any, ...]]
"""Values as SQLite gives them: times are text."""


class Query:
    """Runs statements on a few connections that can't write; every statement sees the newest commit.

    Long answers are asked for in pages, a statement each.
    """

    def __init__(self, path: Path, opening: Callable[[Path], Access]) -> None:
        self._path = path
        self._opening = opening
        self._room = anyio.Semaphore(READERS)
        self._idle: list[tuple[Access, aiosqlite.Connection]] = []

    async def sql(self, text: str, values: tuple[Any, ...] = ()) -> Rows:
        """All rows of SQL text; one hop to the connection's thread."""
        return (await self.sqls([text], values))[0]

    async def sqls(self, texts: Sequence[str], values: tuple[Any, ...]) -> list[Rows]:
        """All rows of each of several SQL texts that take the same values, on one connection."""
        with border(self._path):
            rows = await to_the_end(partial(self._sqls, texts, values))
        return rows  # noqa: RET504 - mypy thinks that a context manager may swallow an error

    async def _sqls(self, texts: Sequence[str], values: tuple[Any, ...]) -> list[Rows]:
        async with self._room:
            for _ in range(TRIES):
                access, connection = self._idle.pop() if self._idle else await self._connect()
                try:
                    rows = [cast("Rows", await connection.execute_fetchall(text, values)) for text in texts]
                except sqlite3.Error:
                    if access.holds(self._path):
                        raise
                    continue
                else:
                    if access.holds(self._path):
                        return rows
                finally:
                    if access.holds(self._path):
                        self._idle.append((access, connection))
                    else:
                        await connection.close()
        raise changes_all_the_time(self._path)

    async def _connect(self) -> tuple[Access, aiosqlite.Connection]:
        access = await to_thread.run_sync(self._opening, self._path)
        connection = await aiosqlite.connect(
            access.uri, uri=True, timeout=terms.BUSY_SECONDS, isolation_level=None
        )
        await connection.execute_fetchall("PRAGMA query_only = ON")
        return access, connection

    async def close(self) -> None:
        """End the connections' threads; nobody asks any more."""
        while self._idle:
            await self._idle.pop()[1].close()


@asynccontextmanager
async def open_query(path: Path, opening: Callable[[Path], Access]) -> AsyncIterator[Query]:
    """What can be asked of the database at `path`; `opening` says how each connection opens it."""
    query = Query(path, opening)
    try:
        yield query
    finally:
        await to_the_end(query.close)  # each connection is a thread, which must end
