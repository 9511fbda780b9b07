"""What another clustering changes: told by instances, before anything is changed."""

from taxonomy.events.replay import replay
from taxonomy.events.state import Base, BaseGroup, BaseLabel, Event
from taxonomy.review.shifts import Counted, GroupShift, compare_views
from taxonomy.review.views import PlacedLabel, Views, view
from taxonomy.vocabulary.contents import MovedLabel
from tests.taxonomy.logs import START

TOLD = Event(2, "assign", {"labels": ["a1", "a2"], "category": "retrieval"})
LOST = Event(3, "assign", {"labels": ["old"], "category": "framing"})
PARTLY = Event(4, "assign", {"labels": ["old", "b1"], "category": "chaining"})
DECISIONS = [TOLD, LOST, PARTLY]


def views(places: dict[str, str | None]) -> Views:
    """Labels in clusters (named after their letter) that lean to framing, after the decisions."""
    anchors = dict.fromkeys(anchor for anchor in places.values() if anchor)
    base = Base(
        tuple(BaseGroup(anchor, f"the {anchor}s", "", "framing") for anchor in anchors),
        tuple(
            BaseLabel(key, anchor, "cluster" if anchor else "noise", 10)
            for key, anchor in places.items()
        ),
    )
    placed = {
        key: PlacedLabel(n, key, key, None, 10, 0.1, 1.0, 0.0, 0.0) for n, key in enumerate(places)
    }
    return view(replay(base, [START, *DECISIONS]), placed)


def test_the_same_clustering_changes_nothing() -> None:
    """All groups stay, all decisions hold."""
    before = views({"a1": "a", "a2": "a", "b1": "b", "old": "b"})
    shift = compare_views(before, before, DECISIONS)
    assert (shift.kept_groups, shift.groups, shift.moved) == (2, (), ())
    assert shift.added == shift.gone == Counted(0, 0)
    assert (shift.decisions_hold, shift.decisions_without_labels) == (3, 0)


def test_splits_merges_new_and_gone_groups_are_told_with_their_instances() -> None:
    """The larger first; labels that are in no group any more leave theirs gone."""
    before = views({"a1": "a", "a2": "a", "b1": "b", "c1": "c", "d1": "d", "e1": "e", "e2": "e"})
    after = views({"a1": "p", "a2": "q", "b1": "r", "c1": "r", "d1": None, "e1": "e", "e2": "e",
                   "new": "n"})  # fmt: skip
    shift = compare_views(before, after, [])
    assert set(shift.groups) == {
        GroupShift("split", ("the as",), ("the ps", "the qs"), 20),
        GroupShift("merged", ("the bs", "the cs"), ("the rs",), 20),
        GroupShift("gone", ("the ds",), (), 10),
        GroupShift("new", (), ("the ns",), 10),
    }
    assert [shift.instances for shift in shift.groups] == [20, 20, 10, 10]
    assert shift.kept_groups == 1
    assert shift.added == Counted(1, 10)


def test_labels_that_move_are_named_and_reviewed_ones_stay() -> None:
    """A label that loses its cluster loses what it leaned to; a decided one keeps its category."""
    before = views({"a1": "a", "a2": "a", "c1": "c", "old": "b"})
    after = views({"a1": None, "a2": None, "c1": None})
    shift = compare_views(before, after, DECISIONS)
    assert shift.moved == (MovedLabel("c1", "c1", "framing", None, 10),)
    assert shift.reviewed == Counted(2, 20)
    assert shift.gone == Counted(1, 10)


def test_decisions_hold_for_the_labels_that_are_left() -> None:
    """Whole, in part, or not at all."""
    before = views({"a1": "a", "a2": "a", "b1": "b", "old": "b"})
    after = views({"a1": "a", "a2": "a", "b1": "b"})
    shift = compare_views(before, after, DECISIONS)
    counts = (
        shift.decisions_hold,
        shift.decisions_hold_in_part,
        shift.decisions_without_labels,
    )
    assert counts == (1, 1, 1)
