"""Traces, questions and segments: added in batches, found by name, read in order."""

import hashlib
import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

import sqlalchemy as sa
from sqlmodel import Session, col, select

from store.errors import NotFound
from store.states import ThinkingMode
from store.tables import Question, Segment, Trace

Segmenter = Callable[[str], Sequence[tuple[int, int]]]


class Record(Protocol):
    """What a trace is made from; annotator.records.TraceRecord is one."""

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
    questions = _questions(session, fresh, added)
    traces = [_trace(record, questions[question_key(record.question)]) for record in fresh]
    session.add_all(traces)
    session.flush()
    spans = [_segments(trace, segmenter(trace.thinking)) for trace in traces]
    rows = [row for trace_rows in spans for row in trace_rows]
    if rows:
        session.execute(sa.insert(Segment), rows)
    added.traces, added.segments = len(traces), len(rows)
    return added


def _fresh(session: Session, records: Sequence[Record], added: Added) -> list[Record]:
    ids = [record.external_id for record in records]
    query = select(Trace.external_id, Trace.content_hash).where(col(Trace.external_id).in_(ids))
    known = {external_id: content for external_id, content in session.exec(query)}
    fresh = []
    for record in records:
        content = record_hash(record)
        if record.external_id not in known:
            known[record.external_id] = content
            fresh.append(record)
        elif known[record.external_id] == content:
            added.already += 1
        else:
            added.conflicts.append(record.external_id)
    return fresh


def _questions(session: Session, records: Sequence[Record], added: Added) -> dict[str, Question]:
    keys = {question_key(record.question) for record in records}
    query = select(Question).where(col(Question.key).in_(keys))
    questions = {question.key: question for question in session.exec(query)}
    for record in records:
        key = question_key(record.question)
        if key not in questions:
            questions[key] = Question(key=key, text=record.question, dataset=record.dataset,
                                      gold_answers=list(record.gold_answers))  # fmt: skip
            added.questions += 1
        missing = [g for g in record.gold_answers if g not in questions[key].gold_answers]
        if missing:
            questions[key].gold_answers = [*questions[key].gold_answers, *missing]
            added.golds_extended += 1
    session.add_all(questions.values())
    session.flush()
    return questions


def _trace(record: Record, question: Question) -> Trace:
    return Trace(
        external_id=record.external_id,
        question_id=question.id,
        model=record.model,
        thinking_mode=ThinkingMode(record.thinking_mode),
        thinking=record.thinking,
        answer=record.answer,
        content_hash=record_hash(record),
        details=dict(record.details),
    )


def _segments(trace: Trace, spans: Sequence[tuple[int, int]]) -> list[dict[str, Any]]:
    return [
        {"trace_id": trace.id, "position": position, "start": start, "end": end,
         "content_type": "text"}
        for position, (start, end) in enumerate(spans)
    ]  # fmt: skip


def get_trace(session: Session, trace_id: int) -> Trace:
    """The trace with this number.

    Raises:
        NotFound: there is none.
    """
    trace = session.get(Trace, trace_id)
    if trace is None:
        raise NotFound(f"expected a trace with number {trace_id}, found none")
    return trace


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


def count_traces(session: Session, mode: ThinkingMode | None = None) -> int:
    """How many traces there are, of one mode if it is named."""
    query = select(sa.func.count()).select_from(Trace)
    return session.exec(query.where(col(Trace.thinking_mode) == mode) if mode else query).one()
