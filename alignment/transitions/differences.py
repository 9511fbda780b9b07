"""Where the reasoning of two groups of traces differs: cells, their intervals, and chance."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from alignment.transitions.bootstrap import REPLICATES, refit
from alignment.transitions.fits import FitSettings, LabelledTrace, trace_moves
from alignment.transitions.matrices import (
    PRESETS,
    Fit,
    allowed_cells,
    fit,
    mean_l1,
    tabulate,
    uniform_matrix,
)
from alignment.transitions.moves import state_names
from alignment.transitions.resampling import (
    Interval,
    Units,
    drawn,
    pair_up,
    percentile_interval,
    shuffled,
)

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from alignment.transitions.matrices import Cells, Matrix, Table, Values
    from alignment.transitions.moves import TracedMoves

    Deltas = NDArray[np.float64]  # [replicates, K, K]

LEAST_MOVES = 5.0  # of both groups through a cell: below, its z is far from normal
FALSE_DISCOVERIES = 0.05


class DifferencesError(ValueError):
    """Two groups that cannot be compared."""


@dataclass(frozen=True)
class Cell:
    """A cell of the difference, with what is said of it."""

    source: str
    target: str
    first: float
    second: float
    low: float
    high: float
    p_value: float
    differs: bool

    @property
    def delta(self) -> float:
        """How much likelier the move is in the second group."""
        return self.second - self.first


@dataclass(frozen=True)
class Differences:
    """The matrices of two groups, second minus first, and how far chance could go.

    Shapes: interval, p_values, tested and differs [K, K]; p_values are 1 in cells not tested.
    `l1_by_chance` is the mean ℓ1 that groups of these sizes have when groups mean nothing.
    """

    states: tuple[str, ...]
    first: Fit
    second: Fit
    trace_counts: tuple[int, int]
    paired_traces: int
    interval: Interval
    p_values: Matrix
    tested: Cells
    differs: Cells
    l1: float
    l1_interval: tuple[float, float]
    l1_by_chance: float
    l1_p_value: float

    @property
    def delta(self) -> Matrix:
        """P of the second group minus P of the first. Shapes: [K, K]."""
        return self.second.matrix - self.first.matrix

    def largest(self, count: int = 10) -> tuple[tuple[Cell, ...], tuple[Cell, ...]]:
        """The cells that rise most and those that fall most, the largest change first."""
        delta = self.delta
        order = np.argsort(delta, axis=None, kind="stable")
        places = [divmod(int(place), len(delta)) for place in order]
        falling = [place for place in places if delta[place] < 0.0][:count]
        rising = [place for place in reversed(places) if delta[place] > 0.0][:count]
        return tuple(map(self.cell, rising)), tuple(map(self.cell, falling))

    def flagged(self) -> tuple[Cell, ...]:
        """The cells that differ beyond chance, the surest first."""
        places = [(int(row), int(column)) for row, column in np.argwhere(self.differs)]
        cells = map(self.cell, places)
        return tuple(sorted(cells, key=lambda cell: (cell.p_value, -abs(cell.delta))))

    def document(self) -> dict[str, Any]:
        """All of it as a JSON document; cells that cannot be are left out."""
        allowed = np.argwhere(allowed_cells(len(self.states) - 2))
        cells = (self.cell((int(row), int(column))) for row, column in allowed)
        return {
            "states": list(self.states),
            "traces": list(self.trace_counts),
            "paired_traces": self.paired_traces,
            "first": self.first.matrix.tolist(),
            "second": self.second.matrix.tolist(),
            "mean_l1": self.l1,
            "mean_l1_interval": list(self.l1_interval),
            "mean_l1_by_chance": self.l1_by_chance,
            "mean_l1_p_value": self.l1_p_value,
            "cells": [asdict(cell) | {"delta": cell.delta} for cell in cells],
        }

    def cell(self, place: tuple[int, int]) -> Cell:
        """What is said of one cell."""
        return Cell(
            source=self.states[place[0]],
            target=self.states[place[1]],
            first=float(self.first.matrix[place]),
            second=float(self.second.matrix[place]),
            low=float(self.interval.low[place]),
            high=float(self.interval.high[place]),
            p_value=float(self.p_values[place]),
            differs=bool(self.differs[place]),
        )


@dataclass(frozen=True)
class _Groups:
    """The rows of both groups packed together, the first group's before the second's."""

    traced: TracedMoves
    table: Table
    units: Units
    settings: FitSettings
    in_first: NDArray[np.bool_]

    def counts(self, weights: Values) -> tuple[Values, Values]:
        first = self.traced.weighted(weights * self.in_first).counts
        return first, self.traced.weighted(weights * ~self.in_first).counts

    def refit(self, counts: Values, start: Matrix) -> Matrix:
        return refit(self.traced.moves, self.table, counts, start, self.settings)


def compare(
    first: Sequence[LabelledTrace],
    second: Sequence[LabelledTrace],
    categories: Sequence[str],
    settings: FitSettings | None = None,
    replicates: int = REPLICATES,
    seed: int = 0,
) -> Differences:
    """Compare the transition matrices of two groups of traces.

    Intervals: traces are drawn with replacement within each group; a trace that stands in both
    (before and after) is drawn in both at once. Flags: traces are shuffled between the groups
    (the two of a pair change places), which keeps the groups' sizes and with them whatever the
    smoothing does to small groups; z is the difference minus its mean over the shuffles, by their
    standard deviation; p-values are the normal tails of z in the cells with at least five moves,
    and Benjamini and Hochberg's rule keeps false discoveries to 5 % of what is flagged.
    Raises: DifferencesError where a group is empty.
    """
    if not first or not second:
        raise DifferencesError(
            f"expected traces in both groups, got {len(first)} and {len(second)}: name others"
        )
    groups = _grouped(first, second, len(categories), settings or FitSettings())
    fits = [_fitted(groups, counts) for counts in groups.counts(np.ones(groups.units.row_count))]
    deltas = _drawn_deltas(groups, fits, replicates, seed)
    by_chance = _shuffled_deltas(groups, replicates, seed)
    delta, l1 = fits[1].matrix - fits[0].matrix, mean_l1(fits[0].matrix, fits[1].matrix)
    tested = _tested(fits, groups.settings)
    p_values = _p_values(delta, by_chance, tested)
    chance_l1 = np.abs(by_chance).mean(axis=(1, 2))
    return Differences(
        states=state_names(categories),
        first=fits[0],
        second=fits[1],
        trace_counts=(len(first), len(second)),
        paired_traces=len(groups.units.pairs),
        interval=percentile_interval(deltas),
        p_values=p_values,
        tested=tested,
        differs=discoveries(p_values, tested),
        l1=l1,
        l1_interval=_l1_interval(l1, deltas),
        l1_by_chance=float(chance_l1.mean()),
        l1_p_value=float((1 + (chance_l1 >= l1).sum()) / (1 + len(chance_l1))),
    )


def discoveries(p_values: Matrix, tested: Cells, rate: float = FALSE_DISCOVERIES) -> Cells:
    """Which tested cells are flagged when so large a share of the flags may be false.

    Source: Benjamini and Hochberg 1995.
    """
    values = np.sort(p_values[tested])
    passing = values <= rate * np.arange(1, len(values) + 1) / max(len(values), 1)
    limit = values[passing].max() if passing.any() else -1.0
    flagged: Cells = tested & (p_values <= limit)
    return flagged


def _grouped(
    first: Sequence[LabelledTrace],
    second: Sequence[LabelledTrace],
    category_count: int,
    settings: FitSettings,
) -> _Groups:
    traced = trace_moves([*first, *second], category_count, settings.preset)
    units = pair_up([one.trace_id for one in first], [one.trace_id for one in second])
    in_first = np.arange(len(first) + len(second)) < len(first)
    return _Groups(traced, tabulate(traced.moves), units, settings, in_first)


def _fitted(groups: _Groups, counts: Values) -> Fit:
    return fit(groups.traced.moves.recounted(counts), PRESETS[groups.settings.preset])


def _drawn_deltas(groups: _Groups, fits: Sequence[Fit], replicates: int, seed: int) -> Matrix:
    found = []
    for weights in drawn(groups.units, replicates, seed):
        pairs = zip(groups.counts(weights), fits, strict=True)
        one, other = (groups.refit(counts, fitted.matrix) for counts, fitted in pairs)
        found.append(other - one)
    return np.stack(found)


def _shuffled_deltas(groups: _Groups, replicates: int, seed: int) -> Deltas:
    every = groups.traced.moves.counts
    middle = groups.refit(every, uniform_matrix(groups.traced.moves.category_count))
    found = []
    for chosen in shuffled(groups.units, replicates, seed):
        counts = groups.traced.weighted(chosen.astype(np.float64)).counts
        one, other = groups.refit(counts, middle), groups.refit(every - counts, middle)
        found.append(other - one)
    return np.stack(found)


def _tested(fits: Sequence[Fit], settings: FitSettings) -> Cells:
    allowed = allowed_cells(len(fits[0].matrix) - 2)
    allowed[-1] = False  # stop → stop is no finding
    tested: Cells = allowed & (fits[0].support + fits[1].support >= LEAST_MOVES)
    return tested


def _p_values(delta: Matrix, by_chance: Deltas, tested: Cells) -> Matrix:
    """The two-sided normal tail of each tested cell's z, 1 in all others."""
    spread = by_chance.std(axis=0, ddof=1)
    tested = tested & (spread > 0.0)
    z = np.divide(np.abs(delta - by_chance.mean(axis=0)), spread, out=np.zeros_like(delta),
                  where=tested)  # fmt: skip
    tails = [math.erfc(value / math.sqrt(2.0)) for value in z.ravel()]
    return np.where(tested, np.reshape(tails, delta.shape), 1.0)


def _l1_interval(l1: float, deltas: Deltas) -> tuple[float, float]:
    """The percentiles of the drawn ℓ1, moved down by as much as drawing lifts it on average.

    Noise adds to a mean of absolute differences, and drawing adds it a second time.
    """
    samples = np.abs(deltas).mean(axis=(1, 2))
    found = percentile_interval(samples - (samples.mean() - l1))
    return max(float(found.low), 0.0), float(found.high)
