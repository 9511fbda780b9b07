"""Places for labels outside every cluster, and proposed categories for clusters."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from taxonomy.clusters.clustering import Numbers
from taxonomy.events.state import CategoryText
from taxonomy.labels.embedding import Vectors, centre

# Beyond this cosine distance a label is not said to belong to the nearest cluster: measured,
# labels past it fall into the wrong category three times in four, and most noise lies there.
NEAREST_LIMIT = 0.5
# Below this mean share of a cluster's labels no category is proposed.
LEAST_SHARE = 0.25

Distances = NDArray[np.float64]


@dataclass(frozen=True)
class Places:
    """The nearest cluster of each label and the cosine distance to the centre that counts."""

    nearest: Numbers
    distances: Distances


def cluster_centres(vectors: Vectors, numbers: Numbers) -> Vectors:
    """The centre of each cluster. Shapes: (n, d) and (n,) to (clusters, d)."""
    count = int(numbers.max(initial=-1)) + 1
    centres = [centre(vectors[numbers == number]) for number in range(count)]
    return np.stack(centres) if centres else np.zeros((0, vectors.shape[1]), dtype=np.float32)


def place(vectors: Vectors, numbers: Numbers, centres: Vectors) -> Places:
    """The cluster of each label, or for noise the nearest one, with the distance to its centre.

    Shapes: (n, d), (n,), (clusters, d) to (n,), (n,).
    Masking: without any cluster the nearest is −1 at distance 1.
    """
    if not len(centres):
        return Places(np.full(len(vectors), -1, dtype=np.int64), np.ones(len(vectors)))
    cosines = np.asarray(vectors @ centres.T, dtype=np.float64)
    nearest = np.where(numbers >= 0, numbers, cosines.argmax(axis=1))
    own = cosines[np.arange(len(vectors)), nearest]
    # Rounding can push the cosine of equal vectors past 1.
    return Places(nearest, np.clip(1.0 - own, 0.0, 2.0))


@dataclass(frozen=True)
class Proposal:
    """The category that most of a cluster goes to, and its share; None where that is too little."""

    category: str | None
    similarity: float


def propose(
    shares: Distances, numbers: Numbers, categories: Sequence[CategoryText]
) -> list[Proposal]:
    """A category for each cluster: the one that its labels belong to most on average.

    Shapes: shares (n, categories), numbers (n,).
    """
    proposals = []
    for number in range(int(numbers.max(initial=-1)) + 1):
        means = shares[numbers == number].mean(axis=0)
        best = int(means.argmax())
        share = float(means[best])
        key = categories[best].key if share >= LEAST_SHARE else None
        proposals.append(Proposal(key, share))
    return proposals
