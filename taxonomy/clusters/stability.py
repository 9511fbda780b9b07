"""How far two clusterings of the same labels agree."""

import numpy as np
from numpy.typing import NDArray

from taxonomy.clusters.clustering import Numbers
from taxonomy.labels.embedding import Vectors


def adjusted_rand_index(a: Numbers, b: Numbers) -> float | None:
    """The adjusted Rand index of two clusterings; None where it is undefined.

    Shapes: (n,) and (n,) to a number of at most 1.
    Masking: labels that are noise in either clustering are left out.
    Identity: a clustering against itself is 1; scikit-learn's adjusted_rand_score elsewhere.
    Source: Hubert and Arabie 1985.
    """
    kept = (a >= 0) & (b >= 0)
    if kept.sum() < 2:
        return None
    _, rows = np.unique(a[kept], return_inverse=True)
    _, columns = np.unique(b[kept], return_inverse=True)
    table = np.zeros((rows.max() + 1, columns.max() + 1))
    np.add.at(table, (rows, columns), 1)
    both = _pairs(table).sum()
    one, other = _pairs(table.sum(axis=1)).sum(), _pairs(table.sum(axis=0)).sum()
    expected = one * other / _pairs(np.array([float(kept.sum())])).sum()
    largest = (one + other) / 2
    if largest == expected:
        return 1.0 if both == largest else None
    return float((both - expected) / (largest - expected))


def _pairs(counts: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(counts * (counts - 1) / 2, dtype=np.float64)


def silhouette(vectors: Vectors, numbers: Numbers) -> float | None:
    """The mean of (b − a) / max(a, b) over clustered labels, by cosine distance.

    a is a label's mean distance to the others of its cluster, b the least mean distance to those
    of another one. Shapes: unit (n, d), (n,).
    Masking: noise is left out, so a figure without its coverage says little; a label alone in its
    cluster scores 0. None with fewer than two clusters.
    Identity: scikit-learn's silhouette_score with metric cosine, within 1e-5.
    Source: Rousseeuw 1987.
    """
    kept = vectors[numbers >= 0].astype(np.float64)
    _, found = np.unique(numbers[numbers >= 0], return_inverse=True)
    count = int(found.max(initial=-1)) + 1
    if count < 2:
        return None
    sums = np.zeros((count, kept.shape[1]))
    np.add.at(sums, found, kept)
    sizes = np.bincount(found).astype(np.float64)
    products = kept @ sums.T
    rows = np.arange(len(kept))
    own = sizes[found]
    inner = (own - products[rows, found]) / np.maximum(own - 1, 1)
    outer = 1.0 - products / sizes
    outer[rows, found] = np.inf
    nearest = outer.min(axis=1)
    # The floor prevents 0 / 0 where all labels are twins.
    scores = np.where(own > 1, (nearest - inner) / np.maximum(np.maximum(inner, nearest), 1e-12), 0)
    return float(scores.mean())
