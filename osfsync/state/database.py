"""Opens the state: migrated, with one connection that writes and a few that read."""

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, fields
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING

from anyio import to_thread

from osfsync.state.access import Access, for_reading, for_writing
from osfsync.state.border import border
from osfsync.state.chronicle import Chronicle
from osfsync.state.contents import Contents
from osfsync.state.holdings import Holdings
from osfsync.state.ledger import Ledger
from osfsync.state.location import database_path, require_database
from osfsync.state.migrate import ensure_current, ensure_readable
from osfsync.state.overview import Overview
from osfsync.state.query import open_query
from osfsync.state.reader import Reader
from osfsync.state.settings import StateSettings

if TYPE_CHECKING:
    from sqlalchemy.ext.asyncio import AsyncEngine

    from osfsync.state.writer import NewRun, Writer


@dataclass(frozen=True, slots=True)
class View:
    """What can be asked of the state."""

    path: Path
    reader: Reader
    overview: Overview
    ledger: Ledger
    holdings: Holdings
    chronicle: Chronicle
    contents: Contents


@dataclass(frozen=True, slots=True)
class Database(View):
    """The state of a process that may also write."""

    engine: "AsyncEngine"

    async def start_run(self, run: "NewRun", at: datetime) -> "Writer":
        """Record that a run has started; the writer takes its facts."""
        from osfsync.state.writer import Writer  # noqa: PLC0415 - a report has no use for it

        return await Writer.start_run(self.engine, self.path, run, at)


@asynccontextmanager
async def open_state(settings: StateSettings) -> AsyncIterator[Database]:
    """The state for a run: created where there is none, migrated where it is older.

    Raises:
        ConfigError: the URL names no SQLite file.
        StateError: the file or its folder can't be used, or it is newer than this version.
        StateDamagedError, DiskFullError, LockedError: see `border`.
    """
    path = database_path(settings)
    await to_thread.run_sync(ensure_current, path)
    from osfsync.state.engine import writing_engine  # noqa: PLC0415 - a report has no use for it

    with border(path):
        access = await to_thread.run_sync(for_writing, path)
    async with writing_engine(path, access) as writing, _view(path, lambda _: access) as view:
        rooms = {each.name: getattr(view, each.name) for each in fields(view)}
        yield Database(**rooms, engine=writing)


@asynccontextmanager
async def open_view(settings: StateSettings) -> AsyncIterator[View]:
    """The state for a report: nothing can be written, and a state that does not exist is an error.

    An older one is migrated first, which needs the right to write. Raises as `open_state` does.
    """
    path = database_path(settings)
    require_database(path)
    await to_thread.run_sync(ensure_readable, path)
    async with _view(path, for_reading) as view:
        yield view


@asynccontextmanager
async def _view(path: Path, opening: Callable[[Path], Access]) -> AsyncIterator[View]:
    async with open_query(path, opening) as query:
        yield View(
            path=path,
            reader=Reader(query),
            overview=Overview(query),
            ledger=Ledger(query),
            holdings=Holdings(query, path),
            chronicle=Chronicle(query),
            contents=Contents(query),
        )
