"""OPTICS with the paper's settings: labels of count five and more, by cosine."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from taxonomy.clusters.clustering import by_optics
from taxonomy.clusters.stability import adjusted_rand_index, silhouette
from taxonomy.labels.embedding import Embed, embed_texts
from taxonomy.labels.inventory import PAPER_MIN_COUNT


def measure_optics(
    labels: Sequence[str],
    counts: NDArray[np.float64],
    category: NDArray[np.int64],
    embed: Embed,
) -> dict[str, float]:
    """The silhouette of what OPTICS clusters, and the share of labels that this speaks of."""
    rows = np.flatnonzero(counts >= PAPER_MIN_COUNT)
    vectors = embed_texts([labels[row] for row in rows.tolist()], embed)
    numbers = by_optics(vectors).numbers
    gold = category[rows] >= 0
    return {
        "optics_labels": float(len(rows)),
        "optics_clusters": float(numbers.max(initial=-1) + 1),
        "optics_silhouette": silhouette(vectors, numbers) or 0.0,
        "optics_coverage": float((numbers >= 0).mean()),
        "optics_ari_of_covered": adjusted_rand_index(numbers[gold], category[rows][gold]) or 0.0,
    }
