"""Reviewing a draft: what is seen, what each decision does, who comes too late."""

from typing import Any

import pytest
import sqlalchemy as sa
from sqlmodel import Session, select

from store.audit import list_entries
from store.engine import reading, transaction
from store.errors import Conflict, FrozenVersion, InvalidInput, NotFound
from store.reviews import append_event, get_event, list_events
from store.tables import Person, ReviewEvent, TaxonomyVersion
from taxonomy.review.curation import (
    AddCategory,
    Assign,
    Decision,
    EditCategory,
    Gather,
    Group,
    MarkNoise,
    Merge,
    Remark,
    Rename,
    RetireCategory,
    ReviewState,
    Split,
    decide,
    get_review_state,
    undo,
)
from taxonomy.versions.lifecycle import approve, create_draft, freeze, submit


class Review:
    """A draft on the clustering, and short ways to work on it."""

    def __init__(self, clustered: Any, person: Person) -> None:
        self.engine, self.ids, self.person = clustered.engine, clustered.ids, person
        with transaction(self.engine) as session:
            draft = create_draft(
                session,
                "first",
                preset="mr-align-15",
                cluster_run_id=clustered.run_id,
                person=person,
            )
        self.version_id = draft.id

    def state(self) -> ReviewState:
        """What a reviewer sees now."""
        with reading(self.engine) as session:
            return get_review_state(session, self.version_id)

    def decide(self, decision: Decision, seen: int | None = None) -> ReviewEvent:
        """Decide on what is there now, or on what was there at a revision."""
        revision = self.state().revision if seen is None else seen
        with transaction(self.engine) as session:
            return decide(
                session, self.version_id, decision, person=self.person, seen_revision=revision
            )

    def undo(self, event_id: int | None = None) -> ReviewEvent:
        """Undo on what is there now."""
        revision = self.state().revision
        with transaction(self.engine) as session:
            return undo(
                session,
                self.version_id,
                person=self.person,
                event_id=event_id,
                seen_revision=revision,
            )

    def group(self, anchor: str) -> Group:
        """The group as it is now."""
        return next(group for group in self.state().groups if group.anchor == anchor)

    def id(self, key: str) -> int:
        """The number of a label."""
        number: int = self.ids[key]
        return number


@pytest.fixture
def review(clustered: Any, curator: Person) -> Review:
    """A draft to work on."""
    return Review(clustered, curator)


def keys(group: Group) -> set[str]:
    """The labels of a group."""
    return {label.key for label in group.labels}


def shown(state: ReviewState) -> tuple[Any, ...]:
    """All that a reviewer sees but the revision and the log."""
    return state.groups, state.categories, state.noise


def test_a_draft_starts_from_the_clusters_and_their_proposals(review: Review) -> None:
    """Groups by falling instances; near labels join them, far ones are noise."""
    state = review.state()
    assert [group.anchor for group in state.groups] == ["c0", "c1", "c2"]
    assert [group.category for group in state.groups] == ["framing", "retrieval", None]
    assert [group.instances for group in state.groups] == [70, 53, 20]
    assert [label.key for label in state.noise] == ["weather small talk"]
    origins = {label.key: label.origin for group in state.groups for label in group.labels}
    assert origins["recalling"] == "nearest"
    assert origins["fact recall"] == "cluster"
    counts = {category.key: category.instances for category in state.categories}
    assert (counts["framing"], counts["retrieval"], counts["chaining"]) == (70, 53, 0)
    assert not any(group.reviewed for group in state.groups)


def test_a_groups_cohesion_counts_its_clustered_labels(review: Review) -> None:
    """The mean cosine to the centre, the near labels left out."""
    assert review.group("c0").cohesion == pytest.approx(0.8)
    assert review.group("c1").cohesion == pytest.approx(1 - 0.4 / 3)
    assert review.group("c1").x == pytest.approx(1.0)


def test_a_decision_moves_the_revision_and_is_audited(review: Review) -> None:
    """The event is the next of the log, and the audit names the person."""
    before = review.state().revision
    event = review.decide(Rename("c0", "  Setting\n up "))
    assert review.group("c0").name == "Setting up"
    assert (event.revision, review.state().revision) == (before + 1, before + 1)
    assert event.payload["labels"] == [label.key for label in review.group("c0").labels]
    with reading(review.engine) as session:
        entry = list_entries(session, 1)[0]
    assert (entry.actor, entry.action, entry.subject) == ("Ada", "review.rename", "taxonomy first")


def test_a_merge_keeps_the_first_group(review: Review) -> None:
    """Its anchor and category stay; the name is the new one."""
    review.decide(Merge(("c2", "c1"), "Both"))
    merged = review.group("c2")
    assert (merged.name, merged.instances, merged.category) == ("Both", 73, None)
    assert "c1" not in {group.anchor for group in review.state().groups}


def test_accepting_a_group_makes_it_reviewed(review: Review) -> None:
    """All of its labels are decided at once."""
    review.decide(Assign(anchor="c2", category="self_verification"))
    group = review.group("c2")
    assert (group.category, group.reviewed) == ("self_verification", True)
    assert {label.origin for label in group.labels} == {"reviewed"}


def test_single_labels_can_be_assigned_and_marked_as_noise(review: Review) -> None:
    """The rest of the group stays as it was."""
    review.decide(Assign(label_ids=(review.id("goal setting"),), category="decomposition"))
    review.decide(MarkNoise((review.id("restating the question"),)))
    group = review.group("c0")
    assert {label.key: label.category for label in group.labels} == {
        "problem framing": "framing",
        "goal setting": "decomposition",
    }
    assert "restating the question" in {label.key for label in review.state().noise}


def test_a_split_makes_a_group_with_a_stable_anchor(review: Review) -> None:
    """The anchor holds the number of the event."""
    event = review.decide(Split("c1", (review.id("memory search"),), "Searching"))
    assert keys(review.group(f"e{event.id}")) == {"memory search"}
    assert "memory search" not in keys(review.group("c1"))


def test_labels_of_several_groups_are_gathered_in_one(review: Review) -> None:
    """It leans to the category of most of them; a group that gives all of its labels ends."""
    names = ("memory search", "error check", "verifying a date")
    event = review.decide(Gather(tuple(review.id(name) for name in names), "Gathered"))
    assert keys(review.group(f"e{event.id}")) == set(names)
    assert "c2" not in {group.anchor for group in review.state().groups}
    review.undo()
    assert keys(review.group("c2")) == {"error check", "verifying a date"}


def test_a_flag_on_labels_is_one_on_their_groups(review: Review) -> None:
    """An anchor and labels together, or neither, are refused."""
    event = review.decide(Remark(None, "flag", label_ids=(review.id("memory search"),)))
    assert review.group("c1").flag == event.id
    assert review.group("c0").flag == 0
    for wrong in (
        Remark(None, "flag"),
        Remark("c0", "flag", label_ids=(review.id("goal setting"),)),
    ):
        with pytest.raises(InvalidInput, match="either a group or labels"):
            review.decide(wrong)


def test_categories_are_added_edited_and_retired(review: Review) -> None:
    """A new one stands at the end; a retired one's labels go where it says."""
    review.decide(AddCategory("doubt", "Doubt", "meta", "Says that it is not sure."))
    assert review.state().categories[-1].key == "doubt"
    review.decide(EditCategory("doubt", name="Doubting"))
    assert review.state().categories[-1].name == "Doubting"
    review.decide(RetireCategory("framing", "doubt"))
    assert "framing" not in {category.key for category in review.state().categories}
    assert review.group("c0").category == "doubt"
    assert review.group("c0").proposed_category is None


def test_undo_restores_what_was_seen_and_redo_brings_it_back(review: Review) -> None:
    """Undo takes the newest decision first; the undo of an undo is redo."""
    seen = [review.state()]
    for decision in (
        Merge(("c0", "c1")),
        Rename("c0", "Other"),
        Assign(anchor="c0", category="analogy"),
    ):
        review.decide(decision)
        seen.append(review.state())
    for before in (seen[2], seen[1], seen[0]):
        last = review.undo()
        assert shown(review.state()) == shown(before)
    assert review.state().redoable[0].id == last.id
    review.undo(last.id)
    assert shown(review.state()) == shown(seen[1])
    assert [event.kind for event in review.state().undoable] == ["merge"]


def test_an_older_decision_can_be_undone_alone(review: Review) -> None:
    """What was decided later stays."""
    first = review.decide(Rename("c0", "First"))
    review.decide(Rename("c1", "Second"))
    review.undo(first.id)
    assert (review.group("c0").name, review.group("c1").name) == ("cluster 0", "Second")


def test_undo_refuses_what_it_cannot_take_back(review: Review) -> None:
    """Nothing to undo, an event that is undone, an event that starts the version."""
    with pytest.raises(NotFound):
        review.undo()
    event = review.decide(Rename("c0", "First"))
    review.undo(event.id)
    with pytest.raises(InvalidInput, match="undone"):
        review.undo(event.id)
    with reading(review.engine) as session:
        start = list_events(session, review.version_id)[0]
    with pytest.raises(InvalidInput, match="start"):
        review.undo(start.id)
    with pytest.raises(NotFound):
        review.undo(event.id + 1000)


def test_a_category_in_use_is_not_undone_from_under_its_labels(review: Review) -> None:
    """The decision that uses it has to go first."""
    added = review.decide(AddCategory("doubt", "Doubt", "meta", "Is not sure."))
    review.decide(Assign(anchor="c0", category="doubt"))
    with pytest.raises(InvalidInput, match="undo that first"):
        review.undo(added.id)
    review.undo()
    review.undo(added.id)
    assert "doubt" not in {category.key for category in review.state().categories}


def test_who_decides_on_an_old_revision_is_told(review: Review) -> None:
    """The second of two people gets a conflict, and nothing is written."""
    seen = review.state().revision
    review.decide(Rename("c0", "Mine"), seen=seen)
    with pytest.raises(Conflict, match="look at it again"):
        review.decide(Rename("c0", "Yours"), seen=seen)
    assert review.group("c0").name == "Mine"


def test_two_writers_of_one_revision_conflict(review: Review) -> None:
    """The unique revision catches a race that slipped past the check."""
    with pytest.raises(Conflict), transaction(review.engine) as session:
        version = session.get_one(TaxonomyVersion, review.version_id)
        version.revision -= 1
        append_event(session, version, "rename", {})


@pytest.mark.parametrize(
    "decision",
    [
        Rename("c0", "   "),
        Rename("c0", "a\x00b"),
        Rename("c0", "x" * 201),
        Merge(("c0", "c0")),
        Assign(category="framing"),
        Assign(anchor="c0", label_ids=(1,), category="framing"),
        MarkNoise(()),
        AddCategory("framing", "Framing", "m", "d"),
        AddCategory("Has Spaces", "n", "m", "d"),
        AddCategory("ok", "n", "m", ""),
        EditCategory("framing"),
        RetireCategory("framing", "framing"),
    ],
)
def test_a_decision_that_breaks_a_rule_is_refused(review: Review, decision: Decision) -> None:
    """The log stays as it was."""
    before = review.state().revision
    with pytest.raises(InvalidInput):
        review.decide(decision)
    assert review.state().revision == before


@pytest.mark.parametrize(
    "decision",
    [
        Rename("c99", "x"),
        Merge(("c0", "e77")),
        Assign(anchor="c0", category="nothing"),
        Assign(label_ids=(10**12,), category="framing"),
        RetireCategory("nothing", None),
        RetireCategory("framing", "nothing"),
    ],
)
def test_a_decision_on_what_is_not_there_is_refused(review: Review, decision: Decision) -> None:
    """Groups, labels and categories have to be of this version."""
    with pytest.raises(NotFound):
        review.decide(decision)


def test_a_split_stays_inside_its_group(review: Review) -> None:
    """Labels of another group, and all labels at once, are refused."""
    with pytest.raises(InvalidInput, match="not in it"):
        review.decide(Split("c0", (review.id("fact recall"),), "x"))
    both = (review.id("error check"), review.id("verifying a date"))
    with pytest.raises(InvalidInput, match="stay"):
        review.decide(Split("c2", both, "x"))


def test_an_approved_or_frozen_version_takes_no_decision(review: Review) -> None:
    """An approval is for what was seen; a frozen version never changes."""
    with transaction(review.engine) as session:
        submit(session, review.version_id, person=review.person, reason="ready")
        approve(session, review.version_id, person=review.person, reason="good")
    with pytest.raises(InvalidInput, match="reopen"):
        review.decide(Rename("c0", "x"))
    with transaction(review.engine) as session:
        freeze(session, review.version_id, person=review.person, reason="use it")
    with pytest.raises(FrozenVersion):
        review.decide(Rename("c0", "x"))
    with pytest.raises(FrozenVersion):
        review.undo()


def test_an_event_of_another_version_is_not_found(review: Review) -> None:
    """A version's log is its own."""
    with transaction(review.engine) as session:
        other = create_draft(session, "other", preset="mr-align-15")
        foreign = session.exec(
            select(ReviewEvent).where(ReviewEvent.version_id == other.id)
        ).first()
    assert foreign is not None
    with reading(review.engine) as session, pytest.raises(NotFound):
        get_event(session, review.version_id, foreign.id)


def test_a_version_that_is_not_there_is_not_found(review: Review) -> None:
    """So are its decisions."""
    with reading(review.engine) as session, pytest.raises(NotFound):
        get_review_state(session, 999)
    with transaction(review.engine) as session, pytest.raises(NotFound):
        decide(session, 999, Rename("c0", "x"), person=None, seen_revision=0)


def test_decisions_on_different_things_pass_each_other(review: Review) -> None:
    """Who did not see another's decision is stopped only where it is about the same labels."""
    seen = review.state().revision
    review.decide(Assign(anchor="c0", category="chaining"), seen=seen)
    review.decide(Assign(anchor="c1", category="chaining"), seen=seen)
    assert {review.group(anchor).reviewed for anchor in ("c0", "c1")} == {True}
    with pytest.raises(Conflict):
        review.decide(Merge(("c2", "c0")), seen=seen)
    with pytest.raises(Conflict):
        review.decide(Rename("c2", "from the future"), seen=99)


def test_a_decision_that_was_rolled_back_leaves_nothing(review: Review) -> None:
    """What a transaction read and wrote is not kept when it fails."""
    before = review.state()
    with pytest.raises(RuntimeError), transaction(review.engine) as session:
        for anchor in ("c0", "c1"):
            decide(
                session,
                review.version_id,
                Assign(anchor=anchor, category="framing"),
                person=None,
                seen_revision=None,
            )
        raise RuntimeError
    assert review.state() == before
    review.decide(Assign(anchor="c1", category="analogy"))
    assert review.group("c0").reviewed is False


def test_another_process_is_seen(review: Review) -> None:
    """What somebody else's process wrote is there at once, also where much is kept."""
    review.state()
    url = review.engine.url.render_as_string(hide_password=False)
    other = sa.create_engine(url)
    for name in ("one", "two"):
        with Session(other) as session:
            decide(session, review.version_id, Rename("c0", name), person=None, seen_revision=None)
            session.commit()
        assert review.group("c0").name == name
    review.undo()
    with Session(other) as session:
        state = get_review_state(session, review.version_id)
        assert {group.name for group in state.groups} >= {"one"}
    other.dispose()
