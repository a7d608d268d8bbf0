"""The order ledger: what became of commands, what devices told, which files were lost.

Revision ID: 0002
Revises: 0001
"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_ADDED = {
    "devices": ("heard_until", "last_contact", "mute", "mute_at"),
    "files": ("order_id", "lost_at", "last_seen", "listed_by"),
    "orders": (
        "ahead",
        "contacted_at",
        "answered_at",
        "due_at",
        "cancelled_at",
        "given_up_at",
        "given_up_why",
    ),
}
_AWAITED = "order_id IS NOT NULL AND (sha256 IS NULL OR held_size <> size)"
_COUNTS = {"order_id", "ahead"}


def upgrade() -> None:
    """Add columns and tables; the last order of each file is found by its moment."""
    for table, columns in _ADDED.items():
        for name in columns:
            op.add_column(table, _column(name))
    op.drop_index("ix_files_awaited", "files")
    for name, indexed, where in (
        ("ix_files_order_id", ["order_id", "device_id"], _AWAITED),
        ("ix_files_lost", ["device_id", "lost_at"], "lost_at IS NOT NULL"),
        ("ix_files_listed_by", ["device_id"], "listed_by IS NOT NULL"),
    ):
        op.create_index(name, "files", indexed, sqlite_where=sa.text(where))
    op.create_index("ix_listings_device_id", "listings", ["device_id", "listed_at"])
    op.create_index("ix_orders_device_id", "orders", ["device_id", "sent_at"])
    _create_statuses()
    _create_order_files()
    _create_events()
    op.execute(
        """
        UPDATE files SET order_id = (
            SELECT max(orders.id) FROM orders
            WHERE orders.device_id = files.device_id AND orders.sent_at = files.ordered_at
              AND orders.state = 'sent'
        ) WHERE ordered_at IS NOT NULL AND sha256 IS NULL
        """
    )
    op.execute("UPDATE files SET orders = 0, ordered_at = NULL WHERE sha256 IS NOT NULL")
    op.execute(
        "INSERT INTO order_files SELECT device_id, name, order_id FROM files WHERE order_id IS NOT NULL"
    )
    op.execute(
        """
        UPDATE orders SET ahead = (
            SELECT count(*) FROM orders AS earlier
            WHERE earlier.device_id = orders.device_id AND earlier.id < orders.id AND earlier.state = 'sent'
              AND EXISTS (SELECT 1 FROM files WHERE files.order_id = earlier.id)
        )
        """
    )


def downgrade() -> None:
    """Take away what was added."""
    for table in ("events", "order_files", "statuses"):
        op.drop_table(table)
    op.drop_index("ix_orders_device_id", "orders")
    op.drop_index("ix_listings_device_id", "listings")
    for name in ("ix_files_listed_by", "ix_files_lost", "ix_files_order_id"):
        op.drop_index(name, "files")
    for table, columns in _ADDED.items():
        for name in columns:
            op.drop_column(table, name)
    op.create_index(
        "ix_files_awaited",
        "files",
        ["device_id", "ordered_at"],
        sqlite_where=sa.text("sha256 IS NULL AND ordered_at IS NOT NULL"),
    )


def _column(name: str) -> sa.Column[object]:
    if name == "ahead":
        return sa.Column(name, sa.Integer(), server_default=sa.text("0"), nullable=False)
    return sa.Column(name, sa.Integer() if name in _COUNTS else sa.Text())


def _create_statuses() -> None:
    op.create_table(
        "statuses",
        sa.Column("device_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("was", sa.Integer(), nullable=False),
        sa.Column("became", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("device_id", "name", "at", name="pk_statuses"),
        sa.ForeignKeyConstraint(
            ["device_id", "name"], ["files.device_id", "files.name"], name="fk_statuses_device_id_name_files"
        ),
        sqlite_with_rowid=False,
    )


def _create_order_files() -> None:
    op.create_table(
        "order_files",
        sa.Column("device_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("order_id", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("device_id", "name", "order_id", name="pk_order_files"),
        sa.ForeignKeyConstraint(
            ["device_id", "name"],
            ["files.device_id", "files.name"],
            name="fk_order_files_device_id_name_files",
        ),
        sa.ForeignKeyConstraint(["order_id"], ["orders.id"], name="fk_order_files_order_id_orders"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_order_files_order_id", "order_files", ["order_id"])


def _create_events() -> None:
    op.create_table(
        "events",
        sa.Column("device_id", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("kind", sa.Text(), nullable=False),
        sa.Column("extra", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("device_id", "at", "kind", "extra", name="pk_events"),
        sa.ForeignKeyConstraint(["device_id"], ["devices.id"], name="fk_events_device_id_devices"),
        sqlite_with_rowid=False,
    )
