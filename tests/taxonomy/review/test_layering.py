"""A clustering over another one: nothing is lost, and all portions together are the whole."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from taxonomy.events.replay import replay
from taxonomy.events.state import Base, Event, State, active_events
from taxonomy.guidance.starting import Starting
from taxonomy.review.layering import Clustering, find_run, lay, list_layers, read_anchor
from taxonomy.review.portions import portion
from taxonomy.review.views import PlacedLabel, view
from tests.taxonomy.logs import CATEGORIES, KEYS, bases, logs

subsets = st.frozensets(st.sampled_from(KEYS))


def clustering(base: Base, run_id: int) -> Clustering:
    """A clustering as a run leaves it; a label's number is its place among all keys."""
    placed = {
        label.key: PlacedLabel(
            KEYS.index(label.key), label.key, label.key, None, label.instances, 0.1, 1.0,
            float(run_id), 0.0,
        )
        for label in base.labels
    }  # fmt: skip
    keys = {place.open_label_id: key for key, place in placed.items()}
    return Clustering(base, placed, keys, True, starting(base, run_id), run_id)


def starting(base: Base, run_id: int) -> Starting:
    """Every label a row of its own, whose vector and shares tell the run and the label."""
    keys = tuple(label.key for label in base.labels)
    shares = np.tile([0.5, 0.2, 0.2, 0.1], (len(keys), 1))
    shares[:, 0] += run_id / 100
    return Starting(
        keys,
        np.arange(len(keys)),
        tuple(label.instances for label in base.labels),
        np.array([[run_id, KEYS.index(key)] for key in keys], dtype=np.float32).reshape(-1, 2),
        shares,
        tuple(CATEGORIES if run_id == 3 else CATEGORIES[::-1]),
        "guided",
    )


def partition(state: State) -> set[frozenset[str]]:
    """Which labels stand together."""
    anchors = {anchor for anchor in state.anchors.values() if anchor is not None}
    return {frozenset(state.members(anchor)) for anchor in anchors}


@given(bases(), bases(), subsets, logs)
def test_any_sequence_of_decisions_survives(
    under: Base, over: Base, taken: frozenset[str], log: list[Event]
) -> None:
    """Whatever is taken: each label is there once, and what was decided of it stays decided."""
    mixed = lay(clustering(under, 3), clustering(over, 7), taken)
    keys = [label.key for label in mixed.base.labels]
    above = taken & {label.key for label in over.labels}
    assert sorted(keys) == sorted({label.key for label in under.labels} | above)
    state, apart = replay(mixed.base, log), [replay(under, log), replay(over, log)]
    for key in keys:
        told = {one.decided.get(key, "open") for one in apart if key in one.anchors}
        assert told == {state.decided.get(key, "open")}
    assert list(state.categories) == list(apart[0].categories)


@given(bases(), bases(), logs)
def test_everything_taken_is_the_other_clustering(
    under: Base, over: Base, log: list[Event]
) -> None:
    """Under any decisions, where it has all labels of the one below."""
    known = {label.key for label in over.labels}
    under = Base(under.groups, tuple(label for label in under.labels if label.key in known))
    mixed = replay(lay(clustering(under, 3), clustering(over, 7), known).base, log)
    whole = replay(over, log)
    assert {key: mixed.category(key) for key in known} == {
        key: whole.category(key) for key in known
    }
    assert partition(mixed) == partition(whole)
    assert mixed.instances == whole.instances


@given(bases(), bases(), subsets, logs)
def test_every_label_is_in_one_portion(
    under: Base, over: Base, taken: frozenset[str], log: list[Event]
) -> None:
    """Until it is taken; and what comes and is new adds up to what changes."""
    below, above = clustering(under, 3), clustering(over, 7)
    mixed = lay(below, above, taken)
    before = view(replay(mixed.base, log), mixed.placed)
    after = view(replay(above.base, log), above.placed)
    standing = taken & above.placed.keys()
    found = portion(before, after, standing)
    listed = [key for one in found for key in one.keys]
    assert sorted(listed) == sorted(after.labels.keys() - standing)
    assert sum(one.fresh.labels for one in found) == len(after.labels.keys() - before.labels.keys())
    assert sum(one.coming.labels for one in found) == sum(one.leaving.labels for one in found)
    assert [one.instances for one in found] == sorted(
        (one.instances for one in found), reverse=True
    )


@given(bases(), bases(), subsets)
def test_each_label_keeps_the_guess_of_the_run_that_it_stands_on(
    under: Base, over: Base, taken: frozenset[str]
) -> None:
    """Shares by where it stands, columns by category; vectors and map of one make."""
    below, above = clustering(under, 3), clustering(over, 7)
    mixed = lay(below, above, taken)
    assert mixed.starting is not None
    assert set(mixed.starting.keys) == set(mixed.placed)
    for key, place in mixed.starting.places.items():
        row = mixed.starting.row_of[place]
        over_it = key in taken and key in above.placed
        guess = dict(zip(mixed.starting.categories, mixed.starting.shares[row], strict=False))
        first = CATEGORIES[-1] if over_it else CATEGORIES[0]
        assert guess[first] == pytest.approx(0.57 if over_it else 0.53)
        newest = 7 if key in above.placed and mixed is not below else 3
        assert tuple(mixed.starting.vectors[row]) == (newest, KEYS.index(key))
        assert mixed.placed[key].x == newest


def test_what_is_taken_counts_while_the_version_stands_on_that_run() -> None:
    """Portions of one run add up; taken back, or on another run, they count for nothing."""
    log = [
        Event(1, "start", {"categories": []}),
        Event(2, "recluster", {"from": 3, "to": 7, "category": "a", "labels": ["x"]}),
        Event(3, "recluster", {"from": 3, "to": 7, "category": None, "labels": ["y"]}),
    ]
    layers = list_layers(log, 3)
    assert [(layer.run_id, set(layer.labels)) for layer in layers] == [(7, {"x", "y"})]
    assert list_layers(log, 7) == ()
    undone = active_events([*log, Event(4, "undo", {}, undoes=2)])
    assert [set(layer.labels) for layer in list_layers(undone, 3)] == [{"y"}]


def test_the_run_is_where_the_last_whole_change_in_force_led() -> None:
    """Undo of any of them, and redo."""
    went: dict[str, Any] = {"from": 3, "to": 7}
    log = [Event(1, "recluster", went), Event(2, "recluster", {"from": 7, "to": 9})]

    def run(*events: Event) -> int | None:
        return find_run([*log, *events], active_events([*log, *events]), 5)

    back = Event(3, "undo", {}, undoes=2)
    assert (run(), run(back), run(Event(3, "undo", {}, undoes=1))) == (9, 7, 9)
    assert run(back, Event(4, "undo", {}, undoes=1)) == 3
    assert run(back, Event(4, "undo", {}, undoes=3)) == 9
    assert find_run([], [], 5) == 5


def test_anchors_name_clusters_of_either_run() -> None:
    """Those that a decision made name none."""
    assert read_anchor("c12") == (12, None)
    assert read_anchor("c12.7") == (12, 7)
    assert read_anchor("e5") == read_anchor("cx") == (-1, None)
