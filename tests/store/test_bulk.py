"""Rows go in by the thousand as they would one by one."""

from datetime import timedelta

import pytest
import sqlalchemy as sa
from sqlmodel import select

from store.bulk import VARIABLES, Row, find_rows, insert_rows, take_ids
from store.engine import reading, transaction
from store.metadata import utc_now
from store.states import ThinkingMode
from store.tables import Question, Trace
from store.traces import TRACE_COLUMNS


def test_more_rows_than_a_statement_takes_all_go_in(engine: sa.Engine) -> None:
    """Each is there once, under the number that was taken for it."""
    count = VARIABLES // 2 + 3
    with transaction(engine) as session:
        ids = take_ids(session, "question", count)
        rows: list[Row] = [(id, f"key {at}", f"text {at}", []) for at, id in enumerate(ids)]
        insert_rows(session, "question", ("id", "key", "text", "gold_answers"), rows)
    with reading(engine) as session:
        asked = [f"key {at}" for at in (0, 7, count - 1)] + ["no such key"]
        found = find_rows(session, "question", ("key", "id", "text"), "key", asked)
    expected = [(f"key {at}", ids[at], f"text {at}") for at in (0, 7, count - 1)]
    assert sorted(found) == sorted(expected)


def test_ids_that_were_taken_are_nobody_elses(engine: sa.Engine) -> None:
    """They rise, follow what is there, and the next row that names none gets another."""
    with transaction(engine) as session:
        first = Question(key="first", text="q", gold_answers=[])
        session.add(first)
        session.flush()
        ids = take_ids(session, "question", 3)
        rows: list[Row] = [(id, f"key {id}", "q", []) for id in ids]
        insert_rows(session, "question", ("id", "key", "text", "gold_answers"), rows)
        later = Question(key="later", text="q", gold_answers=[])
        session.add(later)
        session.flush()
        assert len({first.id, *ids, later.id}) == 5
        assert ids == sorted(ids)
        assert take_ids(session, "question", 0) == []


@pytest.mark.parametrize("hostile", ["%s", "?", "a'); DROP TABLE trace; --", '☃ \\ " %(x)s'])
def test_values_arrive_as_the_models_give_them(engine: sa.Engine, hostile: str) -> None:
    """Members, documents, moments and hostile text: as the model reads them."""
    now = utc_now() - timedelta(days=1)
    with transaction(engine) as session:
        session.add(Question(id=1, key="k", text="q", gold_answers=["a"]))
        session.flush()
        row = (7, hostile, 1, "m", ThinkingMode.OFF, hostile, hostile, "h", {hostile: [1]}, now)
        insert_rows(session, "trace", TRACE_COLUMNS, [row])
    with reading(engine) as session:
        trace = session.exec(select(Trace)).one()
    assert (trace.external_id, trace.thinking, trace.answer) == (hostile, hostile, hostile)
    assert (trace.thinking_mode, trace.details) == (ThinkingMode.OFF, {hostile: [1]})
    assert trace.created_at == now


def test_no_rows_are_no_statement(engine: sa.Engine) -> None:
    """Nothing to insert or to find is nothing."""
    with transaction(engine) as session:
        insert_rows(session, "question", ("key",), [])
        assert find_rows(session, "question", ("id",), "key", []) == []
