"""Verdicts, receipts, tokens and settings; logs that take no change"""

import sqlalchemy as sa
from alembic import op

revision = "0008"
down_revision = "0006"
branch_labels = None
depends_on = None

LOGS = ("review_event", "audit_entry")
PERSON = "person.id"
VERSION = "taxonomy_version.id"


def upgrade() -> None:
    """Apply the change."""
    _create_review_tables()
    _create_people_tables()
    op.add_column("category", sa.Column("counter_examples", sa.JSON(), nullable=True))
    op.add_column("sign_in", sa.Column("client", sa.String(length=200), nullable=True))
    for table in LOGS:
        _protect(table)


def downgrade() -> None:
    """Take the change back."""
    for table in LOGS:
        _release(table)
    op.drop_column("sign_in", "client")
    op.drop_column("category", "counter_examples")
    for table in ("person_setting", "api_token", "reset_token", "receipt", "verdict"):
        op.drop_table(table)
    op.drop_table("review_setting")


def _create_review_tables() -> None:
    op.create_table(
        "review_setting",
        _reference("review_setting", "version_id", VERSION),
        sa.Column("overlap", sa.Integer(), nullable=False),
        sa.Column("guidelines", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("version_id", name=op.f("pk_review_setting")),
    )
    op.create_table(
        "verdict",
        sa.Column("id", sa.Integer(), nullable=False),
        _reference("verdict", "version_id", VERSION),
        sa.Column("act", sa.Integer(), nullable=False),
        _reference("verdict", "person_id", PERSON),
        sa.Column("label_key", sa.String(length=200), nullable=False),
        sa.Column("category", sa.String(length=100), nullable=True),
        sa.Column("noise", sa.Boolean(), nullable=False),
        _reference("verdict", "event_id", "review_event.id", nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("withdrawn_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_verdict")),
        sa.UniqueConstraint(
            "version_id", "act", "label_key", name=op.f("uq_verdict_version_id_act_label_key")
        ),
    )
    op.create_index("ix_verdict_version_id_label_key", "verdict", ["version_id", "label_key"])
    op.create_index("ix_verdict_version_id_person_id", "verdict", ["version_id", "person_id"])
    op.create_index("ix_verdict_person_id", "verdict", ["person_id"])
    op.create_index("ix_verdict_event_id", "verdict", ["event_id"])
    op.create_table(
        "receipt",
        _reference("receipt", "person_id", PERSON),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("done", sa.Integer(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("person_id", "key", name=op.f("pk_receipt")),
    )


def _create_people_tables() -> None:
    op.create_table(
        "reset_token",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        _reference("reset_token", "person_id", PERSON),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("used_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_reset_token")),
    )
    op.create_index("ix_reset_token_person_id", "reset_token", ["person_id"])
    op.create_table(
        "api_token",
        sa.Column("id", sa.Integer(), nullable=False),
        _reference("api_token", "person_id", PERSON),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("revoked_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_api_token")),
        sa.UniqueConstraint("token_hash", name=op.f("uq_api_token_token_hash")),
    )
    op.create_index("ix_api_token_person_id", "api_token", ["person_id"])
    op.create_table(
        "person_setting",
        _reference("person_setting", "person_id", PERSON),
        sa.Column("keys", sa.JSON(), nullable=False),
        sa.PrimaryKeyConstraint("person_id", name=op.f("pk_person_setting")),
    )


def _reference(table: str, column: str, target: str, nullable: bool = False) -> sa.Column[int]:
    name = op.f(f"fk_{table}_{column}_{target.partition('.')[0]}")
    return sa.Column(column, sa.Integer(), sa.ForeignKey(target, name=name), nullable=nullable)


def _protect(table: str) -> None:
    """Let the database itself refuse to change or delete what the log holds."""
    said = f"{table} is append-only"
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("UPDATE", "DELETE"):
            op.execute(
                f"CREATE TRIGGER {table}_no_{verb.lower()} BEFORE {verb} ON {table} "
                f"BEGIN SELECT RAISE(ABORT, '{said}'); END"
            )
        return
    op.execute(
        f"CREATE FUNCTION {table}_refuse() RETURNS trigger LANGUAGE plpgsql AS "
        f"$$ BEGIN RAISE EXCEPTION '{said}'; END $$"
    )
    op.execute(
        f"CREATE TRIGGER {table}_append_only BEFORE UPDATE OR DELETE OR TRUNCATE ON {table} "
        f"FOR EACH STATEMENT EXECUTE FUNCTION {table}_refuse()"
    )


def _release(table: str) -> None:
    if op.get_bind().dialect.name == "sqlite":
        for verb in ("update", "delete"):
            op.execute(f"DROP TRIGGER {table}_no_{verb}")
        return
    op.execute(f"DROP TRIGGER {table}_append_only ON {table}")
    op.execute(f"DROP FUNCTION {table}_refuse()")
