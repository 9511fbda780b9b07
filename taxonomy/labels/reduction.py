"""Fewer dimensions: UMAP, seeded and on one thread, or principal axes where points are few."""

import warnings

import numpy as np
from numpy.typing import NDArray

from taxonomy.labels.embedding import Vectors

CLUSTER_DIMENSIONS = 5
MAP_DIMENSIONS = 2
NEIGHBORS = 15
MOST_EXACT = 20_000  # beyond, UMAP looks for neighbours approximately
BLOCK = 1_024
FEWEST_FOR_UMAP = 20  # its spectral start needs well more points than dimensions

Points = NDArray[np.float64]


def reduce(vectors: Vectors, dimensions: int, seed: int) -> Points:
    """Place unit vectors in few dimensions so that neighbours by cosine stay neighbours.

    Shapes: (n, d) to (n, dimensions).
    Identity: the same vectors and seed give the same points.
    """
    if len(vectors) < FEWEST_FOR_UMAP:
        return principal_axes(vectors, dimensions)
    import umap

    neighbors = min(len(vectors) - 1, NEIGHBORS)
    exact = nearest(vectors, neighbors) if len(vectors) <= MOST_EXACT else (None, None)
    model = umap.UMAP(
        n_components=dimensions,
        n_neighbors=neighbors,
        min_dist=0.0 if dimensions > MAP_DIMENSIONS else 0.1,
        metric="cosine",
        random_state=seed,
        n_jobs=1,
        precomputed_knn=(*exact, None),
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about disconnected graphs, and placing points later
        return np.asarray(model.fit_transform(vectors), dtype=np.float64)


def nearest(vectors: Vectors, count: int) -> tuple[NDArray[np.int32], NDArray[np.float32]]:
    """The nearest vectors to each by cosine, itself first, and their distances.

    UMAP's own exact search calls Python for every pair; this takes a fiftieth of the time.
    Shapes: (n, d) to (n, count) and (n, count).
    """
    indices = np.empty((len(vectors), count), dtype=np.int32)
    distances = np.empty((len(vectors), count), dtype=np.float32)
    for start in range(0, len(vectors), BLOCK):
        rows = np.arange(start, min(start + BLOCK, len(vectors)))
        block = 1.0 - vectors[rows] @ vectors.T
        block[rows - start, rows] = -1.0  # a twin must not come before itself
        order = np.argsort(block, axis=1, kind="stable")[:, :count]
        indices[rows] = order
        distances[rows] = np.clip(np.take_along_axis(block, order, axis=1), 0.0, 2.0)
    return indices, distances


def principal_axes(vectors: Vectors, dimensions: int) -> Points:
    """Coordinates along the axes of greatest variance, the larger end of each positive.

    Shapes: (n, d) to (n, dimensions), zeros where there are fewer axes.
    """
    points = np.zeros((len(vectors), dimensions))
    if len(vectors) < 2:
        return points
    centred = np.asarray(vectors, dtype=np.float64)
    left, scale, _ = np.linalg.svd(centred - centred.mean(axis=0), full_matrices=False)
    axes = min(dimensions, len(scale))
    found = left[:, :axes] * scale[:axes]
    # An axis may come out either way round: fix it, so that maps do not flip.
    strongest = found[np.abs(found).argmax(axis=0), np.arange(axes)]
    points[:, :axes] = found * np.where(strongest < 0, -1.0, 1.0)
    return points
