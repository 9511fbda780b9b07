"""Traces as pages show them: a list by keyset, and one trace piece by piece."""

from collections import defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from store.errors import NotFound
from store.states import Polarity, RunKind, ThinkingMode
from store.tables import (
    AnnotatedStep,
    Category,
    ControlledLabel,
    LabelInstance,
    OpenLabel,
    Question,
    Segment,
    Trace,
    TracePair,
)
from webapp.queries.counts import newest_run

QUESTION_CHARACTERS = 300
SEARCHED_CHARACTERS = 100_000  # of a thinking part, for the excerpt
SEGMENTS_SHOWN = 200
SEGMENT_CHARACTERS = 20_000
ANSWER_CHARACTERS = 20_000
LOOKED_THROUGH = 200_000  # characters of a thinking part in which the gold is marked


@dataclass(frozen=True, slots=True)
class TraceRow:
    """A line of the list of traces."""

    id: int
    external_id: str
    question: str
    dataset: str | None
    model: str
    thinking_mode: ThinkingMode
    polarity: Polarity | None
    hit_gap: bool | None
    z_on: int | None
    thinking: str = ""
    answer: str = ""


@dataclass(frozen=True, slots=True)
class TraceHead:
    """A trace without its thinking."""

    id: int
    external_id: str
    model: str
    thinking_mode: ThinkingMode
    answer: str
    thinking_characters: int
    question: str
    gold_answers: Sequence[str]


@dataclass(frozen=True, slots=True)
class Pairing:
    """What the comparison with the other mode says."""

    other_id: int | None  # none where the other trace was not imported
    z_on: int
    z_off: int
    polarity: Polarity | None
    hit_gap: bool


@dataclass(frozen=True, slots=True)
class NamedLabel:
    """A label on a segment with its confidence; a macro-strategy where it is a controlled one."""

    name: str
    confidence: float
    macro_strategy: str | None = None


@dataclass(frozen=True, slots=True)
class SegmentText:
    """A piece of thinking, cut where it is too long to show."""

    position: int
    start: int
    end: int
    text: str
    hidden_characters: int
    open_labels: Sequence[NamedLabel]
    categories: Sequence[NamedLabel]


def list_traces(
    session: Session, trace_ids: Sequence[int], searched: bool = False
) -> list[TraceRow]:
    """The traces with these numbers in their order, with their texts where those were searched."""
    statement = _searched_rows() if searched else _rows()
    found = session.connection().execute(statement, {"traces": list(trace_ids)})
    rows = {row[0]: TraceRow(*row) for row in found}
    return [rows[number] for number in trace_ids if number in rows]


@cache
def _rows() -> sa.Select[*tuple[Any, ...]]:
    return (
        sa.select(
            col(Trace.id),
            col(Trace.external_id),
            sa.func.substr(col(Question.text), 1, QUESTION_CHARACTERS),
            col(Question.dataset),
            col(Trace.model),
            col(Trace.thinking_mode),
            col(TracePair.polarity),
            col(TracePair.hit_gap),
            col(TracePair.z_on),
        )
        .join(Question, col(Question.id) == col(Trace.question_id))
        .outerjoin(TracePair, col(TracePair.on_trace_id) == col(Trace.id))
        .where(col(Trace.id).in_(sa.bindparam("traces", expanding=True)))
    )


@cache
def _searched_rows() -> sa.Select[*tuple[Any, ...]]:
    return _rows().add_columns(
        sa.func.substr(col(Trace.thinking), 1, SEARCHED_CHARACTERS),
        sa.func.substr(col(Trace.answer), 1, ANSWER_CHARACTERS),
    )


def get_trace_head(session: Session, trace_id: int) -> TraceHead:
    """A trace with its question.

    Raises:
        NotFound: there is no such trace.
    """
    row = session.connection().execute(_head(), {"trace": trace_id}).first()
    if row is None:
        raise NotFound(f"expected a trace with number {trace_id}, found none; see the list")
    return TraceHead(*row)


# The statements below take longer to make than to run, so that each is made once.
@cache
def _head() -> sa.Select[*tuple[Any, ...]]:
    return (
        sa.select(
            col(Trace.id),
            col(Trace.external_id),
            col(Trace.model),
            col(Trace.thinking_mode),
            sa.func.substr(col(Trace.answer), 1, ANSWER_CHARACTERS),
            sa.func.length(col(Trace.thinking)),
            col(Question.text),
            col(Question.gold_answers),
        )
        .join(Question, col(Question.id) == col(Trace.question_id))
        .where(col(Trace.id) == sa.bindparam("trace"))
    )


def find_pairing(session: Session, trace_id: int) -> Pairing | None:
    """The pair that a trace belongs to, seen from it."""
    row = session.connection().execute(_pair(), {"trace": trace_id}).first()
    if row is None:
        return None
    return Pairing(row[1] if row[0] == trace_id else row[0], *row[2:])


@cache
def _pair() -> sa.Select[*tuple[Any, ...]]:
    trace: sa.BindParameter[int] = sa.bindparam("trace")
    own = (col(TracePair.on_trace_id) == trace) | (col(TracePair.off_trace_id) == trace)
    pair = sa.select(
        col(TracePair.on_trace_id),
        col(TracePair.off_trace_id),
        col(TracePair.z_on),
        col(TracePair.z_off),
        col(TracePair.polarity),
        col(TracePair.hit_gap),
    )
    return pair.where(own).order_by(col(TracePair.id)).limit(1)


def get_thinking(session: Session, trace_id: int) -> str:
    """The thinking of a trace, cut where it is too long to be looked through."""
    query = sa.select(sa.func.substr(col(Trace.thinking), 1, LOOKED_THROUGH))
    return str(session.execute(query.where(col(Trace.id) == trace_id)).scalar_one())


def list_segments(
    session: Session, trace_id: int, first: int, run_id: int | None = None, source: str = ""
) -> list[SegmentText]:
    """Up to a page of segments and one more, from position `first` on, with their labels.

    The categories are those that a source gave in an annotate run.
    """
    asked = {"trace": trace_id, "first": first}
    rows = session.connection().execute(_segments(), asked).all()
    labels = _open_labels(session, [row[0] for row in rows])
    said = {"trace": trace_id, "run": run_id, "source": source}
    categories = _categories(session, said, [row[1] for row in rows])
    return [
        SegmentText(
            row[1],
            row[2],
            row[3],
            row[4],
            max(0, row[3] - row[2] - SEGMENT_CHARACTERS),
            labels[row[0]],
            categories[row[1]],
        )
        for row in rows
    ]


@cache
def _segments() -> sa.Select[*tuple[Any, ...]]:
    length = col(Segment.end) - col(Segment.start)
    shown = sa.func.substr(
        col(Trace.thinking), col(Segment.start) + 1, _least(length, SEGMENT_CHARACTERS)
    )
    own = col(Segment.trace_id) == sa.bindparam("trace")
    return (
        sa.select(
            col(Segment.id), col(Segment.position), col(Segment.start), col(Segment.end), shown
        )
        .join(Trace, col(Trace.id) == col(Segment.trace_id))
        .where(own, col(Segment.position) >= sa.bindparam("first"))
        .order_by(col(Segment.position))
        .limit(SEGMENTS_SHOWN + 1)
    )


def _least(length: sa.ColumnElement[int], limit: int) -> sa.ColumnElement[int]:
    return sa.case((length < limit, length), else_=limit)


def _open_labels(
    session: Session, segment_ids: Sequence[int]
) -> defaultdict[int, list[NamedLabel]]:
    found: defaultdict[int, list[NamedLabel]] = defaultdict(list)
    rows = session.connection().execute(_labels_of(), {"segments": list(segment_ids)})
    for segment_id, name, confidence in rows:
        found[segment_id].append(NamedLabel(name, confidence))
    return found


@cache
def _labels_of() -> sa.Select[*tuple[Any, ...]]:
    return (
        sa.select(col(LabelInstance.segment_id), col(OpenLabel.text), col(LabelInstance.confidence))
        .join(OpenLabel, col(OpenLabel.id) == col(LabelInstance.open_label_id))
        .where(
            col(LabelInstance.segment_id).in_(sa.bindparam("segments", expanding=True)),
            col(LabelInstance.run_id) == newest_run(RunKind.LABEL),
        )
        .order_by(col(LabelInstance.confidence).desc(), col(LabelInstance.id))
    )


def _categories(
    session: Session, said: dict[str, Any], positions: Sequence[int]
) -> defaultdict[int, list[NamedLabel]]:
    found: defaultdict[int, list[NamedLabel]] = defaultdict(list)
    rows = session.connection().execute(_categories_of(), said)
    for first, end, *label in rows:
        for position in positions:
            if first <= position < end:
                found[position].append(NamedLabel(*label))
    return found


@cache
def _categories_of() -> sa.Select[*tuple[Any, ...]]:
    return (
        sa.select(
            col(AnnotatedStep.first_segment),
            col(AnnotatedStep.end_segment),
            col(Category.name),
            col(ControlledLabel.confidence),
            col(Category.macro_strategy),
        )
        .join(ControlledLabel, col(ControlledLabel.step_id) == col(AnnotatedStep.id))
        .join(Category, col(Category.id) == col(ControlledLabel.category_id))
        .where(
            col(AnnotatedStep.trace_id) == sa.bindparam("trace"),
            col(AnnotatedStep.run_id) == sa.bindparam("run"),
            col(AnnotatedStep.source) == sa.bindparam("source"),
        )
        .order_by(col(ControlledLabel.confidence).desc(), col(Category.position))
    )
