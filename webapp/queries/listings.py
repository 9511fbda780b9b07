"""The rows behind the numbers of the overview."""

from array import array
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from store.states import Polarity
from store.tables import (
    Cluster,
    ClusterMembership,
    LabelInstance,
    OpenLabel,
    Run,
    RunItem,
    Segment,
    Trace,
    TracePair,
)
from webapp.queries.counts import LEFT

ROWS = 100
Row = tuple[Any, ...]


def list_origins(session: Session) -> list[Row]:
    """Each model and mode: its traces, those of each polarity, and their segments."""
    pieces = (
        sa.select(col(Segment.trace_id), sa.func.count().label("pieces"))
        .group_by(col(Segment.trace_id))
        .subquery()
    )
    polar = (
        sa.func.count().filter(col(TracePair.polarity) == polarity)
        for polarity in (Polarity.POSITIVE, Polarity.NEGATIVE)
    )
    query = (
        sa.select(
            col(Trace.model),
            col(Trace.thinking_mode),
            sa.func.count(),
            *polar,
            sa.func.coalesce(sa.func.sum(pieces.c.pieces), 0),
        )
        .outerjoin(TracePair, col(TracePair.on_trace_id) == col(Trace.id))
        .outerjoin(pieces, pieces.c.trace_id == col(Trace.id))
        .group_by(col(Trace.model), col(Trace.thinking_mode))
        .order_by(sa.func.count().desc(), col(Trace.model), col(Trace.thinking_mode))
        .limit(ROWS)
    )
    return [tuple(row) for row in session.execute(query)]


@dataclass(frozen=True)
class Ranking:
    """The labels of a run by falling count: their numbers, counts and mean confidences."""

    labels: "array[int]"
    instances: "array[int]"
    confidences: "array[float]"


def rank_labels(session: Session, run_id: int) -> Ranking:
    """The labels of a run by falling count; it reads every instance."""
    count = sa.func.count()
    query = (
        sa.select(col(LabelInstance.open_label_id), count,
                  sa.func.avg(col(LabelInstance.confidence)))
        .where(col(LabelInstance.run_id) == run_id)
        .group_by(col(LabelInstance.open_label_id))
        .order_by(count.desc(), col(LabelInstance.open_label_id))
    )  # fmt: skip
    rows = session.execute(query).all()
    columns = zip(*rows, strict=True) if rows else ((), (), ())
    labels, instances, confidences = columns
    return Ranking(array("q", labels), array("q", instances), array("d", confidences))


def list_labels(session: Session, ranking: Ranking, start: int) -> list[Row]:
    """A page of the ranked labels from a place on and one more."""
    shown = slice(start, start + ROWS + 1)
    numbers = ranking.labels[shown].tolist()
    query = sa.select(col(OpenLabel.id), col(OpenLabel.text)).where(col(OpenLabel.id).in_(numbers))
    texts = {number: text for number, text in session.execute(query)}
    rows = zip(numbers, ranking.instances[shown], ranking.confidences[shown], strict=True)
    return [(texts[number], *rest) for number, *rest in rows]


def list_clusters(session: Session, run_id: int, start: int) -> list[Row]:
    """The clusters of a run by number, a page from a place on and one more."""
    query = (
        sa.select(
            col(Cluster.name),
            sa.func.count(col(ClusterMembership.id)),
            sa.func.coalesce(sa.func.sum(col(ClusterMembership.instances)), 0),
            col(Cluster.cohesion),
        )
        .outerjoin(ClusterMembership, col(ClusterMembership.cluster_id) == col(Cluster.id))
        .where(col(Cluster.run_id) == run_id)
        .group_by(col(Cluster.id), col(Cluster.name), col(Cluster.number), col(Cluster.cohesion))
        .order_by(col(Cluster.number))
        .limit(ROWS + 1)
        .offset(start)
    )
    return [tuple(row) for row in session.execute(query)]


def list_left(session: Session, runs: Sequence[int], start: int) -> list[Row]:
    """Each trace that these runs left, and why, a page from a place on and one more."""
    query = (
        sa.select(
            col(Run.kind),
            col(RunItem.run_id),
            col(RunItem.trace_id),
            col(Trace.external_id),
            sa.func.min(col(RunItem.status)),
            sa.func.min(sa.func.substr(col(RunItem.detail), 1, 300)),
        )
        .join(Run, col(Run.id) == col(RunItem.run_id))
        .join(Trace, col(Trace.id) == col(RunItem.trace_id))
        .where(col(RunItem.run_id).in_(runs), col(RunItem.status).in_(LEFT))
        .group_by(col(Run.kind), col(RunItem.run_id), col(RunItem.trace_id), col(Trace.external_id))
        .order_by(col(RunItem.run_id), col(RunItem.trace_id))
        .limit(ROWS + 1)
        .offset(start)
    )
    return [tuple(row) for row in session.execute(query)]
