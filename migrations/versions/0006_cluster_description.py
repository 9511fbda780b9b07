"""What is said of a cluster beside its name: scope, examples, other names, its nearest sibling"""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "cluster_description",
        sa.Column("cluster_id", sa.Integer(), nullable=False),
        sa.Column("named_by", sa.String(length=200), nullable=False),
        sa.Column("scope_note", sa.String(), nullable=False),
        sa.Column("examples", sa.JSON(), nullable=False),
        sa.Column("proposals", sa.JSON(), nullable=False),
        sa.Column("sibling_id", sa.Integer(), nullable=True),
        sa.Column("difference", sa.String(), nullable=False),
        sa.ForeignKeyConstraint(
            ["cluster_id"], ["cluster.id"], name=op.f("fk_cluster_description_cluster_id_cluster")
        ),
        sa.ForeignKeyConstraint(
            ["sibling_id"], ["cluster.id"], name=op.f("fk_cluster_description_sibling_id_cluster")
        ),
        sa.PrimaryKeyConstraint("cluster_id", name=op.f("pk_cluster_description")),
    )


def downgrade() -> None:
    """Take the change back."""
    op.drop_table("cluster_description")
