"""Suggestions: changes that a blind reviewer would make, for a curator to answer"""

import sqlalchemy as sa
from alembic import op

revision = "0016"
down_revision = "0015"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "suggestion",
        sa.Column("id", sa.Integer(), nullable=False),
        _reference("version_id", "taxonomy_version.id"),
        sa.Column("act", sa.Integer(), nullable=False),
        _reference("person_id", "person.id"),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("subject", sa.JSON(), nullable=False),
        _reference("event_id", "review_event.id", nullable=True),
        sa.Column("adopted", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_suggestion")),
        sa.UniqueConstraint("version_id", "act", name=op.f("uq_suggestion_version_id_act")),
    )
    op.create_index("ix_suggestion_version_id_person_id", "suggestion", ["version_id", "person_id"])
    op.create_index("ix_suggestion_person_id", "suggestion", ["person_id"])
    op.create_index("ix_suggestion_event_id", "suggestion", ["event_id"])


def downgrade() -> None:
    """Take the change back."""
    op.drop_table("suggestion")


def _reference(column: str, target: str, nullable: bool = False) -> sa.Column[int]:
    name = op.f(f"fk_suggestion_{column}_{target.partition('.')[0]}")
    return sa.Column(column, sa.Integer(), sa.ForeignKey(target, name=name), nullable=nullable)
