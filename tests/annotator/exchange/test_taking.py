"""Labels go out to tools and come back as rows: whole or not at all, each person apart."""

import csv
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import sqlalchemy as sa
from sqlmodel import select

from annotator.exchange.handing import HandOptions, cell, hand_out
from annotator.exchange.taking import TakeOptions, TakeReport, take_labels
from annotator.labeling.run import Vocabulary, load_vocabulary
from store.annotations import StepRow, add_steps, list_label_sets, list_sources
from store.engine import get_engine, reading, transaction
from store.errors import InvalidInput
from store.runs import PEOPLE, find_latest_run, get_run, list_runs
from store.states import Role, RunKind, RunStatus
from store.tables import AnnotatedStep
from taxonomy.versions.lifecycle import approve, create_draft, freeze, submit
from tests.builders import add_person, add_question, add_run, add_trace

HOSTILE = '=HYPERLINK("http://x")<script>alert(1)</script>💩\x1b[31m & "\u202e\n\n'
PIECES = ("First, frame it.\n\n", HOSTILE, "I recall it 💩.\n\n", "So it is clear.")
STEPS = (
    StepRow(0, 1, (("framing", 9.0), ("retrieval", 6.5))),
    StepRow(1, 3, (("chaining", 8.0),)),
    StepRow(3, 4, ()),
)


@pytest.fixture
def engine(sqlite_url: str) -> Iterator[sa.Engine]:
    """One store; the commands' tests go through both."""
    engine = get_engine(sqlite_url)
    yield engine
    engine.dispose()


@pytest.fixture
def vocabulary(engine: sa.Engine) -> Vocabulary:
    """A frozen version over two traces, which one run annotated."""
    with transaction(engine) as session:
        version = create_draft(session, "v1", preset="mr-align-15")
        for move in (submit, approve, freeze):
            move(session, version.id, person=None, reason="test")
    frozen = load_vocabulary(engine)
    with transaction(engine) as session:
        add_person(session, "anna", Role.ANNOTATOR)
        run = add_run(session, RunKind.ANNOTATE, model="m",
                      parameters={"version_id": version.id, "taxonomy": "v1"})  # fmt: skip
        for name in ("t1", "../../t2"):
            question = add_question(session, f"Question of {name} {HOSTILE}")
            pieces = PIECES if name == "t1" else PIECES[2:]
            trace, _ = add_trace(session, question, pieces, external_id=name)
            steps = STEPS if name == "t1" else (StepRow(0, 2, (("analogy", 7.0),)),)
            add_steps(session, run.id, trace.id, "consensus", steps, frozen.ids)
    return frozen


def write(path: Path, document: Any) -> Path:
    """A file with a document, or with a line each of several."""
    lines = document if isinstance(document, tuple) else (document,)
    path.write_text("\n".join(map(json.dumps, lines)), "utf-8")
    return path


def own(trace: str, person: str | None, *labels: str, **more: Any) -> dict[str, Any]:
    """A line of ours: these labels on the first segment."""
    steps = [{"first_segment": 0, "labels": list(labels)}]
    return {"trace_id": trace, "person": person, "steps": steps, **more}


def kept(engine: sa.Engine, run_id: int, source: str) -> dict[int, list[StepRow]]:
    """The labelled steps of a source by trace."""
    with reading(engine) as session:
        rows = dict(list_label_sets(session, run_id, source))
    return {trace: [row for row in steps if row.labels] for trace, steps in rows.items()}


def sure_of(steps: dict[int, list[StepRow]], confidence: float | None) -> Any:
    """The steps with every confidence replaced, where a format has none."""
    if confidence is None:
        return steps
    return {
        trace: [(s.first, s.end, {key for key, _ in s.labels}) for s in rows]
        for trace, rows in steps.items()
    }


@pytest.mark.parametrize("format", ["jsonl", "label-studio", "argilla", "doccano"])
def test_what_went_out_comes_back_the_same(
    engine: sa.Engine, vocabulary: Vocabulary, tmp_path: Path, format: str
) -> None:
    """Every tool's file, hostile text and emojis in it, gives the labels of every step back."""
    out = tmp_path / "out.json"
    report = hand_out(engine, out, vocabulary, HandOptions(format, run_id=1))
    assert (report.traces, report.labels) == (2, 4)
    taken = take_labels(engine, out, vocabulary, TakeOptions(predictions=True))
    assert (taken.bad_lines, taken.unknown, dict(taken.traces)) == (0, {}, {"consensus": 2})
    confidence = 10.0 if format in ("argilla", "doccano") else None
    expected, back = kept(engine, 1, "consensus"), kept(engine, taken.run_id, "consensus")
    assert sure_of(back, confidence) == sure_of(expected, confidence)


def test_what_a_person_accepts_in_label_studio_is_that_persons(
    engine: sa.Engine, vocabulary: Vocabulary, tmp_path: Path
) -> None:
    """The tool copies a prediction's regions into an annotation; who signs in here is linked."""
    out = tmp_path / "tasks.json"
    hand_out(engine, out, vocabulary, HandOptions(run_id=1))
    tasks = json.loads(out.read_text("utf-8"))
    for number, task in enumerate(tasks):
        regions = [
            {**region, "origin": "prediction"} for region in task["predictions"][0]["result"]
        ]
        done = {"result": regions, "completed_by": {"id": 5, "email": "a@x"}, "id": number}
        task.update(id=number, annotations=[done, {"result": [], "completed_by": 6}])
    path = write(tmp_path / "export.json", tasks)
    report = take_labels(engine, path, vocabulary, TakeOptions(names={"a@x": "anna"}))
    assert dict(report.traces) == {"person:anna": 2, "person:6": 2}
    assert report.labels["person:6"] == 0
    with reading(engine) as session:
        assert list_sources(session, report.run_id) == ["person:6", "person:anna"]
        rows = session.exec(select(AnnotatedStep).where(AnnotatedStep.run_id == report.run_id))
        linked = {row.source: row.person_id for row in rows}
    assert linked == {"person:6": None, "person:anna": 1}
    assert sure_of(kept(engine, report.run_id, "person:anna"), 10.0) == sure_of(
        kept(engine, 1, "consensus"), 10.0
    )


def take(engine: sa.Engine, path: Path, vocabulary: Vocabulary, **options: Any) -> TakeReport:
    """Take a file over."""
    return take_labels(engine, path, vocabulary, TakeOptions(**options))


def test_the_same_file_again_adds_nothing(
    engine: sa.Engine, vocabulary: Vocabulary, tmp_path: Path
) -> None:
    path = write(tmp_path / "a.jsonl", (own("t1", "anna", "framing"), own("t1", "bo", "chaining")))
    first, again = (take(engine, path, vocabulary) for _ in range(2))
    assert first == again
    assert [len(kept(engine, first.run_id, f"person:{who}")) for who in ("anna", "bo")] == [1, 1]
    with reading(engine) as session:
        assert len(list_runs(session, RunKind.ANNOTATE)) == 2


def test_peoples_labels_are_never_taken_for_the_newest_run(
    engine: sa.Engine, vocabulary: Vocabulary, tmp_path: Path
) -> None:
    """They have no consensus that an export could build on."""
    report = take(engine, write(tmp_path / "a", own("t1", "anna", "framing")), vocabulary)
    with reading(engine) as session:
        run = get_run(session, report.run_id)
        newest = find_latest_run(session, RunKind.ANNOTATE)
    assert (run.model, run.status) == (PEOPLE, RunStatus.SUCCEEDED)
    assert newest is not None and newest.id != run.id


def test_unknown_labels_stop_the_whole_file(
    engine: sa.Engine, vocabulary: Vocabulary, tmp_path: Path
) -> None:
    """All of them are listed and nothing is written; they can be named or left out."""
    path = write(tmp_path / "a", (own("t1", "anna", "framing", "Magic"), own("t1", "bo", "Spell")))
    with pytest.raises(InvalidInput, match=r"2 others: 'Magic' \(1\), 'Spell' \(1\)"):
        take(engine, path, vocabulary)
    with reading(engine) as session:
        (failed, *_) = list_runs(session, RunKind.ANNOTATE)
        assert failed.status is RunStatus.FAILED and not list_sources(session, failed.id)
    skipped = take(engine, path, vocabulary, skip_unknown=True)
    assert skipped.unknown.total() == 2 and skipped.labels.total() == 1
    named = take(engine, path, vocabulary, labels={"magic": "analogy", "Spell": "chaining"})
    assert named.unknown.total() == 0 and named.labels.total() == 3
    with pytest.raises(InvalidInput, match="keys of categories, got nope"):
        take(engine, path, vocabulary, labels={"Magic": "nope"})


def test_lines_that_fit_no_trace_are_named_and_the_rest_goes_in(
    engine: sa.Engine, vocabulary: Vocabulary, tmp_path: Path
) -> None:
    lines = (
        own("t1", "anna", "framing"),
        own("nobody", "anna", "framing"),
        own("t1", None, "framing"),
        own("t1", "x" * 58, "framing"),
        own("t1", "an\x1b[31mna", "framing"),
        {"trace_id": "t1", "person": "bo", "spans": [[0, 9**9, "framing"]]},
        {"trace_id": "t1", "person": "bo", "text": "another", "spans": []},
        {"trace_id": "t1", "person": "bo", "steps": [{"first_segment": 4, "labels": []}]},
        {"trace_id": "t1", "person": "bo", "steps": [{"first_segment": 0, "end_segment": 2},
                                                     {"first_segment": 1}]},
    )  # fmt: skip
    report = take(engine, write(tmp_path / "a", lines), vocabulary)
    assert [line.number for line in report.first_bad] == list(range(2, 10))
    assert all("expected" in line.reason for line in report.first_bad)
    assert dict(report.traces) == {"person:anna": 1}
    with reading(engine) as session:
        assert get_run(session, report.run_id).status is RunStatus.PARTIAL
    with pytest.raises(InvalidInput, match="got none; line 1: expected a trace"):
        take(engine, write(tmp_path / "b", own("nobody", "anna")), vocabulary)


def test_a_text_without_a_name_is_known_by_what_it_says(
    engine: sa.Engine, vocabulary: Vocabulary, tmp_path: Path
) -> None:
    """Tasks that were made elsewhere carry no id of ours."""
    document = {"text": "".join(PIECES), "label": [[0, 16, "Framing"]]}
    report = take(engine, write(tmp_path / "d", document), vocabulary, person="anna")
    assert dict(report.traces) == {"person:anna": 1} and report.bad_lines == 0
    ((steps),) = kept(engine, report.run_id, "person:anna").values()
    assert [(step.first, step.end, step.labels) for step in steps] == [(0, 1, (("framing", 10.0),))]


def test_the_last_line_of_a_person_on_a_trace_counts(
    engine: sa.Engine, vocabulary: Vocabulary, tmp_path: Path
) -> None:
    """Three labels are two, the surest ones."""
    sure = [{"category": key, "confidence": n} for key, n in
            (("framing", 3), ("analogy", 9), ("chaining", 5))]  # fmt: skip
    last = {"trace_id": "t1", "person": "anna", "steps": [{"first_segment": 2, "labels": sure}]}
    path = write(tmp_path / "a", (own("t1", "anna", "framing"), last))
    report = take(engine, path, vocabulary)
    assert dict(report.traces) == {"person:anna": 1} and report.crowded_out == 1
    (steps,) = kept(engine, report.run_id, "person:anna").values()
    assert [(s.first, s.labels) for s in steps] == [(2, (("analogy", 9.0), ("chaining", 5.0)))]


def test_a_table_holds_no_formula(
    engine: sa.Engine, vocabulary: Vocabulary, tmp_path: Path
) -> None:
    """A spreadsheet shows what a trace says, and never computes it."""
    out = tmp_path / "out.csv"
    hand_out(engine, out, vocabulary, HandOptions("csv", run_id=1))
    with out.open(newline="", encoding="utf-8") as file:
        rows = list(csv.DictReader(file))
    assert [row["labels"] for row in rows] == ["framing retrieval", "chaining", "", "analogy"]
    assert rows[1]["text"].startswith("'=HYPERLINK") and rows[1]["confidences"] == "8"
    assert [cell(text)[0] for text in ("=1", "+1", "-1", "@x", "\tx", "＝1")] == ["'"] * 6
    assert cell("plain") == "plain"


def test_the_tools_learn_the_categories(
    engine: sa.Engine, vocabulary: Vocabulary, tmp_path: Path
) -> None:
    """Label Studio by a config, Argilla by settings, doccano by label types; names are escaped."""
    files = {}
    for format in ("label-studio", "argilla", "doccano"):
        report = hand_out(engine, tmp_path / format, vocabulary, HandOptions(format, None))
        assert (report.traces, report.labels) == (2, 0)
        files[format] = report.files[1].read_text("utf-8")
    labels = ElementTree.fromstring(files["label-studio"]).findall(".//Label")
    assert len(labels) == 15 and labels[0].get("hint")
    (question,) = json.loads(files["argilla"])["questions"]
    assert question["settings"]["type"] == "span" and len(question["settings"]["options"]) == 15
    assert len({each["text"] for each in json.loads(files["doccano"])}) == 15
    assert "predictions" not in json.loads((tmp_path / "label-studio").read_text("utf-8"))[0]


def test_nothing_is_overwritten_and_nothing_left_half_written(
    engine: sa.Engine, vocabulary: Vocabulary, tmp_path: Path
) -> None:
    out = tmp_path / "out.json"
    for options, reason in (
        (HandOptions("xlsx"), "expected a format of"),
        (HandOptions(run_id=1, source="person:x"), "which has consensus; got person:x"),
    ):
        with pytest.raises(InvalidInput, match=reason):
            hand_out(engine, out, vocabulary, options)
    assert not list(tmp_path.glob("*out*"))
    hand_out(engine, out, vocabulary, HandOptions("jsonl"))
    with pytest.raises(InvalidInput, match="which is there; name another"):
        hand_out(engine, out, vocabulary, HandOptions("jsonl"))
    with pytest.raises(InvalidInput, match="cannot write"):
        hand_out(engine, tmp_path / "no" / "out", vocabulary, HandOptions("jsonl"))


def test_a_megabyte_of_one_trace_is_labelled(
    engine: sa.Engine, vocabulary: Vocabulary, tmp_path: Path
) -> None:
    """Two thousand steps of a hostile trace, in one line of a file."""
    piece = "<b>=1+1</b> 💩 " + "x" * 500
    pieces = [f"{piece}\n\n"] * 2_000
    with transaction(engine) as session:
        add_trace(session, add_question(session, "long"), pieces, external_id="long")
    size = len(piece) + 2
    spans = [[n * size, n * size + len(piece), "framing"] for n in range(2_000)]
    line = {"text": "".join(pieces), "label": spans, "trace_id": "long"}
    report = take(engine, write(tmp_path / "big", line), vocabulary, person="anna")
    assert report.labels["person:anna"] == 2_000 and report.bad_lines == 0
    out = tmp_path / "big.json"
    options = HandOptions("label-studio", run_id=report.run_id, source="person:anna")
    assert hand_out(engine, out, vocabulary, options).labels == 2_000
