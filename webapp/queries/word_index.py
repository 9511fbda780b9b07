"""The index of words, as either store asks it: what holds some words, and how well it fits."""

from collections.abc import Sequence
from functools import reduce
from typing import Any

import sqlalchemy as sa

from store.words import Term, spaced

INDEX = sa.table("trace_text", sa.column("rowid", sa.Integer), sa.column("trace_id", sa.Integer),
                  sa.column("words"))  # fmt: skip
_whole: sa.ColumnElement[Any] = sa.literal_column("trace_text")


def key_of(dialect: str) -> sa.ColumnElement[int]:
    """The number of the trace."""
    return INDEX.c.rowid if dialect == "sqlite" else INDEX.c.trace_id


def holds(terms: Sequence[Term], dialect: str) -> sa.ColumnElement[bool]:
    """Whether a trace holds the words."""
    if dialect == "sqlite":
        return _whole.op("MATCH")(sa.literal(match_expression(terms)))
    return INDEX.c.words.op("@@")(_tsquery(terms))


def score_of(terms: Sequence[Term], dialect: str) -> sa.ColumnElement[float]:
    """The lower the better; the question weighs most, then the answer."""
    if dialect == "sqlite":
        return sa.func.bm25(_whole, 1.0, 4.0, 1.0, 2.0)
    return -sa.cast(sa.func.ts_rank(INDEX.c.words, _tsquery(terms)), sa.Double)


def match_expression(terms: Sequence[Term]) -> str:
    """The terms in the words of SQLite's index, all of them quoted: nothing in them is obeyed."""
    wanted = [_quoted(term) for term in terms if not term.excluded]
    unwanted = "".join(f" NOT {_quoted(term)}" for term in terms if term.excluded)
    return f"({' AND '.join(wanted)}){unwanted}"


def _quoted(term: Term) -> str:
    text = (spaced(term.text) or "").replace('"', " ").replace("\x00", " ")
    return f'"{text}"*' if term.begins else f'"{text}"'


def _tsquery(terms: Sequence[Term]) -> sa.ColumnElement[Any]:
    return reduce(lambda one, other: one.op("&&")(other), map(_phrase, terms))


def _phrase(term: Term) -> sa.ColumnElement[Any]:
    text = sa.func.search_text(term.text)
    found: sa.ColumnElement[Any] = sa.func.phraseto_tsquery(_SIMPLE, text)
    if term.begins:  # of no word at all nothing begins
        words = sa.func.nullif(sa.cast(found, sa.Text), "")
        found = sa.cast(words + ":*", _TSQUERY)
    return sa.func.tsquery_not(found) if term.excluded else found


class _TsQuery(sa.types.UserDefinedType[Any]):
    cache_ok = True

    def get_col_spec(self, **_: Any) -> str:
        return "tsquery"


_TSQUERY = _TsQuery()
_SIMPLE: sa.ColumnElement[Any] = sa.literal_column("'simple'::regconfig")
