"""A proposed tree without any category given: groups of labels on the graph, and groups of groups.

Spectral: labels that a walk over the graph of neighbours seldom leaves are one group. Nothing is
drawn at random, so the same inventory gives the same tree.
"""

from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from taxonomy.guidance.spreading import EDGE_POWER, NEIGHBOURS
from taxonomy.labels.embedding import Vectors
from taxonomy.labels.graph import find_neighbours, weigh

CATEGORIES = 15
MACRO_STRATEGIES = 4
PASSES = 100
TINY = 1e-9  # prevents 0 / 0 for rows without edges

Numbers = NDArray[np.int64]
Coordinates = NDArray[np.float64]


class Folded(Protocol):
    """Labels folded to rows. Shapes: `vectors` (rows, d), `row_of` (labels,)."""

    @property
    def vectors(self) -> Vectors: ...
    @property
    def row_of(self) -> Numbers: ...


@dataclass(frozen=True)
class Tree:
    """Groups by falling count of labels, and the group of groups that each belongs to.

    Shapes: `group_of` (rows,), `macro_of` (groups,); `cohesion` (rows,) in [−1, 1] is the cosine of
    a row's coordinates to the centre of its group: low where it lies between groups.
    """

    group_of: Numbers
    macro_of: Numbers
    cohesion: Coordinates


def propose_tree(
    inventory: Folded, groups: int = CATEGORIES, macros: int = MACRO_STRATEGIES
) -> Tree:
    """Group the rows of an inventory, and the groups; each row counts as often as it has labels.

    Fewer groups come back where there are fewer rows, or where some end empty.
    Raises: ValueError for less than one group.
    """
    if groups < 1 or macros < 1:
        raise ValueError(f"expected at least one group, got {groups} and {macros}")
    sizes = np.bincount(inventory.row_of, minlength=len(inventory.vectors)).astype(np.float64)
    groups = min(groups, len(inventory.vectors))
    graph = weigh(find_neighbours(inventory.vectors, NEIGHBOURS), EDGE_POWER)
    coordinates = spectral_coordinates(graph, groups)
    numbers = _by_size(divide(coordinates, sizes, groups), sizes)
    centres = _centres(coordinates, sizes, numbers, int(numbers.max()) + 1)
    cohesion = np.einsum("ij,ij->i", coordinates, centres[numbers])
    macro_of = group_groups(inventory.vectors, numbers, sizes, macros)
    return Tree(numbers, macro_of, np.clip(cohesion, -1.0, 1.0))


def spectral_coordinates(graph: Any, dimensions: int) -> Coordinates:
    """The leading eigenvectors of D^(−1/2) W D^(−1/2), each row scaled to norm 1.

    Shapes: sparse (n, n) to (n, dimensions).
    Source: Ng, Jordan, Weiss 2001.
    """
    count = graph.shape[0]
    scale = 1.0 / np.sqrt(np.maximum(np.asarray(graph.sum(axis=1)).ravel(), TINY))
    scaled = graph.multiply(scale[:, None]).multiply(scale[None]).tocsr()
    if count <= 2 * dimensions + 2:  # too small for the iterative solver
        vectors = np.linalg.eigh(scaled.toarray())[1][:, -dimensions:]
    else:
        from scipy.sparse.linalg import eigsh

        vectors = eigsh(scaled, k=dimensions, which="LA", v0=np.ones(count))[1]
    return _unit(vectors)


def divide(coordinates: Coordinates, sizes: Coordinates, groups: int) -> Numbers:
    """Spherical k-means from the rows that pivoted QR finds most apart.

    Shapes: (n, d), (n,) to (n,).
    Source: Damle, Minden, Ying 2019 for the start.
    """
    from scipy.linalg import qr

    pivots = qr(coordinates.T, pivoting=True, mode="r")[1][:groups]
    centres = coordinates[pivots]
    numbers = np.full(len(coordinates), -1, dtype=np.int64)
    for _ in range(PASSES):
        nearest = (coordinates @ centres.T).argmax(axis=1)
        if np.array_equal(nearest, numbers):
            break
        numbers = nearest
        centres = np.where(
            (np.bincount(numbers, minlength=groups) > 0)[:, None],
            _centres(coordinates, sizes, numbers, groups),
            centres,
        )
    return numbers


def group_groups(vectors: Vectors, numbers: Numbers, sizes: Coordinates, macros: int) -> Numbers:
    """Group the groups by Ward's method on the directions of their means, each counted once.

    What all groups share is taken away first, their mean by labels: else one macro-strategy takes
    most of them, since all labels are of reasoning and few of them stand far out.
    Shapes: (n, d), (n,), (n,) to (groups,). Identity: at most `macros` numbers, from 0 on.
    """
    from scipy.cluster.hierarchy import fcluster, linkage

    count = int(numbers.max()) + 1
    if count == 1:
        return np.zeros(1, dtype=np.int64)
    means = _centres(vectors.astype(np.float64), np.ones(len(vectors)), numbers, count)
    shared = np.average(means, axis=0, weights=np.bincount(numbers, weights=sizes))
    cut = fcluster(linkage(_unit(means - shared), "ward"), macros, criterion="maxclust")
    return np.unique(cut, return_inverse=True)[1].astype(np.int64)


def _centres(
    coordinates: Coordinates, sizes: Coordinates, numbers: Numbers, groups: int
) -> Coordinates:
    sums = np.zeros((groups, coordinates.shape[1]))
    np.add.at(sums, numbers, coordinates * sizes[:, None])
    return _unit(sums)


def _by_size(numbers: Numbers, sizes: Coordinates) -> Numbers:
    """Number the groups by falling count of labels, leaving out empty ones."""
    totals = np.bincount(numbers, weights=sizes)
    order = [group for group in np.argsort(-totals, kind="stable") if totals[group] > 0]
    renumbered = np.zeros(len(totals), dtype=np.int64)
    renumbered[order] = np.arange(len(order))
    return renumbered[numbers]


def _unit(rows: Coordinates | Vectors) -> Coordinates:
    norms = np.linalg.norm(rows, axis=1, keepdims=True)
    return np.asarray(rows / np.maximum(norms, TINY), dtype=np.float64)
