"""How solid each cluster is: whether it comes back when the labels are clustered again."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from taxonomy.clusters.clustering import Method, Numbers, cluster
from taxonomy.clusters.stability import adjusted_rand_index
from taxonomy.labels.embedding import Vectors

DROPPED_SHARE = 0.1
SOLID = 0.75  # Hennig's thresholds for the mean Jaccard similarity of a cluster
DOUBTFUL = 0.5
ABSENT = -2  # a label that a repetition left out

Rows = NDArray[np.int64]


class Change(StrEnum):
    """What a repetition changes."""

    SEED = "seed"
    TENTH = "a tenth dropped"
    MODEL = "embedding model"


@dataclass(frozen=True)
class Repetition:
    """A clustering of the same labels, ABSENT where one was left out."""

    change: Change
    numbers: Numbers


@dataclass(frozen=True)
class Agreement:
    """How far repetitions agree with the clustering; `ari` leaves out what either calls noise.

    `kept` is the mean share of clustered labels that are in a cluster again.
    """

    repetitions: int
    ari: float | None
    lowest: float | None
    kept: float


@dataclass(frozen=True)
class Solidity:
    """One cluster: the mean Jaccard similarity, over repetitions, to the cluster most like it."""

    number: int
    labels: int
    mean: float
    by_change: Mapping[str, float]

    @property
    def verdict(self) -> str:
        """Solid, doubtful, or dissolving."""
        return (
            "solid" if self.mean >= SOLID else "doubtful" if self.mean >= DOUBTFUL else "dissolves"
        )


@dataclass(frozen=True)
class StabilityReport:
    """The agreement by what was changed, and each cluster, the most doubtful first."""

    agreements: Mapping[str, Agreement]
    clusters: tuple[Solidity, ...]


def repeat(
    vectors: Vectors,
    frequent: Rows,
    method: Method,
    seed: int,
    seeds: int,
    drops: int,
    others: Sequence[Vectors] = (),
) -> Iterator[Repetition]:
    """Cluster again: under other seeds, without a tenth of the labels, by other models' vectors.

    `frequent` are the rows that were clustered. Shapes: (n, d) each, n rows in all.
    Identity: the same seed gives the same repetitions.
    """
    for number in range(1, seeds + 1):
        yield Repetition(Change.SEED, _cluster_rows(vectors, frequent, method, seed + number))
    for number in range(drops):
        drawn = np.random.default_rng([seed, number])
        kept = np.sort(drawn.permutation(frequent)[: round((1 - DROPPED_SHARE) * len(frequent))])
        found = _cluster_rows(vectors, kept, method, seed)
        found[np.setdiff1d(frequent, kept)] = ABSENT
        yield Repetition(Change.TENTH, found)
    for other in others:
        yield Repetition(Change.MODEL, _cluster_rows(other, frequent, method, seed))


def _cluster_rows(vectors: Vectors, rows: Rows, method: Method, seed: int) -> Numbers:
    found = np.full(len(vectors), -1, dtype=np.int64)
    if len(rows):
        found[rows] = cluster(vectors[rows], method, seed).numbers
    return found


def report(numbers: Numbers, repetitions: Sequence[Repetition]) -> StabilityReport:
    """How far repetitions agree with a clustering, in all and cluster by cluster.

    Shapes: (n,) each. Masking: labels that a repetition left out are left out of its comparison.
    Identity: repetitions equal to the clustering give 1 everywhere.
    Source: Hennig 2007 for the clusterwise Jaccard similarity.
    """
    by_change: dict[str, list[Numbers]] = {}
    for each in repetitions:
        by_change.setdefault(each.change.value, []).append(each.numbers)
    agreements = {name: _agreement(numbers, found) for name, found in by_change.items()}
    clusters = [_solidity(numbers, n, by_change) for n in range(int(numbers.max(initial=-1)) + 1)]
    return StabilityReport(agreements, tuple(sorted(clusters, key=lambda c: (c.mean, c.number))))


def _agreement(numbers: Numbers, found: Sequence[Numbers]) -> Agreement:
    aris = [ari for each in found if (ari := adjusted_rand_index(numbers, each)) is not None]
    shares = [
        float((each[(numbers >= 0) & (each != ABSENT)] >= 0).mean())
        for each in found
        if ((numbers >= 0) & (each != ABSENT)).any()
    ]
    kept = float(np.mean(shares)) if shares else 0.0
    if not aris:
        return Agreement(len(found), None, None, kept)
    return Agreement(len(found), float(np.mean(aris)), min(aris), kept)


def _solidity(
    numbers: Numbers, number: int, by_change: Mapping[str, Sequence[Numbers]]
) -> Solidity:
    means = {
        name: float(np.mean([best_jaccard(numbers == number, each) for each in found]))
        for name, found in by_change.items()
    }
    weights = [len(found) for found in by_change.values()]
    mean = float(np.average(list(means.values()), weights=weights)) if means else 1.0
    return Solidity(number, int((numbers == number).sum()), mean, means)


def best_jaccard(inside: NDArray[np.bool_], numbers: Numbers) -> float:
    """|A ∩ B| / |A ∪ B| for the cluster B that is most like A; labels left out do not count.

    Masking: 1 where all of A was left out, 0 where all the rest of it is noise.
    """
    present = numbers != ABSENT
    members, found = inside & present, numbers[present]
    if not members.any():
        return 1.0
    own = numbers[members]
    sizes = np.bincount(found[found >= 0], minlength=1)
    shared = np.bincount(own[own >= 0], minlength=len(sizes))
    unions = members.sum() + sizes - shared
    return float((shared / unions).max())
