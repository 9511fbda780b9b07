"""Transition matrices between categories, fitted by EM over set-to-set moves.

States are numbered start = 0, the N categories 1 … N in the taxonomy's order, stop = N + 1, so
K = N + 2.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from alignment.moves import NO_LABEL, START, Moves

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from numpy.typing import NDArray

    Matrix = Float[NDArray[np.float64], "K K"]
    Cells = Bool[NDArray[np.bool_], "K K"]
    PairCells = Int[NDArray[np.int64], " pairs"]
    PairValues = Float[NDArray[np.float64], " pairs"]

Preset = Literal["paper", "converged", "frequency", "single"]


class TransitionsError(ValueError):
    """A matrix that is not a transition matrix of these states."""


class NotConvergedWarning(UserWarning):
    """EM stopped at its cap of iterations while the matrix still moved."""


@dataclass(frozen=True)
class EMSettings:
    """How EM runs: the cap, the weight d of the new matrix, the smoothing, and when it stops."""

    iterations: int
    damping: float
    smoothing: float = 0.1
    tolerance: float = 1e-6
    warns_at_cap: bool = False


# The ablations take one undamped step from uniform shares; `single` is to be fed sets of one
# label (`moves.strongest`), for which that step is the optimum itself.
PRESETS: Mapping[Preset, EMSettings] = {
    "paper": EMSettings(iterations=5, damping=0.6),
    "converged": EMSettings(iterations=2_000, damping=0.6, warns_at_cap=True),
    "frequency": EMSettings(iterations=1, damping=1.0),
    "single": EMSettings(iterations=1, damping=1.0),
}


@dataclass(frozen=True)
class Fit:
    """A fitted matrix and how it came about.

    Shapes: matrix and support [K, K]; support is the expected number of moves a cell explains.
    Units: objective and log likelihood in nats, one entry for the initial matrix and one after
    each iteration.
    """

    matrix: Matrix
    support: Matrix
    move_count: int
    iterations: int
    converged: bool
    largest_change: float
    objective_nats: tuple[float, ...]
    log_likelihood_nats: tuple[float, ...]


@dataclass(frozen=True)
class _Pairs:
    """Every base pair (a, b) of every distinct move, flat; the pairs of a move lie side by side."""

    cells: PairCells  # a·K + b
    shares: PairValues  # 1 / (|I|·|J|)
    counts: PairValues  # of the pair's move
    firsts: PairCells  # [moves], where each move's pairs begin
    sizes: PairCells  # [moves], |I|·|J|


def allowed_cells(category_count: int) -> Cells:
    """Which moves between states can happen: nothing enters start, and stop is absorbing.

    Shapes: [K, K]. start → stop is allowed; the row of stop holds stop → stop alone.
    """
    allowed = np.ones((category_count + 2, category_count + 2), dtype=np.bool_)
    allowed[:, START] = False
    allowed[-1, :-1] = False
    return allowed


def uniform_matrix(category_count: int) -> Matrix:
    """The matrix whose rows are uniform over the allowed cells: where EM starts."""
    return _rows_normalised(allowed_cells(category_count).astype(np.float64))


def fit(moves: Moves, settings: EMSettings, init: Matrix | None = None) -> Fit:
    """The matrix that maximises F = LL + α·Σ log P over the allowed cells, by damped EM.

    E-step r_ab ∝ ρ_I(a) P_ab over a move's pairs, uniform if the sum is 0; M-step P_ab ∝ C_ab + α
    on allowed cells, row by row; P ← (1 − d) P + d P_new; until max |ΔP| < tolerance or the cap.
    Shapes: init and matrix [K, K]. Units: F and LL in nats.
    Masking: forbidden cells stay 0.
    Identity: F never falls, for it is concave in P and the M-step climbs it; plain LL may fall.
    Raises: TransitionsError if `init` is not a transition matrix of K states.
    Source: arXiv 2510.24794v2, 3.2.2, eq. 7 and Appendix E.
    Differs: the cap and the tolerance are settings; the source stops after 5 iterations.
    """
    allowed = allowed_cells(moves.category_count)
    matrix = uniform_matrix(moves.category_count) if init is None else _checked(init, allowed)
    pairs = _pairs(moves)
    history = [_objective_nats(matrix, pairs, allowed, settings.smoothing)]
    change = np.inf
    while len(history) <= settings.iterations and change >= settings.tolerance:
        fresh = _m_step(_expected_counts(matrix, pairs), allowed, settings.smoothing)
        damped = (1.0 - settings.damping) * matrix + settings.damping * fresh
        change, matrix = float(np.abs(damped - matrix).max()), damped
        history.append(_objective_nats(matrix, pairs, allowed, settings.smoothing))
    _warn_at_cap(settings, change)
    return _fitted(matrix, pairs, moves, history, change, settings)


def move_probability(source: Collection[int], target: Collection[int], matrix: Matrix) -> float:
    """Pr(J | I, P) = Σ_{a∈I, b∈J} P_ab / (|I|·|J|), with I and J as states (eq. 7)."""
    return float(matrix[np.ix_(sorted(source), sorted(target))].mean())


def mean_l1(one: Matrix, other: Matrix) -> float:
    """The mean of |P_ab − Q_ab| over all K² cells."""
    return float(np.abs(one - other).mean())


def _pairs(moves: Moves) -> _Pairs:
    """The base pairs of the moves, laid flat."""
    state_count = moves.category_count + 2
    cells = moves.sources[:, :, None] * state_count + moves.targets[:, None, :]
    real = (moves.sources != NO_LABEL)[:, :, None] & (moves.targets != NO_LABEL)[:, None, :]
    sizes: PairCells = np.asarray(real.sum(axis=(1, 2)), dtype=np.int64)
    return _Pairs(
        cells=cells[real],
        shares=np.repeat(1.0 / sizes, sizes),
        counts=np.repeat(moves.counts, sizes),
        firsts=np.cumsum(sizes) - sizes,
        sizes=sizes,
    )


def _move_sums(values: PairValues, pairs: _Pairs) -> PairValues:
    """The sum of the pairs' values within each move, repeated for each of its pairs."""
    if not len(values):
        return values
    sums: PairValues = np.add.reduceat(values, pairs.firsts)
    return np.repeat(sums, pairs.sizes)


def _expected_counts(matrix: Matrix, pairs: _Pairs) -> Matrix:
    """C_ab = Σ over moves of count · r_ab (the E-step). ρ cancels in r, for it is uniform."""
    chances = matrix.ravel()[pairs.cells]
    sums = _move_sums(chances, pairs)
    # Where a move has no chance at all under this matrix, its pairs share it evenly (0/0).
    shares = np.divide(chances, sums, out=pairs.shares.copy(), where=sums > 0.0)
    counts = np.bincount(pairs.cells, weights=pairs.counts * shares, minlength=matrix.size)
    return counts.astype(np.float64).reshape(matrix.shape)


def _m_step(counts: Matrix, allowed: Cells, smoothing: float) -> Matrix:
    """P_ab ∝ C_ab + α on allowed cells, each row summing to 1."""
    return _rows_normalised(np.where(allowed, counts + smoothing, 0.0))


def _rows_normalised(raised: Matrix) -> Matrix:
    """Each row divided by its sum; every row has an allowed cell, so no sum is 0."""
    sums: Matrix = raised.sum(axis=1, keepdims=True)
    return raised / sums


def _objective_nats(
    matrix: Matrix, pairs: _Pairs, allowed: Cells, smoothing: float
) -> tuple[float, float]:
    """F = LL + α·Σ log P over the allowed cells, and LL; −inf where a chance is 0."""
    chances = matrix.ravel()[pairs.cells]
    with np.errstate(divide="ignore"):
        # Each move's log chance is spread over its pairs: their shares sum to 1.
        logs = np.log(_move_sums(chances * pairs.shares, pairs))
        prior = smoothing * float(np.log(matrix[allowed]).sum())
    likelihood = float((pairs.counts * pairs.shares * logs).sum())
    return likelihood + prior, likelihood


def _fitted(
    matrix: Matrix,
    pairs: _Pairs,
    moves: Moves,
    history: list[tuple[float, float]],
    change: float,
    settings: EMSettings,
) -> Fit:
    return Fit(
        matrix=matrix,
        support=_expected_counts(matrix, pairs),
        move_count=moves.total,
        iterations=len(history) - 1,
        converged=change < settings.tolerance,
        largest_change=change,
        objective_nats=tuple(objective for objective, _ in history),
        log_likelihood_nats=tuple(likelihood for _, likelihood in history),
    )


def _warn_at_cap(settings: EMSettings, change: float) -> None:
    if settings.warns_at_cap and change >= settings.tolerance:
        warnings.warn(
            f"EM stopped at its cap of {settings.iterations} iterations with a largest change of"
            f" {change:.1e}, expected below {settings.tolerance:.0e}: raise the cap",
            NotConvergedWarning,
            stacklevel=3,
        )


def _checked(matrix: Matrix, allowed: Cells) -> Matrix:
    """The matrix, if its rows are distributions over the allowed cells."""
    fault = ""
    if matrix.shape != allowed.shape:
        fault = f"its shape is {matrix.shape}, expected {allowed.shape}"
    elif not np.isfinite(matrix).all() or (matrix < 0.0).any():
        fault = "it holds negative or non-finite cells"
    elif (matrix[~allowed] != 0.0).any():
        fault = "it moves into start or out of stop"
    elif np.abs(matrix.sum(axis=1) - 1.0).max() > 1e-9:
        fault = "its rows do not sum to 1"
    if fault:
        raise TransitionsError(f"the initial matrix is not a transition matrix: {fault}")
    return matrix.astype(np.float64)
