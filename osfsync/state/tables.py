"""The tables. Natural keys: the platform's ids and names, never numbers of our own where a name exists."""

from datetime import datetime
from typing import Any

from sqlalchemy import (
    Boolean,
    CheckConstraint,
    Column,
    ForeignKey,
    ForeignKeyConstraint,
    Index,
    Integer,
    MetaData,
    Table,
    Text,
    TypeDecorator,
    text,
)
from sqlalchemy.engine import Dialect

from osfsync.state.terms import AWAITED, MISSING, to_text


class UtcTime(TypeDecorator[datetime]):
    """A zone-aware moment, stored as text (see `to_text`)."""

    impl = Text
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> str | None:  # noqa: ARG002 - SQLAlchemy's signature
        """To text."""
        return None if value is None else to_text(value)

    def process_result_value(self, value: Any | None, dialect: Dialect) -> datetime | None:  # noqa: ARG002 - SQLAlchemy's signature
        """From text."""
        return None if value is None else datetime.fromisoformat(value)


metadata = MetaData(
    naming_convention={
        "ix": "ix_%(table_name)s_%(column_0_N_name)s",
        "uq": "uq_%(table_name)s_%(column_0_N_name)s",
        "ck": "ck_%(table_name)s_%(constraint_name)s",
        "fk": "fk_%(table_name)s_%(column_0_N_name)s_%(referred_table_name)s",
        "pk": "pk_%(table_name)s",
    }
)

tenants = Table(
    "tenants",
    metadata,
    Column("id", Text, primary_key=True),
    Column("name", Text, nullable=False),
    Column("url", Text, nullable=False),
    Column("first_seen", UtcTime, nullable=False),
)

devices = Table(
    "devices",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", ForeignKey("tenants.id"), nullable=False),
    Column("name", Text, nullable=False),
    Column("folder", Text, nullable=False, unique=True),
    Column("folder_key", Text, nullable=False, unique=True),
    Column("first_seen", UtcTime, nullable=False),
    Column("last_seen", UtcTime, nullable=False),
    Column("listed_at", UtcTime),
    Column("listing_source", Text),
    Column("problem", Text),
    Column("problem_text", Text),
    Column("problem_at", UtcTime),
    Column("heard_until", UtcTime),
    Column("last_contact", UtcTime),
    Column("mute", Text),
    Column("mute_at", UtcTime),
)

device_names = Table(
    "device_names",
    metadata,
    Column("device_id", ForeignKey("devices.id"), primary_key=True),
    Column("name", Text, primary_key=True),
    sqlite_with_rowid=False,
)

runs = Table(
    "runs",
    metadata,
    Column("id", Text, primary_key=True),
    Column("tenant_id", ForeignKey("tenants.id"), nullable=False),
    Column("command", Text, nullable=False),
    Column("arguments", Text, nullable=False),
    Column("since", UtcTime),
    Column("until", UtcTime),
    Column("backfill", Text, index=True),
    Column("started", UtcTime, nullable=False, index=True),
    Column("finished", UtcTime),
    Column("outcome", Text),
    Column("exit_code", Integer),
    Column("summary", Text),
)

files = Table(
    "files",
    metadata,
    Column("device_id", ForeignKey("devices.id"), primary_key=True),
    Column("name", Text, primary_key=True),
    Column("storage_status", Integer, nullable=False),
    Column("size", Integer),
    Column("start", UtcTime),
    Column("end", UtcTime),
    Column("tag", Text),
    Column("extra", Text),
    Column("path", Text, nullable=False),
    Column("path_key", Text, nullable=False, unique=True),
    Column("first_seen", UtcTime, nullable=False),
    Column("changed_at", UtcTime, nullable=False),
    Column("seen_from", UtcTime, nullable=False),
    Column("seen_to", UtcTime, nullable=False),
    Column("held_size", Integer),
    Column("sha256", Text),
    Column("fetched_at", UtcTime),
    Column("verification", Text),
    Column("adopted", Boolean),
    Column("fetched_run", ForeignKey("runs.id")),
    Column("tries", Integer, nullable=False, server_default=text("0")),
    Column("failure", Text),
    Column("failure_text", Text),
    Column("failure_check", Text),
    Column("failed_at", UtcTime),
    Column("orders", Integer, nullable=False, server_default=text("0")),
    Column("ordered_at", UtcTime),
    Column("order_id", Integer),
    Column("lost_at", UtcTime),
    Column("last_seen", UtcTime),
    Column("listed_by", Text),
    CheckConstraint("storage_status BETWEEN 0 AND 3", name="storage_status"),
    CheckConstraint("(sha256 IS NULL) = (held_size IS NULL)", name="held"),
)

# Most files are held, so what is asked of the others must not read them all.
Index("ix_files_missing", files.c.device_id, files.c.name, sqlite_where=text(MISSING))
Index("ix_files_order_id", files.c.order_id, files.c.device_id, sqlite_where=text(AWAITED))
Index("ix_files_lost", files.c.device_id, files.c.lost_at, sqlite_where=files.c.lost_at.is_not(None))
Index("ix_files_listed_by", files.c.device_id, sqlite_where=files.c.listed_by.is_not(None))

statuses = Table(
    "statuses",
    metadata,
    Column("device_id", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("at", UtcTime, primary_key=True),
    Column("was", Integer, nullable=False),
    Column("became", Integer, nullable=False),
    ForeignKeyConstraint(["device_id", "name"], ["files.device_id", "files.name"]),
    sqlite_with_rowid=False,
)

listings = Table(
    "listings",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("run_id", ForeignKey("runs.id"), nullable=False),
    Column("device_id", ForeignKey("devices.id"), nullable=False),
    Column("start", UtcTime, nullable=False),
    Column("end", UtcTime, nullable=False),
    Column("source", Text),
    Column("files", Integer),
    Column("listed_at", UtcTime, nullable=False),
    Column("backfill", Text),
    Column("settled", Boolean, nullable=False, server_default=text("0")),
    Column("problem", Text),
    Column("problem_text", Text),
    Column("compared", Boolean),
)
Index(
    "ix_listings_backfill",
    listings.c.backfill,
    listings.c.start,
    sqlite_where=listings.c.backfill.is_not(None),
)

Index("ix_listings_device_id", listings.c.device_id, listings.c.listed_at)

reaches = Table(
    "reaches",
    metadata,
    Column("device_id", ForeignKey("devices.id"), primary_key=True),
    Column("source", Text, primary_key=True),
    Column("until", UtcTime, nullable=False),
    Column("newest", UtcTime, nullable=False),
    Column("newest_at", UtcTime, nullable=False),
    Column("served_at", UtcTime),
    Column("refusals", Integer, nullable=False),
    sqlite_with_rowid=False,
)

orders = Table(
    "orders",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("run_id", ForeignKey("runs.id"), nullable=False),
    Column("device_id", ForeignKey("devices.id"), nullable=False),
    Column("start", UtcTime, nullable=False),
    Column("end", UtcTime, nullable=False),
    Column("tag", Text, nullable=False),
    Column("files", Integer, nullable=False),
    Column("sent_at", UtcTime, nullable=False, index=True),
    Column("state", Text, nullable=False),
    Column("answer", Text),
    Column("ahead", Integer, nullable=False, server_default=text("0")),
    Column("contacted_at", UtcTime),
    Column("answered_at", UtcTime),
    Column("due_at", UtcTime),
    Column("cancelled_at", UtcTime),
    Column("given_up_at", UtcTime),
    Column("given_up_why", Text),
)
Index("ix_orders_device_id", orders.c.device_id, orders.c.sent_at)

order_files = Table(
    "order_files",
    metadata,
    Column("device_id", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("order_id", ForeignKey("orders.id"), primary_key=True, index=True),
    ForeignKeyConstraint(["device_id", "name"], ["files.device_id", "files.name"]),
    sqlite_with_rowid=False,
)

events = Table(
    "events",
    metadata,
    Column("device_id", ForeignKey("devices.id"), primary_key=True),
    Column("at", UtcTime, primary_key=True),
    Column("kind", Text, primary_key=True),
    Column("extra", Text, primary_key=True),
    sqlite_with_rowid=False,
)

attempts = Table(
    "attempts",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("run_id", ForeignKey("runs.id"), nullable=False),
    Column("device_id", Text, nullable=False),
    Column("name", Text, nullable=False),
    Column("at", UtcTime, nullable=False),
    Column("slug", Text, nullable=False),
    Column("explanation", Text, nullable=False),
    Column("check_name", Text),
    ForeignKeyConstraint(["device_id", "name"], ["files.device_id", "files.name"]),
    Index(None, "device_id", "name"),
)

list_fields = Table(
    "list_fields",
    metadata,
    Column("tenant_id", ForeignKey("tenants.id"), primary_key=True),
    Column("source", Text, primary_key=True),
    Column("meaning", Text, primary_key=True),
    Column("path", Text, nullable=False),
    Column("fits", Integer, nullable=False),
    Column("records", Integer, nullable=False),
    sqlite_with_rowid=False,
)
