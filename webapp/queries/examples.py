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
ROWS_A_SEGMENT = 8  # several rows are of one trace, of which one segment is shown
LABELS_SEARCHED = 2_000  # a database takes so many in one question
EXAMPLE_CHARACTERS = 600


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
    near = _by_distance(session, cluster_run_id, open_label_ids[:LABELS_SEARCHED])
    far = near[: len(near) // 2 : -1]
    found = [
        _one_a_trace(
            _segments(session, (cluster_run_id, label_run_id), _enough(labels, at_most), edge)
        )
        for labels, at_most, edge in (
            (near, ROWS_A_SEGMENT * EXAMPLES_SHOWN, False),
            (far, ROWS_A_SEGMENT * EDGE_SHOWN, True),
        )
    ]
    nearest = found[0][:EXAMPLES_SHOWN]
    shown = {(one.trace_id, one.position) for one in nearest}
    edge = [one for one in found[1] if (one.trace_id, one.position) not in shown]
    return Examples(nearest, edge[:EDGE_SHOWN])


def _by_distance(session: Session, run_id: int, ids: Sequence[int]) -> list[tuple[int, int]]:
    """The labels with their counts of instances, the nearest to the centre first."""
    query = (
        sa.select(col(ClusterMembership.open_label_id), col(ClusterMembership.instances))
        .where(
            col(ClusterMembership.run_id) == run_id, col(ClusterMembership.open_label_id).in_(ids)
        )
        .order_by(col(ClusterMembership.distance), col(ClusterMembership.open_label_id))
    )
    return list(session.execute(query).tuples())


def _enough(labels: Sequence[tuple[int, int]], rows: int) -> list[int]:
    """The first labels that have so many instances together: no more of them need be looked at."""
    chosen: list[int] = []
    for number, instances in labels:
        if rows <= 0:
            break
        chosen.append(number)
        rows -= instances
    return chosen


def _one_a_trace(rows: Sequence[Any]) -> list[Example]:
    by_trace: dict[int, Example] = {}
    for trace_id, position, label, confidence, text, length, question in rows:
        cut = length > EXAMPLE_CHARACTERS
        example = Example(trace_id, position, label, confidence, text, cut, question)
        by_trace.setdefault(trace_id, example)
    return list(by_trace.values())


def _segments(
    session: Session, runs: tuple[int, int], open_label_ids: Sequence[int], edge: bool
) -> Sequence[Any]:
    length = col(Segment.end) - col(Segment.start)
    text = sa.func.substr(col(Trace.thinking), col(Segment.start) + 1, EXAMPLE_CHARACTERS)
    shown = sa.case(
        (length > EXAMPLE_CHARACTERS, text),
        else_=sa.func.substr(col(Trace.thinking), col(Segment.start) + 1, length),
    )
    chosen = _chosen(*runs, open_label_ids, edge)
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
        .limit(ROWS_A_SEGMENT * (EDGE_SHOWN if edge else EXAMPLES_SHOWN))
        .subquery()
    )
