"""The sooner way to the optimum ends where plain EM ends."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from alignment.transitions.ascent import climb
from alignment.transitions.matrices import (
    EMSettings,
    allowed_cells,
    e_step,
    fit,
    objective_nats,
    tabulate,
    uniform_matrix,
)
from alignment.transitions.moves import chains, pack
from benchmarks.simulation import simulate_moves

CATEGORIES = 4
label_sets = st.sets(st.integers(0, CATEGORIES - 1), max_size=3).map(tuple)
corpora = st.lists(st.lists(label_sets, max_size=6), max_size=6)
EXACT = EMSettings(20_000, 1.0, tolerance=1e-12)


@given(corpora, st.integers(0, 2**32 - 1))
def test_it_climbs_to_the_optimum_of_plain_em(corpus: list[list[tuple[int]]], seed: int) -> None:
    allowed = allowed_cells(CATEGORIES)
    init = np.where(allowed, np.random.default_rng(seed).random(allowed.shape) + 0.05, 0.0)
    init /= init.sum(axis=1, keepdims=True)
    moves = pack(chains(corpus, CATEGORIES))
    found = climb(tabulate(moves), moves.counts, init, tolerance=1e-10)
    assert np.abs(found - fit(moves, EXACT).matrix).max() < 1e-6
    assert (found[~allowed] == 0.0).all()
    assert np.allclose(found.sum(axis=1), 1.0, atol=1e-12)


@given(corpora)
def test_it_never_ends_below_where_it_began(corpus: list[list[tuple[int]]]) -> None:
    moves = pack(chains(corpus, CATEGORIES))
    table, init = tabulate(moves), uniform_matrix(CATEGORIES)

    def height(matrix: np.ndarray) -> float:
        sums = e_step(matrix, table, moves.counts).sums
        return objective_nats(matrix, sums, table, moves.counts, 0.1)[0]

    found = climb(table, moves.counts, init, tolerance=0.05)
    assert height(found) >= height(init) - 1e-9 * max(1.0, abs(height(init)))


@pytest.mark.parametrize("share", [0.3, 0.94])
def test_at_full_size_it_agrees_with_the_converged_fit(share: float) -> None:
    moves = pack(simulate_moves(20_000, share, seed=3).chains)
    found = climb(tabulate(moves), moves.counts, uniform_matrix(15))
    assert np.abs(found - fit(moves, EXACT).matrix).max() < 1e-4
