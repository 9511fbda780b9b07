"""The replay of decisions: nothing is lost, undo restores, decisions outlive a clustering."""

from dataclasses import replace as changed
from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from taxonomy.events.replay import replay
from taxonomy.events.state import (
    Base,
    BaseGroup,
    BaseLabel,
    CategoryText,
    Event,
    State,
    active_events,
)
from tests.taxonomy.logs import KEYS, START, bases, logs


def log(*decisions: tuple[str, dict[str, Any]]) -> list[Event]:
    """A log that starts with the categories."""
    return [START, *(Event(2 + i, kind, load) for i, (kind, load) in enumerate(decisions))]


def two_clusters() -> Base:
    """c0: labels 0 to 2, leans to framing; c1: labels 3 and 4, to chaining; 5 is noise."""
    groups = (BaseGroup("c0", "zero", "", "framing"), BaseGroup("c1", "one", "", "chaining"))
    places = ["c0", "c0", "c0", "c1", "c1", None]
    return Base(
        groups,
        tuple(
            BaseLabel(KEYS[i], place, "cluster" if place else "noise")
            for i, place in enumerate(places)
        ),
    )


def categories_of(state: State, *numbers: int) -> list[str | None]:
    """The categories of labels by number."""
    return [state.category(KEYS[number]) for number in numbers]


@given(bases(), logs)
def test_no_label_is_lost_or_in_two_places(base: Base, events: list[Event]) -> None:
    """Each label of the base stands in one group that exists, or in none."""
    state = replay(base, events)
    assert set(state.anchors) == {label.key for label in base.labels}
    placed = [key for anchor in state.groups for key in state.members(anchor)]
    noise = [key for key, anchor in state.anchors.items() if anchor is None]
    assert sorted(placed + noise) == sorted(state.anchors)
    assert all(
        state.category(key) in state.categories or state.category(key) is None
        for key in state.anchors
    )


@given(bases(), logs)
def test_replay_is_deterministic(base: Base, events: list[Event]) -> None:
    """The same events give the same state, in whatever order they are read."""
    assert replay(base, events) == replay(base, events[::-1])


@given(bases(), logs, st.data())
def test_undo_is_as_if_the_decision_had_not_been_made(
    base: Base, events: list[Event], data: st.DataObject
) -> None:
    """An undone event leaves no mark, and the undo of its undo brings all of it back."""
    target = data.draw(st.sampled_from(events))
    undo = Event(100, "undo", {}, undoes=target.id)
    redo = Event(101, "undo", {}, undoes=undo.id)
    without = [event for event in events if event is not target]
    assert replay(base, [*events, undo]) == replay(base, without)
    assert replay(base, [*events, undo, redo]) == replay(base, events)


def test_an_undone_undo_leaves_the_decision_in_force() -> None:
    """Undo, redo, undo: the last one counts."""
    events = [Event(1, "rename", {}), *(Event(n, "undo", {}, undoes=n - 1) for n in (2, 3, 4))]
    assert [event.id for event in active_events(events[:3])] == [1, 3]
    assert [event.id for event in active_events(events)] == [2, 4]


def test_unreviewed_labels_follow_their_group_and_reviewed_ones_stay() -> None:
    """A merge takes unreviewed labels to the target's category, and leaves reviewed ones."""
    state = replay(
        two_clusters(),
        log(
            ("assign", {"labels": [KEYS[3]], "category": "retrieval"}),
            ("merge", {"labels": KEYS[:5], "into": KEYS[:3], "name": None}),
        ),
    )
    assert state.members("c0") == KEYS[:5]
    assert categories_of(state, 0, 3, 4) == ["framing", "retrieval", "framing"]
    assert [state.origin(key) for key in KEYS[2:6]] == ["cluster", "reviewed", "cluster", "noise"]


def test_assigning_most_of_a_group_turns_the_rest() -> None:
    """Labels that nobody named take the category that most of their group was given."""
    state = replay(two_clusters(), log(("assign", {"labels": KEYS[:2], "category": "retrieval"})))
    assert categories_of(state, 0, 1, 2) == ["retrieval"] * 3
    assert state.origin(KEYS[2]) == "cluster"


def test_a_split_makes_a_group_named_after_its_event() -> None:
    """The new group leans where its labels came from."""
    state = replay(two_clusters(), log(("split", {"labels": KEYS[3:4], "name": "new"})))
    assert state.members("e2") == KEYS[3:4]
    assert state.groups["e2"].name == "new"
    assert categories_of(state, 3, 4) == ["chaining", "chaining"]


def test_noise_has_no_category_until_it_is_given_one() -> None:
    """A label marked as noise leaves its group; assigning it brings a category, not a group."""
    marked = ("mark_noise", {"labels": [KEYS[0]]})
    state = replay(two_clusters(), log(marked))
    assert (state.category(KEYS[0]), state.origin(KEYS[0])) == (None, "reviewed")
    state = replay(
        two_clusters(), log(marked, ("assign", {"labels": [KEYS[0]], "category": "framing"}))
    )
    assert (state.category(KEYS[0]), state.origin(KEYS[0])) == ("framing", "reviewed")
    assert state.anchors[KEYS[0]] is None


def test_retiring_a_category_moves_its_labels() -> None:
    """Reviewed and unreviewed labels go into the other one; later mentions do as well."""
    state = replay(
        two_clusters(),
        log(
            ("assign", {"labels": [KEYS[3]], "category": "framing"}),
            ("retire_category", {"key": "framing", "into": "retrieval"}),
            ("assign", {"labels": [KEYS[4]], "category": "framing"}),
        ),
    )
    assert categories_of(state, 0, 3, 4) == ["retrieval"] * 3
    assert "framing" not in state.categories


def test_editing_a_category_keeps_what_is_not_named() -> None:
    """Only the texts given change."""
    state = replay(
        two_clusters(),
        log(("edit_category", {"key": "framing", "name": "Framing", "examples": ["a", "b"]})),
    )
    assert state.categories["framing"] == CategoryText(
        "framing", "Framing", "m", "what framing is", "", ("a", "b")
    )


def test_decisions_outlive_another_clustering() -> None:
    """A name goes to the group that holds most of the labels; merges and categories go along."""
    events = log(
        ("rename", {"labels": KEYS[:3], "name": "Mine", "definition": None}),
        ("merge", {"labels": KEYS[:5], "into": KEYS[:3], "name": None}),
        ("assign", {"labels": KEYS[:5], "category": "retrieval"}),
    )
    places = ["c7", "c8", "c8", "c9", None, "c8"]
    other = Base(
        tuple(BaseGroup(anchor, anchor, "", "chaining") for anchor in ("c7", "c8", "c9")),
        tuple(BaseLabel(KEYS[i], place, "cluster") for i, place in enumerate(places)),
    )
    state = replay(other, events)
    assert state.groups["c8"].name == "Mine"
    assert state.members("c8") == KEYS[:6]
    assert categories_of(state, *range(6)) == ["retrieval"] * 6


def test_a_decision_about_labels_that_are_gone_changes_nothing() -> None:
    """On a clustering without its labels an event passes by."""
    base = two_clusters()
    stranger = changed(base, labels=base.labels[:1])
    for kind, payload in (
        ("rename", {"labels": KEYS[8:9], "name": "x", "definition": None}),
        ("merge", {"labels": KEYS[8:], "into": KEYS[8:9], "name": "x"}),
        ("split", {"labels": KEYS[8:9], "name": "x"}),
        ("assign", {"labels": KEYS[8:9], "category": "chaining"}),
    ):
        assert replay(stranger, log((kind, payload))) == replay(stranger, log())
