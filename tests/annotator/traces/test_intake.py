"""An import adds what is new, once, and says what it left out."""

import json
from pathlib import Path

import pytest
import sqlalchemy as sa
from sqlmodel import col, select

from annotator.traces.intake import ImportOptions, import_file
from store.engine import reading
from store.errors import InvalidInput
from store.runs import list_runs
from store.states import RunStatus
from store.tables import Question, Segment, Trace
from store.traces import find_trace, iterate_traces

HOSTILE = '=HYPERLINK("http://x")<script>alert(1)</script>\u202e{{7*7}}'


def write(path: Path, *records: dict[str, object]) -> Path:
    """A file of records, a line each."""
    path.write_text("".join(json.dumps(record) + "\n" for record in records), "utf-8")
    return path


def record(number: int, **changes: object) -> dict[str, object]:
    """A trace of its own question."""
    return {"id": f"t{number}", "question": f"Question {number}?", "gold_answers": ["Paris"],
            "thinking": "One.\n\nTwo.", "answer": "Paris", "model": "m", **changes}  # fmt: skip


def test_the_same_file_twice_adds_nothing(engine: sa.Engine, tmp_path: Path) -> None:
    """The second import finds every trace there already."""
    path = write(tmp_path / "a.jsonl", *(record(n) for n in range(5)))
    assert import_file(engine, path, ImportOptions()).added.traces == 5
    again = import_file(engine, path, ImportOptions()).added
    assert (again.traces, again.already, again.segments) == (0, 5, 0)
    with reading(engine) as session:
        assert len(session.exec(select(col(Segment.id))).all()) == 10


def test_an_id_with_other_content_is_a_bad_line(engine: sa.Engine, tmp_path: Path) -> None:
    """Neither trace is overwritten; the second is named with its line."""
    path = write(tmp_path / "a.jsonl", record(1), record(2), record(1, answer="Rome"))
    report = import_file(engine, path, ImportOptions())
    assert report.added.traces == 2
    assert [line.number for line in report.first_bad] == [3]
    with reading(engine) as session:
        trace = find_trace(session, "t1")
        assert trace is not None and trace.answer == "Paris"


def test_hostile_text_comes_back_as_it_went_in(engine: sa.Engine, tmp_path: Path) -> None:
    """Markup and formulas are data: stored and read back unchanged in every field."""
    fields = dict.fromkeys(("id", "question", "thinking", "answer", "model", "source"), HOSTILE)
    import_file(engine, write(tmp_path / "a.jsonl", record(1, **fields)), ImportOptions())
    with reading(engine) as session:
        trace = find_trace(session, HOSTILE)
        assert trace is not None and trace.thinking == HOSTILE and trace.model == HOSTILE


def test_questions_are_shared_and_gain_aliases(engine: sa.Engine, tmp_path: Path) -> None:
    """Two traces of one question make one row, which knows both golds."""
    path = write(
        tmp_path / "a.jsonl",
        record(1),
        record(2, question="question  1?", gold_answers=["Paris", "Lutetia"]),
    )
    import_file(engine, path, ImportOptions())
    with reading(engine) as session:
        (question,) = session.exec(select(Question)).all()
        assert question.gold_answers == ["Paris", "Lutetia"]


def test_a_file_of_bad_lines_fails_and_says_why(engine: sa.Engine, tmp_path: Path) -> None:
    """The run is marked as failed with the first reason."""
    path = write(tmp_path / "a.jsonl", record(1, thinking_mode="on", thinking=""))
    with pytest.raises(InvalidInput, match="line 1: expected thinking"):
        import_file(engine, path, ImportOptions())
    with reading(engine) as session:
        assert list_runs(session)[0].status is RunStatus.FAILED


def test_one_model_can_be_taken(engine: sa.Engine, tmp_path: Path) -> None:
    """Traces of other models are counted and left out."""
    path = write(tmp_path / "a.jsonl", record(1), record(2, model="other"))
    report = import_file(engine, path, ImportOptions(model="other"))
    assert (report.added.traces, report.other_model) == (1, 1)


def test_traces_are_read_in_batches(engine: sa.Engine, tmp_path: Path) -> None:
    """Every trace comes once, with its segments in order."""
    import_file(engine, write(tmp_path / "a.jsonl", *map(record, range(7))), ImportOptions())
    with reading(engine) as session:
        batches = list(iterate_traces(session, batch=3))
        count = session.exec(select(sa.func.count()).select_from(Trace)).one()
    assert [len(batch) for batch in batches] == [3, 3, 1] and count == 7
    assert all([s.position for s in segments] == [0, 1] for b in batches for _, _, segments in b)
