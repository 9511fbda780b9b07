"""Exports of Label Studio, Argilla and doccano are read as the tools write them."""

import json
from pathlib import Path
from typing import Any

import pytest

from annotator.exchange.aliases import Aliases
from annotator.exchange.given import Given
from annotator.exchange.label_files import read_label_file
from annotator.labeling.spans import Span
from annotator.labeling.steps import CategoryView
from annotator.traces.importing import BadLine
from annotator.traces.lines import UnreadableFile

TEXT = "First one.\n\nSecond."
SPAN = {"start": 0, "end": 10, "text": "First one.", "labels": ["Framing", "Recall"]}


def region(**value: Any) -> dict[str, Any]:
    """A region as Label Studio stores it."""
    return {"id": "x", "from_name": "label", "to_name": "text", "type": "labels",
            "value": {**SPAN, **value}}  # fmt: skip


def annotation(who: Any, *regions: dict[str, Any], **more: Any) -> dict[str, Any]:
    """An annotation of a task."""
    return {"id": 1, "completed_by": who, "result": list(regions), "was_cancelled": False,
            "ground_truth": False, "lead_time": 1.5, **more}  # fmt: skip


def task(*annotations: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A task of the JSON export."""
    return {"id": 7, "data": {"text": TEXT, "trace_id": "t1"}, "annotations": list(annotations),
            "predictions": [], "project": 3, **more}  # fmt: skip


def read(path: Path, document: Any, **options: Any) -> list[Given | BadLine]:
    """What a file with this document gives."""
    lines = isinstance(document, tuple)
    text = "\n".join(map(json.dumps, document)) if lines else json.dumps(document)
    path.write_text(text, "utf-8")
    return [given for _, given in read_label_file(path, **options)]


def test_label_studio_keeps_people_apart_and_takes_the_last_word_of_each(tmp_path: Path) -> None:
    """A region with two labels is two spans; a cancelled annotation says nothing."""
    people = [
        annotation(1, region(end=5, text="First")),
        annotation({"id": 2, "email": "bo@x.org"}, region()),
        annotation(1, region(labels=["Recall"])),
        annotation(3, region(), was_cancelled=True),
        annotation(9, created_username="cy@x.org, 9"),
    ]
    first, second, third = read(tmp_path / "ls.json", [task(*people)])
    assert isinstance(first, Given) and isinstance(second, Given) and isinstance(third, Given)
    assert (first.trace_id, first.text, first.person) == ("t1", TEXT, "1")
    assert first.spans == (Span(0, 10, "Recall", None, "First one."),)
    assert second.person == "bo@x.org" and [s.label for s in second.spans] == ["Framing", "Recall"]
    assert third.person == "cy@x.org" and third.spans == ()


def test_label_studios_predictions_are_taken_on_demand_only(tmp_path: Path) -> None:
    said = {"model_version": "m1", "score": 0.5, "result": [{**region(), "score": 0.8}]}
    document = [task(predictions=[said])]
    assert read(tmp_path / "ls.json", document) == []
    (found,) = read(tmp_path / "ls.json", document, predictions=True)
    assert isinstance(found, Given) and (found.agent, found.person) == ("m1", None)
    assert found.spans[0].confidence == pytest.approx(8.0)


def test_label_studios_small_export_is_read(tmp_path: Path) -> None:
    """JSON_MIN has the data's fields beside the control's name, one annotation a task."""
    small = {"text": TEXT, "trace_id": "t1", "id": 7, "label": [SPAN], "annotator": 4,
             "annotation_id": 12, "lead_time": 2.0}  # fmt: skip
    (found,) = read(tmp_path / "min.json", [small])
    assert isinstance(found, Given) and found.person == "4" and len(found.spans) == 2


ARGILLA_SPANS = [{"start": 0, "end": 10, "label": "framing"}]


@pytest.mark.parametrize(
    "answers",
    [
        {"responses": {"label": [{"value": ARGILLA_SPANS, "user_id": "u1"},
                                 {"value": [], "user_id": "u2"}]}},
        {"responses": [{"values": {"label": {"value": ARGILLA_SPANS}}, "user_id": "u1",
                        "status": "submitted"},
                       {"values": {"label": {"value": []}}, "user_id": "u2",
                        "status": "submitted"},
                       {"values": {"label": {"value": []}}, "user_id": "u3", "status": "draft"}]},
    ],
)  # fmt: skip
def test_argillas_records_are_read(tmp_path: Path, answers: dict[str, Any]) -> None:
    """By question or by person; a draft says nothing, an empty answer says that there is none."""
    record = {"id": "t1", "fields": {"text": TEXT}, "metadata": {}, "suggestions": {
        "label": {"value": ARGILLA_SPANS, "score": None, "agent": "m1"}}, **answers}  # fmt: skip
    one, two = read(tmp_path / "argilla.json", [record])
    assert isinstance(one, Given) and isinstance(two, Given)
    assert (one.trace_id, one.person, one.text) == ("t1", "u1", TEXT)
    assert one.spans == (Span(0, 10, "framing"),) and (two.person, two.spans) == ("u2", ())
    (suggested,) = read(tmp_path / "argilla.json", [record], predictions=True)
    assert isinstance(suggested, Given) and suggested.agent == "m1" and suggested.spans == one.spans


def test_argillas_table_has_columns_of_people(tmp_path: Path) -> None:
    row = {
        "id": "t1",
        "text": TEXT,
        "label.responses": [ARGILLA_SPANS, []],
        "label.responses.users": ["u1", "u2"],
        "label.responses.status": ["submitted", "draft"],
    }
    (found,) = read(tmp_path / "rows.jsonl", (row,))
    assert isinstance(found, Given) and found.person == "u1" and len(found.spans) == 1  # fmt: skip


@pytest.mark.parametrize(
    "labels",
    [
        {"label": [[0, 10, "framing"]]},
        {"labels": [[0, 10, "framing"]]},
        {"entities": [{"id": 3, "label": "framing", "start_offset": 0, "end_offset": 10}],
         "relations": []},
    ],
)  # fmt: skip
def test_doccanos_documents_are_read(tmp_path: Path, labels: dict[str, Any]) -> None:
    """Fields beside text and label are what was imported with the document."""
    (found,) = read(tmp_path / "d.jsonl", ({"id": 1, "text": TEXT, "trace_id": "t1", **labels},))
    assert isinstance(found, Given) and found.spans == (Span(0, 10, "framing"),)
    assert (found.trace_id, found.person) == ("t1", None)


def test_a_bad_item_is_named_and_the_others_are_read(tmp_path: Path) -> None:
    good = {"trace_id": "t1", "person": "anna", "steps": []}
    bad = [
        {"x": 1}, {"trace_id": "t1", "spans": 3}, {"trace_id": "t1", "spans": [[1, 2]]},
        {"trace_id": "t1", "spans": [{"start": -1, "end": 2, "label": "a"}]},
        {"trace_id": "t1", "spans": [{"start": 0, "end": 2, "label": " "}]},
        {"trace_id": "t1", "steps": [{"first_segment": "x"}]},
        {"trace_id": "t1", "steps": [{"first_segment": 0, "labels": [{"category": "a",
                                                                     "confidence": 11}]}]},
        {"text": TEXT, "label": [[0, 10]]}, task({"result": 3}), task(annotation(1, {"value": 3})),
        {"id": "t1", "fields": {}, "responses": {"label": [{"value": "x", "user_id": "u"}]}},
        {"trace_id": "a\x00", "steps": []},
    ]  # fmt: skip
    found = read(tmp_path / "own.jsonl", (good, *bad, good))
    assert [isinstance(each, Given) for each in found] == [True, *[False] * len(bad), True]
    assert all(isinstance(each, BadLine) and "expected" in each.reason for each in found[1:-1])
    assert isinstance(found[1], BadLine) and found[1].number == 2


def test_an_unknown_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UnreadableFile, match="expected a format of jsonl, label-studio"):
        read(tmp_path / "a.json", [], format="conll")


CATEGORIES = (
    CategoryView("self_verification", "Self verification", "", known_labels=("double-checking",)),
    CategoryView("retrieval", "Recall", "", known_labels=("recall of a fact", "shared")),
    CategoryView("analogy", "retrieval", "", known_labels=("shared",)),
)


def test_a_label_is_a_key_then_a_name_then_what_is_mapped_to_it() -> None:
    """Case and separators do not count; what means two categories means none."""
    aliases = Aliases(CATEGORIES, {"Fact Retrieval": "retrieval"})
    found = {label: aliases.find(label) for label in (
        "Self-Verification", "double checking", "RECALL", "retrieval", "shared", "x", "",
        "fact_retrieval")}  # fmt: skip
    assert list(found.values()) == [
        "self_verification", "self_verification", "retrieval", "retrieval", None, None, None,
        "retrieval",
    ]  # fmt: skip
    shown = aliases.shown(CATEGORIES)
    assert shown == {"self_verification": "Self verification", "retrieval": "Recall",
                     "analogy": "analogy"}  # fmt: skip
