"""Decisions spread to labels that nobody decided, and never move one that somebody did."""

import zlib

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taxonomy.events.replay import replay
from taxonomy.events.state import Base, BaseGroup, BaseLabel, Event
from taxonomy.events.timeline import Timeline
from taxonomy.guidance.beliefs import Belief, believe, conclude, outcome
from taxonomy.guidance.prospects import gain_groups, look_round
from taxonomy.guidance.queue import pick_questions, weigh_stakes
from taxonomy.guidance.starting import (
    Starting,
    claim,
    give_answers,
    pack,
    unpack_shares,
    unpack_vectors,
)
from taxonomy.labels.embedding import unit
from tests.taxonomy.events.test_timeline import histories
from tests.taxonomy.logs import CATEGORIES, KEYS, START, bases, logs


def starting(keys: list[str], instances: list[int]) -> Starting:
    """Rows that lean somewhere by their names; the first two labels are one row."""
    row_of = np.maximum(np.arange(len(keys)) - 1, 0)
    seeds = [zlib.crc32(key.encode()) for key in keys[: len(keys) - 1] or keys]
    drawn = [np.random.default_rng(seed) for seed in seeds]
    vectors = unit(np.array([each.normal(size=6) for each in drawn], dtype=np.float32))
    shares = np.array([each.dirichlet(np.full(len(CATEGORIES) + 1, 0.4)) for each in drawn])
    return Starting(
        tuple(keys), row_of, tuple(instances), vectors, shares, tuple(CATEGORIES), "guided"
    )


def starting_of(base: Base) -> Starting:
    """The same for the labels of a base."""
    labels = base.labels
    return starting([label.key for label in labels], [label.instances for label in labels])


def log(*decisions: tuple[str, dict[str, object]]) -> list[Event]:
    return [START, *(Event(2 + n, kind, load) for n, (kind, load) in enumerate(decisions))]


def plain() -> tuple[Base, Starting]:
    """Six labels in two clusters that lean to framing and to chaining."""
    groups = (BaseGroup("c0", "zero", "", "framing"), BaseGroup("c1", "one", "", "chaining"))
    labels = [BaseLabel(KEYS[n], f"c{n // 3}", "cluster", 9 - n) for n in range(6)]
    base = Base(groups, tuple(labels))
    return base, starting_of(base)


@given(bases(), logs, st.data())
@settings(max_examples=35)
def test_reviewed_labels_never_move(base: Base, events: list[Event], data: st.DataObject) -> None:
    """Whatever else is decided, a label that was decided keeps what was said of it last."""
    first = starting_of(base)
    key = data.draw(st.sampled_from([label.key for label in base.labels]))
    category = data.draw(st.sampled_from([*CATEGORIES, None]))
    told = Event(50, "assign", {"labels": [key], "category": category})
    others = [
        event
        for event in events[1:]
        if event.kind != "retire_category" and key not in event.payload.get("labels", ())
    ]
    later = [Event(51 + n, event.kind, event.payload) for n, event in enumerate(others)]
    state = replay(base, [START, told, *later])
    shown = conclude(state, key, believe(first, state).by_key[key])
    assert shown == Belief(category, "reviewed", 0.0)


@given(bases(), histories())
@settings(max_examples=35)
def test_what_follows_is_the_same_replayed_and_taken_forward(
    base: Base, pieces: list[list[Event]]
) -> None:
    """To the last digit, undos and redos included: it depends on the state alone."""
    first = starting_of(base)
    timeline = Timeline.begin(base)
    for piece in pieces:
        timeline = timeline.extended(piece)
        taken = believe(first, timeline.state)
        fresh = believe(starting_of(base), replay(base, timeline.events))
        assert taken.by_key == fresh.by_key
        np.testing.assert_array_equal(taken.learned.unsettled, fresh.learned.unsettled)
        np.testing.assert_array_equal(
            taken.learned.guess.probabilities, fresh.learned.guess.probabilities
        )


@given(bases(), logs)
@settings(max_examples=25)
def test_every_label_ends_in_a_category_in_use_or_says_why_not(
    base: Base, events: list[Event]
) -> None:
    """And what is worth asking is a number for each group that holds an open label."""
    first, state = starting_of(base), replay(base, events)
    beliefs = believe(first, state)
    for key in first.keys:
        found = outcome(state, key, beliefs.by_key[key])
        if found.category is None:
            assert found.origin in ("noise", "unassigned")
        else:
            assert found.category in state.categories
            assert found.origin in ("reviewed", "spread", "guided", "cluster")
    prospects = look_round(first, state, beliefs)
    waiting = {state.anchors[key] for key in first.keys if key not in state.decided} - {None}
    assert set(prospects.gains) == waiting
    assert all(gain >= 0 for gain in prospects.gains.values())
    assert 0 <= prospects.outlook.expected_right <= prospects.outlook.expected_after <= 1


def test_without_decisions_it_is_what_the_run_thought() -> None:
    """The category of most shares, from where the run says."""
    base, first = plain()
    beliefs = believe(first, replay(base, log()))
    for place, key in enumerate(first.keys):
        shares = first.shares[first.row_of[place]]
        belief = beliefs.by_key[key]
        if belief.category is not None:
            assert belief == (
                CATEGORIES[int(shares[:-1].argmax())],
                "guided",
                pytest.approx(1 - max(shares[-1], shares[:-1].max()), abs=0.011),
            )


def test_an_answer_spreads_to_labels_of_the_same_phrase() -> None:
    """Two labels that fold to one row follow each other until one is decided otherwise."""
    base, first = plain()
    told = ("assign", {"labels": [KEYS[1]], "category": "retrieval"})
    state = replay(base, log(told, told))
    assert believe(first, state).by_key[KEYS[0]][:2] == ("retrieval", "spread")
    both = replay(base, log(told, ("assign", {"labels": [KEYS[0]], "category": "framing"})))
    shown = [conclude(both, key, believe(first, both).by_key[key]) for key in KEYS[:2]]
    assert [belief.category for belief in shown] == ["framing", "retrieval"]


def test_a_merge_into_a_settled_cluster_takes_its_category() -> None:
    """A person said that they mean the same; merging into an open one changes no guess."""
    base, first = plain()
    settled = ("assign", {"labels": KEYS[:3], "category": "retrieval"})
    merged = ("merge", {"labels": KEYS[:6], "into": KEYS[:3], "name": None})
    for decisions, expected in (([settled, merged], "retrieval"), ([merged], None)):
        state = replay(base, log(*decisions))
        belief = believe(first, state).by_key[KEYS[4]]
        shown = conclude(state, KEYS[4], belief)
        assert shown.category == (expected or belief.category)
        assert shown.origin == ("cluster" if expected else belief.origin)


def test_a_retired_category_leaves_its_share_to_its_heir_or_to_nobody() -> None:
    """Nothing is shared out to others as if it had been meant for them."""
    base, first = plain()
    into = replay(base, log(("retire_category", {"key": "framing", "into": "chaining"})))
    np.testing.assert_allclose(
        claim(first, into)[:, 0], first.shares[:, 0] + first.shares[:, 1], atol=1e-12
    )
    gone = replay(base, log(("retire_category", {"key": "framing", "into": None})))
    shares = claim(first, gone)
    np.testing.assert_allclose(shares[:, -2], first.shares[:, 0], atol=1e-12)
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)


def test_a_new_category_has_what_people_put_in_it() -> None:
    """It starts with no label, and takes what is like the labels that are moved there."""
    base, first = plain()
    added = {"key": "added", "name": "n", "macro_strategy": "m", "definition": "d"}
    moved = ("assign", {"labels": [KEYS[1]], "category": "added"})
    state = replay(base, log(("add_category", added)))
    assert {belief.category for belief in believe(first, state).by_key.values()} <= {
        *CATEGORIES,
        None,
    }
    state = replay(base, log(("add_category", added), moved, moved))
    assert believe(first, state).by_key[KEYS[0]].category == "added"


def test_answers_name_what_was_said_and_how_often() -> None:
    """Noise, no category, and a category said twice; the label that leads its row comes last."""
    base, first = plain()
    state = replay(
        base,
        log(
            ("mark_noise", {"labels": [KEYS[2]]}),
            ("assign", {"labels": [KEYS[3]], "category": None}),
            ("assign", {"labels": KEYS[:2], "category": "chaining"}),
            ("assign", {"labels": [KEYS[0]], "category": "framing"}),
            ("assign", {"labels": [KEYS[0]], "category": "framing"}),
        ),
    )
    assert give_answers(first, state) == {0: [1, 0, 0], 1: [4], 2: [3]}


def test_a_group_of_one_label_gains_what_the_label_gains() -> None:
    """And a group gains no less than any of its labels alone, at the same doubt."""
    base, first = plain()
    state = replay(base, log(("split", {"labels": [KEYS[5]], "name": "alone"})))
    beliefs = believe(first, state)
    stakes = weigh_stakes(beliefs.answers, beliefs.learned, first.weights)
    asked = pick_questions(stakes, beliefs.answers, first.weights, 10)
    alone = next(one.gain for one in asked if first.keys[one.label] == KEYS[5])
    assert gain_groups(first, state, stakes)["e2"] == pytest.approx(alone, rel=1e-5)


def test_packed_rows_keep_their_meaning() -> None:
    """Half the digits: cosines within 0.001, shares that sum to 1 again."""
    _, first = plain()
    vectors = unpack_vectors(pack(first.vectors))
    np.testing.assert_allclose(vectors @ vectors.T, first.vectors @ first.vectors.T, atol=1e-3)
    shares = unpack_shares(pack(first.shares))
    np.testing.assert_allclose(shares, first.shares, atol=1e-3)
    np.testing.assert_allclose(shares.sum(axis=1), 1.0)
