"""Transition matrices between categories, fitted by EM over set-to-set moves.

States are numbered start = 0, the N categories 1 … N in the taxonomy's order, stop = N + 1, so
K = N + 2.
"""

from __future__ import annotations

import warnings
from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal, NamedTuple

import numpy as np

from alignment.transitions.moves import NO_LABEL, START, Moves

if TYPE_CHECKING:
    from jaxtyping import Bool, Float, Int
    from numpy.typing import NDArray

    Matrix = Float[NDArray[np.float64], "K K"]
    Cells = Bool[NDArray[np.bool_], "K K"]
    Values = Float[NDArray[np.float64], " moves"]
    Members = Float[NDArray[np.float64], "sets K"]
    Places = Int[NDArray[np.int64], "width moves"]

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
class Table:
    """Distinct moves as the E-step reads them.

    Shapes: members [sets, K], 1 where a set holds a state; places [width, moves], where the chance
    of moving from a move's source set to each state of its target set stands in a flat
    [sets, K + 1] array, whose last column is for the places that a smaller set leaves; sizes
    [moves], |I|·|J|.
    """

    members: Members
    places: Places
    sizes: Values
    allowed: Cells


class Expected(NamedTuple):
    """What a matrix makes of the moves: Σ of P_ab over each move's pairs, and C_ab."""

    sums: Values
    counts: Matrix


class _Step(NamedTuple):
    """A matrix on the way up, what it expects, and how far the step went."""

    matrix: Matrix
    expected: Expected
    change: float


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
    table = tabulate(moves)
    start = uniform_matrix(moves.category_count) if init is None else _checked(init, table.allowed)
    history: list[tuple[float, float]] = []
    for step in _ascent(start, table, moves.counts, settings):
        sums = step.expected.sums
        nats = objective_nats(step.matrix, sums, table, moves.counts, settings.smoothing)
        history.append(nats)
    _warn_at_cap(settings, step.change)
    return Fit(
        matrix=step.matrix,
        support=step.expected.counts,
        move_count=moves.total,
        iterations=len(history) - 1,
        converged=step.change < settings.tolerance,
        largest_change=step.change,
        objective_nats=tuple(objective for objective, _ in history),
        log_likelihood_nats=tuple(likelihood for _, likelihood in history),
    )


def tabulate(moves: Moves) -> Table:
    """The moves as the E-step reads them; counts may change without it."""
    state_count, held = moves.category_count + 2, moves.sets != NO_LABEL
    members = np.zeros((len(moves.sets), state_count))
    members[np.nonzero(held)[0], moves.sets[held]] = 1.0
    columns = np.where(held, moves.sets, state_count)  # the column of nothing
    sizes = members.sum(axis=1)
    return Table(
        members=members,
        places=(moves.sources[:, None] * (state_count + 1) + columns[moves.targets]).T.copy(),
        sizes=sizes[moves.sources] * sizes[moves.targets],
        allowed=allowed_cells(moves.category_count),
    )


def move_sums(matrix: Matrix, table: Table) -> Values:
    """Σ of P_ab over the pairs of each move: |I|·|J| times its chance under eq. 7."""
    set_count, state_count = table.members.shape
    leaving = np.zeros((set_count, state_count + 1))
    leaving[:, :state_count] = table.members @ matrix
    flat = leaving.ravel()
    sums: Values = flat[table.places[0]]
    for places in table.places[1:]:
        sums += flat[places]
    return sums


def move_probability(source: Collection[int], target: Collection[int], matrix: Matrix) -> float:
    """Pr(J | I, P) = Σ_{a∈I, b∈J} P_ab / (|I|·|J|), with I and J as states (eq. 7)."""
    return float(matrix[np.ix_(sorted(source), sorted(target))].mean())


def mean_l1(one: Matrix, other: Matrix) -> float:
    """The mean of |P_ab − Q_ab| over all K² cells."""
    return float(np.abs(one - other).mean())


def _ascent(matrix: Matrix, table: Table, counts: Values, settings: EMSettings) -> Iterator[_Step]:
    """The initial matrix and that of each iteration."""
    step = _Step(matrix, e_step(matrix, table, counts), np.inf)
    yield step
    for _ in range(settings.iterations):
        fresh = m_step(step.expected.counts, table.allowed, settings.smoothing)
        damped = (1.0 - settings.damping) * step.matrix + settings.damping * fresh
        change = float(np.abs(damped - step.matrix).max())
        step = _Step(damped, e_step(damped, table, counts), change)
        yield step
        if change < settings.tolerance:
            return


def e_step(matrix: Matrix, table: Table, counts: Values) -> Expected:
    """C_ab = Σ over moves of count · r_ab. ρ cancels in r, for it is uniform."""
    sums = move_sums(matrix, table)
    known = sums > 0.0
    shares = np.divide(counts, sums, out=np.zeros_like(sums), where=known)
    found = matrix * _spread(shares, table)
    if not known.all():
        # Where a move has no chance at all under this matrix, its pairs share it evenly (0/0).
        found += _spread(np.where(known, 0.0, counts / table.sizes), table)
    return Expected(sums, found)


def _spread(values: Values, table: Table) -> Matrix:
    """Σ over moves of the value, in every cell that the move may hide."""
    set_count, state_count = table.members.shape
    bins = set_count * (state_count + 1)
    arriving: NDArray[np.float64] = np.zeros(bins)
    for places in table.places:
        arriving += np.bincount(places, weights=values, minlength=bins)
    spread: Matrix = table.members.T @ arriving.reshape(set_count, state_count + 1)[:, :state_count]
    return spread


def m_step(counts: Matrix, allowed: Cells, smoothing: float) -> Matrix:
    """P_ab ∝ C_ab + α on allowed cells, each row summing to 1."""
    return _rows_normalised(np.where(allowed, counts + smoothing, 0.0))


def _rows_normalised(raised: Matrix) -> Matrix:
    """Each row divided by its sum; every row has an allowed cell, so no sum is 0."""
    sums: Matrix = raised.sum(axis=1, keepdims=True)
    return raised / sums


def objective_nats(
    matrix: Matrix, sums: Values, table: Table, counts: Values, smoothing: float
) -> tuple[float, float]:
    """F = LL + α·Σ log P over the allowed cells, and LL; −inf where a chance is 0."""
    seen = counts > 0.0
    with np.errstate(divide="ignore"):
        logs = np.log(sums[seen] / table.sizes[seen])
        prior = smoothing * float(np.log(matrix[table.allowed]).sum())
    likelihood = float(counts[seen] @ logs)
    return likelihood + prior, likelihood


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
