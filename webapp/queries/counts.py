"""How much each stage of the pipeline holds."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from store.runs import PEOPLE
from store.states import ItemStatus, Polarity, RunKind, RunStatus, ThinkingMode
from store.tables import (
    AnnotatedStep,
    Category,
    Cluster,
    ControlledLabel,
    LabelInstance,
    Question,
    Run,
    RunItem,
    Segment,
    Trace,
    TracePair,
)

CONSENSUS = "consensus"
LEFT = (ItemStatus.FAILED, ItemStatus.INVALID)
NEWEST = (RunKind.LABEL, RunKind.CLUSTER, RunKind.ANNOTATE)


@dataclass(frozen=True, slots=True)
class RunHead:
    """A run that ended with results: what else of it is kept hangs on these values."""

    id: int
    ended_at: datetime | None
    model: str | None
    parameters: Mapping[str, Any]

    @property
    def key(self) -> tuple[int, datetime | None]:
        """Another one says that what the run holds may have changed."""
        return self.id, self.ended_at

    @property
    def migrated(self) -> bool:
        """Whether its labels came from a run with an earlier version."""
        return "migrated_from_run" in self.parameters


@dataclass(frozen=True, slots=True)
class Standing:
    """What changes whenever traces come in or a run ends."""

    inputs: tuple[Any, ...]
    runs: Mapping[RunKind, RunHead]


@dataclass(frozen=True, slots=True)
class Inputs:
    """The traces and what the comparison of pairs says."""

    questions: int
    traces: int
    thinking_traces: int
    positive: int
    negative: int
    segments: int


@dataclass(frozen=True, slots=True)
class Labelled:
    """The open labels of a run; `left` are the traces without a usable reply."""

    instances: int
    labels: int
    left: int


@dataclass(frozen=True, slots=True)
class Said:
    """What one source of controlled labels said in a run."""

    source: str
    steps: int
    segments: int
    traces: int


@dataclass(frozen=True, slots=True)
class Support:
    """How many units of the consensus carry a category."""

    name: str
    macro_strategy: str
    units: int


@dataclass(frozen=True, slots=True)
class Annotated:
    """The controlled labels of a run; `polar` are the traces that transitions are fitted on."""

    sources: tuple[Said, ...]
    polar: int
    left: int
    support: tuple[Support, ...]  # in the vocabulary's order

    @property
    def consensus(self) -> Said:
        """What came of it all."""
        return next((one for one in self.sources if one.source == CONSENSUS), _NOTHING)

    @property
    def rarest(self) -> Support | None:
        """The category of fewest units."""
        return min(self.support, key=lambda one: one.units, default=None)


_NOTHING = Said(CONSENSUS, 0, 0, 0)


def newest_run(kind: RunKind) -> sa.ScalarSelect[Any]:
    """The number of the newest run of a kind that ended with results, other than people's."""
    done = (RunStatus.SUCCEEDED, RunStatus.PARTIAL)
    ended = col(Run.kind) == kind, col(Run.status).in_(done)
    machines = col(Run.model).is_distinct_from(PEOPLE)
    return sa.select(sa.func.max(col(Run.id))).where(*ended, machines).scalar_subquery()


# The statements below take longer to make than to run, so that each is made once.
def read_standing(session: Session) -> Standing:
    """What the counts of now hang on; it takes no longer with more rows."""
    connection = session.connection()
    inputs = tuple(connection.execute(_newest_rows()).one())
    heads = connection.execute(_newest_heads()).all()
    return Standing(inputs, {kind: RunHead(*head) for kind, *head in heads})


@cache
def _newest_rows() -> sa.Select[*tuple[Any, ...]]:
    tables: tuple[Any, ...] = (Question, Trace, TracePair, Segment)
    judging = col(Run.kind).in_((RunKind.IMPORT, RunKind.PAIR))
    ended = sa.select(sa.func.max(col(Run.ended_at))).where(judging).scalar_subquery()
    newest = [sa.select(sa.func.max(table.id)).scalar_subquery() for table in tables]
    return sa.select(*newest, ended)


@cache
def _newest_heads() -> sa.Select[*tuple[Any, ...]]:
    head = sa.select(
        col(Run.kind), col(Run.id), col(Run.ended_at), col(Run.model), col(Run.parameters)
    )
    return head.where(sa.or_(*(col(Run.id) == newest_run(kind) for kind in NEWEST)))


def count_inputs(session: Session) -> Inputs:
    """The traces, by what the comparison of pairs says."""
    return Inputs(*session.connection().execute(_inputs()).one())


@cache
def _inputs() -> sa.Select[*tuple[Any, ...]]:
    return sa.select(
        _count(Question),
        _count(Trace),
        _count(Trace, col(Trace.thinking_mode) == ThinkingMode.ON),
        _count(TracePair, col(TracePair.polarity) == Polarity.POSITIVE),
        _count(TracePair, col(TracePair.polarity) == Polarity.NEGATIVE),
        _count(Segment),
    )


def count_labels(session: Session, run_id: int) -> Labelled:
    """The open labels of a run."""
    return Labelled(*session.connection().execute(_labels(), {"run": run_id}).one())


@cache
def _labels() -> sa.Select[*tuple[Any, ...]]:
    own = col(LabelInstance.run_id) == sa.bindparam("run")
    labels = sa.select(sa.func.count(sa.distinct(col(LabelInstance.open_label_id)))).where(own)
    return sa.select(_count(LabelInstance, own), labels.scalar_subquery(), _left())


def _left() -> sa.ScalarSelect[int]:
    own = col(RunItem.run_id) == sa.bindparam("run")
    traces = sa.select(sa.func.count(sa.distinct(col(RunItem.trace_id))))
    return traces.where(own, col(RunItem.status).in_(LEFT)).scalar_subquery()


def count_clusters(session: Session, run_id: int) -> int:
    """The clusters that a run found."""
    query = sa.select(_count(Cluster, col(Cluster.run_id) == run_id))
    return int(session.execute(query).scalar_one())


def count_annotation(session: Session, run: RunHead) -> Annotated:
    """The controlled labels of a run: who said how much, and what each category rests on."""
    asked = {"run": run.id, "version": run.parameters.get("version_id")}
    connection = session.connection()
    polar, left = connection.execute(_annotation(), asked).one()
    return Annotated(
        tuple(Said(*row) for row in connection.execute(_said(), asked)),
        polar,
        left,
        tuple(Support(*row) for row in connection.execute(_support(), asked)),
    )


@cache
def _annotation() -> sa.Select[*tuple[Any, ...]]:
    polar = (
        sa.select(sa.func.count(sa.distinct(col(AnnotatedStep.trace_id))))
        .join(TracePair, col(TracePair.on_trace_id) == col(AnnotatedStep.trace_id))
        .where(*_own_consensus(), col(TracePair.polarity).is_not(None))
    )
    return sa.select(polar.scalar_subquery(), _left())


def _own_consensus() -> tuple[sa.ColumnElement[bool], ...]:
    own = col(AnnotatedStep.run_id) == sa.bindparam("run")
    return own, col(AnnotatedStep.source) == CONSENSUS


@cache
def _said() -> sa.Select[*tuple[Any, ...]]:
    return (
        sa.select(
            col(AnnotatedStep.source),
            sa.func.count(),
            sa.func.sum(col(AnnotatedStep.end_segment) - col(AnnotatedStep.first_segment)),
            sa.func.count(sa.distinct(col(AnnotatedStep.trace_id))),
        )
        .where(col(AnnotatedStep.run_id) == sa.bindparam("run"))
        .group_by(col(AnnotatedStep.source))
        .order_by(col(AnnotatedStep.source))
    )


@cache
def _support() -> sa.Select[*tuple[Any, ...]]:
    """A category that nothing carries counts 0."""
    used = (
        sa.select(col(ControlledLabel.category_id), sa.func.count().label("units"))
        .join(AnnotatedStep, col(AnnotatedStep.id) == col(ControlledLabel.step_id))
        .where(*_own_consensus())
        .group_by(col(ControlledLabel.category_id))
        .subquery()
    )
    return (
        sa.select(
            col(Category.name), col(Category.macro_strategy), sa.func.coalesce(used.c.units, 0)
        )
        .outerjoin(used, used.c.category_id == col(Category.id))
        .where(col(Category.version_id) == sa.bindparam("version"))
        .order_by(col(Category.position))
    )


def _count(table: Any, *where: sa.ColumnElement[bool]) -> sa.ScalarSelect[int]:
    return sa.select(sa.func.count()).select_from(table).where(*where).scalar_subquery()
