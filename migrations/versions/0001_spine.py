"""The spine: every table from traces to people"""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Apply the change."""
    op.create_table(
        "embedding",
        sa.Column("model", sa.String(length=100), nullable=False),
        sa.Column("text_hash", sa.String(length=64), nullable=False),
        sa.Column("vector", sa.LargeBinary(), nullable=False),
        sa.PrimaryKeyConstraint("model", "text_hash", name=op.f("pk_embedding")),
    )
    op.create_table(
        "model_reply",
        sa.Column("request_hash", sa.String(length=64), nullable=False),
        sa.Column("model", sa.String(length=200), nullable=False),
        sa.Column("request", sa.JSON(), nullable=False),
        sa.Column("reply", sa.String(), nullable=False),
        sa.Column("finish_reason", sa.String(length=32), nullable=True),
        sa.Column("prompt_tokens", sa.Integer(), nullable=False),
        sa.Column("completion_tokens", sa.Integer(), nullable=False),
        sa.Column("cost_usd", sa.Float(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("request_hash", name=op.f("pk_model_reply")),
    )
    op.create_table(
        "open_label",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=200), nullable=False),
        sa.Column("text", sa.String(length=200), nullable=False),
        sa.Column("definition", sa.String(), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_open_label")),
        sa.UniqueConstraint("key", name=op.f("uq_open_label_key")),
    )
    op.create_table(
        "person",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("role", sa.String(length=32), nullable=False),
        sa.Column("password_hash", sa.String(), nullable=False),
        sa.Column("active", sa.Boolean(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_person")),
        sa.UniqueConstraint("name", name=op.f("uq_person_name")),
    )
    op.create_table(
        "project_fact",
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("value", sa.String(), nullable=False),
        sa.PrimaryKeyConstraint("key", name=op.f("pk_project_fact")),
    )
    op.create_table(
        "question",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=64), nullable=False),
        sa.Column("text", sa.String(), nullable=False),
        sa.Column("gold_answers", sa.JSON(), nullable=False),
        sa.Column("dataset", sa.String(length=200), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_question")),
        sa.UniqueConstraint("key", name=op.f("uq_question_key")),
    )
    op.create_table(
        "run",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("parameters", sa.JSON(), nullable=False),
        sa.Column("seed", sa.Integer(), nullable=True),
        sa.Column("model", sa.String(length=200), nullable=True),
        sa.Column("prompt_hash", sa.String(length=64), nullable=True),
        sa.Column("code_version", sa.String(length=100), nullable=False),
        sa.Column("input_hash", sa.String(length=64), nullable=True),
        sa.Column("done_items", sa.Integer(), nullable=False),
        sa.Column("total_items", sa.Integer(), nullable=True),
        sa.Column("tokens", sa.Integer(), nullable=False),
        sa.Column("cost_usd", sa.Float(), nullable=False),
        sa.Column("message", sa.String(), nullable=True),
        sa.Column("metrics", sa.JSON(), nullable=False),
        sa.Column("started_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True), nullable=True),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run")),
    )
    with op.batch_alter_table("run", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_run_kind"), ["kind"], unique=False)

    op.create_table(
        "audit_entry",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=True),
        sa.Column("actor", sa.String(length=100), nullable=False),
        sa.Column("action", sa.String(length=100), nullable=False),
        sa.Column("subject", sa.String(length=300), nullable=False),
        sa.Column("detail", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_audit_entry_person_id_person")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_audit_entry")),
    )
    with op.batch_alter_table("audit_entry", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_audit_entry_created_at"), ["created_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_audit_entry_person_id"), ["person_id"], unique=False)

    op.create_table(
        "cluster",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("number", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("definition", sa.String(), nullable=False),
        sa.Column("cohesion", sa.Float(), nullable=False),
        sa.Column("proposed_category", sa.String(length=100), nullable=True),
        sa.Column("proposal_similarity", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_cluster_run_id_run")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cluster")),
        sa.UniqueConstraint("run_id", "number", name=op.f("uq_cluster_run_id_number")),
    )
    op.create_table(
        "sign_in",
        sa.Column("token_hash", sa.String(length=64), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=False),
        sa.Column("csrf_token", sa.String(length=64), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("expires_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_sign_in_person_id_person")
        ),
        sa.PrimaryKeyConstraint("token_hash", name=op.f("pk_sign_in")),
    )
    with op.batch_alter_table("sign_in", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_sign_in_expires_at"), ["expires_at"], unique=False)
        batch_op.create_index(batch_op.f("ix_sign_in_person_id"), ["person_id"], unique=False)

    op.create_table(
        "taxonomy_version",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("name", sa.String(length=100), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("parent_id", sa.Integer(), nullable=True),
        sa.Column("cluster_run_id", sa.Integer(), nullable=True),
        sa.Column("preset", sa.String(length=100), nullable=True),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("frozen_at", sa.DateTime(timezone=True), nullable=True),
        sa.ForeignKeyConstraint(
            ["cluster_run_id"], ["run.id"], name=op.f("fk_taxonomy_version_cluster_run_id_run")
        ),
        sa.ForeignKeyConstraint(
            ["parent_id"],
            ["taxonomy_version.id"],
            name=op.f("fk_taxonomy_version_parent_id_taxonomy_version"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_taxonomy_version")),
        sa.UniqueConstraint("name", name=op.f("uq_taxonomy_version_name")),
    )
    with op.batch_alter_table("taxonomy_version", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_taxonomy_version_status"), ["status"], unique=False)

    op.create_table(
        "trace",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("external_id", sa.String(length=500), nullable=False),
        sa.Column("question_id", sa.Integer(), nullable=False),
        sa.Column("model", sa.String(length=200), nullable=False),
        sa.Column("thinking_mode", sa.String(length=32), nullable=False),
        sa.Column("thinking", sa.String(), nullable=False),
        sa.Column("answer", sa.String(), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("details", sa.JSON(), nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["question_id"], ["question.id"], name=op.f("fk_trace_question_id_question")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trace")),
        sa.UniqueConstraint("external_id", name=op.f("uq_trace_external_id")),
    )
    with op.batch_alter_table("trace", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_trace_model"), ["model"], unique=False)
        batch_op.create_index(batch_op.f("ix_trace_question_id"), ["question_id"], unique=False)
        batch_op.create_index(batch_op.f("ix_trace_thinking_mode"), ["thinking_mode"], unique=False)

    op.create_table(
        "annotated_step",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("trace_id", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("person_id", sa.Integer(), nullable=True),
        sa.Column("first_segment", sa.Integer(), nullable=False),
        sa.Column("end_segment", sa.Integer(), nullable=False),
        sa.Column("rule", sa.String(length=32), nullable=True),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_annotated_step_person_id_person")
        ),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_annotated_step_run_id_run")),
        sa.ForeignKeyConstraint(
            ["trace_id"], ["trace.id"], name=op.f("fk_annotated_step_trace_id_trace")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_annotated_step")),
        sa.UniqueConstraint(
            "run_id",
            "trace_id",
            "source",
            "first_segment",
            name=op.f("uq_annotated_step_run_id_trace_id_source_first_segment"),
        ),
    )
    with op.batch_alter_table("annotated_step", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_annotated_step_person_id"), ["person_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_annotated_step_trace_id"), ["trace_id"], unique=False)

    op.create_table(
        "category",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("key", sa.String(length=100), nullable=False),
        sa.Column("name", sa.String(length=200), nullable=False),
        sa.Column("macro_strategy", sa.String(length=200), nullable=False),
        sa.Column("definition", sa.String(), nullable=False),
        sa.Column("scope_note", sa.String(), nullable=False),
        sa.Column("examples", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["taxonomy_version.id"],
            name=op.f("fk_category_version_id_taxonomy_version"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_category")),
        sa.UniqueConstraint("version_id", "key", name=op.f("uq_category_version_id_key")),
        sa.UniqueConstraint("version_id", "position", name=op.f("uq_category_version_id_position")),
    )
    op.create_table(
        "cluster_membership",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("open_label_id", sa.Integer(), nullable=False),
        sa.Column("cluster_id", sa.Integer(), nullable=True),
        sa.Column("nearest_cluster_id", sa.Integer(), nullable=True),
        sa.Column("distance", sa.Float(), nullable=False),
        sa.Column("probability", sa.Float(), nullable=False),
        sa.Column("instances", sa.Integer(), nullable=False),
        sa.Column("x", sa.Float(), nullable=False),
        sa.Column("y", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["cluster_id"], ["cluster.id"], name=op.f("fk_cluster_membership_cluster_id_cluster")
        ),
        sa.ForeignKeyConstraint(
            ["nearest_cluster_id"],
            ["cluster.id"],
            name=op.f("fk_cluster_membership_nearest_cluster_id_cluster"),
        ),
        sa.ForeignKeyConstraint(
            ["open_label_id"],
            ["open_label.id"],
            name=op.f("fk_cluster_membership_open_label_id_open_label"),
        ),
        sa.ForeignKeyConstraint(
            ["run_id"], ["run.id"], name=op.f("fk_cluster_membership_run_id_run")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_cluster_membership")),
        sa.UniqueConstraint(
            "run_id", "open_label_id", name=op.f("uq_cluster_membership_run_id_open_label_id")
        ),
    )
    with op.batch_alter_table("cluster_membership", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_cluster_membership_cluster_id"), ["cluster_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_cluster_membership_open_label_id"), ["open_label_id"], unique=False
        )

    op.create_table(
        "export",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("annotate_run_id", sa.Integer(), nullable=False),
        sa.Column("folder", sa.String(), nullable=False),
        sa.Column("content_hash", sa.String(length=64), nullable=False),
        sa.Column("manifest", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["annotate_run_id"], ["run.id"], name=op.f("fk_export_annotate_run_id_run")
        ),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_export_run_id_run")),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["taxonomy_version.id"],
            name=op.f("fk_export_version_id_taxonomy_version"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_export")),
        sa.UniqueConstraint("run_id", name=op.f("uq_export_run_id")),
    )
    with op.batch_alter_table("export", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_export_annotate_run_id"), ["annotate_run_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_export_version_id"), ["version_id"], unique=False)

    op.create_table(
        "review_event",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("revision", sa.Integer(), nullable=False),
        sa.Column("kind", sa.String(length=32), nullable=False),
        sa.Column("payload", sa.JSON(), nullable=False),
        sa.Column("undoes_id", sa.Integer(), nullable=True),
        sa.Column("person_id", sa.Integer(), nullable=True),
        sa.Column("reason", sa.String(), nullable=True),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.ForeignKeyConstraint(
            ["person_id"], ["person.id"], name=op.f("fk_review_event_person_id_person")
        ),
        sa.ForeignKeyConstraint(
            ["undoes_id"], ["review_event.id"], name=op.f("fk_review_event_undoes_id_review_event")
        ),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["taxonomy_version.id"],
            name=op.f("fk_review_event_version_id_taxonomy_version"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_review_event")),
        sa.UniqueConstraint(
            "version_id", "revision", name=op.f("uq_review_event_version_id_revision")
        ),
    )
    with op.batch_alter_table("review_event", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_review_event_person_id"), ["person_id"], unique=False)

    op.create_table(
        "run_item",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("trace_id", sa.Integer(), nullable=False),
        sa.Column("source", sa.String(length=64), nullable=False),
        sa.Column("status", sa.String(length=32), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=True),
        sa.Column("request_hash", sa.String(length=64), nullable=True),
        sa.Column("detail", sa.String(), nullable=True),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_run_item_run_id_run")),
        sa.ForeignKeyConstraint(
            ["trace_id"], ["trace.id"], name=op.f("fk_run_item_trace_id_trace")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_run_item")),
        sa.UniqueConstraint(
            "run_id", "trace_id", "source", name=op.f("uq_run_item_run_id_trace_id_source")
        ),
    )
    with op.batch_alter_table("run_item", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_run_item_trace_id"), ["trace_id"], unique=False)

    op.create_table(
        "segment",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("trace_id", sa.Integer(), nullable=False),
        sa.Column("position", sa.Integer(), nullable=False),
        sa.Column("start", sa.Integer(), nullable=False),
        sa.Column("end", sa.Integer(), nullable=False),
        sa.Column("content_type", sa.String(length=32), nullable=False),
        sa.ForeignKeyConstraint(["trace_id"], ["trace.id"], name=op.f("fk_segment_trace_id_trace")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_segment")),
        sa.UniqueConstraint("trace_id", "position", name=op.f("uq_segment_trace_id_position")),
    )
    op.create_table(
        "trace_pair",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("on_trace_id", sa.Integer(), nullable=False),
        sa.Column("off_trace_id", sa.Integer(), nullable=True),
        sa.Column("off_external_id", sa.String(length=500), nullable=False),
        sa.Column("z_on", sa.Integer(), nullable=False),
        sa.Column("z_off", sa.Integer(), nullable=False),
        sa.Column("judged_by", sa.String(length=64), nullable=False),
        sa.Column("polarity", sa.String(length=32), nullable=True),
        sa.Column("hit_gap", sa.Boolean(), nullable=False),
        sa.ForeignKeyConstraint(
            ["off_trace_id"], ["trace.id"], name=op.f("fk_trace_pair_off_trace_id_trace")
        ),
        sa.ForeignKeyConstraint(
            ["on_trace_id"], ["trace.id"], name=op.f("fk_trace_pair_on_trace_id_trace")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_trace_pair")),
        sa.UniqueConstraint("on_trace_id", name=op.f("uq_trace_pair_on_trace_id")),
    )
    with op.batch_alter_table("trace_pair", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_trace_pair_off_trace_id"), ["off_trace_id"], unique=False
        )
        batch_op.create_index(batch_op.f("ix_trace_pair_polarity"), ["polarity"], unique=False)

    op.create_table(
        "controlled_label",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("step_id", sa.Integer(), nullable=False),
        sa.Column("category_id", sa.Integer(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["category_id"], ["category.id"], name=op.f("fk_controlled_label_category_id_category")
        ),
        sa.ForeignKeyConstraint(
            ["step_id"],
            ["annotated_step.id"],
            name=op.f("fk_controlled_label_step_id_annotated_step"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_controlled_label")),
        sa.UniqueConstraint(
            "step_id", "category_id", name=op.f("uq_controlled_label_step_id_category_id")
        ),
    )
    with op.batch_alter_table("controlled_label", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_controlled_label_category_id"), ["category_id"], unique=False
        )

    op.create_table(
        "label_instance",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("segment_id", sa.Integer(), nullable=False),
        sa.Column("open_label_id", sa.Integer(), nullable=False),
        sa.Column("step", sa.Integer(), nullable=False),
        sa.Column("confidence", sa.Float(), nullable=False),
        sa.ForeignKeyConstraint(
            ["open_label_id"],
            ["open_label.id"],
            name=op.f("fk_label_instance_open_label_id_open_label"),
        ),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_label_instance_run_id_run")),
        sa.ForeignKeyConstraint(
            ["segment_id"], ["segment.id"], name=op.f("fk_label_instance_segment_id_segment")
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_label_instance")),
        sa.UniqueConstraint(
            "run_id",
            "segment_id",
            "open_label_id",
            name=op.f("uq_label_instance_run_id_segment_id_open_label_id"),
        ),
    )
    with op.batch_alter_table("label_instance", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_label_instance_open_label_id"), ["open_label_id"], unique=False
        )
        batch_op.create_index(
            "ix_label_instance_run_id_open_label_id", ["run_id", "open_label_id"], unique=False
        )
        batch_op.create_index(
            batch_op.f("ix_label_instance_segment_id"), ["segment_id"], unique=False
        )

    op.create_table(
        "mapping",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("open_label_id", sa.Integer(), nullable=False),
        sa.Column("category_id", sa.Integer(), nullable=True),
        sa.Column("origin", sa.String(length=32), nullable=False),
        sa.Column("distance", sa.Float(), nullable=True),
        sa.ForeignKeyConstraint(
            ["category_id"], ["category.id"], name=op.f("fk_mapping_category_id_category")
        ),
        sa.ForeignKeyConstraint(
            ["open_label_id"], ["open_label.id"], name=op.f("fk_mapping_open_label_id_open_label")
        ),
        sa.ForeignKeyConstraint(
            ["version_id"],
            ["taxonomy_version.id"],
            name=op.f("fk_mapping_version_id_taxonomy_version"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_mapping")),
        sa.UniqueConstraint(
            "version_id", "open_label_id", name=op.f("uq_mapping_version_id_open_label_id")
        ),
    )
    with op.batch_alter_table("mapping", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_mapping_category_id"), ["category_id"], unique=False)
        batch_op.create_index(
            batch_op.f("ix_mapping_open_label_id"), ["open_label_id"], unique=False
        )

    op.create_table(
        "training_run",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("export_id", sa.Integer(), nullable=True),
        sa.Column("policy", sa.String(), nullable=False),
        sa.Column("checkpoint", sa.String(), nullable=True),
        sa.Column("loss_curve", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(
            ["export_id"], ["export.id"], name=op.f("fk_training_run_export_id_export")
        ),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_training_run_run_id_run")),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_training_run")),
        sa.UniqueConstraint("run_id", name=op.f("uq_training_run_run_id")),
    )
    with op.batch_alter_table("training_run", schema=None) as batch_op:
        batch_op.create_index(batch_op.f("ix_training_run_export_id"), ["export_id"], unique=False)

    op.create_table(
        "evaluation_run",
        sa.Column("id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Integer(), nullable=False),
        sa.Column("training_run_id", sa.Integer(), nullable=True),
        sa.Column("dataset", sa.String(), nullable=False),
        sa.Column("metrics", sa.JSON(), nullable=False),
        sa.ForeignKeyConstraint(["run_id"], ["run.id"], name=op.f("fk_evaluation_run_run_id_run")),
        sa.ForeignKeyConstraint(
            ["training_run_id"],
            ["training_run.id"],
            name=op.f("fk_evaluation_run_training_run_id_training_run"),
        ),
        sa.PrimaryKeyConstraint("id", name=op.f("pk_evaluation_run")),
        sa.UniqueConstraint("run_id", name=op.f("uq_evaluation_run_run_id")),
    )
    with op.batch_alter_table("evaluation_run", schema=None) as batch_op:
        batch_op.create_index(
            batch_op.f("ix_evaluation_run_training_run_id"), ["training_run_id"], unique=False
        )


def downgrade() -> None:
    """Take the change back."""
    with op.batch_alter_table("evaluation_run", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_evaluation_run_training_run_id"))

    op.drop_table("evaluation_run")
    with op.batch_alter_table("training_run", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_training_run_export_id"))

    op.drop_table("training_run")
    with op.batch_alter_table("mapping", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_mapping_open_label_id"))
        batch_op.drop_index(batch_op.f("ix_mapping_category_id"))

    op.drop_table("mapping")
    with op.batch_alter_table("label_instance", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_label_instance_segment_id"))
        batch_op.drop_index("ix_label_instance_run_id_open_label_id")
        batch_op.drop_index(batch_op.f("ix_label_instance_open_label_id"))

    op.drop_table("label_instance")
    with op.batch_alter_table("controlled_label", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_controlled_label_category_id"))

    op.drop_table("controlled_label")
    with op.batch_alter_table("trace_pair", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_trace_pair_polarity"))
        batch_op.drop_index(batch_op.f("ix_trace_pair_off_trace_id"))

    op.drop_table("trace_pair")
    op.drop_table("segment")
    with op.batch_alter_table("run_item", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_run_item_trace_id"))

    op.drop_table("run_item")
    with op.batch_alter_table("review_event", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_review_event_person_id"))

    op.drop_table("review_event")
    with op.batch_alter_table("export", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_export_version_id"))
        batch_op.drop_index(batch_op.f("ix_export_annotate_run_id"))

    op.drop_table("export")
    with op.batch_alter_table("cluster_membership", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_cluster_membership_open_label_id"))
        batch_op.drop_index(batch_op.f("ix_cluster_membership_cluster_id"))

    op.drop_table("cluster_membership")
    op.drop_table("category")
    with op.batch_alter_table("annotated_step", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_annotated_step_trace_id"))
        batch_op.drop_index(batch_op.f("ix_annotated_step_person_id"))

    op.drop_table("annotated_step")
    with op.batch_alter_table("trace", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_trace_thinking_mode"))
        batch_op.drop_index(batch_op.f("ix_trace_question_id"))
        batch_op.drop_index(batch_op.f("ix_trace_model"))

    op.drop_table("trace")
    with op.batch_alter_table("taxonomy_version", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_taxonomy_version_status"))

    op.drop_table("taxonomy_version")
    with op.batch_alter_table("sign_in", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_sign_in_person_id"))
        batch_op.drop_index(batch_op.f("ix_sign_in_expires_at"))

    op.drop_table("sign_in")
    op.drop_table("cluster")
    with op.batch_alter_table("audit_entry", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_audit_entry_person_id"))
        batch_op.drop_index(batch_op.f("ix_audit_entry_created_at"))

    op.drop_table("audit_entry")
    with op.batch_alter_table("run", schema=None) as batch_op:
        batch_op.drop_index(batch_op.f("ix_run_kind"))

    op.drop_table("run")
    op.drop_table("question")
    op.drop_table("project_fact")
    op.drop_table("person")
    op.drop_table("open_label")
    op.drop_table("model_reply")
    op.drop_table("embedding")
