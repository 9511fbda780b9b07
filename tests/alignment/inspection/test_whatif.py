"""What an edit would change is what a full refit of the edited labels gives, and nothing else."""

from dataclasses import replace

import numpy as np
import pytest

from alignment.inspection.edits import (
    Edit,
    EditError,
    LabelEvidence,
    MergeCategories,
    MoveLabels,
    RetireCategory,
    SplitCategory,
    relabel,
)
from alignment.inspection.whatif import GROUPS, Ground, survey, what_if
from alignment.transitions.examples import Unit
from alignment.transitions.fits import FitSettings, LabelledTrace, fit_all
from alignment.transitions.moves import NO_LABEL
from benchmarks.grounds import simulated_ground
from benchmarks.naive import unpacked

EDITS: list[Edit] = [
    MergeCategories(("c1", "c2", "c3"), "c2"),
    RetireCategory("c4"),
    RetireCategory("c4", into="c0"),
    MoveLabels(frozenset({"c5 a", "c6 b"}), "c7"),
    SplitCategory("c5", frozenset({"c5 a"}), "new"),
]


@pytest.fixture(scope="module")
def ground() -> Ground:
    return simulated_ground(4_000, 0.5, seed=0)


def refitted(ground: Ground) -> tuple[dict[str, np.ndarray], np.ndarray]:
    """The matrices and weights by way of the export's own code, from the label sets alone."""
    traces = []
    chains_ = unpacked(type("C", (), {"labels": ground.labels, "ends": ground.ends})())
    for number, (sets, sign) in enumerate(zip(chains_, ground.helped, strict=True)):
        units = tuple(
            Unit(place, place + 1, tuple((label, 8.0) for label in labels))
            for place, labels in enumerate(sets)
        )
        polarity = {1: "positive", -1: "negative"}[int(sign)]
        traces.append(LabelledTrace(str(number), polarity, units))  # type: ignore[arg-type]
    fits = fit_all(traces, ground.categories, ground.settings)
    weights = [weight.value for trace in traces for weight in fits.weights(trace)]
    names = {"overall": "p", "positive": "positive", "negative": "negative"}
    return {n: fits.matrix(m) for n, m in names.items()}, np.array(weights)  # type: ignore[arg-type]


@pytest.mark.parametrize("edit", EDITS, ids=lambda edit: type(edit).__name__)
@pytest.mark.parametrize(
    "settings", [FitSettings(), FitSettings("paper"), FitSettings(balanced=True, shrinkage_moves=3)]
)
def test_the_answer_is_that_of_a_full_refit(
    ground: Ground, edit: Edit, settings: FitSettings
) -> None:
    ground = replace(ground, settings=settings)
    found = what_if(ground, survey(ground), edit)
    after = relabel(ground.labels, ground.categories, ground.evidence, edit)
    edited = replace(ground, categories=after.categories, labels=after.labels)
    matrices, weights = refitted(edited)
    for name in GROUPS:
        assert np.abs(found.after.matrices[name] - matrices[name]).max() < 1e-4, name
    assert np.abs(found.after.weights - weights).max() < 1e-3
    before = refitted(ground)[1]
    assert found.units_reweighted == pytest.approx((np.abs(weights - before) > 0.01).sum(), abs=20)
    assert found.units_relabelled == after.changed.sum() > 0
    assert found.tokens_relabelled == ground.tokens[after.changed].sum()
    found.document()


def test_merged_categories_are_one_and_no_set_holds_it_twice() -> None:
    labels = np.array([[0, 1], [1, 2], [2, NO_LABEL], [NO_LABEL, NO_LABEL]])
    after = relabel(labels, ("a", "b", "c"), nothing(), MergeCategories(("a", "b"), "b"))
    assert after.categories == ("b", "c")
    assert after.labels.tolist() == [[0, NO_LABEL], [0, 1], [1, NO_LABEL], [NO_LABEL] * 2]
    assert after.changed.tolist() == [True, False, False, False] or after.changed[0]


def test_a_retired_category_leaves_units_without_a_label() -> None:
    labels = np.array([[0, 1], [1, NO_LABEL]])
    after = relabel(labels, ("a", "b"), nothing(), RetireCategory("b"))
    assert after.categories == ("a",)
    assert after.labels.tolist() == [[0, NO_LABEL], [NO_LABEL, NO_LABEL]]


def test_a_category_follows_the_open_labels_that_it_mostly_rests_on() -> None:
    labels = np.array([[0, 1], [0, NO_LABEL], [0, NO_LABEL]])
    evidence = LabelEvidence(
        units=np.array([0, 0, 1, 1]),
        categories=np.array([0, 0, 0, 0]),
        labels=np.array([0, 1, 0, 1]),
        confidences=np.array([9.0, 2.0, 5.0, 5.0]),
        keys=("going", "staying"),
    )
    moved = relabel(labels, ("a", "b"), evidence, MoveLabels(frozenset({"going"}), "b"))
    assert moved.labels.tolist() == [[1, NO_LABEL], [0, NO_LABEL], [0, NO_LABEL]]
    assert moved.changed.tolist() == [True, False, False]
    split = relabel(labels, ("a", "b"), evidence, SplitCategory("a", frozenset({"going"}), "new"))
    assert split.categories == ("a", "b", "new")
    assert split.labels.tolist() == [[1, 2], [0, NO_LABEL], [0, NO_LABEL]]


@pytest.mark.parametrize(
    "edit",
    [
        MergeCategories(("a", "z"), "a"),
        MergeCategories(("a",), "a"),
        RetireCategory("z"),
        RetireCategory("a", into="z"),
        RetireCategory("a", into="a"),
        MoveLabels(frozenset(), "a"),
        MoveLabels(frozenset({"unheard of"}), "a"),
        SplitCategory("a", frozenset({"going"}), "b"),
    ],
)
def test_an_edit_that_cannot_be_is_refused(edit: Edit) -> None:
    with pytest.raises(EditError):
        relabel(np.array([[0, 1]]), ("a", "b"), nothing(), edit)


def test_nothing_changes_where_the_category_is_not_used(ground: Ground) -> None:
    ground = replace(ground, categories=(*ground.categories, "unused"))
    found = what_if(ground, survey(ground), RetireCategory("unused"))
    assert found.units_relabelled == found.tokens_relabelled == 0
    assert found.mean_l1("overall") < 1e-2
    assert found.before.clips == found.after.clips


def nothing() -> LabelEvidence:
    empty = np.zeros(0, dtype=np.int64)
    return LabelEvidence(empty, empty, empty, np.zeros(0), ("going",))
