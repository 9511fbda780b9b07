"""Shares and means with intervals, where the responses of one question hang together."""

from __future__ import annotations

import math
from collections.abc import Hashable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

if TYPE_CHECKING:
    from numpy.typing import NDArray

    Values = NDArray[np.float64]
    Groups = NDArray[np.int64]

REPLICATES = 2000
SEED = 0
_Z_95 = 1.959963984540054
_VALUES_AT_ONCE = 1_000_000  # draws of a bootstrap that are held in memory

IntervalKind = Literal["wilson", "bootstrap"]


class EstimateError(ValueError):
    """There is nothing to take a share or a mean of."""


@dataclass(frozen=True)
class Share:
    """A proportion with its interval of 95 %."""

    count: int
    n: int
    value: float
    low: float
    high: float
    questions: int = 0
    interval: IntervalKind = "wilson"


@dataclass(frozen=True)
class Mean:
    """A mean with its interval of 95 %, drawn over questions."""

    n: int
    value: float
    low: float
    high: float
    questions: int = 0
    interval: IntervalKind = "bootstrap"


def share(outcomes: Sequence[bool], questions: Sequence[Hashable] | None = None) -> Share:
    """The proportion of true outcomes with its 95 % interval.

    One response a question: Wilson's, whose centre is (p + z²/2n) / (1 + z²/n) and whose half
    width is z √(p(1−p)/n + z²/4n²) / (1 + z²/n). Several: questions are drawn with replacement,
    because the draws of one question are no independent evidence.

    Raises: EstimateError without an outcome.
    Source: Wilson 1927; unlike the normal interval it stays inside [0, 1] and is no point at 0.
    """
    n, count = len(outcomes), sum(outcomes)
    if not n:
        raise EstimateError("A share needs at least one outcome.")
    groups = n if questions is None else len(set(questions))
    if questions is None or groups == n:
        low, high = wilson(count, n)
        return Share(count, n, count / n, low, high, groups)
    low, high = drawn_mean(np.asarray(outcomes, dtype=float), grouped(questions))
    return Share(count, n, count / n, low, high, groups, "bootstrap")


def mean(values: Sequence[float], questions: Sequence[Hashable] | None = None) -> Mean:
    """The mean with its 95 % interval; questions are drawn with replacement.

    Raises: EstimateError without a value.
    """
    if not len(values):
        raise EstimateError("A mean needs at least one value.")
    groups = grouped(range(len(values)) if questions is None else questions)
    given = np.asarray(values, dtype=float)
    low, high = drawn_mean(given, groups)
    return Mean(len(given), float(given.mean()), low, high, int(groups.max()) + 1)


def wilson(count: int, n: int) -> tuple[float, float]:
    """The ends of Wilson's 95 % interval of count / n."""
    p, squared = count / n, _Z_95 * _Z_95
    centre = (p + squared / (2 * n)) / (1 + squared / n)
    half = _Z_95 * math.sqrt(p * (1 - p) / n + squared / (4 * n * n)) / (1 + squared / n)
    return min(max(0.0, centre - half), p), max(min(1.0, centre + half), p)


def grouped(questions: Sequence[Hashable]) -> Groups:
    """A number from 0 for the question of each response. Shapes: [responses]."""
    numbers: dict[Hashable, int] = {}
    return np.array([numbers.setdefault(each, len(numbers)) for each in questions], dtype=np.int64)


def drawn_mean(values: Values, groups: Groups) -> tuple[float, float]:
    """The ends of the percentile interval of the mean over all responses of drawn questions.

    Shapes: values and groups [responses].
    """
    sums = np.bincount(groups, weights=values)
    sizes = np.bincount(groups).astype(float)
    drawn = [(weights @ sums) / (weights @ sizes) for weights in question_draws(len(sums))]
    low, high = np.quantile(np.concatenate(drawn), (0.025, 0.975))
    centre = float(values.mean())
    return min(float(low), centre), max(float(high), centre)


def question_draws(
    questions: int, replicates: int = REPLICATES, seed: int = SEED
) -> Iterator[Values]:
    """How often each question is drawn, in portions of replicates. Shapes: [portion, questions].

    Identity: each row sums to the number of questions; the same seed gives the same draws.
    """
    generator = np.random.default_rng(seed)
    portion = max(1, _VALUES_AT_ONCE // max(questions, 1))
    for start in range(0, replicates, portion):
        size = min(portion, replicates - start)
        picked = generator.integers(0, questions, (size, questions))
        picked += np.arange(size)[:, None] * questions
        counts = np.bincount(picked.ravel(), minlength=size * questions)
        yield counts.reshape(size, questions).astype(float)
