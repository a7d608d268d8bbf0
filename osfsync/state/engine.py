"""The connection that writes the state."""

from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager
from pathlib import Path

from sqlalchemy import URL, Connection, event
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import DBAPIError
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from osfsync.state import terms
from osfsync.state.access import Access, allocate_shared
from osfsync.state.whole import to_the_end

# FULL: what the archive did before a row, or on its word, survives a power cut: so must the row.
_PRAGMAS = ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "PRAGMA foreign_keys = ON")


@asynccontextmanager
async def writing_engine(path: Path, access: Access) -> AsyncIterator[AsyncEngine]:
    """An engine of one connection, whose every transaction begins with the write lock."""
    engine = create_async_engine(
        url_of(access, "sqlite+aiosqlite"),
        connect_args={"timeout": terms.BUSY_SECONDS},
        pool_size=1,
        max_overflow=0,
        pool_reset_on_return=None,  # engine.begin() leaves no transaction behind
        hide_parameters=True,
    )

    @event.listens_for(engine.sync_engine, "connect")
    def _on_connect(connection: DBAPIConnection, _: object) -> None:
        connection.isolation_level = None  # the driver would begin transactions by rules of its own
        _execute(connection, _PRAGMAS)
        allocate_shared(path)

    @event.listens_for(engine.sync_engine, "begin")
    def _on_begin(connection: Connection) -> None:
        connection.exec_driver_sql("BEGIN IMMEDIATE")

    async with _disposing(engine):
        yield engine


def url_of(access: Access, driver: str) -> URL:
    """The same for SQLAlchemy."""
    database, _, options = access.uri.partition("?")
    query = dict(option.split("=", 1) for option in options.split("&"))
    return URL.create(driver, database=database, query={**query, "uri": "true"})


def _execute(connection: DBAPIConnection, statements: tuple[str, ...]) -> None:
    cursor = connection.cursor()
    for statement in statements:
        cursor.execute(statement)
    cursor.close()


@asynccontextmanager
async def _disposing(engine: AsyncEngine) -> AsyncIterator[None]:
    try:
        yield
    finally:
        await to_the_end(engine.dispose)  # each connection is a thread, which must end


@contextmanager
def unwrapped() -> Iterator[None]:
    """The driver's own errors instead of SQLAlchemy's, for `border` to explain."""
    try:
        yield
    except DBAPIError as error:
        raise error if error.orig is None else error.orig from error
