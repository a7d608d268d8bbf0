"""The tables of what is in held files. Most files of a device have the same channels, so these stand once."""

from sqlalchemy import Column, ForeignKey, ForeignKeyConstraint, Integer, Table, Text, UniqueConstraint

from osfsync.state.tables import UtcTime, metadata

channels = Table(
    "channels",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("name", Text, nullable=False),
    Column("unit", Text, nullable=False),
    Column("data_type", Text, nullable=False),
    UniqueConstraint("name", "unit", "data_type"),
)

channel_sets = Table(
    "channel_sets",
    metadata,
    Column("id", Integer, primary_key=True),
    Column("members", Text, nullable=False, unique=True),
)

contents = Table(
    "contents",
    metadata,
    Column("device_id", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("sha256", Text, nullable=False),
    Column("indexed_at", UtcTime, nullable=False),
    Column("begin", UtcTime),
    Column("end", UtcTime),
    Column("set_id", ForeignKey("channel_sets.id"), index=True),
    Column("samples", Text),
    Column("head", Text),
    Column("problem", Text),
    ForeignKeyConstraint(["device_id", "name"], ["files.device_id", "files.name"]),
    sqlite_with_rowid=False,
)
