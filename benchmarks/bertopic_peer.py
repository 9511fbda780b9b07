"""BERTopic on given labels and vectors, in an environment of its own: run by taxonomy_peers.

`python bertopic_peer.py LABELS.json VECTORS.npy TOPICS.json`. It knows nothing of this project, so
that it runs where only BERTopic is installed.
"""

import json
import sys
import time
from pathlib import Path

SEED = 0
WARM_ROWS = 300
TOPICS = 15


def main(labels_at: str, vectors_at: str, topics_at: str) -> None:
    """Fit twice, by default and cut to fifteen topics, after a first fit that compiles."""
    import numpy as np
    from bertopic import BERTopic
    from umap import UMAP

    labels = json.loads(Path(labels_at).read_text(encoding="utf-8"))
    vectors = np.load(vectors_at)

    def fit(count: int, topics: int | None) -> tuple[list[int], float, float]:
        # BERTopic's own defaults for UMAP, with a seed.
        umap = UMAP(
            n_neighbors=15, n_components=5, min_dist=0.0, metric="cosine", random_state=SEED
        )
        model = BERTopic(umap_model=umap, nr_topics=topics, embedding_model=None)
        wall, used = time.perf_counter(), time.process_time()
        found, _ = model.fit_transform(labels[:count], vectors[:count])
        return list(map(int, found)), time.perf_counter() - wall, time.process_time() - used

    fit(WARM_ROWS, None)
    result = {}
    for name, topics in (("default", None), ("fifteen", TOPICS + 1)):  # one topic is for noise
        found, wall, used = fit(len(labels), topics)
        result[name] = {"topics": found, "wall_s": wall, "cpu_s": used}
    Path(topics_at).write_text(json.dumps(result), encoding="utf-8")


if __name__ == "__main__":
    main(*sys.argv[1:4])
