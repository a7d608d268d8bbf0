"""What is in held files: channels, sample counts, true time spans.

Revision ID: 0004
Revises: 0003
"""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the tables."""
    op.create_table(
        "channels",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("unit", sa.Text(), nullable=False),
        sa.Column("data_type", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_channels"),
        sa.UniqueConstraint("name", "unit", "data_type", name="uq_channels_name_unit_data_type"),
    )
    op.create_table(
        "channel_sets",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("members", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_channel_sets"),
        sa.UniqueConstraint("members", name="uq_channel_sets_members"),
    )
    op.create_table(
        "contents",
        sa.Column("device_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("sha256", sa.Text(), nullable=False),
        sa.Column("indexed_at", sa.Text(), nullable=False),
        sa.Column("begin", sa.Text()),
        sa.Column("end", sa.Text()),
        sa.Column("set_id", sa.Integer()),
        sa.Column("samples", sa.Text()),
        sa.Column("head", sa.Text()),
        sa.Column("problem", sa.Text()),
        sa.PrimaryKeyConstraint("device_id", "name", name="pk_contents"),
        sa.ForeignKeyConstraint(
            ["device_id", "name"], ["files.device_id", "files.name"], name="fk_contents_device_id_name_files"
        ),
        sa.ForeignKeyConstraint(["set_id"], ["channel_sets.id"], name="fk_contents_set_id_channel_sets"),
        sqlite_with_rowid=False,
    )
    op.create_index("ix_contents_set_id", "contents", ["set_id"])


def downgrade() -> None:
    """Take away what was added."""
    op.drop_table("contents")
    op.drop_table("channel_sets")
    op.drop_table("channels")
