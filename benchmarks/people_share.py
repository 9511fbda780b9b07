"""How far machines come beside people: κ, its share of the people's own, and calibration."""

from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from itertools import combinations

import numpy as np
from numpy.typing import NDArray

Array = NDArray[np.float64]
Codes = NDArray[np.int64]

RESAMPLES = 1000
BINS = 10


@dataclass(frozen=True)
class Share:
    """A κ as the mean over people, as a share of the people's own κ, with intervals."""

    kappa: float
    kappa_interval: tuple[float, float]
    share: float
    share_interval: tuple[float, float]


class Comparison:
    """The people's labels of segments in traces; intervals resample traces, not segments."""

    def __init__(self, people: Sequence[Sequence[Hashable]], traces: Sequence[int]) -> None:
        self.people, self.traces = [list(person) for person in people], np.array(traces)
        _, self.traces = np.unique(self.traces, return_inverse=True)
        count = int(self.traces.max()) + 1
        drawn = np.random.default_rng(0).multinomial(count, np.full(count, 1 / count), RESAMPLES)
        self.weights = np.concatenate([np.ones((1, count)), drawn])
        pairs = [self._kappas(a, b) for a, b in combinations(self.people, 2)]
        self.among = np.mean(pairs, axis=0)  # first as it is, then resampled

    def share(self, given: Sequence[Hashable]) -> Share:
        """How a machine's labels stand beside the people's."""
        kappas = np.mean([self._kappas(given, person) for person in self.people], axis=0)
        ratios = kappas / self.among
        return Share(float(kappas[0]), interval(kappas), float(ratios[0]), interval(ratios))

    def _kappas(self, a: Sequence[Hashable], b: Sequence[Hashable]) -> Array:
        """Cohen's κ for every weighting of the traces."""
        code = {label: n for n, label in enumerate(dict.fromkeys([*a, *b]))}
        of_a, of_b = (np.array([code[x] for x in side]) for side in (a, b))
        size = self._by_trace(np.zeros_like(of_a), 1)[:, 0]
        p_a, p_b = (self._by_trace(side, len(code)) for side in (of_a, of_b))
        same = self._by_trace(np.where(of_a == of_b, 1, 0), 2)[:, 1]
        total = self.weights @ size
        observed = self.weights @ same / total
        chance = ((self.weights @ p_a) * (self.weights @ p_b)).sum(axis=1) / total**2
        kappas: Array = (observed - chance) / np.maximum(1 - chance, 1e-9)
        return kappas

    def _by_trace(self, codes: Codes, count: int) -> Array:
        table = np.zeros((self.weights.shape[1], count))
        np.add.at(table, (self.traces, codes), 1)
        return table


def interval(values: Array) -> tuple[float, float]:
    """The 2.5th and the 97.5th percentile of all but the first."""
    low, high = np.percentile(values[1:], [2.5, 97.5])
    return float(low), float(high)


def calibration_error(confidence: Array, right: Array, bins: int = BINS) -> float:
    """Σ |mean confidence − share right| · n_b / n over bins of equal mass. Shapes: (n,) each."""
    order = np.argsort(confidence, kind="stable")
    parts = [part for part in np.array_split(order, bins) if len(part)]
    gaps = [abs(confidence[p].mean() - right[p].mean()) * len(p) for p in parts]
    return float(np.sum(gaps) / max(len(order), 1))
