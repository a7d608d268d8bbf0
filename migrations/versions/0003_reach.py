"""How far each list of a device was read, and which listings were compared.

Revision ID: 0003
Revises: 0002
"""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"
branch_labels = None
depends_on = None

# From where syncs without a period first began: the next one reaches back to there once, and finds what
# they passed over.
_REACHES = """
    INSERT INTO reaches (device_id, source, until, newest, newest_at, served_at, refusals)
    SELECT device_id, lists.source, min(start), min(start), min(listed_at),
           max(CASE WHEN problem IS NULL AND listings.source IN (lists.source, 'device-list')
               THEN listed_at END), 0
    FROM listings JOIN runs ON runs.id = run_id
    CROSS JOIN (SELECT 'device-list' AS source UNION ALL SELECT 'server-list') AS lists
    WHERE command = 'sync' AND runs.since IS NULL AND runs.until IS NULL
    GROUP BY device_id, lists.source
"""


def upgrade() -> None:
    """Add the table and the column."""
    op.add_column("listings", sa.Column("compared", sa.Boolean()))
    op.create_table(
        "reaches",
        sa.Column("device_id", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("until", sa.Text(), nullable=False),
        sa.Column("newest", sa.Text(), nullable=False),
        sa.Column("newest_at", sa.Text(), nullable=False),
        sa.Column("served_at", sa.Text()),
        sa.Column("refusals", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("device_id", "source", name="pk_reaches"),
        sa.ForeignKeyConstraint(["device_id"], ["devices.id"], name="fk_reaches_device_id_devices"),
        sqlite_with_rowid=False,
    )
    op.execute(_REACHES)


def downgrade() -> None:
    """Take away what was added."""
    op.drop_table("reaches")
    op.drop_column("listings", "compared")
