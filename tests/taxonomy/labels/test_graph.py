"""The graph holds the nearest others, exactly where it is small and nearly where it is large."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from taxonomy.labels.embedding import Vectors, unit
from taxonomy.labels.graph import find_neighbours, weigh


def draw(count: int, seed: int, centres: int = 40) -> Vectors:
    random = np.random.default_rng(seed)
    middle = random.normal(size=(centres, 16))[random.integers(0, centres, count)]
    return unit((middle + 0.4 * random.normal(size=(count, 16))).astype(np.float32))


@settings(deadline=None)
@given(st.integers(2, 60), st.integers(1, 8), st.integers(0, 1000))
def test_neighbours_are_those_of_all_pairs_sorted(count: int, k: int, seed: int) -> None:
    vectors = draw(count, seed)
    found = find_neighbours(vectors, k)
    cosines = vectors @ vectors.T
    np.fill_diagonal(cosines, -2)
    expected = -np.sort(-cosines, axis=1)[:, : min(k, count - 1)]
    np.testing.assert_allclose(found.cosines, expected, atol=1e-5)
    assert (found.rows != np.arange(count)[:, None]).all()


def test_cells_find_nearly_all_neighbours_the_same_every_time() -> None:
    vectors = draw(6000, 1)
    exact = find_neighbours(vectors, 10)
    near = find_neighbours(vectors, 10, exact_limit=0)
    shared = [len(set(a) & set(b)) for a, b in zip(exact.rows, near.rows, strict=True)]
    assert np.mean(shared) > 9.5
    np.testing.assert_array_equal(near.rows, find_neighbours(vectors, 10, exact_limit=0).rows)


@pytest.mark.parametrize("count", [0, 1])
def test_no_pair_no_neighbour(count: int) -> None:
    found = find_neighbours(draw(2, 0)[:count], 5)
    assert found.rows.shape == (count, 0)
    assert weigh(found, 2.0).nnz == 0


def test_edges_are_symmetric_powers_of_positive_cosines() -> None:
    vectors = draw(50, 2)
    graph = weigh(find_neighbours(vectors, 4), 3.0).toarray()
    np.testing.assert_array_equal(graph, graph.T)
    rows, columns = np.nonzero(graph)
    expected = np.einsum("ij,ij->i", vectors[rows], vectors[columns]) ** 3
    np.testing.assert_allclose(graph[rows, columns], expected, atol=1e-5)
