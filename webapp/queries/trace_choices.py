"""What the filters of the traces offer: models, datasets, runs, who labelled, and categories."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from store.runs import PEOPLE
from store.states import RunKind, RunStatus
from store.study_tables import Study
from store.tables import AnnotatedStep, Category, ControlledLabel, Export, Question, Run, Trace

MOST_OFFERED = 100
CONSENSUS = "consensus"


@dataclass(frozen=True, slots=True)
class AnnotateRun:
    """A run with labels on segments; a study's where people label without seeing each other."""

    id: int
    model: str | None
    started_at: datetime
    study_id: int | None
    study: str | None

    @property
    def name(self) -> str:
        """What a person calls it."""
        what = f"study {self.study}" if self.study else self.model or "offline"
        return f"run {self.id} · {what} · {self.started_at:%Y-%m-%d}"

    @property
    def of_people(self) -> bool:
        """Whether people gave the labels, here or elsewhere."""
        return self.model == PEOPLE


@dataclass(frozen=True, slots=True)
class ExportChoice:
    """A training set whose weights a trace can be coloured by."""

    id: int
    run_id: int
    annotate_run_id: int
    folder: str

    @property
    def name(self) -> str:
        """What a person calls it."""
        return f"export {self.id} · run {self.run_id} · {self.folder.rpartition('/')[2]}"


def list_annotate_runs(session: Session) -> list[AnnotateRun]:
    """The newest runs with labels; those of studies are here while people still label."""
    return [AnnotateRun(*row) for row in session.connection().execute(_annotate_runs())]


@cache
def _annotate_runs() -> sa.Select[*tuple[Any, ...]]:
    ended = col(Run.status).in_((RunStatus.SUCCEEDED, RunStatus.PARTIAL))
    return (
        sa.select(col(Run.id), col(Run.model), col(Run.started_at), col(Study.id), col(Study.name))
        .outerjoin(Study, col(Study.run_id) == col(Run.id))
        .where(col(Run.kind) == RunKind.ANNOTATE, ended | col(Study.id).is_not(None))
        .order_by(col(Run.id).desc())
        .limit(MOST_OFFERED)
    )


def list_exports(session: Session) -> list[ExportChoice]:
    """The newest training sets first."""
    return [ExportChoice(*row) for row in session.connection().execute(_exports())]


@cache
def _exports() -> sa.Select[*tuple[Any, ...]]:
    columns = (col(Export.id), col(Export.run_id), col(Export.annotate_run_id), col(Export.folder))
    return sa.select(*columns).order_by(col(Export.id).desc()).limit(MOST_OFFERED)


def list_models(session: Session) -> list[str]:
    """The models of all traces, by name."""
    return list(session.connection().execute(_models()).scalars())


def list_datasets(session: Session) -> list[str]:
    """The datasets of all questions, by name."""
    return list(session.connection().execute(_datasets()).scalars())


def list_sources(session: Session, run_id: int) -> list[str]:
    """Who labelled in a run, by name."""
    return list(session.connection().execute(_sources(), {"run": run_id}).scalars())


@cache
def _models() -> sa.Select[Any]:
    return _distinct(col(Trace.model))


@cache
def _datasets() -> sa.Select[Any]:
    return _distinct(col(Question.dataset))


@cache
def _sources() -> sa.Select[Any]:
    return _distinct(col(AnnotatedStep.source), col(AnnotatedStep.run_id) == sa.bindparam("run"))


def _distinct(column: Any, *where: sa.ColumnElement[bool]) -> sa.Select[Any]:
    """The values of an indexed column, each found by a jump behind the last one, none by a scan."""
    first = sa.select(sa.func.min(column).label("value")).where(*where).cte(recursive=True)
    following = sa.select(sa.func.min(column)).where(*where, column > first.c.value)
    value = following.correlate(first).scalar_subquery()
    jumps = sa.select(value).where(first.c.value.is_not(None))
    values = first.union_all(jumps)
    return sa.select(values.c.value).where(values.c.value.is_not(None)).limit(MOST_OFFERED)


def list_run_categories(session: Session, run_id: int) -> Sequence[Category]:
    """The categories of the vocabulary that a run labelled with, in its order."""
    version = session.connection().execute(_version(), {"run": run_id}).scalar()
    query = sa.select(Category).where(col(Category.version_id) == version)
    return list(session.execute(query.order_by(col(Category.position))).scalars())


@cache
def _version() -> sa.Select[Any]:
    return (
        sa.select(col(Category.version_id))
        .join(ControlledLabel, col(ControlledLabel.category_id) == col(Category.id))
        .join(AnnotatedStep, col(AnnotatedStep.id) == col(ControlledLabel.step_id))
        .where(col(AnnotatedStep.run_id) == sa.bindparam("run"))
        .limit(1)
    )
