"""Which traces a search and its filters find, by relevance or by number, a page at a time."""

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col

from store.states import Polarity, ThinkingMode
from store.tables import AnnotatedStep, ControlledLabel, Question, Trace, TracePair
from store.words import Term
from webapp.queries.word_index import INDEX, holds, key_of, score_of

PAGE_ROWS = 30
COUNTED_AT_MOST = 10_000  # where no words are searched
FEW = 1_000  # so many traces are asked for their labels sooner than a category for its traces
RANKED_AT_MOST = 3_000  # a word that more traces hold says little about any of them


class Outcome(StrEnum):
    """What became of the gold answer: EM_a, the hit gap EM_t ∧ ¬EM_a, or neither."""

    RIGHT = "right"
    GAP = "gap"
    MISSED = "missed"


@dataclass(frozen=True, slots=True)
class Wanted:
    """What traces are looked for; every filter that is given must hold."""

    terms: tuple[Term, ...] = ()
    polarity: Polarity | None = None
    outcome: Outcome | None = None
    mode: ThinkingMode | None = None
    model: str = ""
    dataset: str = ""
    run_id: int | None = None  # whose labels `source` and `category_id` are about
    source: str = ""
    category_id: int | None = None
    ranked: bool = True


@dataclass(frozen=True, slots=True)
class Cursor:
    """The last trace of a page, after which the next one begins."""

    trace_id: int
    score: float = 0.0

    def __str__(self) -> str:
        """As an address holds it."""
        return f"{self.trace_id}~{self.score!r}"


@dataclass(frozen=True, slots=True)
class Found:
    """A page of what was found; `total` is None where there are more than `most`."""

    cursors: Sequence[Cursor]
    total: int | None
    ranked: bool
    more: bool
    most: int = COUNTED_AT_MOST


NOTHING = Found((), 0, ranked=False, more=False)


def read_cursor(text: str) -> Cursor | None:
    """The cursor of an address; None where it holds none."""
    number, _, score = text.partition("~")
    try:
        found = Cursor(int(number[:20]), float(score[:40] or 0))
    except ValueError:
        return None
    return found if 0 < found.trace_id < 2**31 else None


def find_traces(session: Session, wanted: Wanted, after: Cursor | None) -> Found:
    """A page of the traces that are wanted, from behind a cursor on."""
    connection = session.connection()
    holders = _count_holders(connection, wanted.terms) if wanted.terms else None
    ranked = wanted.ranked and holders is not None and holders <= RANKED_AT_MOST
    few = holders is not None and holders <= FEW
    key, score, matches = _matches(wanted, connection.dialect.name, ranked=ranked, few=few)
    if score is not None:
        return _by_relevance(connection, matches.with_only_columns(score, key), after)
    if holders is None:
        return _by_number(connection, key, matches, after)
    if _narrows(wanted):
        return _of_holders(connection, key, matches, after)
    return _holding(connection, wanted.terms, holders, after)


def _narrows(wanted: Wanted) -> bool:
    """Whether anything but words is asked for."""
    return replace(wanted, terms=(), ranked=True, run_id=None) != Wanted()


def _holding(
    connection: sa.Connection, terms: Sequence[Term], holders: int, after: Cursor | None
) -> Found:
    """A page of what holds the words, in the order of the index, which is that of the numbers."""
    key = key_of(connection.dialect.name)
    query = sa.select(key).select_from(INDEX).where(holds(terms, connection.dialect.name))
    query = query.where(key > (after.trace_id if after else 0)).order_by(key).limit(PAGE_ROWS + 1)
    rows = [Cursor(int(row[0])) for row in connection.execute(query)]
    return _found(rows, holders, ranked=False, most=RANKED_AT_MOST)


def _of_holders(
    connection: sa.Connection, key: sa.ColumnElement[int], matches: sa.Select[Any],
    after: Cursor | None,
) -> Found:  # fmt: skip
    """The same of those that further filters leave, which are looked through once."""
    query = matches.with_only_columns(key).order_by(key).limit(COUNTED_AT_MOST + 1)
    numbers = [int(row[0]) for row in connection.execute(query)]
    if len(numbers) > COUNTED_AT_MOST:
        return _by_number(connection, key, matches, after)
    at = bisect_right(numbers, after.trace_id if after else 0)
    rows = [Cursor(number) for number in numbers[at : at + PAGE_ROWS + 1]]
    return _found(rows, len(numbers), ranked=False)


def _by_number(
    connection: sa.Connection, key: sa.ColumnElement[int], matches: sa.Select[Any],
    after: Cursor | None,
) -> Found:  # fmt: skip
    """A page in the order of their numbers, and a count that ends where it would take too long."""
    counted = sa.select(sa.func.count()).select_from(
        matches.with_only_columns(key).limit(COUNTED_AT_MOST + 1).subquery()
    )
    total = connection.execute(counted).scalar_one()
    page = matches.with_only_columns(key).order_by(key).limit(PAGE_ROWS + 1)
    if after is not None:
        page = page.where(key > after.trace_id)
    rows = [Cursor(row[0]) for row in connection.execute(page)]
    return _found(rows, total, ranked=False)


def _by_relevance(
    connection: sa.Connection, query: sa.Select[*tuple[Any, ...]], after: Cursor | None
) -> Found:
    """All matches are scored, so that they are counted by the way."""
    scored = sorted((score, number) for score, number in connection.execute(query))
    later = [
        Cursor(number, score)
        for score, number in scored
        if after is None or (score, number) > (after.score, after.trace_id)
    ]
    return _found(later[: PAGE_ROWS + 1], len(scored), ranked=True)


def _found(rows: list[Cursor], counted: int, *, ranked: bool, most: int = COUNTED_AT_MOST) -> Found:
    total = counted if counted <= most else None
    return Found(rows[:PAGE_ROWS], total, ranked, more=len(rows) > PAGE_ROWS, most=most)


def _count_holders(connection: sa.Connection, terms: Sequence[Term]) -> int:
    """How many traces hold the words, up to the number from which on it makes no difference."""
    condition = holds(terms, connection.dialect.name)
    some = sa.select(sa.literal(1)).select_from(INDEX).where(condition)
    count = sa.select(sa.func.count()).select_from(some.limit(RANKED_AT_MOST + 1).subquery())
    return int(connection.execute(count).scalar_one())


Matches = tuple[sa.ColumnElement[int], sa.ColumnElement[float] | None, sa.Select[Any]]


def _matches(wanted: Wanted, dialect: str, *, ranked: bool, few: bool) -> Matches:
    """The number of a trace, its score, and all traces that are wanted.

    Tables that say nothing stay out. What holds the words is found first and once: a planner
    that knows nothing of an index of words asks it anew for every trace.
    """
    key: sa.ColumnElement[int] = sa.type_coerce(col(Trace.id), sa.Integer)
    query: sa.Select[Any] = sa.select(key)
    score = None
    if wanted.terms:
        words = _holders(wanted.terms, dialect, ranked=ranked)
        key, score = words.c.id, words.c.score if ranked else None
        query = sa.select(key).select_from(words)
        if wanted.mode or wanted.model or wanted.dataset:
            query = query.join(Trace, col(Trace.id) == key)
    if wanted.dataset:
        query = query.join(Question, col(Question.id) == col(Trace.question_id))
    if wanted.polarity or wanted.outcome:
        query = query.join(TracePair, col(TracePair.on_trace_id) == key)
    return key, score, query.where(*_conditions(wanted, key, few=few))


def _holders(terms: Sequence[Term], dialect: str, *, ranked: bool) -> sa.CTE:
    """The traces that hold the words, each with its score where they are ranked."""
    columns: list[Any] = [key_of(dialect).label("id")]
    columns += [score_of(terms, dialect).label("score")] if ranked else []
    holders = sa.select(*columns).where(holds(terms, dialect)).select_from(INDEX)
    return holders.cte("holders").prefix_with("MATERIALIZED")


def _conditions(
    wanted: Wanted, key: sa.ColumnElement[int], *, few: bool
) -> list[sa.ColumnElement[bool]]:
    found: list[sa.ColumnElement[bool]] = []
    if wanted.mode:
        found.append(col(Trace.thinking_mode) == wanted.mode)
    if wanted.model:
        found.append(col(Trace.model) == wanted.model)
    if wanted.dataset:
        found.append(col(Question.dataset) == wanted.dataset)
    if wanted.polarity:
        found.append(col(TracePair.polarity) == wanted.polarity)
    if wanted.outcome:
        found += _outcome(wanted.outcome)
    if wanted.run_id is not None and (wanted.source or wanted.category_id is not None):
        found.append(_is_labelled(wanted, key) if few else key.in_(_labelled(wanted)))
    return found


def _outcome(outcome: Outcome) -> list[sa.ColumnElement[bool]]:
    if outcome is Outcome.RIGHT:
        return [col(TracePair.z_on) == 1]
    gap = col(TracePair.hit_gap) == sa.true()
    return [col(TracePair.z_on) == 0, gap if outcome is Outcome.GAP else sa.not_(gap)]


# A planner without statistics picks the wrong index, so that each of the two statements below
# hides a number from the index that it must not take, by adding 0 to it.
def _labelled(wanted: Wanted) -> sa.Select[Any]:
    """The traces that a source labelled in a run: found by the category, if one is named."""
    if wanted.category_id is None:
        return sa.select(col(AnnotatedStep.trace_id)).where(
            col(AnnotatedStep.run_id) == wanted.run_id, col(AnnotatedStep.source) == wanted.source
        )
    steps = sa.select(col(AnnotatedStep.trace_id)).join(
        ControlledLabel, col(ControlledLabel.step_id) == col(AnnotatedStep.id)
    )
    own = col(ControlledLabel.category_id) == wanted.category_id
    return steps.where(own, _unindexed(AnnotatedStep.run_id) == wanted.run_id, *_source(wanted))


def _is_labelled(wanted: Wanted, key: sa.ColumnElement[int]) -> sa.ColumnElement[bool]:
    """Whether a source labelled the trace in a run: found by the trace."""
    steps = sa.select(sa.literal(1)).select_from(AnnotatedStep)
    steps = steps.where(
        col(AnnotatedStep.trace_id) == key,
        col(AnnotatedStep.run_id) == wanted.run_id,
        *_source(wanted),
    )
    if wanted.category_id is not None:
        steps = steps.join(ControlledLabel, col(ControlledLabel.step_id) == col(AnnotatedStep.id))
        steps = steps.where(_unindexed(ControlledLabel.category_id) == wanted.category_id)
    return steps.exists()


def _source(wanted: Wanted) -> list[sa.ColumnElement[bool]]:
    return [col(AnnotatedStep.source) == wanted.source] if wanted.source else []


def _unindexed(column: Any) -> sa.ColumnElement[int]:
    return sa.type_coerce(col(column), sa.Integer) + 0
