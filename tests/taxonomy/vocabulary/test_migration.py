"""Controlled labels go over to another version, or are queued to be given anew."""

from collections.abc import Mapping
from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import select

from store import annotations
from store.engine import reading, transaction
from store.errors import FrozenVersion, InvalidInput, NotFound
from store.items import list_pending, put_item
from store.runs import get_run
from store.states import ItemStatus, RunKind, RunStatus
from store.tables import RunItem
from store.taxonomies import get_version, list_categories
from taxonomy.events.state import CategoryText
from taxonomy.review.curation import AddCategory, Assign, Decision, RetireCategory, decide
from taxonomy.versions.carryover import carry_over
from taxonomy.versions.lifecycle import approve, create_draft, freeze, submit
from taxonomy.vocabulary.contents import MappedLabel, VersionContent
from taxonomy.vocabulary.migration import Plan, plan
from tests.builders import add_question, add_run, add_trace


def content(places: Mapping[str, str | None]) -> VersionContent:
    """A version with ten instances a label."""
    keys = sorted({key for key in places.values() if key})
    labels = (
        MappedLabel(n, key, key, category, "reviewed", None, 10)
        for n, (key, category) in enumerate(places.items())
    )
    return VersionContent(
        "v", tuple(CategoryText(key, key, "m", "d") for key in keys), tuple(labels), None
    )


def planned() -> Plan:
    """a was split into a and x, b merged into c, d retired without an heir."""
    before = {"a1": "a", "a2": "a", "b1": "b", "c1": "c", "d1": "d"}
    after = {"a1": "a", "a2": "x", "b1": "c", "c1": "c", "d1": None}
    return plan(content(before), content(after))


def test_what_went_one_way_is_certain() -> None:
    """Merged and unchanged categories have a target; split and retired ones have none."""
    targets = {key: fate.target for key, fate in planned().fates.items()}
    assert targets == {"a": None, "b": "c", "c": "c", "d": None}


def test_open_labels_settle_a_split() -> None:
    """If all that belonged to the category went one way; others do not count."""
    found = planned()
    assert found.translate((("a", 7.0),), lambda: ["a2", "b1", "unknown"]) == (("x", 7.0),)
    assert found.translate((("a", 7.0),), lambda: ["a1", "a2"]) is None
    assert found.translate((("a", 7.0),), list) is None
    assert found.translate((("d", 7.0),), lambda: ["d1"]) is None


def test_labels_that_meet_keep_the_higher_confidence() -> None:
    """Once; and an empty step stays one."""
    found = planned()
    assert found.translate((("b", 5.0), ("c", 8.0)), list) == (("c", 8.0),)
    assert found.translate((), list) == ()


def make_frozen(engine: sa.Engine, name: str, *decisions: Decision, **options: Any) -> int:
    """A frozen version."""
    with transaction(engine) as session:
        version = create_draft(session, name, **options)
        for decision in decisions:
            decide(session, version.id, decision, person=None, seen_revision=None)
        for step in (submit, approve, freeze):
            step(session, version.id, person=None, reason="go")
        return int(version.id)


@pytest.fixture
def annotated(clustered: Any) -> Any:
    """Two frozen versions, the second with retrieval split, and two annotated traces in the first.

    The first trace has framing, the second retrieval, which went two ways.
    """
    engine, ids = clustered.engine, clustered.ids
    first = make_frozen(engine, "v1", preset="mr-align-15", cluster_run_id=clustered.run_id)
    make_frozen(
        engine, "v2", AddCategory("lookup", "Lookup", "m", "Looks up."),
        Assign(label_ids=(ids["memory search"],), category="lookup"),
        Assign(label_ids=(ids["fact recall"],), category="retrieval"), parent="v1",
    )  # fmt: skip
    with transaction(engine) as session:
        version = get_version(session, first)
        categories = {row.key: row.id for row in list_categories(session, first)}
        question = add_question(session, "q")
        traces = [
            add_trace(session, question, ["one ", "two "], external_id=f"t{n}")[0].id
            for n in (1, 2)
        ]
        parameters = {"version_id": first, "taxonomy": "v1", "content_hash": version.content_hash,
                      "limit": None, "last_trace_id": traces[-1]}  # fmt: skip
        run = add_run(session, RunKind.ANNOTATE, model="m", parameters=parameters, total_items=2)
        for trace, key in zip(traces, ("framing", "retrieval"), strict=True):
            for source in ("annotator_a", "consensus"):
                rows = [annotations.StepRow(0, 1, ((key, 8.0),)), annotations.StepRow(1, 2, ())]
                annotations.add_steps(session, run.id, trace, source, rows, categories)
                put_item(session, run.id, trace, source, status=ItemStatus.DONE, confidence=7.0)
    return engine, run.id, traces


def test_a_run_goes_over_and_what_cannot_is_queued(annotated: Any) -> None:
    """The copy says what it is; `annotate run --resume` finds the rest pending."""
    engine, run_id, traces = annotated
    done = carry_over(engine, "v1", "v2")
    assert (done.traces, done.queued) == (2, (traces[1],))
    with reading(engine) as session:
        run = get_run(session, done.run.id)
        assert run.parameters["migrated_from_run"] == run_id
        assert (run.status, run.model) == (RunStatus.PARTIAL, "m")
        assert run.parameters["content_hash"] == get_version(session, "v2").content_hash
        for source in ("annotator_a", "consensus"):
            found = dict(annotations.list_label_sets(session, run.id, source))
            assert found == {traces[0]: [
                annotations.StepRow(0, 1, (("framing", 8.0),), "migrated"),
                annotations.StepRow(1, 2, (), "migrated"),
            ]}  # fmt: skip
        assert list_pending(session, run.id, "consensus", traces[-1]) == [traces[1]]
        items = session.exec(select(RunItem).where(RunItem.run_id == run.id)).all()
    details = {item.trace_id: item.detail for item in items if item.source == "consensus"}
    assert details[traces[0]] == f"migrated from run {run_id}"
    assert "segments 0 to 0: retrieval" in str(details[traces[1]])


def test_from_equal_versions_everything_goes_over(annotated: Any) -> None:
    """A version with the same categories takes all; a retired one without labels queues."""
    engine, _, _ = annotated
    make_frozen(engine, "v3", parent="v1")
    done = carry_over(engine, "v1", "v3")
    assert (done.queued, done.run.status) == ((), RunStatus.SUCCEEDED)
    make_frozen(engine, "v4", RetireCategory("framing"), parent="v1")
    assert len(carry_over(engine, "v1", "v4").queued) == 1


def test_what_cannot_be_migrated_is_named(annotated: Any) -> None:
    """One version twice, a draft, a version without annotations, a run of another version."""
    engine, run_id, _ = annotated
    with transaction(engine) as session:
        create_draft(session, "open", parent="v2")
    with pytest.raises(InvalidInput, match="twice"):
        carry_over(engine, "v1", "v1")
    with pytest.raises(FrozenVersion, match="open"):
        carry_over(engine, "v1", "open")
    with pytest.raises(NotFound, match="nothing to migrate"):
        carry_over(engine, "v2", "v1")
    with pytest.raises(InvalidInput, match="which is with v1"):
        carry_over(engine, "v2", "v1", run_id)
