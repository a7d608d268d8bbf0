"""Every statement that changes the state: defined once, compiled once, run with many rows."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from operator import itemgetter
from typing import Any, Self

from sqlalchemy import (
    ColumnElement,
    Insert,
    Table,
    Update,
    bindparam,
    case,
    literal_column,
    null,
    or_,
    true,
    update,
)
from sqlalchemy.dialects import sqlite
from sqlalchemy.dialects.sqlite import insert

from osfsync.state.tables import attempts, devices, files, listings, orders, runs, tenants

Row = dict[str, Any]
"""Values by parameter name, as SQLite takes them: times as text, enumerations as their value."""

_DIALECT = sqlite.dialect(paramstyle="qmark")


@dataclass(frozen=True, slots=True)
class Statement:
    """SQL text, and how its parameters are picked from a row.

    Twice as fast as a statement whose values SQLAlchemy converts at each call.
    """

    sql: str
    pick: Callable[[Row], tuple[Any, ...]]

    @classmethod
    def of(cls, core: Insert | Update, columns: Iterable[str] | None = None) -> Self:
        """Compile; an INSERT needs the columns that its rows give."""
        compiled = core.compile(dialect=_DIALECT, column_keys=None if columns is None else list(columns))
        names = compiled.positiontup or []
        return cls(str(compiled), itemgetter(*names))

    def parameters(self, rows: Iterable[Row]) -> list[tuple[Any, ...]]:
        """For `executemany`."""
        return list(map(self.pick, rows))


def _insert(table: Table, *but: str) -> Statement:
    return Statement.of(insert(table), [column.name for column in table.columns if column.name not in but])


def _upsert_tenant() -> Statement:
    statement = insert(tenants)
    new = statement.excluded
    upsert = statement.on_conflict_do_update([tenants.c.id], set_={"name": new.name, "url": new.url})
    return Statement.of(upsert, tenants.c.keys())


def _upsert_device() -> Statement:
    """A device keeps its folder and its first sight, whatever it is called now."""
    statement = insert(devices)
    new = statement.excluded
    upsert = statement.on_conflict_do_update(
        [devices.c.id], set_={"name": new.name, "last_seen": new.last_seen}
    )
    return Statement.of(
        upsert, ["id", "tenant_id", "name", "folder", "folder_key", "first_seen", "last_seen"]
    )


_LISTED = ("storage_status", "size", "start", "end", "tag", "extra", "seen_from", "seen_to")
_FAILURE = ("failure", "failure_text", "failure_check", "failed_at")


def _upsert_file() -> Statement:
    """A file keeps its path and first sight; a changed status or size lets failed tries be forgotten."""
    statement = insert(files)
    new, old = statement.excluded, files.c
    changed = or_(
        old.storage_status.is_distinct_from(new.storage_status), old.size.is_distinct_from(new.size)
    )
    values: dict[str, ColumnElement[Any]] = {name: new[name] for name in _LISTED}
    values |= {name: case((changed, null()), else_=old[name]) for name in _FAILURE}
    values["changed_at"] = case((changed, new.changed_at), else_=old.changed_at)
    values["tries"] = case((changed, literal_column("0")), else_=old.tries)
    upsert = statement.on_conflict_do_update([old.device_id, old.name], set_=values)
    return Statement.of(
        upsert, ["device_id", "name", "path", "path_key", "first_seen", "changed_at", *_LISTED]
    )


def _update_device(**values: Any) -> Statement:
    return Statement.of(update(devices).where(devices.c.id == bindparam("of_device")).values(**values))


def _update_file(**values: Any) -> Statement:
    which = (files.c.device_id == bindparam("of_device"), files.c.name == bindparam("of_name"))
    return Statement.of(update(files).where(*which).values(**values))


UPSERT_TENANT = _upsert_tenant()
INSERT_RUN = _insert(runs, "finished", "outcome", "exit_code", "summary")
FINISH_RUN = Statement.of(
    update(runs)
    .where(runs.c.id == bindparam("of_run"))
    .values({name: bindparam(name) for name in ("finished", "outcome", "exit_code", "summary")})
)

UPSERT_DEVICE = _upsert_device()
UPSERT_FILE = _upsert_file()
INSERT_LISTING = _insert(listings, "id", "settled")
DEVICE_LISTED = _update_device(
    listed_at=bindparam("at"),
    listing_source=bindparam("source"),
    problem=null(),
    problem_text=null(),
    problem_at=null(),
)
DEVICE_FAILED = _update_device(
    problem=bindparam("slug"), problem_text=bindparam("explanation"), problem_at=bindparam("at")
)
SETTLE_LISTINGS = Statement.of(
    update(listings)
    .where(
        listings.c.backfill == bindparam("of_backfill"),
        listings.c.device_id == bindparam("of_device"),
        listings.c.start == bindparam("of_start"),
        listings.c.end == bindparam("of_end"),
        listings.c.problem.is_(null()),
    )
    .values(settled=true())
)
INSERT_ORDER = _insert(orders, "id")
FILE_ORDERED = _update_file(orders=files.c.orders + literal_column("1"), ordered_at=bindparam("at"))
FILE_HELD = _update_file(
    held_size=bindparam("held"),
    sha256=bindparam("hash"),
    fetched_at=bindparam("at"),
    verification=bindparam("shown"),
    adopted=bindparam("found"),
    fetched_run=bindparam("run"),
    tries=literal_column("0"),
    **{name: null() for name in _FAILURE},
)
FILE_FAILED = _update_file(
    tries=files.c.tries + literal_column("1"),
    failure=bindparam("slug"),
    failure_text=bindparam("explanation"),
    failure_check=bindparam("check_name"),
    failed_at=bindparam("at"),
)
INSERT_ATTEMPT = _insert(attempts, "id")
