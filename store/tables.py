"""The tables, in reading order: traces, labels, clusters, vocabulary, training, people.

Those of batches, of a review by several people, of how people come in, of what an evaluation
judged, of how a run is getting on and of studies stand in modules of their own; importing this
registers them.

Spans are half-open character ranges [start, end) of a trace's thinking. Times are UTC.
"""

from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Field, SQLModel

import store.evaluation_tables
import store.people_tables
import store.review_tables
import store.run_tables
import store.study_tables  # noqa: F401  they register themselves
from store.batch_tables import BatchRequest, ModelBatch  # noqa: F401  they register themselves
from store.metadata import (
    enum_column,
    json_column,
    time_column,
    utc_now,
)
from store.states import (
    ItemStatus,
    Polarity,
    Role,
    RunKind,
    RunStatus,
    ThinkingMode,
    VersionStatus,
)


class Question(SQLModel, table=True):
    """A question with the answers that count as right; one row a normalised text."""

    __tablename__ = "question"
    id: int = Field(default=None, primary_key=True)
    key: str = Field(max_length=64, unique=True)  # sha256 of the normalised text
    text: str
    gold_answers: list[str] = Field(sa_column=json_column())
    dataset: str | None = Field(default=None, max_length=200, index=True)


class Trace(SQLModel, table=True):
    """One sampled response to one question: a thinking part and an answer."""

    __tablename__ = "trace"
    id: int = Field(default=None, primary_key=True)
    external_id: str = Field(max_length=500, unique=True)
    question_id: int = Field(foreign_key="question.id", index=True)
    model: str = Field(max_length=200, index=True)
    thinking_mode: ThinkingMode = Field(sa_column=enum_column(ThinkingMode, index=True))
    thinking: str
    answer: str
    content_hash: str = Field(max_length=64)  # sha256 of the record as it was imported
    details: dict[str, Any] = Field(default_factory=dict, sa_column=json_column())
    created_at: datetime = Field(default_factory=utc_now, sa_column=time_column())


class TracePair(SQLModel, table=True):
    """The thinking-on and thinking-off traces of one question, and what the comparison says."""

    __tablename__ = "trace_pair"
    id: int = Field(default=None, primary_key=True)
    on_trace_id: int = Field(foreign_key="trace.id", unique=True)
    off_trace_id: int | None = Field(default=None, foreign_key="trace.id", index=True)
    off_external_id: str = Field(max_length=500)  # named even where the trace was not imported
    z_on: int
    z_off: int
    judged_by: str = Field(max_length=64)  # "exact_match:plain", "exact_match:squad" or "file"
    polarity: Polarity | None = Field(
        default=None, sa_column=enum_column(Polarity, nullable=True, index=True)
    )
    hit_gap: bool = False  # the gold stands in the thinking and not in the answer


class Segment(SQLModel, table=True):
    """A piece of a thinking part; the segments of a trace tile it without a gap."""

    __tablename__ = "segment"
    __table_args__ = (sa.UniqueConstraint("trace_id", "position"),)
    id: int = Field(default=None, primary_key=True)
    trace_id: int = Field(foreign_key="trace.id")
    position: int  # 0-based
    start: int
    end: int
    content_type: str = Field(default="text", max_length=32)


class Run(SQLModel, table=True):
    """One execution of a stage, with all that is needed to repeat it."""

    __tablename__ = "run"
    id: int = Field(default=None, primary_key=True)
    kind: RunKind = Field(sa_column=enum_column(RunKind, index=True))
    status: RunStatus = Field(default=RunStatus.RUNNING, sa_column=enum_column(RunStatus))
    parameters: dict[str, Any] = Field(default_factory=dict, sa_column=json_column())
    seed: int | None = None
    model: str | None = Field(default=None, max_length=200)
    prompt_hash: str | None = Field(default=None, max_length=64)
    code_version: str = Field(max_length=100)
    input_hash: str | None = Field(default=None, max_length=64)
    done_items: int = 0
    total_items: int | None = None
    tokens: int = 0
    cost_usd: float = 0.0
    message: str | None = None  # how it ended, in a sentence
    metrics: dict[str, Any] = Field(default_factory=dict, sa_column=json_column())
    started_at: datetime = Field(default_factory=utc_now, sa_column=time_column())
    ended_at: datetime | None = Field(default=None, sa_column=time_column(nullable=True))
    # When its process last said that it lives; None where no process works on it.
    beat_at: datetime | None = Field(default=None, sa_column=time_column(nullable=True))
    started_by: str | None = Field(default=None, max_length=200)  # the account of the system
    command: str | None = None  # as it was typed, quoted for a shell
    cap_tokens: int | None = Field(
        default=None, sa_column=sa.Column(sa.BigInteger(), nullable=True)
    )
    cap_usd: float | None = None


class RunItem(SQLModel, table=True):
    """One trace done in one run by one source, so that a killed run goes on where it was."""

    __tablename__ = "run_item"
    __table_args__ = (sa.UniqueConstraint("run_id", "trace_id", "source"),)
    id: int = Field(default=None, primary_key=True)
    run_id: int = Field(foreign_key="run.id")
    trace_id: int = Field(foreign_key="trace.id", index=True)
    source: str = Field(default="", max_length=64)
    status: ItemStatus = Field(sa_column=enum_column(ItemStatus))
    confidence: float | None = None  # the annotator's overall confidence for the trace, 0 to 10
    request_hash: str | None = Field(default=None, max_length=64)
    detail: str | None = None  # what was repaired, or why it is invalid


class ModelReply(SQLModel, table=True):
    """A reply that was paid for, kept by the hash of its request."""

    __tablename__ = "model_reply"
    request_hash: str = Field(primary_key=True, max_length=64)
    model: str = Field(max_length=200)
    request: dict[str, Any] = Field(sa_column=json_column())
    reply: str
    finish_reason: str | None = Field(default=None, max_length=32)
    prompt_tokens: int = 0
    completion_tokens: int = 0
    cost_usd: float = 0.0
    created_at: datetime = Field(default_factory=utc_now, sa_column=time_column())


class Embedding(SQLModel, table=True):
    """A vector of a text by a model, float32 little-endian, computed once."""

    __tablename__ = "embedding"
    model: str = Field(primary_key=True, max_length=100)
    text_hash: str = Field(primary_key=True, max_length=64)
    vector: bytes


class OpenLabel(SQLModel, table=True):
    """A free-form name that a labeler gave; spellings that fold to one key are one label."""

    __tablename__ = "open_label"
    id: int = Field(default=None, primary_key=True)
    key: str = Field(max_length=200, unique=True)  # folded: case, separators, spaces
    text: str = Field(max_length=200)  # as it was first written
    definition: str | None = None  # the labeler's own, where it coined the label


class LabelInstance(SQLModel, table=True):
    """One open label on one segment, with the labeler's confidence in [0, 10]."""

    __tablename__ = "label_instance"
    __table_args__ = (
        sa.UniqueConstraint("run_id", "segment_id", "open_label_id"),
        sa.Index("ix_label_instance_run_id_open_label_id", "run_id", "open_label_id"),
    )
    id: int = Field(default=None, primary_key=True)
    run_id: int = Field(foreign_key="run.id")
    segment_id: int = Field(foreign_key="segment.id", index=True)
    open_label_id: int = Field(foreign_key="open_label.id", index=True)
    step: int  # the labeler's step that covers the segment, 0-based
    confidence: float


class Cluster(SQLModel, table=True):
    """Open labels that mean the same, as one cluster run found them."""

    __tablename__ = "cluster"
    __table_args__ = (sa.UniqueConstraint("run_id", "number"),)
    id: int = Field(default=None, primary_key=True)
    run_id: int = Field(foreign_key="run.id")
    number: int  # by falling count of instances, from 0
    name: str = Field(max_length=200)
    definition: str = ""
    cohesion: float  # mean cosine of the members to their centre
    proposed_category: str | None = Field(default=None, max_length=100)
    proposal_similarity: float | None = None
    centre: bytes | None = None  # the direction of its members' mean: float16 little-endian


class Folding(SQLModel, table=True):
    """What a cluster run learned of its inventory: modifiers, spelling, how rare letters are."""

    __tablename__ = "folding"
    id: int = Field(default=None, primary_key=True)
    run_id: int = Field(foreign_key="run.id", unique=True)
    rules: dict[str, Any] = Field(sa_column=json_column())
    rarity: bytes  # float32 little-endian


class Phrase(SQLModel, table=True):
    """What folded labels say, as a unit vector: float16 little-endian."""

    __tablename__ = "phrase"
    id: int = Field(default=None, primary_key=True)
    folding_id: int = Field(foreign_key="folding.id", index=True)
    moves: list[str] = Field(sa_column=json_column())
    vector: bytes


class ClusterDescription(SQLModel, table=True):
    """What is said of a cluster beside its name and definition, and who said it."""

    __tablename__ = "cluster_description"
    cluster_id: int = Field(primary_key=True, foreign_key="cluster.id")
    named_by: str = Field(max_length=200)  # "offline", or the model
    scope_note: str = ""
    examples: list[str] = Field(default_factory=list, sa_column=json_column())
    proposals: list[str] = Field(default_factory=list, sa_column=json_column())  # other names
    sibling_id: int | None = Field(default=None, foreign_key="cluster.id")  # the nearest other one
    difference: str = ""  # what sets the cluster apart from its sibling


class ClusterMembership(SQLModel, table=True):
    """Where a cluster run put a label; no cluster is noise; x and y place it on the map.

    `shares` say how likely it belongs to each category that the run knew, and to none: float16
    little-endian, in the order of the run's parameter `categories`, noise last.
    """

    __tablename__ = "cluster_membership"
    __table_args__ = (sa.UniqueConstraint("run_id", "open_label_id"),)
    id: int = Field(default=None, primary_key=True)
    run_id: int = Field(foreign_key="run.id")
    open_label_id: int = Field(foreign_key="open_label.id", index=True)
    cluster_id: int | None = Field(default=None, foreign_key="cluster.id", index=True)
    nearest_cluster_id: int | None = Field(default=None, foreign_key="cluster.id")
    distance: float  # cosine distance to the centre of the cluster, or of the nearest one
    probability: float  # the clustering's own strength of membership, 0 for noise
    instances: int
    x: float
    y: float
    phrase_id: int | None = Field(default=None, foreign_key="phrase.id")
    shares: bytes | None = None


class TaxonomyVersion(SQLModel, table=True):
    """A version of the controlled vocabulary. Frozen ones never change."""

    __tablename__ = "taxonomy_version"
    id: int = Field(default=None, primary_key=True)
    name: str = Field(max_length=100, unique=True)
    status: VersionStatus = Field(
        default=VersionStatus.DRAFT, sa_column=enum_column(VersionStatus, index=True)
    )
    parent_id: int | None = Field(default=None, foreign_key="taxonomy_version.id")
    cluster_run_id: int | None = Field(default=None, foreign_key="run.id")
    preset: str | None = Field(default=None, max_length=100)
    revision: int = 0  # counts the review events; a decision states the one it saw
    content_hash: str | None = Field(default=None, max_length=64)
    created_at: datetime = Field(default_factory=utc_now, sa_column=time_column())
    frozen_at: datetime | None = Field(default=None, sa_column=time_column(nullable=True))


class Category(SQLModel, table=True):
    """A controlled label of one version; `position` breaks ties in confidence."""

    __tablename__ = "category"
    __table_args__ = (
        sa.UniqueConstraint("version_id", "key"),
        sa.UniqueConstraint("version_id", "position"),
    )
    id: int = Field(default=None, primary_key=True)
    version_id: int = Field(foreign_key="taxonomy_version.id")
    position: int
    key: str = Field(max_length=100)
    name: str = Field(max_length=200)
    macro_strategy: str = Field(max_length=200)
    definition: str
    scope_note: str = ""
    examples: list[str] = Field(default_factory=list, sa_column=json_column())
    counter_examples: list[str] | None = Field(
        default=None, sa_column=sa.Column(sa.JSON(none_as_null=True), nullable=True)
    )


class Mapping(SQLModel, table=True):
    """Where a version puts an open label; without a category it is unassigned or noise."""

    __tablename__ = "mapping"
    __table_args__ = (sa.UniqueConstraint("version_id", "open_label_id"),)
    id: int = Field(default=None, primary_key=True)
    version_id: int = Field(foreign_key="taxonomy_version.id")
    open_label_id: int = Field(foreign_key="open_label.id", index=True)
    category_id: int | None = Field(default=None, foreign_key="category.id", index=True)
    # "reviewed", "spread", "guided", "cluster" or "nearest", else "noise" or "unassigned"
    origin: str = Field(max_length=32)
    distance: float | None = None


class ReviewEvent(SQLModel, table=True):
    """One decision on a version, append-only; the state is what the events give."""

    __tablename__ = "review_event"
    __table_args__ = (sa.UniqueConstraint("version_id", "revision"),)
    id: int = Field(default=None, primary_key=True)
    version_id: int = Field(foreign_key="taxonomy_version.id")
    revision: int  # 1-based, without a gap
    kind: str = Field(max_length=32)
    payload: dict[str, Any] = Field(sa_column=json_column())  # names labels, not cluster numbers
    undoes_id: int | None = Field(default=None, foreign_key="review_event.id")
    person_id: int | None = Field(default=None, foreign_key="person.id", index=True)
    reason: str | None = None
    created_at: datetime = Field(default_factory=utc_now, sa_column=time_column())


class AnnotatedStep(SQLModel, table=True):
    """Segments [first_segment, end_segment) of a trace as one source saw them: a step or a unit.

    `source` is annotator_a, annotator_b, adjudicator, consensus, or person.
    """

    __tablename__ = "annotated_step"
    __table_args__ = (
        sa.UniqueConstraint("run_id", "trace_id", "source", "first_segment"),
        sa.Index("ix_annotated_step_run_id_source", "run_id", "source", "trace_id"),
    )
    id: int = Field(default=None, primary_key=True)
    run_id: int = Field(foreign_key="run.id")
    trace_id: int = Field(foreign_key="trace.id", index=True)
    source: str = Field(max_length=64)
    person_id: int | None = Field(default=None, foreign_key="person.id", index=True)
    first_segment: int
    end_segment: int
    rule: str | None = Field(default=None, max_length=32)  # agreed, merged or adjudicated


class ControlledLabel(SQLModel, table=True):
    """A category of a frozen version on a step, with its confidence in [0, 10]."""

    __tablename__ = "controlled_label"
    __table_args__ = (
        sa.UniqueConstraint("step_id", "category_id"),
        sa.Index("ix_controlled_label_category_id_step_id", "category_id", "step_id"),
    )
    id: int = Field(default=None, primary_key=True)
    step_id: int = Field(foreign_key="annotated_step.id")
    category_id: int = Field(foreign_key="category.id")
    confidence: float


class Export(SQLModel, table=True):
    """A training set that was written, with what it was made of."""

    __tablename__ = "export"
    id: int = Field(default=None, primary_key=True)
    run_id: int = Field(foreign_key="run.id", unique=True)
    version_id: int = Field(foreign_key="taxonomy_version.id", index=True)
    annotate_run_id: int = Field(foreign_key="run.id", index=True)
    folder: str
    content_hash: str = Field(max_length=64)
    manifest: dict[str, Any] = Field(sa_column=json_column())


class TrainingRun(SQLModel, table=True):
    """A policy trained on an export."""

    __tablename__ = "training_run"
    id: int = Field(default=None, primary_key=True)
    run_id: int = Field(foreign_key="run.id", unique=True)
    export_id: int | None = Field(default=None, foreign_key="export.id", index=True)
    policy: str
    checkpoint: str | None = None
    loss_curve: list[dict[str, float]] = Field(default_factory=list, sa_column=json_column())


class EvaluationRun(SQLModel, table=True):
    """Acc and Mis of a policy or of imported traces."""

    __tablename__ = "evaluation_run"
    id: int = Field(default=None, primary_key=True)
    run_id: int = Field(foreign_key="run.id", unique=True)
    training_run_id: int | None = Field(default=None, foreign_key="training_run.id", index=True)
    dataset: str
    metrics: dict[str, Any] = Field(default_factory=dict, sa_column=json_column())


class Person(SQLModel, table=True):
    """Somebody who signs in."""

    __tablename__ = "person"
    id: int = Field(default=None, primary_key=True)
    name: str = Field(max_length=100, unique=True)
    role: Role = Field(sa_column=enum_column(Role))
    password_hash: str
    active: bool = True
    created_at: datetime = Field(default_factory=utc_now, sa_column=time_column())
