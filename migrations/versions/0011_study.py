"""Studies: who labels which traces, blind to each other"""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "study",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        _reference("study", "version_id", "taxonomy_version.id"),
        _reference("study", "run_id", "run.id"),
        _reference("study", "proposal_run_id", "run.id", nullable=True),
        sa.Column("facets", sa.String(length=200), nullable=False),
        sa.Column("per_stratum", sa.Integer(), nullable=False),
        sa.Column("overlap", sa.Integer(), nullable=False),
        sa.Column("seed", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        _reference("study", "person_id", "person.id", nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_study")),
        sa.UniqueConstraint("name", name=op.f("uq_study_name")),
        sa.UniqueConstraint("run_id", name=op.f("uq_study_run_id")),
    )
    for column in ("version_id", "proposal_run_id", "person_id"):
        op.create_index(f"ix_study_{column}", "study", [column])
    op.create_table(
        "study_trace",
        _reference("study_trace", "study_id", "study.id"),
        _reference("study_trace", "trace_id", "trace.id"),
        sa.Column("stratum", sa.String(length=300), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("settled", sa.Boolean(), nullable=False),
        sa.PrimaryKeyConstraint("study_id", "trace_id", name=op.f("pk_study_trace")),
    )
    op.create_index("ix_study_trace_trace_id", "study_trace", ["trace_id"])
    op.create_table(
        "study_assignment",
        _reference("study_assignment", "study_id", "study.id"),
        _reference("study_assignment", "person_id", "person.id"),
        _reference("study_assignment", "trace_id", "trace.id"),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("finished_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint(
            "study_id", "person_id", "trace_id", name=op.f("pk_study_assignment")
        ),
        sa.UniqueConstraint(
            "study_id",
            "person_id",
            "position",
            name=op.f("uq_study_assignment_study_id_person_id_position"),
        ),
    )
    for column in ("person_id", "trace_id"):
        op.create_index(f"ix_study_assignment_{column}", "study_assignment", [column])


def downgrade() -> None:
    """Take the change back."""
    for table in ("study_assignment", "study_trace", "study"):
        op.drop_table(table)


def _reference(table: str, column: str, target: str, nullable: bool = False) -> sa.Column[int]:
    name = op.f(f"fk_{table}_{column}_{target.partition('.')[0]}")
    return sa.Column(column, sa.Integer(), sa.ForeignKey(target, name=name), nullable=nullable)
