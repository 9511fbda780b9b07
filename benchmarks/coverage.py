"""How often a 95 % interval covers what it is to cover, over many simulated corpora.

What an interval of a MAP estimate covers is the estimator's own target: the matrix that maximises
the expected log likelihood of a corpus of that size plus the same smoothing. It is found by fitting
a corpus many times as large with as many times the smoothing. The matrix that the traces were
drawn from lies a smoothing away.
"""

from collections import defaultdict
from dataclasses import dataclass
from typing import get_args

import numpy as np
from numpy.typing import NDArray

from alignment.transitions.bootstrap import bootstrap
from alignment.transitions.fits import Evidence, Fits, FitSettings, MatrixName, fit_evidence
from alignment.transitions.matrices import EMSettings, allowed_cells, fit
from alignment.transitions.moves import Chains, pack_by_trace
from alignment.transitions.report import weight_matrix
from benchmarks.simulation import CATEGORIES, Matrix, draw_truth, simulate

POSITIVE_TRACES, NEGATIVE_TRACES = 1_400, 600  # near the paper's shares
POPULATION = 200  # so many times larger is the corpus that the target is found on
NAMES: tuple[MatrixName, ...] = get_args(MatrixName)


@dataclass(frozen=True)
class World:
    """Two matrices to draw traces from, by polarity, and the share of two-label sets."""

    positive: Matrix
    negative: Matrix
    share: float

    @classmethod
    def drawn(cls, share: float, rng: np.random.Generator) -> "World":
        """Negative traces move as positive ones do, but for half of each row."""
        positive = draw_truth(rng)
        return cls(positive, (positive + draw_truth(rng)) / 2.0, share)

    def corpus(self, times: int, rng: np.random.Generator) -> Evidence:
        """Traces of both polarities, `times` as many as a corpus holds."""
        parts = [
            simulate(truth, times * count, self.share, rng)
            for truth, count in ((self.positive, POSITIVE_TRACES), (self.negative, NEGATIVE_TRACES))
        ]
        helped = np.repeat((1, -1), (times * POSITIVE_TRACES, times * NEGATIVE_TRACES))
        return Evidence(pack_by_trace(_joined(*parts)), helped, FitSettings())


def targets(
    world: World, rng: np.random.Generator, population: int = POPULATION
) -> dict[MatrixName, Matrix]:
    """What each matrix's fit tends to at the size of one corpus."""
    evidence = world.corpus(population, rng)
    em = EMSettings(5_000, 1.0, smoothing=0.1 * population, tolerance=1e-8)
    found = {
        name: fit(evidence.traced.moves.recounted(counts), em).matrix
        for name, counts in evidence.counts().items()
    }
    overall = found["overall"]
    return {
        "p": overall,
        "positive": found["positive"],
        "negative": found["negative"],
        "weights+": weight_matrix(found["positive"], overall),
        "weights-": weight_matrix(found["negative"], overall),
    }


def coverage(
    share: float, corpora: int, replicates: int, seed: int, population: int = POPULATION
) -> dict[str, float]:
    """The share of allowed cells whose interval covers its target, for each matrix."""
    rng = np.random.default_rng(seed)
    world = World.drawn(share, rng)
    wanted = targets(world, rng, population)
    hits: dict[str, list[float]] = defaultdict(list)
    for number in range(corpora):
        fits = fit_evidence(world.corpus(1, rng), [str(n) for n in range(CATEGORIES)])
        drawn = bootstrap(fits, replicates, seed=number)
        for name in NAMES:
            covered = _covered(drawn.interval(name).low, wanted[name], drawn.interval(name).high)
            hits[name].append(float(covered.mean()))
            hits[f"{name}, cells of 5 moves or more"].append(
                float(covered[_busy(fits, name)[_scored()]].mean())
            )
    return {name: float(np.mean(found)) for name, found in hits.items()}


def _scored() -> NDArray[np.bool_]:
    """The cells that a trace can go through: stop → stop is none, and no trace here is empty."""
    scored = allowed_cells(CATEGORIES)
    scored[-1], scored[0, -1] = False, False
    return scored


def _covered(low: Matrix, wanted: Matrix, high: Matrix) -> NDArray[np.bool_]:
    close = 1e-9
    inside: NDArray[np.bool_] = (low <= wanted + close) & (wanted <= high + close)
    return inside[_scored()]


def _busy(fits: Fits, name: MatrixName) -> NDArray[np.bool_]:
    fitted = {"positive": fits.positive, "negative": fits.negative}.get(name) or fits.overall
    return fitted.support >= 5.0


def _joined(one: Chains, other: Chains) -> Chains:
    labels = np.concatenate((one.labels, other.labels))
    return Chains(labels, np.concatenate((one.ends, other.ends + one.ends[-1])), one.category_count)
