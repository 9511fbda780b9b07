"""Example segments of a cluster: nearest its centre, and at its edge."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

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
    near = _segments(session, cluster_run_id, label_run_id, open_label_ids[:LABELS_CONSIDERED])
    nearest = _one_a_trace(near)[:EXAMPLES_SHOWN]
    farthest = _farthest(session, cluster_run_id, open_label_ids)
    far = _segments(session, cluster_run_id, label_run_id, farthest, edge=True)
    shown = {(one.trace_id, one.position) for one in nearest}
    edge = [one for one in _one_a_trace(far) if (one.trace_id, one.position) not in shown]
    return Examples(nearest, edge[:EDGE_SHOWN])


def _one_a_trace(rows: Sequence[Any]) -> list[Example]:
    by_trace: dict[int, Example] = {}
    for trace_id, position, label, confidence, text, length, question in rows:
        cut = length > EXAMPLE_CHARACTERS
        example = Example(trace_id, position, label, confidence, text, cut, question)
        by_trace.setdefault(trace_id, example)
    return list(by_trace.values())


def _farthest(session: Session, cluster_run_id: int, open_label_ids: Sequence[int]) -> list[int]:
    """The labels that lie farthest from the centre, without those nearer to it than others."""
    query = (
        sa.select(col(ClusterMembership.open_label_id))
        .where(
            col(ClusterMembership.run_id) == cluster_run_id,
            col(ClusterMembership.open_label_id).in_(open_label_ids[:LABELS_SEARCHED]),
        )
        .order_by(col(ClusterMembership.distance).desc(), col(ClusterMembership.open_label_id))
    )
    found = list(session.execute(query.limit(EDGE_LABELS)).scalars())
    return found[: max(1, len(open_label_ids) // 2)]


def _segments(
    session: Session,
    cluster_run_id: int,
    label_run_id: int,
    open_label_ids: Sequence[int],
    edge: bool = False,
) -> Sequence[Any]:
    length = col(Segment.end) - col(Segment.start)
    text = sa.func.substr(col(Trace.thinking), col(Segment.start) + 1, EXAMPLE_CHARACTERS)
    shown = sa.case(
        (length > EXAMPLE_CHARACTERS, text),
        else_=sa.func.substr(col(Trace.thinking), col(Segment.start) + 1, length),
    )
    chosen = _chosen(cluster_run_id, label_run_id, open_label_ids, edge)
    distance = chosen.c.distance.desc() if edge else chosen.c.distance
    query = (
        sa.select(
            col(Trace.id),
            col(Segment.position),
            col(OpenLabel.text),
            chosen.c.confidence,
            shown,
            length,
            sa.func.substr(col(Question.text), 1, 200),
        )
        .join(Segment, col(Segment.id) == chosen.c.segment_id)
        .join(Trace, col(Trace.id) == col(Segment.trace_id))
        .join(Question, col(Question.id) == col(Trace.question_id))
        .join(OpenLabel, col(OpenLabel.id) == chosen.c.open_label_id)
        .order_by(distance, chosen.c.confidence.desc(), chosen.c.id)
    )
    return session.execute(query).all()


def _chosen(
    cluster_run_id: int, label_run_id: int, open_label_ids: Sequence[int], edge: bool
) -> sa.Subquery:
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
            & (col(ClusterMembership.run_id) == cluster_run_id),
        )
        .where(
            col(LabelInstance.run_id) == label_run_id,
            col(LabelInstance.open_label_id).in_(open_label_ids),
        )
        .order_by(
            distance.desc() if edge else distance,
            col(LabelInstance.confidence).desc(),
            col(LabelInstance.id),
        )
        .limit(8 * EXAMPLES_SHOWN)
        .subquery()
    )
