"""How far the transition matrices lie apart that two sources induce on the same traces."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace

import numpy as np

from alignment.transitions.matrices import PRESETS, EMSettings, fit, mean_l1
from alignment.transitions.moves import TracedMoves, chains, pack_by_trace

RESAMPLES = 100

Units = Sequence[Sequence[Collection[int]]]


class InducedError(ValueError):
    """Two sources that do not stand side by side."""


@dataclass(frozen=True)
class Distance:
    """The mean ℓ1 distance in percent, with its interval, over so many traces."""

    percent: float
    traces: int
    low: float | None = None
    high: float | None = None


def induced_distance(
    a: Units,
    b: Units,
    category_count: int,
    settings: EMSettings = PRESETS["converged"],
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Distance:
    """100 · (1/K²) Σ |P̂ᵃ − P̂ᵇ| over all cells, K = N + 2, each fitted on its own label sets.

    Shapes: a and b hold the label sets of the units of each trace, the same traces in the same
    order. The interval is the 2.5th and the 97.5th percentile over resampled traces.
    Units: percent.
    Identity: 0 for a source and itself.
    Raises: InducedError where the traces differ in number.
    Source: arXiv 2510.24794v2, B.5.
    """
    if len(a) != len(b):
        raise InducedError(f"expected as many traces each, got {len(a)} and {len(b)}")
    sides = [pack_by_trace(chains(units, category_count)) for units in (a, b)]
    quiet = replace(settings, warns_at_cap=False)
    point = _percent(sides, np.ones(len(a)), quiet)
    if len(a) < 2 or not resamples:
        return Distance(point, len(a))
    shares = np.full(len(a), 1 / len(a))
    draws = np.random.default_rng(seed).multinomial(len(a), shares, resamples)
    drawn = [_percent(sides, draw.astype(np.float64), quiet) for draw in draws]
    low, high = np.percentile(drawn, [2.5, 97.5])
    return Distance(point, len(a), float(low), float(high))


def _percent(
    sides: Sequence[TracedMoves],
    weights: np.ndarray[tuple[int], np.dtype[np.float64]],
    settings: EMSettings,
) -> float:
    one, other = (fit(side.weighted(weights), settings).matrix for side in sides)
    return 100.0 * mean_l1(one, other)
