"""Runs as pages show them."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from store.metadata import utc_now
from store.progress import INTERRUPTED, SILENT_AFTER, state_of
from store.run_tables import RunReport
from store.states import ItemStatus, RunKind, RunStatus
from store.tables import EvaluationRun, Export, Run, RunItem, Trace, TrainingRun

PAGE_ROWS = 50
STATES = (*(status.value for status in RunStatus), INTERRUPTED)
SORTS_READ = 2_000
SORT_CHARACTERS = 80


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
    beat_at: datetime | None
    cost_usd: float
    tokens: int
    started_by: str | None

    @property
    def state(self) -> str:
        """How it stands, in a word."""
        return state_of(self.status, self.beat_at)

    @property
    def seconds(self) -> float:
        """How long it took, or has taken so far; up to its last sign of life if interrupted."""
        until = self.ended_at or (self.beat_at if self.state == INTERRUPTED else None) or utc_now()
        return (until - self.started_at).total_seconds()


@dataclass(frozen=True, slots=True)
class Training:
    """A policy that a run trained, and the evaluate runs that measured it."""

    policy: str
    checkpoint: str | None
    loss_curve: Sequence[Mapping[str, float]]
    evaluated_by: Sequence[int]


@dataclass(frozen=True, slots=True)
class ExportRow:
    """A training set that a run wrote, and the train runs that used it."""

    folder: str
    content_hash: str
    manifest: Mapping[str, Any]
    trained_by: Sequence[int]


@dataclass(frozen=True, slots=True)
class ErrorSort:
    """What went wrong in one way, and how often."""

    status: ItemStatus
    sort: str
    count: int


@dataclass(frozen=True, slots=True)
class ItemRow:
    """A trace that a run did not do, or did not do well."""

    id: int
    trace_id: int
    external_id: str
    source: str
    status: ItemStatus
    detail: str | None


def list_runs(
    session: Session, kind: RunKind | None, state: str, before: int | None
) -> list[RunRow]:
    """Up to a page of runs and one more, the newest first, from below `before`."""
    columns = (
        Run.id, Run.kind, Run.status, Run.done_items, Run.total_items, Run.message, Run.started_at,
        Run.ended_at, Run.beat_at, Run.cost_usd, Run.tokens, Run.started_by,
    )  # fmt: skip
    query = sa.select(*(col(column) for column in columns))
    query = query.order_by(col(Run.id).desc()).limit(PAGE_ROWS + 1)
    if kind is not None:
        query = query.where(col(Run.kind) == kind)
    if before is not None:
        query = query.where(col(Run.id) < before)
    return [RunRow(*row) for row in session.execute(query.where(*_in_state(state)))]


def _in_state(state: str) -> list[sa.ColumnElement[bool]]:
    silent = col(Run.beat_at) < utc_now() - SILENT_AFTER
    running = col(Run.status) == RunStatus.RUNNING
    if state == INTERRUPTED:
        return [running, silent]
    if state == RunStatus.RUNNING:
        return [running, sa.or_(col(Run.beat_at).is_(None), sa.not_(silent))]
    return [col(Run.status) == RunStatus(state)] if state else []


def find_training(session: Session, run_id: int) -> Training | None:
    """What a training run made, with its loss curve."""
    query = sa.select(
        col(TrainingRun.policy), col(TrainingRun.checkpoint), col(TrainingRun.loss_curve),
        col(TrainingRun.id),
    )  # fmt: skip
    row = session.execute(query.where(col(TrainingRun.run_id) == run_id)).first()
    if row is None:
        return None
    used = select(EvaluationRun.run_id).where(col(EvaluationRun.training_run_id) == row[3])
    return Training(
        row[0], row[1], row[2], session.exec(used.order_by(col(EvaluationRun.run_id))).all()
    )


def find_export(session: Session, run_id: int) -> ExportRow | None:
    """What an export run wrote."""
    query = sa.select(
        col(Export.folder), col(Export.content_hash), col(Export.manifest), col(Export.id)
    )
    row = session.execute(query.where(col(Export.run_id) == run_id)).first()
    if row is None:
        return None
    used = select(TrainingRun.run_id).where(col(TrainingRun.export_id) == row[3])
    return ExportRow(
        row[0], row[1], row[2], session.exec(used.order_by(col(TrainingRun.run_id))).all()
    )


def find_report(session: Session, run_id: int) -> str | None:
    """The page that a run ended with."""
    return session.exec(select(RunReport.html).where(RunReport.run_id == run_id)).first()


def has_report(session: Session, run_id: int) -> bool:
    """Whether a run ended with a page."""
    return (
        session.exec(select(RunReport.run_id).where(RunReport.run_id == run_id)).first() is not None
    )


def list_error_sorts(session: Session, run_id: int) -> list[ErrorSort]:
    """What went wrong by sort, the most frequent first; a sort is the text up to a colon."""
    query = (
        sa.select(col(RunItem.status), col(RunItem.detail), sa.func.count())
        .where(col(RunItem.run_id) == run_id, col(RunItem.status) != ItemStatus.DONE)
        .group_by(col(RunItem.status), col(RunItem.detail))
        .limit(SORTS_READ)
    )
    counts: dict[tuple[ItemStatus, str], int] = {}
    for status, detail, count in session.execute(query):
        key = (ItemStatus(status), sort_of(detail))
        counts[key] = counts.get(key, 0) + count
    found = [ErrorSort(status, sort, count) for (status, sort), count in counts.items()]
    return sorted(found, key=lambda one: (-one.count, one.sort))


def sort_of(detail: str | None) -> str:
    """What errors of one kind have in common: what stands in front of a colon or semicolon."""
    text = (detail or "").replace(";", ":").partition(":")[0].strip()
    return text[:SORT_CHARACTERS] or "no reason given"


def list_items(
    session: Session, run_id: int, status: ItemStatus | None, after: int | None
) -> list[ItemRow]:
    """Up to a page and one more of the traces that a run did not do well, behind `after`."""
    query = (
        sa.select(
            col(RunItem.id), col(RunItem.trace_id), col(Trace.external_id), col(RunItem.source),
            col(RunItem.status), col(RunItem.detail),
        )
        .join(Trace, col(Trace.id) == col(RunItem.trace_id))
        .where(col(RunItem.run_id) == run_id, col(RunItem.status) != ItemStatus.DONE)
        .order_by(col(RunItem.id))
        .limit(PAGE_ROWS + 1)
    )  # fmt: skip
    if status is not None:
        query = query.where(col(RunItem.status) == status)
    if after is not None:
        query = query.where(col(RunItem.id) > after)
    return [ItemRow(*row) for row in session.execute(query)]
