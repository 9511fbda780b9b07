"""Which traces a run has done, so that a killed run goes on where it was."""

from collections.abc import Sequence
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, SQLModel, col, select

from store.states import ItemStatus, ThinkingMode
from store.tables import Question, RunItem, Segment, Trace

FINAL = (ItemStatus.DONE, ItemStatus.INVALID)
LOOKUP_BATCH = 500  # SQLite limits the parameters of a statement

TraceRow = tuple[Trace, Question, list[Segment]]


def count_items(session: Session, run_id: int, source: str) -> dict[ItemStatus, int]:
    """How many traces of a run have each status with a source."""
    query = select(RunItem.status, sa.func.count()).where(
        RunItem.run_id == run_id, RunItem.source == source
    )
    rows = session.exec(query.group_by(col(RunItem.status)))
    return {ItemStatus(status): count for status, count in rows}


def list_pending(session: Session, run_id: int, source: str, last_trace_id: int) -> list[int]:
    """The traces with thinking, up to a number, that the run has not finished, in their order."""
    done = select(RunItem.trace_id).where(
        RunItem.run_id == run_id, RunItem.source == source, col(RunItem.status).in_(FINAL)
    )
    query = select(Trace.id).where(
        col(Trace.thinking_mode) == ThinkingMode.ON,
        col(Trace.id) <= last_trace_id,
        col(Trace.id).not_in(done),
    )
    return list(session.exec(query.order_by(col(Trace.id))))


def list_thinking(session: Session, limit: int | None = None) -> list[int]:
    """The numbers of the traces with thinking, the first ones if a limit is given."""
    query = select(Trace.id).where(col(Trace.thinking_mode) == ThinkingMode.ON)
    return list(session.exec(query.order_by(col(Trace.id)).limit(limit)))


def put_item(session: Session, run_id: int, trace_id: int, source: str, **fields: Any) -> None:
    """Say what became of a trace, in the place of what was said before."""
    put_items(session, run_id, source, [{"trace_id": trace_id, **fields}])


def put_items(session: Session, run_id: int, source: str, items: Sequence[dict[str, Any]]) -> None:
    """Say what became of some traces; each item has its trace_id, its status, and what it has.

    Plain statements: an item is written and not looked at again, so that the unit of work, which
    costs more than they do, has nothing to track.
    """
    table = SQLModel.metadata.tables[str(RunItem.__tablename__)]
    same = (table.c.run_id == run_id, table.c.source == source)
    connection = session.connection()
    connection.execute(
        sa.delete(table).where(*same, table.c.trace_id.in_([item["trace_id"] for item in items]))
    )
    empty = {"confidence": None, "request_hash": None, "detail": None}
    rows = [{"run_id": run_id, "source": source, **empty, **item} for item in items]
    connection.execute(sa.insert(table), rows)


def load_traces(session: Session, trace_ids: Sequence[int]) -> list[TraceRow]:
    """The traces with their questions and segments, in the order of their numbers."""
    if len(trace_ids) > LOOKUP_BATCH:
        raise ValueError(f"expected at most {LOOKUP_BATCH} traces at a time, got {len(trace_ids)}")
    query = select(Trace, Question).join(Question).where(col(Trace.id).in_(trace_ids))
    rows = session.exec(query.order_by(col(Trace.id))).all()
    pieces: dict[int, list[Segment]] = {}
    segments = select(Segment).where(col(Segment.trace_id).in_(trace_ids))
    for segment in session.exec(segments.order_by(col(Segment.trace_id), col(Segment.position))):
        pieces.setdefault(segment.trace_id, []).append(segment)
    return [(trace, question, pieces.get(trace.id, [])) for trace, question in rows]


def list_segment_ids(session: Session, trace_ids: Sequence[int]) -> dict[tuple[int, int], int]:
    """The numbers of these traces' segments, by trace and position."""
    columns = (Segment.trace_id, Segment.position, Segment.id)
    rows = session.exec(select(*columns).where(col(Segment.trace_id).in_(trace_ids)))
    return {(trace_id, position): number for trace_id, position, number in rows}
