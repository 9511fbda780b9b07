"""What came out at the end of the pipeline: training sets, policies, figures, and what it cost."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from store.runs import PEOPLE
from store.states import RunKind
from store.tables import EvaluationRun, Export, Run, TaxonomyVersion, TrainingRun

ROWS = 50


@dataclass(frozen=True, slots=True)
class Exported:
    """A training set."""

    run_id: int
    version: str
    folder: str
    content_hash: str
    rows: Mapping[str, Mapping[str, int]]  # split → desirable or undesirable → how many

    def count(self, side: str | None = None) -> int:
        """The examples, or those of one side."""
        counts = (one for split in self.rows.values() for one in split.items())
        return sum(number for name, number in counts if side is None or name == side)


@dataclass(frozen=True, slots=True)
class Trained:
    """A policy; without a step that was written down there is no loss."""

    run_id: int
    policy: str
    steps: int
    loss: float | None


@dataclass(frozen=True, slots=True)
class Evaluated:
    """The figures of an evaluation run, by arm and by way of matching."""

    run_id: int
    dataset: str
    arms: Mapping[str, Mapping[str, Any]]

    def scores(self) -> Mapping[str, Any] | None:
        """Acc and Mis by plain match: of the first arm that thought, else of the first."""
        found = [arm["plain"] for arm in self.arms.values() if arm.get("plain")]
        thought = (one for one in found if one["mis"] is not None)
        return next(thought, found[0] if found else None)


@dataclass(frozen=True, slots=True)
class Cost:
    """What the runs of a kind took; `under_way` of them are not done."""

    kind: RunKind
    runs: int
    under_way: int
    tokens: int
    usd: float
    seconds: float


@dataclass(frozen=True, slots=True)
class RunCost:
    """What one run took."""

    id: int
    kind: RunKind
    model: str | None
    done_items: int
    tokens: int
    usd: float
    started_at: datetime
    ended_at: datetime | None


def outcome_key(session: Session) -> tuple[Any, ...]:
    """Another one says that something came out since."""
    return tuple(session.connection().execute(_outcome_key()).one())


@cache
def _outcome_key() -> sa.Select[*tuple[Any, ...]]:
    tables: tuple[Any, ...] = (Export, TrainingRun, EvaluationRun)
    newest = [sa.select(sa.func.max(table.id)).scalar_subquery() for table in tables]
    late = col(Run.kind).in_((RunKind.EXPORT, RunKind.TRAIN, RunKind.EVALUATE))
    moved = sa.select(sa.func.max(col(Run.ended_at)), sa.func.sum(col(Run.done_items)))
    ended = moved.where(late).subquery()
    return sa.select(*newest, *ended.c)


def list_exports(session: Session, limit: int = ROWS) -> list[Exported]:
    """The training sets, the newest first."""
    query = (
        sa.select(
            col(Export.run_id),
            col(TaxonomyVersion.name),
            col(Export.folder),
            col(Export.content_hash),
            col(Run.metrics),
        )
        .join(Run, col(Run.id) == col(Export.run_id))
        .join(TaxonomyVersion, col(TaxonomyVersion.id) == col(Export.version_id))
        .order_by(col(Export.id).desc())
        .limit(limit)
    )
    return [
        Exported(run_id, version, folder, content_hash, metrics.get("rows", {}))
        for run_id, version, folder, content_hash, metrics in session.execute(query)
    ]


def list_trained(session: Session, limit: int = ROWS) -> list[Trained]:
    """The policies that were trained, the newest first."""
    query = sa.select(col(TrainingRun.run_id), col(TrainingRun.policy), col(TrainingRun.loss_curve))
    found = session.execute(query.order_by(col(TrainingRun.id).desc()).limit(limit))
    return [
        Trained(run_id, policy, len(curve), curve[-1].get("loss") if curve else None)
        for run_id, policy, curve in found
    ]


def list_evaluated(session: Session, limit: int = ROWS) -> list[Evaluated]:
    """The evaluations, the newest first."""
    query = sa.select(
        col(EvaluationRun.run_id), col(EvaluationRun.dataset), col(EvaluationRun.metrics)
    )
    found = session.execute(query.order_by(col(EvaluationRun.id).desc()).limit(limit))
    return [Evaluated(*row) for row in found]


def count_rows(session: Session, table: Any) -> int:
    """How many rows a table has."""
    return int(session.execute(sa.select(sa.func.count()).select_from(table)).scalar_one())


def sum_costs(session: Session) -> list[Cost]:
    """What the runs of each kind took, those of people left out."""
    rows = session.connection().execute(_costs()).all()
    found = {
        kind: Cost(kind, runs, under_way, tokens, usd, float(seconds or 0))
        for kind, runs, under_way, tokens, usd, seconds in rows
    }
    return [found[kind] for kind in RunKind if kind in found]


@cache
def _costs() -> sa.Select[*tuple[Any, ...]]:
    ended, began = (sa.extract("epoch", at) for at in (col(Run.ended_at), col(Run.started_at)))
    open_ones = sa.func.sum(sa.case((col(Run.ended_at).is_(None), 1), else_=0))
    sums = (sa.func.sum(one) for one in (col(Run.tokens), col(Run.cost_usd), ended - began))
    return (
        sa.select(col(Run.kind), sa.func.count(), open_ones, *sums)
        .where(col(Run.model).is_distinct_from(PEOPLE))
        .group_by(col(Run.kind))
    )


def list_costs(session: Session, kind: RunKind | None, before: int | None) -> list[RunCost]:
    """What single runs took, the newest first: a page of them and one more."""
    query = sa.select(
        col(Run.id),
        col(Run.kind),
        col(Run.model),
        col(Run.done_items),
        col(Run.tokens),
        col(Run.cost_usd),
        col(Run.started_at),
        col(Run.ended_at),
    ).where(col(Run.model).is_distinct_from(PEOPLE))
    if kind is not None:
        query = query.where(col(Run.kind) == kind)
    if before is not None:
        query = query.where(col(Run.id) < before)
    found = session.execute(query.order_by(col(Run.id).desc()).limit(ROWS + 1))
    return [RunCost(*row) for row in found]
