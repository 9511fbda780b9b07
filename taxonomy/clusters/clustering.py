"""Clusters of label vectors: HDBSCAN or OPTICS, and linkage where labels are few."""

import warnings
from collections.abc import Sequence
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
from numpy.typing import NDArray

from taxonomy.labels.embedding import Vectors
from taxonomy.labels.reduction import CLUSTER_DIMENSIONS, reduce

FEWEST_FOR_DENSITY = 20  # below this there is no density to speak of
MOST_FOR_LINKAGE = 2_000  # it needs every pair of labels
LINKAGE_DISTANCE = 0.6
SMALLEST_CLUSTER = 3
LARGEST_MINIMUM = 25
OPTICS_MIN_SAMPLES = 5

Numbers = NDArray[np.int64]
Weights = NDArray[np.float64]


class Method(StrEnum):
    """How labels are clustered."""

    HDBSCAN = "hdbscan"
    OPTICS = "optics"


@dataclass(frozen=True)
class Clustering:
    """The cluster of each label, −1 for noise, and how strongly it belongs there."""

    numbers: Numbers
    strengths: Weights


def cluster(vectors: Vectors, method: Method, seed: int) -> Clustering:
    """Cluster unit vectors by cosine density; noise is allowed.

    Shapes: (n, d) to n numbers and n strengths in [0, 1].
    Masking: noise has number −1 and strength 0.
    Identity: the same vectors and seed give the same clusters.
    Source: MR-ALIGN, arXiv 2510.24794v2, 3.1.2 (OPTICS).
    Differs: HDBSCAN on five UMAP dimensions by default; below 20 labels average linkage.
    """
    if len(vectors) < FEWEST_FOR_DENSITY:
        return by_linkage(vectors)
    return by_optics(vectors) if method == Method.OPTICS else by_hdbscan(vectors, seed)


def smallest_cluster(labels: int) -> int:
    """The fewest labels that make a cluster: a half per cent, from 3 to 25."""
    return min(max(SMALLEST_CLUSTER, round(labels / 200)), LARGEST_MINIMUM)


def by_hdbscan(vectors: Vectors, seed: int) -> Clustering:
    """HDBSCAN on five UMAP dimensions; average linkage where it sees nothing but noise."""
    import hdbscan

    model = hdbscan.HDBSCAN(
        min_cluster_size=smallest_cluster(len(vectors)), min_samples=1, core_dist_n_jobs=1
    )
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about names that scikit-learn will change
        model.fit(reduce(vectors, CLUSTER_DIMENSIONS, seed))
    if model.labels_.max() < 0 and len(vectors) <= MOST_FOR_LINKAGE:
        return by_linkage(vectors)
    return _clustering(model.labels_, np.nan_to_num(model.probabilities_))


def by_optics(vectors: Vectors) -> Clustering:
    """OPTICS on the vectors themselves, by cosine, as the paper has it."""
    from sklearn.cluster import OPTICS

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # about divisions by a reachability of 0
        model = OPTICS(min_samples=OPTICS_MIN_SAMPLES, metric="cosine").fit(vectors)
    return _clustering(model.labels_, np.ones(len(vectors)))


def by_linkage(vectors: Vectors) -> Clustering:
    """Average linkage by cosine distance, cut at 0.6; a label alone is a cluster of its own."""
    if len(vectors) < 2:
        return _clustering(np.zeros(len(vectors)), np.ones(len(vectors)))
    from sklearn.cluster import AgglomerativeClustering

    distances = np.clip(1.0 - vectors @ vectors.T, 0.0, 2.0)
    model = AgglomerativeClustering(
        n_clusters=None,
        metric="precomputed",
        linkage="average",
        distance_threshold=LINKAGE_DISTANCE,
    )
    return _clustering(model.fit(distances).labels_, np.ones(len(vectors)))


def _clustering(numbers: NDArray[np.generic], strengths: Weights) -> Clustering:
    found = np.asarray(numbers, dtype=np.int64)
    return Clustering(found, np.where(found < 0, 0.0, np.clip(strengths, 0.0, 1.0)))


def number_by_size(numbers: Numbers, instances: Sequence[int]) -> Numbers:
    """Number clusters anew by falling count of instances; the first member breaks a tie."""
    found = [int(number) for number in np.unique(numbers[numbers >= 0])]
    weights = np.asarray(instances)
    sizes = {number: int(weights[numbers == number].sum()) for number in found}
    first = {number: int(np.argmax(numbers == number)) for number in found}
    order = sorted(found, key=lambda number: (-sizes[number], first[number]))
    renamed = np.full(len(numbers), -1, dtype=np.int64)
    for position, number in enumerate(order):
        renamed[numbers == number] = position
    return renamed
