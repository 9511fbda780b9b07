"""From an inventory to named clusters: each label in a cluster, or noise with the nearest one."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from taxonomy.clusters.assignment import Places, Proposal, cluster_centres, place, propose
from taxonomy.clusters.clustering import Method, Numbers, Weights, cluster, number_by_size
from taxonomy.clusters.naming import ClusterName, name_clusters
from taxonomy.clusters.stability import adjusted_rand_index, silhouette
from taxonomy.discovery.shares import Guidance, guide
from taxonomy.events.state import CategoryText
from taxonomy.guidance.anchors import KnownLabels
from taxonomy.labels.embedding import Embed, Vectors, embed_texts
from taxonomy.labels.inventory import PAPER_MIN_COUNT, InventoryLabel, default_min_count, label_text
from taxonomy.labels.reduction import MAP_DIMENSIONS, Points, reduce

Stage = Callable[[str], None]


@dataclass(frozen=True)
class Settings:
    """How to cluster; without a count it is the paper's for OPTICS, else the inventory decides."""

    method: Method = Method.HDBSCAN
    seed: int = 0
    min_count: int | None = None


@dataclass(frozen=True)
class Discovery:
    """What was found; every array is in the order of the labels."""

    numbers: Numbers
    strengths: Weights
    places: Places
    points: Points
    names: list[ClusterName]
    cohesions: list[float]
    centres: Vectors
    proposals: list[Proposal]
    min_count: int
    guidance: Guidance
    silhouette: float | None = None


def discover(
    labels: Sequence[InventoryLabel],
    embed: Embed,
    categories: Sequence[CategoryText],
    settings: Settings,
    on_stage: Stage = lambda stage: None,
    known: KnownLabels | None = None,
) -> Discovery:
    """Embed, cluster, number by falling instances, name, and place every label in a category.

    `known` are labels that speak for a category beside its own name and definition. Without any
    category a tree of them is proposed.

    Identity: the same labels, vectors and settings give the same result.
    Raises: ValueError where there is no label.
    """
    if not labels:
        raise ValueError("expected at least one label, got an empty inventory")
    on_stage("embedding")
    vectors = embed_texts([label_text(label) for label in labels], embed)
    on_stage("clustering")
    least = _least_count(labels, settings)
    numbers, strengths = _cluster_frequent(labels, vectors, least, settings)
    on_stage("naming")
    centres = cluster_centres(vectors, numbers)
    places = place(vectors, numbers, centres)
    on_stage("proposing")
    guidance = guide(labels, categories, known or KnownLabels(), embed)
    proposals = propose(guidance.by_label, numbers, guidance.categories)
    on_stage("mapping")
    return Discovery(
        numbers=numbers,
        strengths=strengths,
        places=places,
        points=reduce(vectors, MAP_DIMENSIONS, settings.seed),
        names=name_clusters(labels, vectors, numbers, centres),
        cohesions=[float(1 - places.distances[numbers == n].mean()) for n in range(len(centres))],
        centres=centres,
        proposals=proposals,
        min_count=least,
        guidance=guidance,
        silhouette=silhouette(vectors, numbers),
    )


def _least_count(labels: Sequence[InventoryLabel], settings: Settings) -> int:
    if settings.min_count is not None:
        return settings.min_count
    return PAPER_MIN_COUNT if settings.method == Method.OPTICS else default_min_count(labels)


def _cluster_frequent(
    labels: Sequence[InventoryLabel], vectors: Vectors, least: int, settings: Settings
) -> tuple[Numbers, Weights]:
    """Cluster the labels of count `least` and more; the others are noise until they are placed."""
    frequent = np.flatnonzero([label.instances >= least for label in labels])
    numbers = np.full(len(labels), -1, dtype=np.int64)
    strengths = np.zeros(len(labels))
    if len(frequent):
        found = cluster(vectors[frequent], settings.method, settings.seed)
        numbers[frequent], strengths[frequent] = found.numbers, found.strengths
    return number_by_size(numbers, [label.instances for label in labels]), strengths


def seed_agreement(
    labels: Sequence[InventoryLabel], embed: Embed, found: Discovery, settings: Settings
) -> float | None:
    """How far the clusters agree with those of the next seed: the adjusted Rand index."""
    vectors = embed_texts([label_text(label) for label in labels], embed)
    again = replace(settings, seed=settings.seed + 1)
    numbers, _ = _cluster_frequent(labels, vectors, found.min_count, again)
    return adjusted_rand_index(found.numbers, numbers)
