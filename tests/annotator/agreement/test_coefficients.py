"""Agreement: against figures worked by hand, against definitions, and where it is undefined."""

from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.agreement.coefficients import LabelSet, agreement, entails, masi_distance, project


def sets(*texts: str) -> list[LabelSet]:
    """Each text is a label set, a letter a label."""
    return [frozenset(text) for text in texts]


label_sets = st.lists(st.frozensets(st.sampled_from("xyz"), max_size=2), min_size=1, max_size=30)


def test_cohens_kappa_is_that_of_the_worked_example() -> None:
    """20 yes-yes, 5 yes-no, 10 no-yes, 15 no-no: P_o = 0.7, P_e = 0.5, κ = 0.4."""
    a = sets(*"y" * 25, *"n" * 25)
    b = sets(*"y" * 20, *"n" * 5, *"y" * 10, *"n" * 15)
    result = agreement(a, b, list(range(50)))
    assert result.strict.value == pytest.approx(0.7)
    assert result.kappa_strict.value == pytest.approx(0.4)
    assert result.kappa_strict.n == 50


def test_entailment_has_its_own_chance_term() -> None:
    """A: {x}, {x, y}; B: {x, y}, {x, y}: entailment 1, κ_entail undefined, the old one 1."""
    result = agreement(sets("x", "xy"), sets("xy", "xy"), [0, 1])
    assert result.strict.value == 0.5 and result.entailment.value == 1.0
    assert result.kappa_entailment.value is None
    assert result.kappa_entailment_strict_chance.value == pytest.approx(1.0)


def test_gwets_coefficient_is_that_of_its_definition() -> None:
    """Two sets, π = 0.55 and 0.45: P_e = 2 · 0.55 · 0.45 = 0.495."""
    a = sets(*"y" * 25, *"n" * 25)
    b = sets(*"y" * 20, *"n" * 5, *"y" * 10, *"n" * 15)
    expected = (0.7 - 0.495) / (1 - 0.495)
    assert agreement(a, b, list(range(50))).ac1.value == pytest.approx(expected)


@given(label_sets, st.randoms(use_true_random=False))
def test_figures_are_those_of_their_definitions(a: list[LabelSet], random: object) -> None:
    """Every chance term, written out over all pairs of units, gives the same figures."""
    b = a[1:] + a[:1]
    n = len(a)
    result = agreement(a, b, list(range(n)), resamples=2)
    for name, agrees in (("kappa_strict", lambda s, t: s == t), ("kappa_entailment", entails)):
        observed = np.mean([agrees(s, t) for s, t in zip(a, b, strict=True)])
        chance = np.mean([agrees(s, t) for s, t in product(a, b)])
        figure = getattr(result, name)
        if chance > 1 - 1e-9:
            assert figure.value is None and figure.undefined
        else:
            assert figure.value == pytest.approx((observed - chance) / (1 - chance))
    values = [labels for pair in zip(a, b, strict=True) for labels in pair]
    apart = [masi_distance(s, t) for i, s in enumerate(values) for t in values[:i]]
    observed = np.mean([masi_distance(s, t) for s, t in zip(a, b, strict=True)])
    if not apart or not sum(apart):
        assert result.alpha_masi.value is None
    else:
        assert result.alpha_masi.value == pytest.approx(1 - observed / np.mean(apart))


@given(label_sets)
def test_a_source_agrees_with_itself(a: list[LabelSet]) -> None:
    """Every figure that is defined is 1."""
    result = agreement(a, a, list(range(len(a))), resamples=2)
    assert all(f.value == pytest.approx(1.0) for _, f in result.items() if f.value is not None)


@given(label_sets)
def test_the_order_of_the_sources_does_not_matter(a: list[LabelSet]) -> None:
    b = a[::-1]
    one, other = (agreement(x, y, list(range(len(a))), resamples=2) for x, y in ((a, b), (b, a)))
    for (_, left), (_, right) in zip(one.items(), other.items(), strict=True):
        assert left.value == pytest.approx(right.value)


def test_undefined_figures_say_why() -> None:
    """One label set throughout leaves chance nothing to miss; no unit leaves nothing at all."""
    constant = agreement(sets("x", "x"), sets("x", "x"), [0, 1])
    assert constant.strict.value == 1.0
    for name in ("kappa_strict", "kappa_entailment", "alpha_masi", "ac1"):
        figure = getattr(constant, name)
        assert figure.value is None and "one label set throughout" in (figure.undefined or "")
    empty = agreement([], [], [])
    assert all(f.value is None and "no unit" in (f.undefined or "") for _, f in empty.items())


@pytest.mark.parametrize(
    ("a", "b", "agrees", "distance"),
    [
        ("", "", True, 0.0),
        ("", "x", False, 1.0),
        ("x", "x", True, 0.0),
        ("x", "xy", True, 1 - 1 / 2 * 2 / 3),
        ("xy", "yz", False, 1 - 1 / 3 * 1 / 3),
        ("x", "y", False, 1.0),
    ],
)
def test_entailment_and_masi_of_pairs(a: str, b: str, agrees: bool, distance: float) -> None:
    """An empty set agrees with an empty set only."""
    first, second = frozenset(a), frozenset(b)
    assert entails(first, second) is entails(second, first) is agrees
    assert masi_distance(first, second) == pytest.approx(distance)


def test_the_interval_resamples_traces_and_not_units() -> None:
    """Ten copies of each trace's only unit leave the interval as it was."""
    a, b = sets(*"xyxyxxyx"), sets(*"xyyyxxxx")
    once = agreement(a, b, list(range(8)), seed=3)
    copies = agreement(a * 10, b * 10, list(range(8)) * 10, seed=3)
    assert copies.strict.low == pytest.approx(once.strict.low)
    assert copies.strict.high == pytest.approx(once.strict.high)
    assert once.strict.low is not None and once.strict.high is not None
    assert once.strict.low < 0.75 < once.strict.high


def test_a_single_trace_has_no_interval() -> None:
    result = agreement(sets("x", "y"), sets("x", "x"), [7, 7])
    assert result.strict.value == 0.5 and result.strict.low is None


def test_the_same_seed_gives_the_same_interval() -> None:
    a, b, traces = sets(*"xyxyx"), sets(*"xyyyx"), list(range(5))
    assert agreement(a, b, traces, seed=1) == agreement(a, b, traces, seed=1)


def test_categories_project_onto_macro_strategies() -> None:
    macro = {"x": "knowledge", "y": "knowledge", "z": "regulation"}
    assert project(sets("xy", "z", ""), macro) == [
        frozenset({"knowledge"}), frozenset({"regulation"}), frozenset(),
    ]  # fmt: skip


def test_different_lengths_are_refused() -> None:
    with pytest.raises(ValueError, match="as many units"):
        agreement(sets("x"), sets("x", "y"), [0])
