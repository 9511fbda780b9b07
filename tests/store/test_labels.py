"""Open labels fold to one key; instances are added once and counted."""

import pytest
import sqlalchemy as sa

from store.engine import reading, transaction
from store.errors import InvalidInput
from store.labels import add_instances, get_or_add_open_labels, label_key, list_inventory
from store.runs import start_run
from store.states import RunKind, ThinkingMode
from store.tables import Question, Segment, Trace


@pytest.mark.parametrize("text", ["Self-Verification", "self_verification", " self  verification "])
def test_spellings_fold(text: str) -> None:
    """Case, separators and spaces do not make another label."""
    assert label_key(text) == "self verification"


@pytest.mark.parametrize("text", ["", " - ", "x" * 201])
def test_a_label_needs_a_name_of_reasonable_length(text: str) -> None:
    """Nothing, or a page, is no label."""
    with pytest.raises(InvalidInput):
        label_key(text)


def segments(engine: sa.Engine) -> list[int]:
    """Three segments of one trace."""
    with transaction(engine) as session:
        question = Question(key="k", text="q", gold_answers=["a"])
        session.add(question)
        session.flush()
        trace = Trace(external_id="t", question_id=question.id, model="m", thinking="a\n\nb\n\nc",
                      thinking_mode=ThinkingMode.ON, answer="a", content_hash="h")  # fmt: skip
        session.add(trace)
        session.flush()
        rows = [
            Segment(trace_id=trace.id, position=n, start=3 * n, end=3 * n + 1) for n in range(3)
        ]
        session.add_all(rows)
        session.flush()
        return [row.id for row in rows]


def test_labels_and_instances_are_added_once(engine: sa.Engine) -> None:
    """A rerun of the same rows changes nothing; the inventory counts by falling frequency."""
    ids = segments(engine)
    run = start_run(engine, RunKind.LABEL)
    for _ in range(2):
        with transaction(engine) as session:
            check, recall, again = get_or_add_open_labels(
                session, [("Check", None), ("recall", "facts come back"), ("CHECK", "later")]
            )
            assert check == again
            add_instances(session, [
                {"run_id": run.id, "segment_id": s, "open_label_id": check, "step": 0,
                 "confidence": 8.0} for s in ids
            ] + [{"run_id": run.id, "segment_id": ids[0], "open_label_id": recall, "step": 0,
                  "confidence": 5.0}])  # fmt: skip
    with reading(engine) as session:
        rows = list_inventory(session, run.id)
    assert [(row.text, row.instances) for row in rows] == [("Check", 3), ("recall", 1)]
    assert rows[1].definition == "facts come back"
