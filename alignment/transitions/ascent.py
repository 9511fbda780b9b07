"""The optimum of EM found sooner, for the many fits of resampling and of what-if questions.

EM closes the distance to its optimum by a constant factor a step, near 1 where most sets hold two
labels. Squared extrapolation takes two steps, infers the factor, and leaps.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from alignment.transitions.matrices import e_step, m_step, objective_nats

if TYPE_CHECKING:
    from alignment.transitions.matrices import Matrix, Table, Values

NEAREST_TO_ZERO = 0.1  # a leap leaves each cell this share of what two plain steps give it
CYCLES = 500


def climb(
    table: Table, counts: Values, init: Matrix, smoothing: float = 0.1, tolerance: float = 1e-6
) -> Matrix:
    """The matrix that maximises F = LL + α·Σ log P over the allowed cells, from `init`.

    A cycle is two undamped EM steps P₀ → P₁ → P₂ and the leap P₀ + 2sr + s²v with r = P₁ − P₀,
    v = (P₂ − P₁) − r, s = max(1, |r|/|v|), until |P₂ − P₁| < tolerance in every cell.
    Shapes: counts [moves], init and result [K, K].
    Identity: F never falls, and the optimum is that of `transitions.fit`, for there is one.
    Source: Varadhan and Roland 2008, scheme S3. Differs: cells are kept above zero and rows summing
    to 1; a leap that lands below P₁ in F is not taken.
    """
    matrix = init
    for _ in range(CYCLES):
        one = m_step(e_step(matrix, table, counts).counts, table.allowed, smoothing)
        two, height = _step(one, table, counts, smoothing)
        if float(np.abs(two - one).max()) < tolerance:
            return two
        landed, landing = _step(_leap(matrix, one, two), table, counts, smoothing)
        matrix = landed if landing >= height else two
    return matrix


def _step(matrix: Matrix, table: Table, counts: Values, smoothing: float) -> tuple[Matrix, float]:
    """The matrix after an undamped EM step, and F before it."""
    expected = e_step(matrix, table, counts)
    height, _ = objective_nats(matrix, expected.sums, table, counts, smoothing)
    return m_step(expected.counts, table.allowed, smoothing), height


def _leap(matrix: Matrix, one: Matrix, two: Matrix) -> Matrix:
    reach = one - matrix
    bend = (two - one) - reach
    length = float(np.linalg.norm(bend))
    # Without any bend the steps have ended or go on straight: a plain leap of 2 (0/0 else).
    stretch = max(1.0, float(np.linalg.norm(reach)) / length) if length > 0.0 else 1.0
    leap = np.maximum(matrix + 2.0 * stretch * reach + stretch**2 * bend, NEAREST_TO_ZERO * two)
    sums: Matrix = leap.sum(axis=1, keepdims=True)
    return leap / sums
