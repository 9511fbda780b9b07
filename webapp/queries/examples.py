"""Example segments of a cluster: nearest its centre, and at its edge."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, SQLModel, col

from store.tables import (
    ClusterMembership,
    LabelInstance,
    OpenLabel,
    Question,
    Segment,
    Trace,
)

EXAMPLES_SHOWN = 5
EDGE_SHOWN = 3
EDGE_LABELS = 6
LABELS_SEARCHED = 2_000  # a database takes so many in one question
EXAMPLE_CHARACTERS = 600
ROWS_READ = 8 * EXAMPLES_SHOWN  # several may stand in one trace
LABELS_CONSIDERED = 40


@dataclass(frozen=True, slots=True)
class Example:
    """A segment with the label that it carries, and where it stands."""

    trace_id: int
    position: int
    label: str
    confidence: float
    text: str
    cut: bool
    question: str


@dataclass(frozen=True, slots=True)
class Examples:
    """Segments nearest the centre of a cluster and at its edge, one a trace at most in each."""

    nearest: list[Example]
    edge: list[Example]


def list_examples(
    session: Session, cluster_run_id: int, label_run_id: int, open_label_ids: Sequence[int]
) -> Examples:
    """Segments that carry the labels nearest the centre, and those that carry the farthest."""
    near = _near(session, cluster_run_id, open_label_ids[:LABELS_CONSIDERED])
    nearest = _read(session, cluster_run_id, label_run_id, near)[:EXAMPLES_SHOWN]
    far = _farthest(session, cluster_run_id, open_label_ids)
    shown = {(one.trace_id, one.position) for one in nearest}
    edge = _read(session, cluster_run_id, label_run_id, far, edge=True)
    others = [one for one in edge if (one.trace_id, one.position) not in shown]
    return Examples(nearest, others[:EDGE_SHOWN])


def _read(
    session: Session,
    cluster_run_id: int,
    label_run_id: int,
    open_label_ids: Sequence[int],
    edge: bool = False,
) -> list[Example]:
    """Segments with these labels, one a trace at most."""
    asked = {
        "cluster_run": cluster_run_id,
        "label_run": label_run_id,
        "labels": list(open_label_ids),
    }
    by_trace: dict[int, Example] = {}
    for row in session.connection().execute(_examples(edge), asked):
        trace_id, position, label, confidence, text, length, question = row
        cut = length > EXAMPLE_CHARACTERS
        example = Example(trace_id, position, label, confidence, text, cut, question)
        by_trace.setdefault(trace_id, example)
    return list(by_trace.values())


def _near(session: Session, cluster_run_id: int, open_label_ids: Sequence[int]) -> list[int]:
    """As many of the labels nearest the centre as have enough instances between them.

    The instances of the others, thousands in a large cluster, need not be looked at.
    """
    chosen, instances = list[int](), 0
    for number, count in _placed(session, cluster_run_id, open_label_ids):
        if instances < ROWS_READ:
            chosen.append(number)
            instances += count
    return chosen


def _farthest(session: Session, cluster_run_id: int, open_label_ids: Sequence[int]) -> list[int]:
    """The labels that lie farthest from the centre, without those nearer to it than others."""
    placed = _placed(session, cluster_run_id, open_label_ids[:LABELS_SEARCHED])
    found = [number for number, _ in reversed(placed)][:EDGE_LABELS]
    return found[: max(1, len(open_label_ids) // 2)]


def _placed(session: Session, cluster_run_id: int, open_label_ids: Sequence[int]) -> list[Any]:
    """The labels with their instances, the nearest to the centre first."""
    asked = {"cluster_run": cluster_run_id, "labels": list(open_label_ids)}
    return list(session.connection().execute(_by_distance(), asked))


@cache
def _by_distance() -> sa.Select[Any]:
    placed = SQLModel.metadata.tables["cluster_membership"].c
    return (
        sa.select(placed.open_label_id, placed.instances)
        .where(
            placed.run_id == sa.bindparam("cluster_run"),
            placed.open_label_id.in_(sa.bindparam("labels", expanding=True)),
        )
        .order_by(placed.distance, placed.open_label_id)
    )


@cache
def _examples(edge: bool) -> sa.Select[Any]:
    """The instances with their segments; to make it takes longer than to run it."""
    length = col(Segment.end) - col(Segment.start)
    start = col(Segment.start) + 1
    text = sa.func.substr(col(Trace.thinking), start, EXAMPLE_CHARACTERS)
    whole = sa.func.substr(col(Trace.thinking), start, length)
    chosen = _chosen(edge)
    distance = chosen.c.distance.desc() if edge else chosen.c.distance
    return (
        sa.select(
            col(Trace.id),
            col(Segment.position),
            col(OpenLabel.text),
            chosen.c.confidence,
            sa.case((length > EXAMPLE_CHARACTERS, text), else_=whole),
            length,
            sa.func.substr(col(Question.text), 1, 200),
        )
        .join(Segment, col(Segment.id) == chosen.c.segment_id)
        .join(Trace, col(Trace.id) == col(Segment.trace_id))
        .join(Question, col(Question.id) == col(Trace.question_id))
        .join(OpenLabel, col(OpenLabel.id) == chosen.c.open_label_id)
        .order_by(distance, chosen.c.confidence.desc(), chosen.c.id)
    )


def _chosen(edge: bool) -> sa.Subquery:
    """A few instances, found before any text is touched."""
    distance = col(ClusterMembership.distance)
    return (
        sa.select(
            col(LabelInstance.id),
            col(LabelInstance.segment_id),
            col(LabelInstance.open_label_id),
            col(LabelInstance.confidence),
            col(ClusterMembership.distance),
        )
        .join(
            ClusterMembership,
            (col(ClusterMembership.open_label_id) == col(LabelInstance.open_label_id))
            & (col(ClusterMembership.run_id) == sa.bindparam("cluster_run")),
        )
        .where(
            col(LabelInstance.run_id) == sa.bindparam("label_run"),
            col(LabelInstance.open_label_id).in_(sa.bindparam("labels", expanding=True)),
        )
        .order_by(
            distance.desc() if edge else distance,
            col(LabelInstance.confidence).desc(),
            col(LabelInstance.id),
        )
        .limit(ROWS_READ)
        .subquery()
    )
