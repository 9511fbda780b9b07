"""What verdicts come to: agreement, dispute, and neither."""

from hypothesis import given
from hypothesis import strategies as st

from taxonomy.events.replay import replay
from taxonomy.events.state import Base, BaseGroup, BaseLabel, CategoryText, Event, State
from taxonomy.review.verdicts import Choice, Opinion, choose, gather_disputes, is_settled, rule

FRAMING, ANALOGY, NOISE = Choice("framing"), Choice("analogy"), Choice(noise=True)
opinions = st.lists(
    st.builds(
        Opinion,
        st.integers(1, 4),
        st.sampled_from("abc"),
        st.sampled_from([FRAMING, ANALOGY, NOISE, Choice()]),
    ),
    unique_by=lambda one: (one.person_id, one.key),
)


@given(opinions, st.integers(1, 4), st.randoms())
def test_the_order_of_opinions_does_not_matter(said: list[Opinion], overlap: int, random) -> None:  # type: ignore[no-untyped-def]
    """And every label is agreed, disputed, or judged by too few."""
    shuffled = said[:]
    random.shuffle(shuffled)
    ruling = rule(said, overlap)
    assert ruling == rule(shuffled, overlap)
    agreed = [key for keys in ruling.agreed.values() for key in keys]
    assert len(agreed) == len(set(agreed)) and not set(agreed) & set(ruling.disputed)
    for key in "abc":
        own = {one.person_id: one.choice for one in said if one.key == key}
        enough = len(own) >= overlap
        assert (key in agreed) == (enough and len(set(own.values())) == 1)
        assert (key in ruling.disputed) == (enough and len(set(own.values())) > 1)


START = Event(1, "start", {"categories": [{"key": key, "name": key, "macro_strategy": "m",
                           "definition": "d"} for key in ("framing", "analogy")]})  # fmt: skip
BASE = Base(
    (BaseGroup("c0", "one", "", "framing"), BaseGroup("c1", "two", "", None)),
    (
        BaseLabel("a", "c0", "cluster", 5),
        BaseLabel("b", "c0", "cluster", 3),
        BaseLabel("c", "c1", "cluster", 9),
        BaseLabel("n", None, "noise", 1),
    ),
)


def state(*events: Event) -> State:
    """Two groups and a label in none, after some events."""
    return replay(BASE, [START, *events])


def test_a_label_is_settled_by_a_decision_and_by_nothing_else() -> None:
    """A clustering's own noise is no decision; a label that is gone needs none."""
    assigned = Event(2, "assign", {"labels": ["a"], "category": None})
    noise = Event(3, "mark_noise", {"labels": ["b"]})
    now = state(assigned, noise)
    assert [is_settled(now, key) for key in ("a", "b", "c", "n", "gone")] == [
        True,
        True,
        False,
        False,
        True,
    ]
    undone = state(assigned, noise, Event(4, "undo", {}, undoes=3))
    assert not is_settled(undone, "b")


def test_a_choice_follows_its_category_when_that_is_retired() -> None:
    """So two reviewers agree who chose what became one."""
    retired = state(Event(2, "retire_category", {"key": "analogy", "into": "framing"}))
    assert choose(retired, "analogy", False) == FRAMING
    gone = state(Event(2, "retire_category", {"key": "analogy", "into": None}))
    assert choose(gone, "analogy", False) == Choice("")
    assert choose(gone, None, True) == NOISE


def test_disputes_are_gathered_by_group_and_by_who_says_what() -> None:
    """The heaviest first; what a decision settled is none; an agreement taken back is shown."""
    said = [
        Opinion(1, "a", FRAMING), Opinion(2, "a", ANALOGY),
        Opinion(1, "b", FRAMING), Opinion(2, "b", ANALOGY),
        Opinion(1, "c", NOISE), Opinion(2, "c", NOISE),
        Opinion(1, "n", FRAMING),
    ]  # fmt: skip
    found = gather_disputes(state(), said, 2)
    assert [(one.anchor, one.keys, len(one.sides)) for one in found] == [
        ("c1", ("c",), 1),
        ("c0", ("a", "b"), 2),
    ]
    assert found[1].sides[0].people in ((1,), (2,))
    settled = state(Event(2, "assign", {"labels": ["a", "b", "c"], "category": "framing"}))
    assert gather_disputes(settled, said, 2) == []
    assert CategoryText.read({"key": "k", "name": "n", "macro_strategy": "m", "definition": "d",
                              "counter_examples": ["x"]}).counter_examples == ("x",)  # fmt: skip
