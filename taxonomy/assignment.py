"""Places for labels outside every cluster, and proposed categories for clusters."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from taxonomy.clustering import Numbers
from taxonomy.embedding import Embed, Vectors, centre, embed_texts
from taxonomy.replay import CategoryText

# Beyond this cosine distance a label is not said to belong to the nearest cluster: measured,
# labels past it fall into the wrong category three times in four, and most noise lies there.
NEAREST_LIMIT = 0.5
# Below this mean cosine to a category's texts none is proposed.
LEAST_SIMILARITY = 0.23

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
    """The category that a cluster's members are most like; None where none is like enough."""

    category: str | None
    similarity: float


def category_similarities(
    vectors: Vectors, categories: Sequence[CategoryText], embed: Embed
) -> Distances:
    """How like each label is to each category's texts.

    The mean of three cosines: to the name, to "name: definition", and to the nearest clause of the
    definition.
    Shapes: (n, d) to (n, categories).
    """
    names = embed_texts([category.name for category in categories], embed)
    whole = embed_texts([f"{each.name}: {each.definition}" for each in categories], embed)
    clauses = [clause for category in categories for clause in _clauses(category.definition)]
    owners = np.repeat(
        np.arange(len(categories)), [len(_clauses(each.definition)) for each in categories]
    )
    cosines = vectors @ embed_texts(clauses, embed).T
    nearest = [cosines[:, owners == number].max(axis=1) for number in range(len(categories))]
    total = vectors @ names.T + vectors @ whole.T + np.stack(nearest, axis=1)
    return np.asarray(total / 3.0, dtype=np.float64)


def _clauses(definition: str) -> list[str]:
    marked = definition.replace(":", ",").replace(";", ",")
    return [clause.strip() for clause in marked.split(",") if clause.strip()] or [definition]


def propose(
    similarities: Distances, numbers: Numbers, categories: Sequence[CategoryText]
) -> list[Proposal]:
    """A category for each cluster: the one that its members are most like on average."""
    proposals = []
    for number in range(int(numbers.max(initial=-1)) + 1):
        means = similarities[numbers == number].mean(axis=0)
        best = int(means.argmax())
        similar = float(means[best])
        key = categories[best].key if similar >= LEAST_SIMILARITY else None
        proposals.append(Proposal(key, similar))
    return proposals
