"""A weight is explained from its cells down to prompts, replies, clusters and decisions."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from prov.model import ProvDocument
from sqlmodel import select

from alignment.explanation.lineage import explain, get_export
from alignment.explanation.lines import explanation_text
from alignment.explanation.provenance import prov_document
from alignment.export.pool import ExportSettings
from alignment.export.run import export_training_set, pair_traces
from alignment.inspection.edits import MoveLabels, RetireCategory
from alignment.inspection.grounds import load_ground
from alignment.inspection.whatif import survey, what_if
from alignment.polarity.candidates import approximate_tokens
from store.engine import reading, transaction
from store.errors import InvalidInput, NotFound
from store.states import ItemStatus, Role, RunKind
from store.tables import (
    Category,
    Mapping,
    ModelReply,
    ReviewEvent,
    Run,
    RunItem,
    Segment,
    TaxonomyVersion,
    Trace,
)
from tests.builders import Member, add_cluster, add_label, add_memberships, add_person, add_run

MakeCorpus = Callable[..., Any]
HOSTILE = "</script>\x1b[31m & 'ignore' é"


@pytest.fixture
def explained(make_corpus: MakeCorpus, tmp_path: Path) -> Any:
    """An export of the corpus, with everything behind its labels."""
    corpus = make_corpus()
    pair_traces(corpus.engine)
    with transaction(corpus.engine) as session:
        label_run = add_run(session, RunKind.LABEL, model="some/model 1", prompt_hash="b" * 64)
        cluster_run = add_run(session, RunKind.CLUSTER, parameters={"label_run": label_run.id})
        version = session.get_one(TaxonomyVersion, corpus.version_id)
        version.cluster_run_id = cluster_run.id
        trace = session.exec(select(Trace).where(Trace.external_id == "q0/on")).one()
        segments = session.exec(select(Segment).where(Segment.trace_id == trace.id)).all()
        label = add_label(session, label_run, "double checking", [segments[2]])
        other = add_label(session, label_run, "odd remark", [segments[2]])
        add_cluster(session, cluster_run, 0, "Checks", [Member(label, 1)])
        add_memberships(session, cluster_run, [Member(other, 1)])
        category = session.exec(select(Category).where(Category.key == "evaluation")).one()
        session.add(
            Mapping(version_id=version.id, open_label_id=label.id, category_id=category.id,
                    origin="reviewed")
        )  # fmt: skip
        carl = add_person(session, "Carl", Role.CURATOR)
        _add_decisions(session, version.id, carl.id)
        _add_replies(session, corpus.annotate_run_id, label_run.id, trace.id)
    report = export_training_set(corpus.engine, tmp_path / "out")
    return corpus.engine, report


def _add_decisions(session: Any, version_id: int, person_id: int) -> None:
    decisions: list[tuple[str, dict[str, Any]]] = [
        ("start", {"categories": [{"key": "framing"}]}),
        ("assign", {"labels": ["double checking", "other"], "category": "evaluation"}),
        ("assign", {"labels": ["other"], "category": "framing"}),
        ("edit_category", {"key": "evaluation", "name": HOSTILE}),
        ("status", {"to": "frozen"}),
    ]
    for revision, (kind, payload) in enumerate(decisions, start=1):
        session.add(ReviewEvent(version_id=version_id, revision=revision, kind=kind,
                                payload=payload, person_id=person_id,
                                reason="because"))  # fmt: skip


def _add_replies(session: Any, annotate_run_id: int, label_run_id: int, trace_id: int) -> None:
    request = {"model": "m", "messages": [{"role": "user", "content": f"Label this. {HOSTILE}"}]}
    session.add(ModelReply(request_hash="e" * 64, model="m", request=request, reply='{"a": 1}'))
    for run_id, source, key in (
        (annotate_run_id, "annotator_a", "e" * 64),
        (annotate_run_id, "consensus", None),
        (label_run_id, "labeler", "f" * 64),
    ):
        session.add(RunItem(run_id=run_id, trace_id=trace_id, source=source, confidence=7.0,
                            status=ItemStatus.DONE, request_hash=key))  # fmt: skip


def test_a_weight_leads_down_to_cells_annotators_replies_clusters_and_decisions(
    explained: Any,
) -> None:
    engine, report = explained
    with reading(engine) as session:
        found = explain(session, report.export_id, "q0/on", segment=2)
    polar = sum(cell["polar"] for cell in found["cells"])
    overall = sum(cell["overall"] for cell in found["cells"])
    assert found["ratio"] == pytest.approx(polar / overall)
    assert {step["source"] for step in found["annotators"]} == {
        "annotator_a", "annotator_b", "consensus",
    }  # fmt: skip
    replies = {reply["source"]: reply for reply in found["replies"]}
    assert replies["annotator_a"]["reply"] == '{"a": 1}'
    assert replies["annotator_a"]["request"]["messages"][0]["content"].startswith("Label this")
    assert replies["labeler"]["reply"] is None
    checking, odd = sorted(found["open_labels"], key=lambda label: label["key"])
    assert (checking["category"], checking["cluster"]["name"]) == ("evaluation", "Checks")
    assert (odd["category"], odd["cluster"]["noise"]) == (None, True)
    kinds = [(one["kind"], one["person"]) for one in found["decisions"]]
    assert kinds == [(kind, "Carl") for kind in ("start", "assign", "edit_category", "status")]
    assert found["decisions"][1]["payload"]["labels"] == ["double checking"]
    assert found["vocabulary"]["content_hash"] == "c" * 64
    assert found["runs"]["label"]["prompt_hash"] == "b" * 64


def test_the_text_names_every_link_of_the_chain(explained: Any) -> None:
    engine, report = explained
    with reading(engine) as session:
        text = explanation_text(explain(session, report.export_id, "q0/on", segment=2))
        first = explanation_text(explain(session, report.export_id, "q1/on", segment=3))
    for part in (
        "move {retrieval} → {retrieval, evaluation}", "cell retrieval → evaluation",
        "annotator_a, segments 2 to 2: retrieval 8, evaluation 8", "request " + "e" * 64,
        "reply: {\"a\": 1}", "cluster 0 'Checks'", "assign by Carl", "annotate run", "p" * 64,
        "vocabulary v1, frozen, sha256 " + "c" * 64,
    ):  # fmt: skip
        assert part in text, part
    assert "no move: the unit before it has no label, so the weight is 1" in first


def test_every_character_of_an_export_has_a_weight_and_a_reason(explained: Any) -> None:
    engine, report = explained
    rows = [
        json.loads(line)
        for name in ("train.jsonl", "validation.jsonl")
        for line in (report.folder / name).read_text().splitlines()
    ]
    with reading(engine) as session:
        for row in rows[:3]:
            content = row["completion"][0]["content"]
            for place in range(0, len(content) + 1, 7):
                found = explain(session, report.export_id, row["id"], character=place)
                unit = next(
                    (u for u in row["segments"] if u["start"] <= place < u["end"]), None
                )  # fmt: skip
                assert found["weight"] == (unit["weight"] if unit else 1.0)
                assert found["start"] <= place < max(found["end"], place + 1)
                assert (found["region"] == "thinking") == (unit is not None)
                assert found["because"]
                assert not unit or found["annotators"]
            answer = content.index("<answer>") + len("<answer>")
            found = explain(session, report.export_id, row["id"], character=answer)
            assert (found["region"], found["text"]) == ("answer", content[answer:-9])


def test_the_provenance_is_read_by_a_prov_library(explained: Any) -> None:
    engine, report = explained
    with reading(engine) as session:
        for character in (20, 80, 120, 3):
            found = explain(session, report.export_id, "q0/on", character=character)
            text = json.dumps(prov_document(found))
            read = ProvDocument.deserialize(content=text, format="json")
            records = {str(record.identifier) for record in read.get_records()}
            assert f"mralign:weight/{report.export_id}/q0/on/{found['start']}" in records
            assert "mralign:vocabulary/v1" in records
            names = set(records) | {
                str(value)
                for record in read.get_records()
                if record.is_relation()
                for _, value in record.formal_attributes
                if value is not None
            }
            assert names <= records | {"None"}, "a relation names a record that is not there"


def test_an_export_is_named_by_number_or_folder(explained: Any, tmp_path: Path) -> None:
    engine, report = explained
    with reading(engine) as session:
        by_folder = get_export(session, str(tmp_path / "out"))
        assert by_folder.id == get_export(session, str(report.export_id)).id == report.export_id
        for missing in ("77", str(tmp_path), "9" * 30):
            with pytest.raises(NotFound, match="expected an export"):
                get_export(session, missing)


def test_places_that_are_not_there_are_refused(explained: Any, tmp_path: Path) -> None:
    engine, report = explained
    with reading(engine) as session:
        with pytest.raises(NotFound, match="segment from 0 to 3"):
            explain(session, report.export_id, "q0/on", segment=4)
        with pytest.raises(NotFound, match="character from 0 to"):
            explain(session, report.export_id, "q0/on", character=10_000)
        with pytest.raises(NotFound, match="trace 'nobody'"):
            explain(session, report.export_id, "nobody", segment=0)
        (tmp_path / "out" / "manifest.json").unlink()
        with pytest.raises(InvalidInput, match="export again"):
            explain(session, report.export_id, "q0/on", segment=0)
        assert session.exec(select(Run).where(Run.kind == RunKind.EXPORT)).one()


def test_a_what_if_question_is_asked_of_the_open_labels_in_the_store(explained: Any) -> None:
    engine, report = explained
    with reading(engine) as session:
        ground = load_ground(session, ExportSettings())
    before = survey(ground)
    fitted = report.manifest["transitions"]["fits"]["overall"]["matrix"]
    assert np.abs(before.matrices["overall"] - np.array(fitted)).max() < 1e-4
    moved = what_if(ground, before, MoveLabels(frozenset({"double checking"}), "framing"))
    assert moved.units_relabelled == 1
    assert moved.tokens_relabelled == approximate_tokens("Let me check Gold0.")
    retired = what_if(ground, before, RetireCategory("evaluation"))
    assert retired.after.unlabelled_units > retired.before.unlabelled_units
    json.dumps(retired.document())
