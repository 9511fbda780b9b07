"""Decoding: against trying every path."""

from itertools import pairwise, product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotator.embedded.sequence import (
    Scores,
    SequenceError,
    best_path,
    estimated_matrix,
    posteriors,
)


def random_case(seed: int, length: int, count: int) -> tuple[Scores, Scores]:
    """Emissions and a matrix as an EM fit would give it."""
    rng = np.random.default_rng(seed)
    matrix = rng.random((count + 2, count + 2))
    matrix[:, 0] = 0
    matrix[-1] = 0
    matrix[-1, -1] = 1
    return np.log(rng.random((length, count))), matrix / matrix.sum(axis=1, keepdims=True)


def weight(path: tuple[int, ...], emission: Scores, matrix: Scores) -> float:
    """The probability of one path, up to a factor."""
    states = [0, *(category + 1 for category in path), len(matrix) - 1]
    moves = sum(np.log(matrix[a, b]) for a, b in pairwise(states))
    return float(np.exp(moves + sum(emission[t, c] for t, c in enumerate(path))))


@given(st.integers(0, 10_000), st.integers(1, 5), st.integers(1, 3))
@settings(max_examples=60)
def test_decoding_is_that_of_trying_all_paths(seed: int, length: int, count: int) -> None:
    emission, matrix = random_case(seed, length, count)
    weights = {
        path: weight(path, emission, matrix) for path in product(range(count), repeat=length)
    }
    best = max(weights.values())
    assert weights[tuple(best_path(emission, matrix))] == pytest.approx(best)
    expected = np.zeros((length, count))
    for path, value in weights.items():
        for t, category in enumerate(path):
            expected[t, category] += value / sum(weights.values())
    np.testing.assert_allclose(posteriors(emission, matrix), expected, atol=1e-9)


def test_a_matrix_can_overrule_a_weak_emission() -> None:
    """Where 0 always follows 0, one position that leans to 1 is read as 0."""
    matrix = np.array(
        [[0, 0.5, 0.5, 0], [0, 0.98, 0.01, 0.01], [0, 0.01, 0.98, 0.01], [0, 0, 0, 1]]
    )
    emission = np.log([[0.9, 0.1], [0.4, 0.6], [0.9, 0.1]])
    assert emission.argmax(axis=1).tolist() == [0, 1, 0]
    assert best_path(emission, matrix) == [0, 0, 0]


def test_forbidden_moves_leave_a_path_all_the_same() -> None:
    """A matrix that allows nothing does not crash; a long sequence does not underflow."""
    emission = np.log(np.full((3000, 2), 0.5))
    assert len(best_path(emission, np.zeros((4, 4)))) == 3000
    likely = posteriors(emission, np.zeros((4, 4)))
    np.testing.assert_allclose(likely.sum(axis=1), 1.0)


def test_nothing_decodes_to_nothing() -> None:
    matrix = estimated_matrix([], 2)
    assert best_path(np.zeros((0, 2)), matrix) == []
    assert posteriors(np.zeros((0, 2)), matrix).shape == (0, 2)


def test_a_matrix_of_another_vocabulary_is_refused() -> None:
    with pytest.raises(SequenceError, match="same taxonomy"):
        best_path(np.zeros((2, 3)), np.eye(4))


def test_an_estimated_matrix_counts_moves_and_breaks_at_unknowns() -> None:
    """start → 0, 0 → 1 and 1 → stop are seen; nothing goes in or out of -1."""
    matrix = estimated_matrix([[0, 1], [0, -1, 1]], 2, smoothing=0.0001)
    np.testing.assert_allclose(matrix.sum(axis=1), 1.0)
    assert matrix[0, 1] > 0.99 and matrix[1, 2] > 0.99 and matrix[2, 3] > 0.99
    assert (matrix[:, 0] == 0).all() and matrix[-1].tolist() == [0, 0, 0, 1]
