"""How a run is getting on: signs of life, its course over time, who started it, what it may cost"""

import sqlalchemy as sa
from alembic import op

revision = "0014"
down_revision = "0013"
branch_labels = None
depends_on = None

COLUMNS = (
    ("beat_at", sa.DateTime(timezone=True)),
    ("started_by", sa.String(length=200)),
    ("command", sa.String()),
    ("cap_tokens", sa.BigInteger()),
    ("cap_usd", sa.Float()),
)


def upgrade() -> None:
    """Apply the change."""
    for name, kind in COLUMNS:
        op.add_column("run", sa.Column(name, kind, nullable=True))
    op.create_table(
        "run_beat",
        sa.Column("id", sa.Integer(), nullable=False),
        _run("run_beat"),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("done_items", sa.Integer(), nullable=False),
        sa.Column("tokens", sa.Integer(), nullable=False),
        sa.Column("cost_usd", sa.Float(), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run_beat")),
    )
    op.create_index("ix_run_beat_run_id", "run_beat", ["run_id"])
    op.create_table(
        "run_report",
        _run("run_report"),
        sa.Column("html", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("run_id", name=op.f("pk_run_report")),
    )


def downgrade() -> None:
    """Take the change back."""
    op.drop_table("run_report")
    op.drop_table("run_beat")
    for name, _ in reversed(COLUMNS):
        op.drop_column("run", name)


def _run(table: str) -> sa.Column[int]:
    name = op.f(f"fk_{table}_run_id_run")
    return sa.Column("run_id", sa.Integer(), sa.ForeignKey("run.id", name=name), nullable=False)
