"""The life of a version: draft, in review, approved, frozen, superseded."""

from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import col, select

from store.audit import list_entries
from store.engine import reading, transaction
from store.errors import Conflict, FrozenVersion, InvalidInput, NotFound
from store.reviews import list_events
from store.states import VersionStatus
from store.tables import Mapping, Person, ReviewEvent
from store.taxonomies import get_version, list_categories, list_mappings
from taxonomy.review.curation import (
    AddCategory,
    Assign,
    Decision,
    Rename,
    decide,
    get_review_state,
)
from taxonomy.versions.lifecycle import (
    approve,
    create_draft,
    diff,
    freeze,
    get_content,
    get_frozen_version,
    reopen,
    submit,
    verify,
)
from taxonomy.vocabulary.presets import get_preset


def freeze_through(engine: sa.Engine, version_id: int, person: Person | None = None) -> None:
    """Submit, approve and freeze."""
    with transaction(engine) as session:
        for step in (submit, approve, freeze):
            step(session, version_id, person=person, reason="because")


def make(engine: sa.Engine, name: str, *decisions: Decision, **options: Any) -> int:
    """A draft with decisions on it; its number."""
    with transaction(engine) as session:
        version_id = create_draft(session, name, **options).id
        for decision in decisions:
            decide(session, version_id, decision, person=None, seen_revision=None)
    return version_id


def test_the_preset_holds_the_papers_fifteen_categories() -> None:
    """In the paper's order, under its four macro-strategies, each with texts."""
    preset = get_preset("mr-align-15")
    assert [category.key for category in preset] == [
        *("framing", "backtracking", "self_verification", "evaluation"),
        *("decomposition", "chaining"),
        *("retrieval", "causal_reasoning", "analogy", "synthesis", "comparison"),
        *("categorization", "case_analysis"),
        *("explanation", "summarization"),
    ]
    assert len({category.macro_strategy for category in preset}) == 4
    assert all(
        category.definition and category.scope_note and category.examples for category in preset
    )


def test_a_preset_alone_can_be_frozen(engine: sa.Engine) -> None:
    """Categories without any label; the version in force from then on."""
    with reading(engine) as session, pytest.raises(NotFound, match="taxonomy draft"):
        get_frozen_version(session)
    freeze_through(engine, make(engine, "v1", preset="mr-align-15"))
    with reading(engine) as session:
        version = get_frozen_version(session)
        assert (version.name, version.status) == ("v1", VersionStatus.FROZEN)
        assert len(list_categories(session, version.id)) == 15
        assert verify(session, version.id)


def test_freezing_writes_where_every_label_goes(clustered: Any) -> None:
    """Reviewed, from a cluster, near one, in none, or without a category."""
    engine = clustered.engine
    version_id = make(
        engine,
        "v1",
        Assign(label_ids=(clustered.ids["goal setting"],), category="decomposition"),
        preset="mr-align-15",
        cluster_run_id=clustered.run_id,
    )
    freeze_through(engine, version_id)
    with reading(engine) as session:
        found = {
            label.key: (mapping.origin, category.key if category else None, mapping.distance)
            for mapping, label, category in list_mappings(session, version_id)
        }
    assert len(found) == 10
    assert found["goal setting"] == ("reviewed", "decomposition", 0.2)
    assert found["problem framing"] == ("cluster", "framing", 0.1)
    assert found["recalling"] == ("nearest", "retrieval", 0.3)
    assert found["error check"] == ("unassigned", None, 0.1)
    assert found["weather small talk"] == ("noise", None, 0.9)


def test_the_rows_of_a_frozen_version_give_its_hash(clustered: Any) -> None:
    """The hash is that of the events before freezing; a changed row no longer gives it."""
    engine = clustered.engine
    version_id = make(engine, "v1", preset="mr-align-15", cluster_run_id=clustered.run_id)
    freeze_through(engine, version_id)
    with reading(engine) as session:
        assert verify(session, version_id)
    with transaction(engine) as session:
        mapping = session.exec(select(Mapping).where(col(Mapping.category_id).is_not(None))).first()
        assert mapping is not None
        mapping.category_id = None
    with reading(engine) as session:
        assert not verify(session, version_id)


def test_equal_content_has_an_equal_hash(engine: sa.Engine) -> None:
    """The name does not enter; a category more does."""
    for name in ("v1", "v2"):
        freeze_through(engine, make(engine, name, preset="mr-align-15"))
    more = AddCategory("doubt", "Doubt", "meta", "Is not sure.")
    freeze_through(engine, make(engine, "v3", more, preset="mr-align-15"))
    with reading(engine) as session:
        first, second, third = (get_version(session, name) for name in ("v1", "v2", "v3"))
    assert first.content_hash == second.content_hash != third.content_hash


def test_each_step_of_a_versions_life_says_who_and_why(engine: sa.Engine, curator: Person) -> None:
    """In the version's log and in the audit."""
    version_id = make(engine, "v1", preset="mr-align-15")
    freeze_through(engine, version_id, curator)
    with reading(engine) as session:
        events = list_events(session, version_id)
        entries = list_entries(session, 3)
    assert [event.kind for event in events] == ["start", "status", "status", "status"]
    assert [event.payload["to"] for event in events[1:]] == ["in_review", "approved", "frozen"]
    assert {(event.person_id, event.reason) for event in events[1:]} == {(curator.id, "because")}
    assert {(entry.actor, entry.detail["reason"]) for entry in entries} == {("Ada", "because")}


def test_a_step_out_of_order_is_refused(engine: sa.Engine) -> None:
    """Only an approved version freezes, and a frozen one does nothing any more."""
    version_id = make(engine, "v1", preset="mr-align-15")
    with transaction(engine) as session, pytest.raises(InvalidInput, match="approved"):
        freeze(session, version_id, person=None, reason="because")
    freeze_through(engine, version_id)
    for step in (submit, approve, reopen, freeze):
        with transaction(engine) as session, pytest.raises(FrozenVersion):
            step(session, version_id, person=None, reason="because")


def test_a_reopened_version_takes_decisions_again(engine: sa.Engine) -> None:
    """Reopening makes an approved version a draft."""
    version_id = make(engine, "v1", preset="mr-align-15")
    with transaction(engine) as session:
        for step in (submit, approve, reopen):
            step(session, version_id, person=None, reason="because")
        more = AddCategory("doubt", "Doubt", "meta", "Is not sure.")
        decide(session, version_id, more, person=None, seen_revision=None)
        assert len(get_review_state(session, version_id).categories) == 16


def test_a_step_needs_a_reason(engine: sa.Engine) -> None:
    """An empty one is refused."""
    version_id = make(engine, "v1", preset="mr-align-15")
    with transaction(engine) as session, pytest.raises(InvalidInput, match="reason"):
        submit(session, version_id, person=None, reason="  ")


def test_a_version_without_categories_does_not_freeze(clustered: Any) -> None:
    """And nothing of the attempt stays."""
    version_id = make(clustered.engine, "v1", cluster_run_id=clustered.run_id)
    with pytest.raises(InvalidInput, match="categories"):
        freeze_through(clustered.engine, version_id)
    with reading(clustered.engine) as session:
        assert get_version(session, "v1").status == VersionStatus.DRAFT


def test_a_child_goes_on_from_its_parents_decisions(clustered: Any) -> None:
    """Names and categories are there, anchors too; freezing it supersedes the parent."""
    engine = clustered.engine
    parent_id = make(
        engine,
        "v1",
        Rename("c2", "Checks"),
        Assign(anchor="c2", category="self_verification"),
        preset="mr-align-15",
        cluster_run_id=clustered.run_id,
    )
    freeze_through(engine, parent_id)
    child_id = make(engine, "v2", Assign(anchor="c1", category="analogy"), parent="v1")
    with reading(engine) as session:
        groups = {group.anchor: group for group in get_review_state(session, child_id).groups}
        changes = diff(session, "v1", "v2")
    assert (groups["c2"].name, groups["c2"].category) == ("Checks", "self_verification")
    assert {label.key for label in changes.moved} == {
        *("fact recall", "memory search", "knowledge lookup", "recalling")
    }
    assert changes.moved[0].instances == 30
    shifts = {
        entry.key: (entry.instances_before, entry.instances_after) for entry in changes.categories
    }
    assert shifts == {"retrieval": (53, 0), "analogy": (0, 53)}
    freeze_through(engine, child_id)
    with reading(engine) as session:
        assert get_version(session, "v1").status == VersionStatus.SUPERSEDED
        assert get_frozen_version(session).name == "v2"
        assert verify(session, parent_id) and verify(session, child_id)


def test_a_diff_tells_added_retired_and_edited_categories(engine: sa.Engine) -> None:
    """Each by its key, with what differs."""
    from taxonomy.review.curation import EditCategory, RetireCategory

    make(engine, "v1", preset="mr-align-15")
    make(
        engine,
        "v2",
        AddCategory("doubt", "Doubt", "meta", "Is not sure."),
        EditCategory("framing", name="Setting up"),
        RetireCategory("analogy"),
        preset="mr-align-15",
    )
    with reading(engine) as session:
        changes = {entry.key: entry.change for entry in diff(session, "v1", "v2").categories}
        assert diff(session, "v1", "v1").categories == ()
    assert changes == {"doubt": "added", "framing": "renamed from Framing", "analogy": "retired"}


def test_names_are_unique_and_parents_frozen(engine: sa.Engine) -> None:
    """A draft is refused otherwise, with what to do."""
    make(engine, "v1", preset="mr-align-15")
    refused: list[tuple[type[Exception], str, dict[str, Any]]] = [
        (Conflict, "v1", {"preset": "mr-align-15"}),
        (InvalidInput, " ", {"preset": "mr-align-15"}),
        (InvalidInput, "17", {"preset": "mr-align-15"}),
        (InvalidInput, "v2", {"parent": "v1"}),
        (InvalidInput, "v2", {"parent": "v1", "preset": "mr-align-15"}),
        (NotFound, "v2", {"parent": "v9"}),
        (NotFound, "v2", {"preset": "unknown"}),
        (NotFound, "v2", {"cluster_run_id": 99}),
    ]
    for error, name, options in refused:
        with transaction(engine) as session, pytest.raises(error):
            create_draft(session, name, **options)


def test_a_draft_is_read_from_its_events_and_a_frozen_version_from_its_rows(
    clustered: Any,
) -> None:
    """Both give the same content."""
    engine = clustered.engine
    version_id = make(engine, "v1", preset="mr-align-15", cluster_run_id=clustered.run_id)
    with reading(engine) as session:
        before = get_content(session, get_version(session, version_id))
    freeze_through(engine, version_id)
    with reading(engine) as session:
        assert get_content(session, get_version(session, version_id)) == before


def test_nobody_can_write_the_same_revision_twice(engine: sa.Engine) -> None:
    """The store itself refuses it."""
    version_id = make(engine, "v1", preset="mr-align-15")
    with pytest.raises(sa.exc.IntegrityError), transaction(engine) as session:
        session.add(ReviewEvent(version_id=version_id, revision=1, kind="rename", payload={}))
