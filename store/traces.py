"""Traces, questions and segments: added in batches, found by name, read in order."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import sqlalchemy as sa
from sqlmodel import Session, SQLModel, col, select

from store.metadata import utc_now
from store.states import ThinkingMode
from store.tables import Question, Segment, Trace

SEGMENT_COLUMNS = ("trace_id", "position", "start", "end", "content_type")
SegmentRow = tuple[int, int, int, int, str]
Segmenter = Callable[[str], Sequence[tuple[int, int]]]


class Record(Protocol):
    """What a trace is made from; annotator.traces.records.TraceRecord is one."""

    @property
    def external_id(self) -> str: ...
    @property
    def question(self) -> str: ...
    @property
    def gold_answers(self) -> tuple[str, ...]: ...
    @property
    def thinking(self) -> str: ...
    @property
    def answer(self) -> str: ...
    @property
    def model(self) -> str: ...
    @property
    def thinking_mode(self) -> str: ...
    @property
    def dataset(self) -> str | None: ...
    @property
    def details(self) -> Mapping[str, Any]: ...


@dataclass
class Added:
    """What a batch came to."""

    traces: int = 0
    already: int = 0
    segments: int = 0
    questions: int = 0
    golds_extended: int = 0
    conflicts: list[str] = field(default_factory=list)  # ids that are taken by other content


def question_key(text: str) -> str:
    """The sha256 of the question's text without regard to case and spacing."""
    return _sha256(" ".join(text.casefold().split()))


def record_hash(record: Record) -> str:
    """The sha256 of all that makes a trace."""
    parts = [record.question, list(record.gold_answers), record.thinking, record.answer,
             record.model, record.thinking_mode]  # fmt: skip
    return _sha256(json.dumps(parts, ensure_ascii=False))


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def add_traces(session: Session, records: Sequence[Record], segmenter: Segmenter) -> Added:
    """Add the records that are new, with their questions and segments.

    A record whose id is there with the same content adds nothing; with other content it is
    left out and named in `conflicts`.
    """
    added = Added()
    fresh = _fresh(session, records, added)
    keys = [question_key(record.question) for record, _ in fresh]
    questions = _questions(session, [record for record, _ in fresh], keys, added)
    rows = [_trace(*one, questions[key]) for one, key in zip(fresh, keys, strict=True)]
    if rows:
        session.connection().execute(sa.insert(_table("trace")), rows)
    ids = _numbers(session, "trace", "external_id", [row["external_id"] for row in rows])
    segments = [
        segment
        for record, _ in fresh
        for segment in _segments(ids[record.external_id], segmenter(record.thinking))
    ]
    _write_segments(session, segments)
    added.traces, added.segments = len(rows), len(segments)
    return added


def _table(name: str) -> sa.Table:
    return SQLModel.metadata.tables[name]


def _numbers(session: Session, table: str, name: str, values: Sequence[str]) -> dict[str, int]:
    """The numbers of rows by a column that no two of them share."""
    columns = _table(table).c
    query = sa.select(columns[name], columns.id).where(columns[name].in_(values))
    return {row[0]: row[1] for row in session.connection().execute(query)}


def _fresh(session: Session, records: Sequence[Record], added: Added) -> list[tuple[Record, str]]:
    """The records that are not there yet, with their hashes."""
    trace = _table("trace").c
    ids = [record.external_id for record in records]
    query = sa.select(trace.external_id, trace.content_hash).where(trace.external_id.in_(ids))
    known = {row[0]: row[1] for row in session.connection().execute(query)}
    fresh = []
    for record in records:
        content = record_hash(record)
        if record.external_id not in known:
            known[record.external_id] = content
            fresh.append((record, content))
        elif known[record.external_id] == content:
            added.already += 1
        else:
            added.conflicts.append(record.external_id)
    return fresh


def _questions(
    session: Session, records: Sequence[Record], keys: Sequence[str], added: Added
) -> dict[str, int]:
    """The numbers of the records' questions by key; new ones are added, and golds to all."""
    question = _table("question")
    query = sa.select(question.c.key, question.c.gold_answers).where(question.c.key.in_(keys))
    golds = {row[0]: list(row[1]) for row in session.connection().execute(query)}
    made: dict[str, dict[str, Any]] = {}
    extended: set[str] = set()
    for record, key in zip(records, keys, strict=True):
        if key not in golds:
            golds[key] = list(record.gold_answers)
            made[key] = {"key": key, "text": record.question, "dataset": record.dataset}
        missing = [gold for gold in record.gold_answers if gold not in golds[key]]
        if missing:
            golds[key] += missing
            extended.add(key)
            added.golds_extended += 1
    added.questions += len(made)
    if made:
        rows = [{**row, "gold_answers": golds[key]} for key, row in made.items()]
        session.connection().execute(sa.insert(question), rows)
    for key in extended - made.keys():
        changed = sa.update(question).where(question.c.key == key)
        session.connection().execute(changed, {"gold_answers": golds[key]})
    return _numbers(session, "question", "key", keys)


def _trace(record: Record, content_hash: str, question_id: int) -> dict[str, Any]:
    return {
        "external_id": record.external_id,
        "question_id": question_id,
        "model": record.model,
        "thinking_mode": ThinkingMode(record.thinking_mode),
        "thinking": record.thinking,
        "answer": record.answer,
        "content_hash": content_hash,
        "details": dict(record.details),
        "created_at": utc_now(),
    }


def _segments(trace_id: int, spans: Sequence[tuple[int, int]]) -> list[SegmentRow]:
    return [(trace_id, position, start, end, "text") for position, (start, end) in enumerate(spans)]


def _write_segments(session: Session, rows: Sequence[SegmentRow]) -> None:
    """Hand the rows to the driver as they are: it takes them three times as fast as SQLAlchemy."""
    if not rows:
        return
    connection = session.connection()
    insert = sa.insert(_table("segment"))
    compiled = insert.compile(dialect=connection.dialect, column_keys=list(SEGMENT_COLUMNS))
    if connection.dialect.positional:
        connection.exec_driver_sql(str(compiled), list(rows))
    else:
        named = [dict(zip(SEGMENT_COLUMNS, row, strict=True)) for row in rows]
        connection.exec_driver_sql(str(compiled), named)


def find_trace(session: Session, external_id: str) -> Trace | None:
    """The trace with the id that its file gave it."""
    return session.exec(select(Trace).where(col(Trace.external_id) == external_id)).first()


def list_segments(session: Session, trace_id: int) -> list[Segment]:
    """The segments of a trace in their order."""
    query = select(Segment).where(col(Segment.trace_id) == trace_id)
    return list(session.exec(query.order_by(col(Segment.position))))


def iterate_traces(
    session: Session, mode: ThinkingMode | None = None, batch: int = 200
) -> Iterator[list[tuple[Trace, Question, list[Segment]]]]:
    """All traces by number, in batches, each with its question and its segments."""
    last = 0
    while True:
        query = select(Trace, Question).join(Question).where(col(Trace.id) > last)
        if mode is not None:
            query = query.where(col(Trace.thinking_mode) == mode)
        rows = session.exec(query.order_by(col(Trace.id)).limit(batch)).all()
        if not rows:
            return
        last = rows[-1][0].id
        segments = _segments_of(session, [trace.id for trace, _ in rows])
        yield [(trace, question, segments.get(trace.id, [])) for trace, question in rows]


def _segments_of(session: Session, trace_ids: Sequence[int]) -> dict[int, list[Segment]]:
    query = select(Segment).where(col(Segment.trace_id).in_(trace_ids))
    found: dict[int, list[Segment]] = {}
    for segment in session.exec(query.order_by(col(Segment.trace_id), col(Segment.position))):
        found.setdefault(segment.trace_id, []).append(segment)
    return found
