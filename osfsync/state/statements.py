"""Every statement that changes the state, compiled once and run with many rows."""

from sqlalchemy import Insert, Update, bindparam, case, null, or_, update
from sqlalchemy.dialects.sqlite import insert

from osfsync.state.tables import attempts, devices, files, listings, orders, runs, tenants


def _upsert_tenant() -> Insert:
    statement = insert(tenants)
    new = statement.excluded
    return statement.on_conflict_do_update([tenants.c.id], set_={"name": new.name, "url": new.url})


def _upsert_device() -> Insert:
    """A device keeps its folder and its first sight, whatever it is called now."""
    statement = insert(devices)
    new = statement.excluded
    return statement.on_conflict_do_update([devices.c.id], set_={"name": new.name, "last_seen": new.last_seen})


def _upsert_file() -> Insert:
    """A file keeps its path and its first sight; where its status or size changed, failed tries are forgotten."""
    statement = insert(files)
    new, old = statement.excluded, files.c
    changed = or_(
        old.storage_status.is_distinct_from(new.storage_status), old.size.is_distinct_from(new.size)
    )
    listed = ("storage_status", "size", "start", "end", "tag", "extra", "seen_from", "seen_to")
    forgotten = ("failure", "failure_text", "failure_check", "failed_at")
    return statement.on_conflict_do_update(
        [old.device_id, old.name],
        set_={name: new[name] for name in listed}
        | {name: case((changed, null()), else_=old[name]) for name in forgotten}
        | {
            "changed_at": case((changed, new.changed_at), else_=old.changed_at),
            "tries": case((changed, 0), else_=old.tries),
        },
    )


def _update_file() -> Update:
    """Parameters `of_device` and `of_name` say which file."""
    return update(files).where(
        files.c.device_id == bindparam("of_device"), files.c.name == bindparam("of_name")
    )


UPSERT_TENANT = _upsert_tenant()
INSERT_RUN = insert(runs)
FINISH_RUN = (
    update(runs)
    .where(runs.c.id == bindparam("of_run"))
    .values({name: bindparam(name) for name in ("finished", "outcome", "exit_code", "summary")})
)

UPSERT_DEVICE = _upsert_device()
UPSERT_FILE = _upsert_file()
INSERT_LISTING = insert(listings)
DEVICE_LISTED = (
    update(devices)
    .where(devices.c.id == bindparam("of_device"))
    .values(
        listed_at=bindparam("at"),
        listing_source=bindparam("source"),
        problem=None,
        problem_text=None,
        problem_at=None,
    )
)
DEVICE_FAILED = (
    update(devices)
    .where(devices.c.id == bindparam("of_device"))
    .values(problem=bindparam("slug"), problem_text=bindparam("explanation"), problem_at=bindparam("at"))
)
SETTLE_LISTINGS = (
    update(listings)
    .where(
        listings.c.backfill == bindparam("of_backfill"),
        listings.c.start == bindparam("of_start"),
        listings.c.end == bindparam("of_end"),
        listings.c.problem.is_(None),
    )
    .values(settled=True)
)
INSERT_ORDER = insert(orders)
FILE_ORDERED = _update_file().values(orders=files.c.orders + 1, ordered_at=bindparam("at"))
FILE_HELD = _update_file().values(
    held_size=bindparam("held"),
    sha256=bindparam("hash"),
    fetched_at=bindparam("at"),
    verification=bindparam("shown"),
    adopted=bindparam("found"),
    fetched_run=bindparam("run"),
    tries=0,
    failure=None,
    failure_text=None,
    failure_check=None,
    failed_at=None,
)
FILE_FAILED = _update_file().values(
    tries=files.c.tries + 1,
    failure=bindparam("slug"),
    failure_text=bindparam("explanation"),
    failure_check=bindparam("check_name"),
    failed_at=bindparam("at"),
)
INSERT_ATTEMPT = insert(attempts)
