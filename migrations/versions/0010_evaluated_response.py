"""Every response that an evaluation judged, so that any figure can be walked back"""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0008"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "evaluated_response",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("arm", sa.String(length=300), nullable=False),
        sa.Column("thinking_mode", sa.String(length=3), nullable=False),
        sa.Column("question_key", sa.String(length=64), nullable=False),
        sa.Column("external_id", sa.String(length=500), nullable=False),
        sa.Column("draw", sa.Integer(), nullable=False),
        sa.Column("response", sa.String(), nullable=True),
        sa.Column("answer", sa.String(), nullable=False),
        sa.Column("judgments", sa.JSON(), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["run_id"], ["run.id"], name=op.f("fk_evaluated_response_run_id_run")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evaluated_response")),
        sa.UniqueConstraint(
            "run_id", "position", name=op.f("uq_evaluated_response_run_id_position")
        ),
    )


def downgrade() -> None:
    """Take the change back."""
    op.drop_table("evaluated_response")
