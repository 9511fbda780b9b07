"""Traces, questions and segments: added in batches, found by name, read in order."""

import hashlib
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from json.encoder import encode_basestring as _quoted
from typing import Any, NamedTuple, Protocol

import sqlalchemy as sa
from sqlmodel import Session, SQLModel, col, select

from store.bulk import Row, Written, find_rows, insert_rows, take_ids
from store.metadata import utc_now
from store.states import ThinkingMode
from store.tables import Question, Segment, Trace

QUESTION_COLUMNS = ("id", "key", "text", "dataset", "gold_answers")
TRACE_COLUMNS = ("id", "external_id", "question_id", "model", "thinking_mode", "thinking",
                 "answer", "content_hash", "details", "created_at")  # fmt: skip
SEGMENT_COLUMNS = ("trace_id", "position", "start", "end", "content_type")
MODES = {mode.value: mode for mode in ThinkingMode}
NO_DETAILS = Written("{}")
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
    """The sha256 of all that makes a trace.

    Identity: of json.dumps([question, gold_answers, thinking, …], ensure_ascii=False).
    """
    texts = map(_quoted, (record.thinking, record.answer, record.model, record.thinking_mode))
    golds = _listed(record.gold_answers)
    return _sha256(f"[{_quoted(record.question)}, {golds}, {', '.join(texts)}]")


def _listed(texts: Sequence[str]) -> str:
    """A list of texts as JSON."""
    return f"[{', '.join(map(_quoted, texts))}]"


def _sha256(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


class Prepared(NamedTuple):
    """A record with all that can be known of it before the store is asked."""

    record: Record
    content_hash: str
    question_key: str
    spans: Sequence[tuple[int, int]]


def prepare(records: Sequence[Record], segmenter: Segmenter) -> list[Prepared]:
    """The records with their hashes, their questions' keys, and their segments.

    One thing of all records at a time: a short loop stays in the processor's caches.
    """
    hashes = [record_hash(record) for record in records]
    keys = [question_key(record.question) for record in records]
    spans = [segmenter(record.thinking) for record in records]
    return list(map(Prepared, records, hashes, keys, spans))


def add_traces(session: Session, records: Sequence[Record], segmenter: Segmenter) -> Added:
    """Add the records that are new, with their questions and segments.

    A record whose id is there with the same content adds nothing; with other content it is
    left out and named in `conflicts`.
    """
    return add_prepared(session, prepare(records, segmenter))


def add_prepared(session: Session, prepared: Sequence[Prepared]) -> Added:
    """Add the traces that are new; as `add_traces` does."""
    added = Added()
    fresh = _fresh(session, prepared, added)
    questions = _questions(session, fresh, added)
    ids, now = take_ids(session, "trace", len(fresh)), utc_now()
    rows = [
        _trace(id, one, questions[one.question_key], now)
        for id, one in zip(ids, fresh, strict=True)
    ]
    insert_rows(session, "trace", TRACE_COLUMNS, rows)
    segments = [row for id, one in zip(ids, fresh, strict=True) for row in _segments(id, one.spans)]
    insert_rows(session, "segment", SEGMENT_COLUMNS, segments)
    added.traces, added.segments = len(rows), len(segments)
    return added


def _table(name: str) -> sa.Table:
    return SQLModel.metadata.tables[name]


def _fresh(session: Session, prepared: Sequence[Prepared], added: Added) -> list[Prepared]:
    """The traces that are not there yet."""
    ids = [one.record.external_id for one in prepared]
    known = dict(find_rows(session, "trace", ("external_id", "content_hash"), "external_id", ids))
    fresh = []
    for one in prepared:
        external_id = one.record.external_id
        if external_id not in known:
            known[external_id] = one.content_hash
            fresh.append(one)
        elif known[external_id] == one.content_hash:
            added.already += 1
        else:
            added.conflicts.append(external_id)
    return fresh


def _questions(session: Session, prepared: Sequence[Prepared], added: Added) -> dict[str, int]:
    """The numbers of the traces' questions by key; new ones are added, and golds to all."""
    numbers, golds = _known_questions(session, [one.question_key for one in prepared])
    made: dict[str, Record] = {}
    extended: set[str] = set()
    for one in prepared:
        key, known = one.question_key, golds.get(one.question_key)
        if known is None:
            golds[key], made[key] = list(one.record.gold_answers), one.record
        elif missing := [gold for gold in one.record.gold_answers if gold not in known]:
            known += missing
            extended.add(key)
            added.golds_extended += 1
    added.questions += len(made)
    _extend(session, {key: golds[key] for key in extended - made.keys()})
    new = dict(zip(made, take_ids(session, "question", len(made)), strict=True))
    rows = [
        (new[key], key, record.question, record.dataset, Written(_listed(golds[key])))
        for key, record in made.items()
    ]
    insert_rows(session, "question", QUESTION_COLUMNS, rows)
    return numbers | new


def _known_questions(
    session: Session, keys: Sequence[str]
) -> tuple[dict[str, int], dict[str, list[str]]]:
    """The numbers and the gold answers of those questions that are there, by key."""
    numbers: dict[str, int] = dict(find_rows(session, "question", ("key", "id"), "key", keys))
    question = _table("question").c
    query = sa.select(question.key, question.gold_answers).where(question.key.in_(numbers))
    rows = session.connection().execute(query) if numbers else ()
    return numbers, {row[0]: list(row[1]) for row in rows}


def _extend(session: Session, golds: Mapping[str, list[str]]) -> None:
    """Write down all that counts as right on questions that are there."""
    question = _table("question")
    for key, answers in golds.items():
        changed = sa.update(question).where(question.c.key == key)
        session.connection().execute(changed, {"gold_answers": answers})


def _trace(id: int, one: Prepared, question_id: int, now: datetime) -> Row:
    record, mode = one.record, MODES[one.record.thinking_mode]
    details = dict(record.details) if record.details else NO_DETAILS
    return (id, record.external_id, question_id, record.model, mode, record.thinking, record.answer,
            one.content_hash, details, now)  # fmt: skip


def _segments(trace_id: int, spans: Sequence[tuple[int, int]]) -> list[Row]:
    return [(trace_id, position, start, end, "text") for position, (start, end) in enumerate(spans)]


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
