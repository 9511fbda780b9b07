"""How long 1,000 new labels take to join 100,000, beside computing all of them again.

`python -m benchmarks.taxonomy_add [--inventory FILE] [--known N] [--new N]`; the labels are made
of the inventory's words, a stand-in gives vectors at once, so that the encoder's time is left out
of both, and the clusters are cells of the graph of labels.
"""

import argparse
import hashlib
import json
import os
import resource
import tempfile
import time
from collections.abc import Sequence
from functools import cache
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.inventories import guide_by_preset, write_cells, write_labels
from benchmarks.record import save
from benchmarks.taxonomy_scale import make_labels
from store import schema
from store.engine import get_engine
from store.labels import label_key
from taxonomy.discovery.addition import add_labels
from taxonomy.discovery.run import read_inventory
from taxonomy.labels.embedding import Vectors

DIMENSION = 384


def embed(texts: Sequence[str]) -> Vectors:
    """The sum of a fixed random vector a word."""
    return np.stack([sum((_word(word) for word in text.split()), _word("")) for text in texts])


@cache
def _word(word: str) -> NDArray[np.float32]:
    seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big")
    return np.random.default_rng(seed).normal(size=DIMENSION).astype(np.float32)


def measure(address: str, texts: Sequence[str], new: int) -> dict[str, float]:
    """Seconds to compute all labels but the last, and to add those to them."""
    engine = get_engine(address)
    schema.upgrade(engine)
    label_run = write_labels(engine, [(text, None) for text in texts], [1] * len(texts))
    labels, _ = read_inventory(engine, label_run.id)
    known = sorted(labels, key=lambda label: label.open_label_id)[:-new]
    started = time.perf_counter()
    guidance = guide_by_preset(known, embed)
    again = time.perf_counter() - started
    run = write_cells(engine, label_run, known, guidance, embed)
    del guidance
    started = time.perf_counter()
    add_labels(engine, embed, cluster_run_id=run.id, label_run_id=label_run.id)
    joined = time.perf_counter() - started
    engine.dispose()
    return {"add_s": joined, "recompute_s": again, "add_speedup": again / joined}


def main() -> None:
    """Measure, print and write down."""
    parser = argparse.ArgumentParser(description=__doc__)
    folder = os.environ.get("MRALIGN_BENCH_DATA", ".")
    parser.add_argument("--inventory", type=Path, default=Path(folder) / "open_labels_dev.json")
    parser.add_argument("--known", type=int, default=100_000)
    parser.add_argument("--new", type=int, default=1_000)
    options = parser.parse_args()
    seeds = [row["label"] for row in json.loads(options.inventory.read_text(encoding="utf-8"))]
    made = make_labels(seeds, options.known + options.new + len(seeds))
    texts = list({label_key(text): text for text in made}.values())[: options.known + options.new]
    with tempfile.TemporaryDirectory() as name:
        figures = measure(f"sqlite:///{name}/add.sqlite3", texts, options.new)
    details = {
        "known": float(options.known),
        "new": float(options.new),
        "rss_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }
    save("taxonomy_add", figures, details)


if __name__ == "__main__":
    main()
