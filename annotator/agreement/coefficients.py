"""How far two sources of controlled labels agree, with what chance alone would give.

Every figure is a function of how often each pair of label sets occurs, so the bootstrap resamples
traces by weighting their counts.
"""

from collections import Counter
from collections.abc import Hashable, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

LabelSet = frozenset[str]
Pair = tuple[LabelSet, LabelSet]
Array = NDArray[np.float64]

RESAMPLES = 1000
NEARLY_ONE = 1 - 1e-12  # a chance agreement above this leaves nothing to divide by


@dataclass(frozen=True)
class Figure:
    """A figure with the number of units behind it; `undefined` says why there is no value."""

    value: float | None
    n: int
    low: float | None = None
    high: float | None = None
    undefined: str | None = None


@dataclass(frozen=True)
class Agreement:
    """The figures between two sources, over their common units."""

    strict: Figure
    entailment: Figure
    kappa_strict: Figure
    kappa_entailment: Figure
    kappa_entailment_strict_chance: Figure
    alpha_masi: Figure
    ac1: Figure

    def items(self) -> list[tuple[str, Figure]]:
        """The figures by name, in their order."""
        return list(vars(self).items())


def entails(a: LabelSet, b: LabelSet) -> bool:
    """Whether one set is a subset of the other; an empty one agrees with an empty one only."""
    return a == b or (bool(a) and bool(b) and (a < b or b < a))


def masi_distance(a: LabelSet, b: LabelSet) -> float:
    """1 − |a ∩ b| / |a ∪ b| · m, m = 1 for equal sets, 2/3 for nested, 1/3 for overlapping ones.

    Identity: 0 for two empty sets, 1 for an empty set and anything else.
    Source: Passonneau, 2006.
    """
    if a == b:
        return 0.0
    shared = len(a & b)
    if not shared:
        return 1.0
    weight = 2 / 3 if a < b or b < a else 1 / 3
    return 1 - shared / len(a | b) * weight


def project(sets: Sequence[LabelSet], onto: Mapping[str, str]) -> list[LabelSet]:
    """The label sets with each category replaced, by its macro-strategy for instance."""
    return [frozenset(onto[key] for key in labels) for labels in sets]


def agreement(
    a: Sequence[LabelSet],
    b: Sequence[LabelSet],
    traces: Sequence[Hashable],
    resamples: int = RESAMPLES,
    seed: int = 0,
) -> Agreement:
    """Every figure between two sources whose units stand side by side.

    κ = (P_o − P_e) / (1 − P_e), with P_e = Σ_{S,S'} p_A(S) p_B(S') · agrees(S, S') from the two
    sources' own distributions. The strict-chance variant takes the P_e of the strict κ.
    α = 1 − D_o / D_e with the MASI distance. AC1 takes P_e = Σ_S π_S (1 − π_S) / (q − 1), π the
    mean of the two distributions, q the number of label sets that either side used.

    Shapes: n units each; `traces` says which trace a unit is of. Intervals are the 2.5th and the
    97.5th percentile over resampled traces.
    Raises: ValueError where the lengths differ.
    Source: MR-ALIGN B.3 to B.5; Cohen 1960; Krippendorff 2004; Gwet 2008.
    """
    if not len(a) == len(b) == len(traces):
        raise ValueError(f"expected as many units each, got {len(a)}, {len(b)}, {len(traces)}")
    table = _Table(list(zip(a, b, strict=True)), traces)
    points = table.figures(np.ones((1, table.trace_count)))
    drawn = table.figures(table.draws(resamples, seed)) if table.trace_count > 1 else None
    return Agreement(**{name: table.figure(name, points, drawn) for name in points})


class _Table:
    """How often each distinct pair of label sets occurs in each trace."""

    def __init__(self, pairs: Sequence[Pair], traces: Sequence[Hashable]) -> None:
        self.n = len(pairs)
        distinct = list(dict.fromkeys(pairs))
        column = {pair: index for index, pair in enumerate(distinct)}
        row = {trace: index for index, trace in enumerate(dict.fromkeys(traces))}
        self.trace_count = len(row)
        self.counts = np.zeros((len(row), len(distinct)))
        for (trace, pair), count in Counter(zip(traces, pairs, strict=True)).items():
            self.counts[row[trace], column[pair]] = count
        sets = list(dict.fromkeys(labels for pair in distinct for labels in pair))
        place = {labels: index for index, labels in enumerate(sets)}
        self.of_a = np.array([place[first] for first, _ in distinct], dtype=np.int64)
        self.of_b = np.array([place[second] for _, second in distinct], dtype=np.int64)
        self.entail = np.array([[entails(s, t) for t in sets] for s in sets], dtype=np.float64)
        self.masi = np.array([[masi_distance(s, t) for t in sets] for s in sets])
        self.set_count = len(sets)

    def draws(self, resamples: int, seed: int) -> Array:
        """How often each trace is drawn. Shapes: (resamples, traces)."""
        shares = np.full(self.trace_count, 1 / self.trace_count)
        drawn = np.random.default_rng(seed).multinomial(self.trace_count, shares, resamples)
        return drawn.astype(np.float64)

    def figures(self, weights: Array) -> dict[str, Array]:
        """Every figure for every weighting; NaN where undefined. Shapes: (k, traces) to k each."""
        if not self.n:
            return {name: np.full(len(weights), np.nan) for name in Agreement.__annotations__}
        pairs = weights @ self.counts
        units = pairs.sum(axis=1)
        shares = pairs / units[:, None]
        p_a, p_b = self._margin(shares, self.of_a), self._margin(shares, self.of_b)
        strict = shares @ (self.of_a == self.of_b).astype(np.float64)
        entailed = shares @ self.entail[self.of_a, self.of_b]
        chance = (p_a * p_b).sum(axis=1)
        chance_entailed = ((p_a @ self.entail) * p_b).sum(axis=1)
        return {
            "strict": strict,
            "entailment": entailed,
            "kappa_strict": _above_chance(strict, chance),
            "kappa_entailment": _above_chance(entailed, chance_entailed),
            "kappa_entailment_strict_chance": _above_chance(entailed, chance),
            "alpha_masi": self._alpha(shares, (p_a + p_b) / 2, units),
            "ac1": _above_chance(strict, _gwet_chance((p_a + p_b) / 2)),
        }

    def figure(self, name: str, points: dict[str, Array], drawn: dict[str, Array] | None) -> Figure:
        """One figure with its interval, or why it has no value."""
        value = float(points[name][0])
        if np.isnan(value):
            return Figure(None, self.n, undefined=self._why(name))
        defined = drawn[name][~np.isnan(drawn[name])] if drawn is not None else np.array([])
        if not len(defined):
            return Figure(value, self.n)
        low, high = np.percentile(defined, [2.5, 97.5])
        return Figure(value, self.n, float(low), float(high))

    def _why(self, name: str) -> str:
        if not self.n:
            return "no unit was labelled by both sources"
        if name in ("alpha_masi", "ac1"):
            return "both sources used one label set throughout"
        return "chance alone gives full agreement: each source used one label set throughout"

    def _margin(self, shares: Array, of_side: NDArray[np.int64]) -> Array:
        margin = np.zeros((self.set_count, len(shares)))
        np.add.at(margin, of_side, shares.T)
        return margin.T

    def _alpha(self, shares: Array, mean: Array, units: Array) -> Array:
        """Krippendorff's α of two values a unit: the expected distance without replacement."""
        observed = shares @ self.masi[self.of_a, self.of_b]
        values = 2 * units
        expected = ((mean @ self.masi) * mean).sum(axis=1) * values / (values - 1)
        return np.where(expected > 1e-12, 1 - observed / np.maximum(expected, 1e-12), np.nan)


def _above_chance(observed: Array, chance: Array) -> Array:
    """(P_o − P_e) / (1 − P_e), NaN where chance alone agrees."""
    room = np.where(chance < NEARLY_ONE, 1 - chance, np.nan)
    ratio: Array = (observed - chance) / room
    return ratio


def _gwet_chance(mean: Array) -> Array:
    used = (mean > 0).sum(axis=1)
    spread = (mean * (1 - mean)).sum(axis=1)
    return np.where(used > 1, spread / np.maximum(used - 1, 1), 1.0)
