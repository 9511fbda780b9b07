"""The graph of labels: each with the labels nearest to it by cosine."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taxonomy.labels.embedding import Vectors, unit

EXACT_LIMIT = 20_000  # up to here all pairs are compared
ROWS_AT_ONCE = 1024
CELL_SIZE = 400
CELLS_PROBED = 12
CELL_PASSES = 6
TRAINING_PER_CELL = 40

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Neighbours:
    """The k nearest others of each row, nearest first; −1 where a row has fewer.

    Shapes: (n, k) both; the cosine of a missing neighbour is −1.
    """

    rows: Rows
    cosines: NDArray[np.float32]


def find_neighbours(vectors: Vectors, k: int, exact_limit: int = EXACT_LIMIT) -> Neighbours:
    """The k nearest others of each unit vector.

    Up to `exact_limit` rows by comparing all pairs; beyond, by comparing the rows of the twelve
    cells nearest to each cell of about 400 rows. Deterministic: nothing is drawn at random.

    Shapes: (n, d) to (n, min(k, n - 1)).
    """
    k = min(k, len(vectors) - 1)
    if k < 1:
        empty = np.zeros((len(vectors), 0))
        return Neighbours(empty.astype(np.int64), empty.astype(np.float32))
    found = Neighbours(
        np.full((len(vectors), k), -1, dtype=np.int64),
        np.full((len(vectors), k), -1, dtype=np.float32),
    )
    if len(vectors) <= exact_limit:
        everything = np.arange(len(vectors))
        for start in range(0, len(vectors), ROWS_AT_ONCE):
            _compare(vectors, everything[start : start + ROWS_AT_ONCE], everything, found)
        return found
    centres, cells = divide(vectors)
    probed = np.argsort(-(centres @ centres.T), axis=1, kind="stable")[:, :CELLS_PROBED]
    members = _members(cells, len(centres))
    for cell, near in enumerate(probed):
        candidates = np.sort(np.concatenate([members[other] for other in near]))
        for start in range(0, len(members[cell]), ROWS_AT_ONCE):
            _compare(vectors, members[cell][start : start + ROWS_AT_ONCE], candidates, found)
    return found


def _compare(vectors: Vectors, rows: Rows, candidates: Rows, found: Neighbours) -> None:
    """Write the nearest candidates of each row; equal cosines go to the earlier row."""
    k = min(found.rows.shape[1], len(candidates) - 1)
    if k < 1:
        return
    cosines = vectors[rows] @ vectors[candidates].T
    cosines[np.arange(len(rows)), np.searchsorted(candidates, rows)] = -2.0
    nearest = np.argpartition(-cosines, k - 1, axis=1)[:, :k]
    nearest.sort(axis=1)
    values = np.take_along_axis(cosines, nearest, axis=1)
    order = np.argsort(-values, axis=1, kind="stable")
    found.rows[rows, :k] = candidates[np.take_along_axis(nearest, order, axis=1)]
    found.cosines[rows, :k] = np.take_along_axis(values, order, axis=1)


def divide(vectors: Vectors) -> tuple[Vectors, Rows]:
    """Cells of about 400 rows by spherical k-means from evenly spaced rows; centres and cells."""
    count = max(2, len(vectors) // CELL_SIZE)
    step = max(1, len(vectors) // (count * TRAINING_PER_CELL))
    sample = vectors[::step]
    centres = sample[np.linspace(0, len(sample) - 1, count).astype(np.int64)].copy()
    for _ in range(CELL_PASSES):
        cells = assign(sample, centres)
        sums = np.zeros_like(centres)
        np.add.at(sums, cells, sample)
        filled = np.bincount(cells, minlength=count) > 0
        centres[filled] = unit(sums[filled])
    return centres, assign(vectors, centres)


def assign(vectors: Vectors, centres: Vectors) -> Rows:
    """The nearest centre of each vector. Shapes: (n, d), (c, d) to (n,)."""
    cells = np.zeros(len(vectors), dtype=np.int64)
    for start in range(0, len(vectors), ROWS_AT_ONCE * 8):
        rows = slice(start, start + ROWS_AT_ONCE * 8)
        cells[rows] = (vectors[rows] @ centres.T).argmax(axis=1)
    return cells


def _members(cells: Rows, count: int) -> list[Rows]:
    order = np.argsort(cells, kind="stable")
    return np.split(order, np.cumsum(np.bincount(cells, minlength=count))[:-1])


def weigh(neighbours: Neighbours, power: float) -> Any:
    """The symmetric graph: an edge where either end has the other among its nearest.

    Shapes: (n, k) to a sparse (n, n). Weight: max(cosine, 0) ** power.
    """
    from scipy.sparse import csr_matrix

    count, k = neighbours.rows.shape
    kept = (neighbours.rows >= 0).ravel()
    sources = np.repeat(np.arange(count), k)[kept]
    values = np.maximum(neighbours.cosines.ravel()[kept], 0.0).astype(np.float64) ** power
    edges = csr_matrix((values, (sources, neighbours.rows.ravel()[kept])), shape=(count, count))
    return edges.maximum(edges.T).tocsr()
