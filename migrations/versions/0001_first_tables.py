"""The first tables.

Revision ID: 0001
Revises: nothing
"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create everything."""
    _create_tenants()
    _create_devices()
    _create_runs()
    _create_files()
    _create_listings()
    _create_orders()
    _create_attempts()


def downgrade() -> None:
    """Drop everything."""
    for table in ("attempts", "orders", "listings", "files", "runs", "devices", "tenants"):
        op.drop_table(table)


def _create_tenants() -> None:
    op.create_table(
        "tenants",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("url", sa.Text(), nullable=False),
        sa.Column("first_seen", sa.Text(), nullable=False),
        sa.PrimaryKeyConstraint("id", name="pk_tenants"),
    )


def _create_devices() -> None:
    op.create_table(
        "devices",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("folder", sa.Text(), nullable=False),
        sa.Column("folder_key", sa.Text(), nullable=False),
        sa.Column("first_seen", sa.Text(), nullable=False),
        sa.Column("last_seen", sa.Text(), nullable=False),
        sa.Column("listed_at", sa.Text()),
        sa.Column("listing_source", sa.Text()),
        sa.Column("problem", sa.Text()),
        sa.Column("problem_text", sa.Text()),
        sa.Column("problem_at", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_devices"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_devices_tenant_id_tenants"),
        sa.UniqueConstraint("folder", name="uq_devices_folder"),
        sa.UniqueConstraint("folder_key", name="uq_devices_folder_key"),
    )


def _create_runs() -> None:
    op.create_table(
        "runs",
        sa.Column("id", sa.Text(), nullable=False),
        sa.Column("tenant_id", sa.Text(), nullable=False),
        sa.Column("command", sa.Text(), nullable=False),
        sa.Column("arguments", sa.Text(), nullable=False),
        sa.Column("since", sa.Text()),
        sa.Column("until", sa.Text()),
        sa.Column("backfill", sa.Text()),
        sa.Column("started", sa.Text(), nullable=False),
        sa.Column("finished", sa.Text()),
        sa.Column("outcome", sa.Text()),
        sa.Column("exit_code", sa.Integer()),
        sa.Column("summary", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_runs"),
        sa.ForeignKeyConstraint(["tenant_id"], ["tenants.id"], name="fk_runs_tenant_id_tenants"),
    )
    op.create_index("ix_runs_backfill", "runs", ["backfill"])
    op.create_index("ix_runs_started", "runs", ["started"])


def _create_files() -> None:
    op.create_table(
        "files",
        sa.Column("device_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("storage_status", sa.Integer(), nullable=False),
        sa.Column("size", sa.Integer()),
        sa.Column("start", sa.Text()),
        sa.Column("end", sa.Text()),
        sa.Column("tag", sa.Text()),
        sa.Column("extra", sa.Text()),
        sa.Column("path", sa.Text(), nullable=False),
        sa.Column("path_key", sa.Text(), nullable=False),
        sa.Column("first_seen", sa.Text(), nullable=False),
        sa.Column("changed_at", sa.Text(), nullable=False),
        sa.Column("seen_from", sa.Text(), nullable=False),
        sa.Column("seen_to", sa.Text(), nullable=False),
        sa.Column("held_size", sa.Integer()),
        sa.Column("sha256", sa.Text()),
        sa.Column("fetched_at", sa.Text()),
        sa.Column("verification", sa.Text()),
        sa.Column("adopted", sa.Boolean()),
        sa.Column("fetched_run", sa.Text()),
        sa.Column("tries", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("failure", sa.Text()),
        sa.Column("failure_text", sa.Text()),
        sa.Column("failure_check", sa.Text()),
        sa.Column("failed_at", sa.Text()),
        sa.Column("orders", sa.Integer(), server_default=sa.text("0"), nullable=False),
        sa.Column("ordered_at", sa.Text()),
        sa.PrimaryKeyConstraint("device_id", "name", name="pk_files"),
        sa.CheckConstraint("storage_status BETWEEN 0 AND 3", name=op.f("ck_files_storage_status")),
        sa.CheckConstraint("(sha256 IS NULL) = (held_size IS NULL)", name=op.f("ck_files_held")),
        sa.ForeignKeyConstraint(["device_id"], ["devices.id"], name="fk_files_device_id_devices"),
        sa.UniqueConstraint("path_key", name="uq_files_path_key"),
        sa.ForeignKeyConstraint(["fetched_run"], ["runs.id"], name="fk_files_fetched_run_runs"),
    )
    missing = sa.text("(sha256 IS NULL OR held_size <> size)")
    op.create_index("ix_files_missing", "files", ["device_id", "name"], sqlite_where=missing)
    op.create_index(
        "ix_files_awaited",
        "files",
        ["device_id", "ordered_at"],
        sqlite_where=sa.text("sha256 IS NULL AND ordered_at IS NOT NULL"),
    )


def _create_listings() -> None:
    op.create_table(
        "listings",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("device_id", sa.Text(), nullable=False),
        sa.Column("start", sa.Text(), nullable=False),
        sa.Column("end", sa.Text(), nullable=False),
        sa.Column("source", sa.Text()),
        sa.Column("files", sa.Integer()),
        sa.Column("listed_at", sa.Text(), nullable=False),
        sa.Column("backfill", sa.Text()),
        sa.Column("settled", sa.Boolean(), server_default=sa.text("0"), nullable=False),
        sa.Column("problem", sa.Text()),
        sa.Column("problem_text", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_listings"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_listings_run_id_runs"),
        sa.ForeignKeyConstraint(["device_id"], ["devices.id"], name="fk_listings_device_id_devices"),
    )
    op.create_index(
        "ix_listings_backfill",
        "listings",
        ["backfill", "start"],
        sqlite_where=sa.text("backfill IS NOT NULL"),
    )


def _create_orders() -> None:
    op.create_table(
        "orders",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("device_id", sa.Text(), nullable=False),
        sa.Column("start", sa.Text(), nullable=False),
        sa.Column("end", sa.Text(), nullable=False),
        sa.Column("tag", sa.Text(), nullable=False),
        sa.Column("files", sa.Integer(), nullable=False),
        sa.Column("sent_at", sa.Text(), nullable=False),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("answer", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_orders"),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_orders_run_id_runs"),
        sa.ForeignKeyConstraint(["device_id"], ["devices.id"], name="fk_orders_device_id_devices"),
    )
    op.create_index("ix_orders_sent_at", "orders", ["sent_at"])


def _create_attempts() -> None:
    op.create_table(
        "attempts",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Text(), nullable=False),
        sa.Column("device_id", sa.Text(), nullable=False),
        sa.Column("name", sa.Text(), nullable=False),
        sa.Column("at", sa.Text(), nullable=False),
        sa.Column("slug", sa.Text(), nullable=False),
        sa.Column("explanation", sa.Text(), nullable=False),
        sa.Column("check_name", sa.Text()),
        sa.PrimaryKeyConstraint("id", name="pk_attempts"),
        sa.ForeignKeyConstraint(
            ["device_id", "name"], ["files.device_id", "files.name"], name="fk_attempts_device_id_name_files"
        ),
        sa.ForeignKeyConstraint(["run_id"], ["runs.id"], name="fk_attempts_run_id_runs"),
    )
    op.create_index("ix_attempts_device_id_name", "attempts", ["device_id", "name"])
