"""The weight of a unit: eq. 10 and this project's rulings for units without a move."""

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.transitions.matrices import PRESETS, fit, uniform_matrix
from alignment.transitions.moves import chains, pack
from alignment.transitions.weights import (
    HIGHEST_WEIGHT,
    LOWEST_WEIGHT,
    Move,
    move_weight,
    unit_weights,
)

# Three categories: states start 0, categories 1 to 3, stop 4. Rows sum to 1.
OVERALL = np.array(
    [
        [0.0, 0.5, 0.2, 0.2, 0.1],
        [0.0, 0.4, 0.3, 0.2, 0.1],
        [0.0, 0.1, 0.5, 0.3, 0.1],
        [0.0, 0.2, 0.2, 0.5, 0.1],
        [0.0, 0.0, 0.0, 0.0, 1.0],
    ]
)
POLAR = np.array(
    [
        [0.0, 0.6, 0.2, 0.1, 0.1],
        [0.0, 0.02, 0.28, 0.6, 0.1],
        [0.0, 0.4, 0.3, 0.2, 0.1],
        [0.0, 0.2, 0.2, 0.5, 0.1],
        [0.0, 0.0, 0.0, 0.0, 1.0],
    ]
)


def test_the_first_unit_weighs_the_move_from_start() -> None:
    (weight,) = unit_weights([(0,)], POLAR, OVERALL)
    assert weight.value == weight.ratio == pytest.approx(0.6 / 0.5)
    assert weight.move == Move((0,), (1,))


def test_a_two_label_move_is_the_ratio_of_the_sums_for_the_set_sizes_cancel() -> None:
    _, weight = unit_weights([(0, 1), (1, 2)], POLAR, OVERALL)
    expected = (0.28 + 0.6 + 0.3 + 0.2) / (0.3 + 0.2 + 0.5 + 0.3)
    assert weight.value == pytest.approx(expected)
    assert weight.move == Move((1, 2), (2, 3))


def test_an_empty_set_and_the_unit_after_it_weigh_one_and_have_no_move() -> None:
    weights = unit_weights([(), (0,), (1,), (), (2,)], POLAR, OVERALL)
    assert [weight.move is None for weight in weights] == [True, True, False, True, True]
    assert [weight.value for weight in weights if weight.move is None] == [1.0] * 4
    assert not any(weight.clipped for weight in weights)


def test_no_weight_belongs_to_the_move_into_stop() -> None:
    assert len(unit_weights([(0,), (1,)], POLAR, OVERALL)) == 2
    assert unit_weights([], POLAR, OVERALL) == ()


def test_weights_are_clipped_to_e_both_ways_and_keep_their_ratio() -> None:
    low = unit_weights([(0,), (0,)], POLAR, OVERALL)[1]
    assert (low.value, low.clipped) == (LOWEST_WEIGHT, True)
    assert low.ratio == pytest.approx(0.05)
    high = unit_weights([(0,), (2,)], POLAR, OVERALL)[1]
    assert (high.value, high.clipped) == (HIGHEST_WEIGHT, True)
    assert high.ratio == pytest.approx(3.0)
    assert math.exp(-1) == LOWEST_WEIGHT
    assert math.e == HIGHEST_WEIGHT


def test_a_move_that_neither_matrix_knows_weighs_one() -> None:
    unknown = np.eye(5)
    assert move_weight(Move((1,), (2,)), unknown, unknown).value == 1.0
    assert move_weight(Move((1,), (2,)), OVERALL, unknown).value == HIGHEST_WEIGHT


@given(st.lists(st.sets(st.integers(0, 2), max_size=2).map(tuple), max_size=8))
def test_equal_matrices_weigh_every_unit_one(sets: list[tuple[int, ...]]) -> None:
    weights = unit_weights(sets, OVERALL, OVERALL)
    assert all(weight.value == pytest.approx(1.0, abs=1e-15) for weight in weights)


def test_fitted_matrices_give_finite_weights_to_moves_never_seen() -> None:
    fitted = fit(pack(chains([[(0,), (1,)]], 3)), PRESETS["converged"]).matrix
    weights = unit_weights([(2,), (2,)], fitted, uniform_matrix(3))
    assert all(math.isfinite(weight.ratio) and weight.ratio > 0 for weight in weights)
