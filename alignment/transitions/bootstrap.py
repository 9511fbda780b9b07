"""How sure the matrices and the weights are: fitted again on traces drawn with replacement."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np

from alignment.polarity.candidates import PolarityName
from alignment.transitions.ascent import climb
from alignment.transitions.fits import Fits, FitsError, FitSettings, GroupName, MatrixName
from alignment.transitions.matrices import PRESETS, Fit, allowed_cells, fit, tabulate
from alignment.transitions.moves import Moves
from alignment.transitions.report import weight_matrix
from alignment.transitions.resampling import Interval, Units, drawn, percentile_interval
from alignment.transitions.weights import HIGHEST_WEIGHT, LOWEST_WEIGHT, Move, Weight

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from alignment.transitions.matrices import Matrix, Table, Values

    Samples = NDArray[np.float64]  # [replicates, K, K]

REPLICATES = 200
TOLERANCE = 1e-5  # of a replicate's fit: hundreds of times below what drawing moves a cell by
RULE_OF_THREE = 3.0  # −log 0.05: a count below this is the likeliest to be 0 in one case of twenty
SUPPORTED_MOVES = 1.0


@dataclass(frozen=True)
class Bootstrap:
    """The matrices of many corpora drawn from one, trace by trace.

    Shapes: each of `samples` [replicates, K, K].
    """

    fits: Fits
    samples: Mapping[GroupName, Samples]
    known: dict[tuple[Move, PolarityName], tuple[float, float]] = field(default_factory=dict)

    def interval(self, name: MatrixName) -> Interval:
        """The 95 % interval of every cell of a matrix, NaN where a cell cannot be.

        What it covers is the matrix that the fit would give on average, were traces drawn on and
        on: smoothing and all. A cell of a matrix reaches at least as high as three moves more than
        none would lift it, for traces that never made a move cannot say how rare it is; the weight
        of a cell with a support below one move is anything.
        """
        if name in ("weights+", "weights-"):
            return self._weight_cells("positive" if name == "weights+" else "negative")
        group: GroupName = "overall" if name == "p" else name  # type: ignore[assignment]
        fitted = self.fits.overall if group == "overall" else self.fits.polar(group)
        return supported(percentile_interval(self.samples[group]), fitted, self.fits.settings)

    def with_intervals(
        self, weights: Sequence[Weight], polarity: PolarityName
    ) -> tuple[Weight, ...]:
        """The weights with their 95 % intervals; a unit without a move weighs 1 for sure."""
        return tuple(
            replace(one, interval=(1.0, 1.0) if one.move is None else self._of(one.move, polarity))
            for one in weights
        )

    def _of(self, move: Move, polarity: PolarityName) -> tuple[float, float]:
        key = (move, polarity)
        if key not in self.known:
            self.known[key] = self._move_interval(move, polarity)
        return self.known[key]

    def _weighing(self, polarity: PolarityName) -> Samples:
        return self.fits.shrunk(self.samples[polarity], self.samples["overall"])

    def _weight_cells(self, polarity: PolarityName) -> Interval:
        pairs = zip(self._weighing(polarity), self.samples["overall"], strict=True)
        found = percentile_interval(np.stack([weight_matrix(*pair) for pair in pairs]))
        known = self.fits.overall.support >= SUPPORTED_MOVES
        allowed = allowed_cells(len(self.fits.categories))
        ends = [
            np.where(allowed, np.where(known, end, limit), np.nan)
            for end, limit in zip((found.low, found.high), WHOLE, strict=True)
        ]
        return Interval(*ends)

    def _move_interval(self, move: Move, polarity: PolarityName) -> tuple[float, float]:
        source, target = np.ix_(move.source, move.target)
        if self.fits.overall.support[source, target].sum() < SUPPORTED_MOVES:
            return WHOLE
        polar, overall = self._weighing(polarity), self.samples["overall"]
        ratios = polar[:, source, target].sum((1, 2)) / overall[:, source, target].sum((1, 2))
        found = percentile_interval(np.clip(ratios, LOWEST_WEIGHT, HIGHEST_WEIGHT))
        return float(found.low), float(found.high)


WHOLE = (LOWEST_WEIGHT, HIGHEST_WEIGHT)


def bootstrap(fits: Fits, replicates: int = REPLICATES, seed: int = 0) -> Bootstrap:
    """Fit the matrices again on traces drawn with replacement within each polarity.

    Traces are drawn, not moves, because the moves of one trace hang together. Drawing a trace k
    times counts its moves k times, so nothing is packed again, and each fit starts from the full
    one, which lies near.
    Raises: FitsError where the fits are not by polarity, or there is nothing to draw.
    """
    if fits.positive is None or fits.negative is None:
        raise FitsError("expected fits by polarity to draw from, got one over all traces")
    helped = fits.evidence.helped
    rows = [np.flatnonzero(helped == sign) for sign in (1, -1)]
    units = Units(rows[0], rows[1], np.zeros((0, 2), dtype=int))
    moves = fits.evidence.traced.moves
    starts = {"overall": fits.overall, "positive": fits.positive, "negative": fits.negative}
    table = tabulate(moves)
    samples: dict[GroupName, list[Matrix]] = {"overall": [], "positive": [], "negative": []}
    for weights in drawn(units, replicates, seed):
        for name, counts in fits.evidence.counts(weights).items():
            start = starts[name].matrix
            samples[name].append(refit(moves, table, counts, start, fits.settings))
    return Bootstrap(fits, {name: np.stack(found) for name, found in samples.items()})


def refit(
    moves: Moves, table: Table, counts: Values, start: Matrix, settings: FitSettings
) -> Matrix:
    """The matrix of other counts of the same moves: near `start`, so it is soon found.

    Presets that stop before the optimum start where they always do.
    """
    em = PRESETS[settings.preset]
    if settings.preset == "converged":
        return climb(table, counts, start, em.smoothing, TOLERANCE)
    return fit(moves.recounted(counts), em).matrix


def supported(interval: Interval, fitted: Fit, settings: FitSettings) -> Interval:
    """The interval with its upper end lifted to what three moves through the cell would give."""
    smoothing = PRESETS[settings.preset].smoothing
    allowed = allowed_cells(len(fitted.matrix) - 2)
    rows = fitted.support.sum(axis=1, keepdims=True) + smoothing * allowed.sum(axis=1)[:, None]
    least = np.minimum((RULE_OF_THREE + smoothing) / rows, 1.0)
    high = np.where(allowed, np.maximum(interval.high, least), np.nan)
    high[-1, -1] = 1.0  # stop stays stop
    return Interval(np.where(allowed, interval.low, np.nan), high)
