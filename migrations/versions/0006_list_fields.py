"""The fields of each tenant's file lists that were chosen by evidence.

Revision ID: 0006
Revises: 0005
"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Add the table."""
    op.create_table(
        "list_fields",
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("source", sa.Text(), nullable=False),
        sa.Column("meaning", sa.Text(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("fits", sa.Integer(), nullable=False),
        sa.Column("records", sa.Integer(), nullable=False),
        sa.PrimaryKeyConstraint("tenant_id", "source", "meaning", name="pk_list_fields"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_list_fields_tenant_id_tenants"),
        sqlite_with_rowid=False,
    )


def downgrade() -> None:
    """Take away what was added."""
    op.drop_table("list_fields")
