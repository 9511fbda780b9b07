"""How far two clusterings of the same labels agree."""

import numpy as np
from numpy.typing import NDArray

from taxonomy.clustering import Numbers


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
