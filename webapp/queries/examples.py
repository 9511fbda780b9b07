"""Example segments of a cluster: nearest its centre, and at its edge."""

from collections.abc import Mapping, Sequence
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
    near = _list_by_distance(session, cluster_run_id, open_label_ids[:LABELS_SEARCHED])
    far = near[: len(near) // 2 : -1]
    runs = {"cluster_run": cluster_run_id, "label_run": label_run_id}
    nearest = _read(session, runs, near, edge=False)[:EXAMPLES_SHOWN]
    shown = {(one.trace_id, one.position) for one in nearest}
    others = _read(session, runs, far, edge=True)
    edge = [one for one in others if (one.trace_id, one.position) not in shown]
    return Examples(nearest, edge[:EDGE_SHOWN])


def _list_by_distance(session: Session, run_id: int, ids: Sequence[int]) -> list[tuple[int, int]]:
    """The labels with their counts of instances, the nearest to the centre first."""
    asked = {"cluster_run": run_id, "labels": list(ids)}
    rows = session.connection().execute(_by_distance(), asked)
    return [(row[0], row[1]) for row in rows]


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


def _enough(labels: Sequence[tuple[int, int]], rows: int) -> list[int]:
    """The first labels that have so many instances together: no more of them need be looked at."""
    chosen: list[int] = []
    for number, instances in labels:
        if rows <= 0:
            break
        chosen.append(number)
        rows -= instances
    return chosen


def _read(
    session: Session, runs: Mapping[str, int], labels: Sequence[tuple[int, int]], edge: bool
) -> list[Example]:
    """Segments with the first of these labels, one a trace at most."""
    asked = {**runs, "labels": _enough(labels, _rows(edge))}
    by_trace: dict[int, Example] = {}
    for row in session.connection().execute(_examples(edge), asked):
        trace_id, position, label, confidence, text, length, question = row
        cut = length > EXAMPLE_CHARACTERS
        example = Example(trace_id, position, label, confidence, text, cut, question)
        by_trace.setdefault(trace_id, example)
    return list(by_trace.values())


def _rows(edge: bool) -> int:
    return ROWS_A_SEGMENT * (EDGE_SHOWN if edge else EXAMPLES_SHOWN)


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
        .limit(_rows(edge))
        .subquery()
    )
