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

from osfsync.domain.model import StorageStatus
from osfsync.state.tables import (
    attempts,
    device_names,
    devices,
    events,
    files,
    list_fields,
    listings,
    order_files,
    orders,
    reaches,
    runs,
    statuses,
    tenants,
)

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

    @classmethod
    def raw(cls, sql: str, *names: str) -> Self:
        """SQL text whose question marks stand for the values of `names`, in order."""
        return cls(sql, lambda row: tuple(row[name] for name in names))

    def parameters(self, rows: Iterable[Row]) -> list[tuple[Any, ...]]:
        """For `executemany`."""
        return list(map(self.pick, rows))


def _insert(table: Table, *but: str) -> Statement:
    return Statement.of(insert(table), [column.name for column in table.columns if column.name not in but])


def _insert_new(table: Table) -> Statement:
    """What is there already stays as it is: the same may be told again."""
    return Statement.of(insert(table).on_conflict_do_nothing(), table.c.keys())


def _upsert_tenant() -> Statement:
    statement = insert(tenants)
    new = statement.excluded
    upsert = statement.on_conflict_do_update([tenants.c.id], set_={"name": new.name, "url": new.url})
    return Statement.of(upsert, tenants.c.keys())


def _upsert_device() -> Statement:
    """A device keeps its folder and its first sight, whatever it is called now and whosever it is."""
    statement = insert(devices)
    new = statement.excluded
    upsert = statement.on_conflict_do_update(
        [devices.c.id], set_={"tenant_id": new.tenant_id, "name": new.name, "last_seen": new.last_seen}
    )
    return Statement.of(
        upsert, ["id", "tenant_id", "name", "folder", "folder_key", "first_seen", "last_seen"]
    )


_LISTED = ("storage_status", "size", "start", "end", "tag", "extra", "seen_from", "seen_to")
_FAILURE = ("failure", "failure_text", "failure_check", "failed_at")


def _upsert_file() -> Statement:
    """A file keeps its path and first sight; a changed status or size lets failed tries be forgotten.

    What is listed is not lost, whatever was thought before.
    """
    statement = insert(files)
    new, old = statement.excluded, files.c
    changed = or_(
        old.storage_status.is_distinct_from(new.storage_status), old.size.is_distinct_from(new.size)
    )
    values: dict[str, ColumnElement[Any]] = {name: new[name] for name in _LISTED}
    values |= {name: case((changed, null()), else_=old[name]) for name in _FAILURE}
    values |= {"lost_at": null(), "last_seen": null()}
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
_RUN = update(runs).where(runs.c.id == bindparam("of_run"))
FINISH_RUN = Statement.of(
    _RUN.values({name: bindparam(name) for name in ("finished", "outcome", "exit_code", "summary")})
)
RUN_OF_TENANT = Statement.of(_RUN.values(tenant_id=bindparam("tenant_id")))

UPSERT_DEVICE = _upsert_device()
NAME_DEVICE = _insert_new(device_names)
UPSERT_REACH = Statement.of(insert(reaches).prefix_with("OR REPLACE"), reaches.c.keys())
UPSERT_FILE = _upsert_file()
INSERT_LISTING = _insert(listings, "id", "settled")
_NO_PROBLEM = dict.fromkeys(("problem", "problem_text", "problem_at"), null())
DEVICE_LISTED = _update_device(listed_at=bindparam("at"), listing_source=bindparam("source"), **_NO_PROBLEM)
_IS_SLUG = (devices.c.id == bindparam("of_device"), devices.c.problem == bindparam("slug"))
DEVICE_EXCLUDED = Statement.of(update(devices).where(*_IS_SLUG).values(**_NO_PROBLEM))
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
INSERT_STATUS = _insert_new(statuses)
FILE_LOST = Statement.raw(
    """
    UPDATE files SET lost_at = ?1, last_seen = coalesce(
        (SELECT max(listed_at) FROM listings
         WHERE listings.device_id = files.device_id AND source = 'device-list' AND listings.files > 0
           AND listings.start <= coalesce(files.start, files."end", seen_from)
           AND listings."end" >= coalesce(files."end", files.start, seen_to)
           AND listed_at < ?1),
        changed_at)
    WHERE device_id = ?2 AND name = ?3 AND lost_at IS NULL
    """,
    "at",
    "of_device",
    "of_name",
)
CLEAR_LISTED_BY = Statement.raw(
    """
    UPDATE files SET listed_by = NULL WHERE device_id = ? AND listed_by IS NOT NULL
      AND coalesce(start, "end", seen_from) >= ? AND coalesce("end", start, seen_to) <= ?
    """,
    "of_device",
    "of_start",
    "of_end",
)
SET_LISTED_BY = _update_file(listed_by=bindparam("source"))

INSERT_EVENT = _insert_new(events)
DEVICE_HEARD = Statement.raw(
    """
    UPDATE devices SET heard_until = ?1, mute = NULL, mute_at = NULL,
        last_contact = nullif(max(coalesce(last_contact, ''), coalesce(?2, '')), '') WHERE id = ?3
    """,
    "until",
    "contact",
    "of_device",
)
DEVICE_MUTE = _update_device(mute=bindparam("explanation"), mute_at=bindparam("at"))
PRUNE_EVENTS = Statement.raw(
    """
    DELETE FROM events WHERE device_id = ?1 AND at < max(?2, coalesce(
        (SELECT at FROM events WHERE device_id = ?1 ORDER BY at DESC LIMIT 1 OFFSET ?3), ''))
    """,
    "of_device",
    "before",
    "most",
)

_PREPARED = ("id", "run_id", "device_id", "start", "end", "tag", "files", "sent_at", "state", "ahead")
INSERT_ORDER = Statement.of(insert(orders), _PREPARED)
INSERT_ORDER_FILE = _insert(order_files)
ORDER_ANSWERED = Statement.of(
    update(orders)
    .where(orders.c.id == bindparam("of_order"))
    .values(state=bindparam("state"), answer=bindparam("answer"))
)
DELETE_ORDER_FILES = Statement.raw("DELETE FROM order_files WHERE order_id = ?", "of_order")
FILE_ORDERED = _update_file(
    orders=files.c.orders + bindparam("attempts"), ordered_at=bindparam("at"), order_id=bindparam("order")
)
ORDER_FOLLOWED = Statement.raw(
    """
    UPDATE orders SET contacted_at = coalesce(contacted_at, ?), answered_at = coalesce(answered_at, ?),
        due_at = coalesce(due_at, ?) WHERE id = ?
    """,
    "contacted_at",
    "answered_at",
    "due_at",
    "of_order",
)
DOUBT_COUNTED = Statement.raw(
    """
    UPDATE files SET orders = orders + 1
    WHERE order_id = ?1 AND EXISTS (SELECT 1 FROM orders WHERE id = ?1 AND state = 'doubtful')
    """,
    "of_order",
)
DOUBT_SETTLED = Statement.raw(
    "UPDATE orders SET state = 'sent' WHERE id = ? AND state = 'doubtful'", "of_order"
)
ORDER_GIVEN_UP = Statement.raw(
    "UPDATE orders SET given_up_at = ?, given_up_why = ? WHERE id = ? AND given_up_at IS NULL",
    "at",
    "why",
    "of_order",
)

DOUBTED_FILES = Statement.raw(
    """
    UPDATE files SET ordered_at = doubt.sent_at, order_id = doubt.id
    FROM (SELECT orders.id, sent_at, order_files.device_id, name FROM orders
          JOIN order_files ON order_files.order_id = orders.id WHERE state = ?) AS doubt
    WHERE files.device_id = doubt.device_id AND files.name = doubt.name
    """,
    "sending",
)
DOUBTED_ORDERS = Statement.raw(
    "UPDATE orders SET state = ? WHERE state = ?",
    "doubtful",
    "sending",
)
FILE_HELD = _update_file(
    held_size=bindparam("held"),
    sha256=bindparam("hash"),
    fetched_at=bindparam("at"),
    verification=bindparam("shown"),
    adopted=bindparam("found"),
    fetched_run=bindparam("run"),
    tries=literal_column("0"),
    orders=literal_column("0"),
    ordered_at=null(),
    order_id=null(),
    failure_check=bindparam("check_name"),
    **{name: null() for name in _FAILURE if name != "failure_check"},
)
FILE_FAILED = _update_file(
    tries=files.c.tries + literal_column("1"),
    failure=bindparam("slug"),
    failure_text=bindparam("explanation"),
    failure_check=bindparam("check_name"),
    failed_at=bindparam("at"),
)
FILE_ABSENT = _update_file(storage_status=literal_column(str(StorageStatus.DEVICE_ONLY.value)))
HELD_REFUTED = _update_file(
    orders=literal_column("0"),
    tries=literal_column("0"),
    **{
        name: null()
        for name in (
            *("held_size", "sha256", "fetched_at", "verification", "adopted", "fetched_run"),
            *("ordered_at", "order_id", "lost_at", "last_seen"),
            *_FAILURE,
        )
    },
)
INSERT_ATTEMPT = _insert(attempts, "id")

_new_fields = insert(list_fields)
UPSERT_LIST_FIELD = Statement.of(
    _new_fields.on_conflict_do_update(
        index_elements=[list_fields.c.tenant_id, list_fields.c.source, list_fields.c.meaning],
        set_={name: _new_fields.excluded[name] for name in ("path", "fits", "records")},
    ),
    list_fields.c.keys(),
)
