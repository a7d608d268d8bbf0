"""The names under which a device was met: a selection may have been made by any of them.

Revision ID: 0005
Revises: 0004
"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table, with the names that are known."""
    op.create_table(
        "device_names",
        sa.Column("device_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("device_id", "name", name="pk_device_names"),
        sa.ForeignKeyConstraint(["device_id"], ["devices.id"], name="fk_device_names_device_id_devices"),
        sqlite_with_rowid=False,
    )
    op.execute("INSERT INTO device_names (device_id, name) SELECT id, name FROM devices")
    # A folder is called as its device was when it was met first.
    op.execute("INSERT OR IGNORE INTO device_names (device_id, name) SELECT id, folder FROM devices")


def downgrade() -> None:
    """Take away what was added."""
    op.drop_table("device_names")
