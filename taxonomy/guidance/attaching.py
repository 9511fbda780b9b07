"""New labels beside known ones: what those nearest to them say, without spreading all again."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from taxonomy.guidance.spreading import NEIGHBOURS, Probabilities
from taxonomy.labels.blas import one_thread
from taxonomy.labels.embedding import Vectors

NEARNESS_POWER = 6.0  # of the cosine: how much more the nearest count
ROWS_AT_ONCE = 128  # of 100,000 known rows: 51 MB of cosines
TINY = 1e-9  # prevents 0 / 0 for a label that is like none

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Attached:
    """The nearest known rows of each new one, and how much each of them counts.

    Shapes: (n, k) both; counts sum to 1.
    """

    rows: Rows
    counts: Probabilities

    def mean(self, values: Probabilities) -> Probabilities:
        """What the nearest rows have on average. Shapes: (known, c) to (n, c)."""
        return np.asarray(np.einsum("nk,nkc->nc", self.counts, values[self.rows]))


def attach(known: Vectors, fresh: Vectors) -> Attached:
    """The sixteen nearest known rows, each counting by the sixth power of its cosine.

    Measured on a tenth of the labels held out: as accurate as spreading all of them again.

    Shapes: unit vectors (known, d), (n, d). Identity: deterministic.
    Raises: ValueError where nothing is known.
    """
    if not len(known):
        raise ValueError("expected at least one known row, got none")
    k = min(NEIGHBOURS, len(known))
    rows = np.zeros((len(fresh), k), dtype=np.int64)
    cosines = np.zeros((len(fresh), k))
    for start in range(0, len(fresh), ROWS_AT_ONCE):
        some = slice(start, start + ROWS_AT_ONCE)
        with one_thread():
            near = fresh[some] @ known.T
        rows[some] = np.sort(np.argpartition(-near, k - 1, axis=1)[:, :k], axis=1)
        cosines[some] = np.take_along_axis(near, rows[some], axis=1)
    counts = np.maximum(cosines, 0.0) ** NEARNESS_POWER + TINY
    return Attached(rows, counts / counts.sum(axis=1, keepdims=True))
