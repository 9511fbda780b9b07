"""Guesses: what a cluster run learned to fold, its phrases, and the shares of each label"""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0002"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "folding",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("rules", sa.JSON(), nullable=False),
        sa.Column("rarity", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_folding_run_id_run")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_folding")),
        sa.UniqueConstraint("run_id", name=op.f("uq_folding_run_id")),
    )
    op.create_table(
        "phrase",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("folding_id", sa.Integer(), nullable=False),
        sa.Column("moves", sa.JSON(), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.ForeignKeyConstraint(
            ["folding_id"], ["folding.id"], name=op.f("fk_phrase_folding_id_folding")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_phrase")),
    )
    with op.batch_alter_table("phrase", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_phrase_folding_id"), ["folding_id"], unique=False)

    with op.batch_alter_table("cluster", schema=None) as batch_op:
        batch_op.add_column(sa.Column("centre", sa.LargeBinary(), nullable=True))

    with op.batch_alter_table("cluster_membership", schema=None) as batch_op:
        batch_op.add_column(sa.Column("phrase_id", sa.Integer(), nullable=True))
        batch_op.add_column(sa.Column("shares", sa.LargeBinary(), nullable=True))
        batch_op.create_foreign_key(
            batch_op.f("fk_cluster_membership_phrase_id_phrase"), "phrase", ["phrase_id"], ["id"]
        )


def downgrade() -> None:
    """Take it back."""
    with op.batch_alter_table("cluster_membership", schema=None) as batch_op:
        batch_op.drop_constraint(
            batch_op.f("fk_cluster_membership_phrase_id_phrase"), type_="foreignkey"
        )
        batch_op.drop_column("shares")
        batch_op.drop_column("phrase_id")

    with op.batch_alter_table("cluster", schema=None) as batch_op:
        batch_op.drop_column("centre")

    with op.batch_alter_table("phrase", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_phrase_folding_id"))

    op.drop_table("phrase")
    op.drop_table("folding")
