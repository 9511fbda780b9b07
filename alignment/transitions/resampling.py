"""Traces drawn with replacement, and shuffled between groups, as weights on the traces given."""

from __future__ import annotations

from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Array = NDArray[np.float64]
    Rows = NDArray[np.int64]

LEVEL = 0.95


@dataclass(frozen=True)
class Interval:
    """The ends of an interval, a pair for each value; shapes are the values'."""

    low: Array
    high: Array


@dataclass(frozen=True)
class Units:
    """What is drawn as one: the rows of one trace, in either group or in both.

    Rows [first group | second group]; `alone` are units of one row, `pairs` [units, 2] hold a row
    of each group.
    """

    alone_first: Rows
    alone_second: Rows
    pairs: Rows

    @property
    def row_count(self) -> int:
        """How many rows both groups have."""
        return len(self.alone_first) + len(self.alone_second) + self.pairs.size


def pair_up(first: Sequence[Hashable], second: Sequence[Hashable]) -> Units:
    """The units of two groups by the key of each row; a key that stands in both is a pair."""
    places = {key: len(first) + place for place, key in enumerate(second)}
    matched = [(place, places[key]) for place, key in enumerate(first) if key in places]
    taken = {row for pair in matched for row in pair}
    rest = np.array([row for row in range(len(first) + len(second)) if row not in taken], dtype=int)
    pairs = np.array(matched, dtype=int).reshape(-1, 2)
    return Units(rest[rest < len(first)], rest[rest >= len(first)], pairs)


def drawn(units: Units, replicates: int, seed: int) -> Iterator[Array]:
    """How often each row is drawn when units are, with replacement, as many as there are.

    Shapes: [rows] each. Units alone in a group are drawn within it, so that no group runs empty;
    the rows of a pair are drawn together.
    """
    rng = np.random.default_rng(seed)
    for _ in range(replicates):
        weights = np.zeros(units.row_count)
        for rows in (units.alone_first, units.alone_second, units.pairs):
            if len(rows):
                times = rng.multinomial(len(rows), np.full(len(rows), 1.0 / len(rows)))
                weights[rows] = times if rows.ndim == 1 else times[:, None]
        yield weights


def shuffled(units: Units, replicates: int, seed: int) -> Iterator[NDArray[np.bool_]]:
    """Which rows fall to the first group when groups mean nothing.

    Shapes: [rows] each. Units of one row change places with each other, the rows of a pair with
    one another; the sizes of the groups stay.
    """
    rng = np.random.default_rng(seed)
    alone = np.concatenate((units.alone_first, units.alone_second))
    for _ in range(replicates):
        chosen = np.zeros(units.row_count, dtype=np.bool_)
        chosen[rng.permutation(alone)[: len(units.alone_first)]] = True
        swapped = rng.integers(0, 2, len(units.pairs))
        chosen[units.pairs[np.arange(len(units.pairs)), swapped]] = True
        yield chosen


def percentile_interval(samples: Array, level: float = LEVEL) -> Interval:
    """The middle share of the samples, a pair for each value.

    Shapes: samples [replicates, …]. Percentiles keep to the range of the values and follow any
    monotone change of scale, so the interval of a ratio is the ratio's own.
    """
    tail = (1.0 - level) / 2.0
    low, high = np.quantile(samples, (tail, 1.0 - tail), axis=0)
    return Interval(low, high)
