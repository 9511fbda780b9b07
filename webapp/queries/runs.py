"""Runs as pages show them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from store.states import RunKind, RunStatus
from store.tables import Export, Run, TrainingRun

PAGE_ROWS = 50


@dataclass(frozen=True, slots=True)
class RunRow:
    """A line of the list of runs."""

    id: int
    kind: RunKind
    status: RunStatus
    done_items: int
    total_items: int | None
    message: str | None
    started_at: datetime
    ended_at: datetime | None

    @property
    def seconds(self) -> float | None:
        """How long it took, in seconds."""
        return (self.ended_at - self.started_at).total_seconds() if self.ended_at else None


@dataclass(frozen=True, slots=True)
class Training:
    """A policy that a run trained."""

    policy: str
    checkpoint: str | None
    loss_curve: Sequence[Mapping[str, float]]


@dataclass(frozen=True, slots=True)
class ExportRow:
    """A training set that a run wrote."""

    folder: str
    content_hash: str
    manifest: Mapping[str, Any]


def list_runs(session: Session, kind: RunKind | None, before: int | None) -> list[RunRow]:
    """Up to a page of runs and one more, the newest first, from below `before`."""
    query = (
        sa.select(
            col(Run.id),
            col(Run.kind),
            col(Run.status),
            col(Run.done_items),
            col(Run.total_items),
            col(Run.message),
            col(Run.started_at),
            col(Run.ended_at),
        )
        .order_by(col(Run.id).desc())
        .limit(PAGE_ROWS + 1)
    )
    if kind is not None:
        query = query.where(col(Run.kind) == kind)
    if before is not None:
        query = query.where(col(Run.id) < before)
    return [RunRow(*row) for row in session.execute(query)]


def find_training(session: Session, run_id: int) -> Training | None:
    """What a training run made, with its loss curve."""
    query = sa.select(
        col(TrainingRun.policy), col(TrainingRun.checkpoint), col(TrainingRun.loss_curve)
    )
    row = session.execute(query.where(col(TrainingRun.run_id) == run_id)).first()
    return None if row is None else Training(*row)


def find_export(session: Session, run_id: int) -> ExportRow | None:
    """What an export run wrote."""
    query = sa.select(col(Export.folder), col(Export.content_hash), col(Export.manifest))
    row = session.execute(query.where(col(Export.run_id) == run_id)).first()
    return None if row is None else ExportRow(*row)
