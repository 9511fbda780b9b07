"""Example segments of a cluster: those that carry the labels nearest its centre."""

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


def list_examples(
    session: Session, cluster_run_id: int, label_run_id: int, open_label_ids: Sequence[int]
) -> list[Example]:
    """The segments nearest the centre, one a trace at most."""
    rows = _nearest(session, cluster_run_id, label_run_id, open_label_ids[:LABELS_CONSIDERED])
    by_trace: dict[int, Example] = {}
    for trace_id, position, label, confidence, text, length, question in rows:
        cut = length > EXAMPLE_CHARACTERS
        example = Example(trace_id, position, label, confidence, text, cut, question)
        by_trace.setdefault(trace_id, example)
    return list(by_trace.values())[:EXAMPLES_SHOWN]


def _nearest(
    session: Session, cluster_run_id: int, label_run_id: int, open_label_ids: Sequence[int]
) -> Sequence[Any]:
    length = col(Segment.end) - col(Segment.start)
    text = sa.func.substr(col(Trace.thinking), col(Segment.start) + 1, EXAMPLE_CHARACTERS)
    shown = sa.case(
        (length > EXAMPLE_CHARACTERS, text),
        else_=sa.func.substr(col(Trace.thinking), col(Segment.start) + 1, length),
    )
    chosen = _chosen(cluster_run_id, label_run_id, open_label_ids)
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
        .order_by(chosen.c.distance, chosen.c.confidence.desc(), chosen.c.id)
    )
    return session.execute(query).all()


def _chosen(cluster_run_id: int, label_run_id: int, open_label_ids: Sequence[int]) -> sa.Subquery:
    """A few instances, found before any text is touched."""
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
            col(ClusterMembership.distance),
            col(LabelInstance.confidence).desc(),
            col(LabelInstance.id),
        )
        .limit(8 * EXAMPLES_SHOWN)
        .subquery()
    )
