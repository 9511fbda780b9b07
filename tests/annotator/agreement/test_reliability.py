"""Krippendorff's α for nominal values and any number of people."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotator.agreement.reliability import nominal_alpha

# Krippendorff 2011, the example of four observers and twelve units, missing values left out.
REFERENCE = [
    [1, 1, 1], [2, 2, 3, 2], [3, 3, 3, 3], [3, 3, 3, 3], [2, 2, 2, 2], [1, 2, 3, 4], [4, 4, 4, 4],
    [1, 1, 2, 1], [2, 2, 2, 2], [5, 5, 5], [1, 1], [3],
]  # fmt: skip


def test_it_is_that_of_the_published_example() -> None:
    """α = 0.743."""
    assert nominal_alpha(REFERENCE) == pytest.approx(0.743, abs=5e-4)


def test_full_agreement_on_more_than_one_value_is_one() -> None:
    """And on one value throughout it is undefined, not 1."""
    assert nominal_alpha([["a", "a"], ["b", "b", "b"]]) == 1.0
    assert nominal_alpha([["a", "a"], ["a", "a"]]) is None
    assert nominal_alpha([]) is None


@given(st.lists(st.lists(st.integers(0, 2), max_size=4), max_size=12))
def test_a_unit_that_one_person_judged_changes_nothing(units: list[list[int]]) -> None:
    """It says nothing about agreement; and no figure exceeds 1."""
    alpha = nominal_alpha(units)
    assert alpha == nominal_alpha([*units, [7]])
    assert alpha is None or alpha <= 1.0
