"""Rows go in by the thousand as they would one by one."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlmodel import select

from store.bulk import VARIABLES, Row, find_rows, insert_rows
from store.engine import reading, transaction
from store.metadata import utc_now
from store.states import ThinkingMode
from store.tables import Question, Trace
from store.traces import TRACE_COLUMNS


def test_more_rows_than_a_statement_takes_all_go_in(engine: sa.Engine) -> None:
    """Each is there once, and what was asked back belongs to it."""
    count = VARIABLES // 2 + 3
    rows: list[Row] = [(f"key {number}", f"text {number}", []) for number in range(count)]
    with transaction(engine) as session:
        columns = ("key", "text", "gold_answers")
        ids: dict[str, int] = dict(insert_rows(session, "question", columns, rows, ("key", "id")))
    assert len(ids) == len(set(ids.values())) == count
    with reading(engine) as session:
        asked = [f"key {number}" for number in (0, 7, count - 1)] + ["no such key"]
        found = find_rows(session, "question", ("key", "id", "text"), "key", asked)
    assert sorted(found) == sorted((key, ids[key], f"text {key[4:]}") for key in asked[:-1])


@pytest.mark.parametrize("hostile", ["%s", "?", "a'); DROP TABLE trace; --", '☃ \\ " %(x)s'])
def test_values_arrive_as_the_models_give_them(engine: sa.Engine, hostile: str) -> None:
    """Members, documents, moments and hostile text: as the model reads them."""
    now = utc_now() - timedelta(days=1)
    with transaction(engine) as session:
        session.add(Question(id=1, key="k", text="q", gold_answers=["a"]))
        session.flush()
        row = (hostile, 1, "m", ThinkingMode.OFF, hostile, hostile, "h", {hostile: [1]}, now)
        assert insert_rows(session, "trace", TRACE_COLUMNS, [row]) == []
    with reading(engine) as session:
        trace = session.exec(select(Trace)).one()
    assert (trace.external_id, trace.thinking, trace.answer) == (hostile, hostile, hostile)
    assert (trace.thinking_mode, trace.details) == (ThinkingMode.OFF, {hostile: [1]})
    assert trace.created_at == now


def test_no_rows_are_no_statement(engine: sa.Engine) -> None:
    """Nothing to insert or to find is nothing."""
    with transaction(engine) as session:
        assert insert_rows(session, "question", ("key",), [], ("id",)) == []
        assert find_rows(session, "question", ("id",), "key", []) == []
