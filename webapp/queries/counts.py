"""How much each stage of the pipeline holds."""

from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from store.runs import PEOPLE
from store.states import Polarity, RunKind, RunStatus, ThinkingMode
from store.tables import (
    AnnotatedStep,
    Cluster,
    EvaluationRun,
    Export,
    LabelInstance,
    Question,
    Run,
    Segment,
    Trace,
    TracePair,
    TrainingRun,
)


@dataclass(frozen=True, slots=True)
class Counts:
    """The rows of each stage; labels, clusters and controlled labels are of the newest run."""

    questions: int
    traces: int
    thinking_traces: int
    positive: int
    negative: int
    segments: int
    label_instances: int
    distinct_labels: int
    clusters: int
    annotated_units: int
    annotated_traces: int
    exports: int
    training_runs: int
    evaluation_runs: int


def newest_run(kind: RunKind) -> sa.ScalarSelect[Any]:
    """The number of the newest run of a kind that ended with results, other than people's."""
    done = (RunStatus.SUCCEEDED, RunStatus.PARTIAL)
    ended = col(Run.kind) == kind, col(Run.status).in_(done)
    machines = col(Run.model).is_distinct_from(PEOPLE)
    return sa.select(sa.func.max(col(Run.id))).where(*ended, machines).scalar_subquery()


def count_stages(session: Session) -> Counts:
    """All counts in one statement."""
    return Counts(*session.connection().execute(_stages()).one())


@cache
def _stages() -> sa.Select[Any]:
    """To make the statement takes longer than to run it, so that it is made once."""
    label_run = col(LabelInstance.run_id) == newest_run(RunKind.LABEL)
    consensus = (
        col(AnnotatedStep.run_id) == newest_run(RunKind.ANNOTATE),
        col(AnnotatedStep.source) == "consensus",
    )
    traces = sa.select(sa.func.count(sa.distinct(col(AnnotatedStep.trace_id))))
    labels = sa.select(sa.func.count(sa.distinct(col(LabelInstance.open_label_id))))
    return sa.select(
        _count(Question),
        _count(Trace),
        _count(Trace, col(Trace.thinking_mode) == ThinkingMode.ON),
        _count(TracePair, col(TracePair.polarity) == Polarity.POSITIVE),
        _count(TracePair, col(TracePair.polarity) == Polarity.NEGATIVE),
        _count(Segment),
        _count(LabelInstance, label_run),
        labels.where(label_run).scalar_subquery(),
        _count(Cluster, col(Cluster.run_id) == newest_run(RunKind.CLUSTER)),
        _count(AnnotatedStep, *consensus),
        traces.where(*consensus).scalar_subquery(),
        _count(Export),
        _count(TrainingRun),
        _count(EvaluationRun),
    )


def _count(table: Any, *where: sa.ColumnElement[bool]) -> sa.ScalarSelect[int]:
    return sa.select(sa.func.count()).select_from(table).where(*where).scalar_subquery()
