"""What a suggestion comes to as things stand: the change, another one that says so, or none."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from taxonomy.events.decisions import (
    AddCategory,
    EditCategory,
    Gather,
    Merge,
    Rename,
    RetireCategory,
    Structural,
)
from taxonomy.events.payloads import Board, describe
from taxonomy.events.replay import replay
from taxonomy.events.state import Event
from taxonomy.suggestions.matters import gather_matters, touched_categories
from taxonomy.suggestions.upshots import (
    Suggestion,
    describe_subject,
    keep_changes,
    read_subject,
    resolve,
)
from tests.taxonomy.review.test_verdicts import BASE, START

NEW = AddCategory("planning", "Planning", "m", "what comes next", examples=("first",))


def board(*events: Event) -> Board:
    """Two groups and a label in none, after some events."""
    return Board(replay(BASE, [START, *events]), dict(enumerate("abcn", start=1)))


def suggest(
    decision: Structural, act: int = 1, person: int = 1, on: Board | None = None
) -> Suggestion:
    """A suggestion as it is kept, made on a board."""
    on = on or board()
    kind, payload = describe(decision, on)
    subject = describe_subject(kind, payload, decision, on)
    kept = keep_changes(decision, payload, on)
    return Suggestion(act, person, kind, kept, *read_subject(subject))


EVERY: list[Structural] = [
    Merge(("c0", "c1")),
    Rename("c0", "first"),
    Gather((1, 4), "mixed"),
    NEW,
    EditCategory("framing", definition="other words"),
    RetireCategory("framing", "analogy"),
]


@pytest.mark.parametrize("decision", EVERY)
def test_on_the_same_board_it_is_the_change_itself(decision: Structural) -> None:
    """The event that it becomes is the one that it would have been, and nothing has changed."""
    upshot = resolve(suggest(decision), board())
    assert upshot.decision is not None and upshot.changes == () and not upshot.done
    assert describe(upshot.decision, board()) == describe(decision, board())


@pytest.mark.parametrize("decision", EVERY)
def test_once_somebody_made_the_change_it_is_done(decision: Structural) -> None:
    """And needs no answer."""
    kind, payload = describe(decision, board())
    after = board(Event(9, kind, payload))
    upshot = resolve(suggest(decision), after)
    assert (upshot.decision, upshot.done) == (None, True)
    assert gather_matters([suggest(decision)], after) == []


LATER: list[tuple[Structural, tuple[str, dict[str, Any]], str, bool]] = [
    (Merge(("c0", "c1")), ("mark_noise", {"labels": ["b"]}), "“one” has lost 1 label since", True),
    (
        Merge(("c0", "c1")),
        ("rename", {"labels": ["c"], "name": "three", "definition": None}),
        "“two” is “three” by now",
        True,
    ),
    (Merge(("c0", "c1")), ("mark_noise", {"labels": ["c"]}), "“two” has no labels any more", False),
    (
        Rename("c1", "x"),
        ("merge", {"labels": ["a", "b", "c"], "into": ["a", "b"], "name": None}),
        "“two” is “one” by now; “one” has gained 2 labels since",
        True,
    ),
    (Rename("c1", "x"), ("mark_noise", {"labels": ["c"]}), "“two” has no labels any more", False),
    (
        Gather((1, 3), "x"),
        ("mark_noise", {"labels": ["c"]}),
        "1 label in no cluster by now",
        True,
    ),
    (
        NEW,
        (
            "add_category",
            {"key": "planning", "name": "P", "macro_strategy": "m", "definition": "d"},
        ),
        "there is a category with the key planning by now",
        False,
    ),
    (
        EditCategory("framing", definition="mine"),
        ("edit_category", {"key": "framing", "definition": "theirs"}),
        "its definition reads otherwise by now",
        True,
    ),
    (
        EditCategory("framing", definition="mine"),
        ("retire_category", {"key": "framing", "into": None}),
        "it is retired by now",
        False,
    ),
    (
        RetireCategory("framing", "analogy"),
        ("retire_category", {"key": "analogy", "into": None}),
        "“analogy” is retired by now",
        False,
    ),
]


@pytest.mark.parametrize(("decision", "event", "said", "possible"), LATER)
def test_what_became_of_its_subject_is_said(
    decision: Structural, event: tuple[str, dict[str, Any]], said: str, possible: bool
) -> None:
    """Whether it can still be made or not; its fingerprint is never that of what was suggested."""
    one, after = suggest(decision), board(Event(9, *event))
    (matter,) = gather_matters([one], after)
    (before,) = gather_matters([one], board())
    upshot = matter.first.upshot
    assert ("; ".join(upshot.changes), upshot.decision is not None) == (said, possible)
    assert bool(matter.first.print) == possible
    if "labels" in event[1] and event[0] != "rename" and isinstance(decision, Merge | Rename):
        assert matter.first.print != before.first.print


def test_a_split_takes_the_labels_wherever_they_are() -> None:
    """Other labels of the clusters may come and go; these alone are what is meant."""
    after = board(Event(9, "mark_noise", {"labels": ["b"]}))
    one = suggest(Gather((1,), "alone"))
    assert resolve(one, after).done  # what is left of its cluster is this label
    assert resolve(one, board()).changes == ()


def test_the_same_change_is_counted_and_another_stands_beside_it() -> None:
    """Two would merge one way, one the other; a rename of either is another matter."""
    said = [
        suggest(Merge(("c0", "c1")), 1, 1),
        suggest(Merge(("c1", "c0")), 2, 2),
        suggest(Merge(("c0", "c1")), 3, 3),
        suggest(Rename("c0", "first"), 4, 1),
    ]
    merge, rename = gather_matters(said, board())
    assert [change.people for change in merge.changes] == [[1, 3], [2]]
    assert merge.acts == [1, 3, 2] and rename.first.acts == [4]
    assert touched_categories(merge, board().state) == {"framing"}


def test_of_one_person_the_newest_counts() -> None:
    """Somebody who thinks of a better name has changed their mind, not two of them."""
    said = [suggest(Rename("c0", name), act, 1) for act, name in ((1, "worse"), (2, "better"))]
    (matter,) = gather_matters(said, board())
    assert [change.acts for change in matter.changes] == [[2]]
    named = Event(9, "rename", {"labels": ["a", "b"], "name": "better", "definition": None})
    assert gather_matters(said, board(named)) == []


@given(st.permutations(EVERY), st.randoms())
def test_the_order_of_suggestions_does_not_matter(order: list[Structural], random: Any) -> None:
    """Matters, changes and people come in an order of their own."""
    said = [suggest(one, act, act % 3) for act, one in enumerate(order, start=1)]
    shuffled = said[:]
    random.shuffle(shuffled)
    assert gather_matters(said, board()) == gather_matters(shuffled, board())


def test_a_form_that_sends_every_text_changes_those_that_differ() -> None:
    """So that it leaves alone what others write meanwhile."""
    edit = EditCategory("framing", name="framing", macro_strategy="m", definition="new")
    assert suggest(edit).payload == {"key": "framing", "definition": "new"}
    assert suggest(Rename("c0", "x", "")).payload["definition"] is None
    assert suggest(Rename("c0", "one", "why")).payload["definition"] == "why"
