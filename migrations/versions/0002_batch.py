"""Batches: requests that are sent as files"""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "model_batch",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=32), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=True),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("model", sa.String(length=200), nullable=False),
        sa.Column("base_url", sa.String(), nullable=True),
        sa.Column("key_variable", sa.String(length=100), nullable=False),
        sa.Column("prices", sa.JSON(), nullable=False),
        sa.Column("dialect", sa.JSON(), nullable=False),
        sa.Column("file_id", sa.String(length=200), nullable=True),
        sa.Column("remote_id", sa.String(length=200), nullable=True),
        sa.Column("remote_status", sa.String(length=32), nullable=True),
        sa.Column("requests", sa.Integer(), nullable=False),
        sa.Column("answered", sa.Integer(), nullable=False),
        sa.Column("failed", sa.Integer(), nullable=False),
        sa.Column("message", sa.String(), nullable=True),
        sa.Column("holder", sa.String(length=200), nullable=True),
        sa.Column("held_at", sa.DateTime(timezone=True), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_model_batch_run_id_run")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_model_batch")),
        sa.UniqueConstraint("key", name=op.f("uq_model_batch_key")),
    )
    op.create_index(op.f("ix_model_batch_run_id"), "model_batch", ["run_id"])
    op.create_index(op.f("ix_model_batch_status"), "model_batch", ["status"])
    op.create_table(
        "batch_request",
        sa.Column("request_hash", sa.String(length=64), nullable=False),
        sa.Column("batch_id", sa.Integer(), nullable=False),
        sa.Column("request", sa.JSON(), nullable=False),
        sa.Column("error", sa.String(), nullable=True),
        sa.Column("transient", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["batch_id"], ["model_batch.id"], name=op.f("fk_batch_request_batch_id_model_batch")
        ),
        sa.PrimaryKeyConstraint("request_hash", name=op.f("pk_batch_request")),
    )
    op.create_index(op.f("ix_batch_request_batch_id"), "batch_request", ["batch_id"])


def downgrade() -> None:
    """Undo it."""
    op.drop_table("batch_request")
    op.drop_table("model_batch")
