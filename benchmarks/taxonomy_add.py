"""How long 1,000 new labels take to join 100,000, beside computing all of them again.

`python -m benchmarks.taxonomy_add --inventory FILE [--known N] [--new N]`; the labels are made of
the inventory's words, vectors are cached (a stand-in for the encoder, so that its time is left
out of both), and the clusters are cells of the graph of labels.
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
import sqlalchemy as sa
from numpy.typing import NDArray

from benchmarks.record import save
from benchmarks.taxonomy_scale import make_labels
from store import schema
from store.engine import get_engine, transaction
from store.runs import finish_run, start_run
from store.states import RunKind, RunStatus, ThinkingMode
from store.tables import LabelInstance, OpenLabel, Question, Run, Segment, Trace
from taxonomy.addition import add_labels
from taxonomy.assignment import place, propose
from taxonomy.discovery import Discovery
from taxonomy.embedding import Vectors, embed_texts
from taxonomy.findings import write_findings
from taxonomy.graph import divide
from taxonomy.guidance import Guidance, guide
from taxonomy.guides import guide_of_preset
from taxonomy.inventory import InventoryLabel, label_text
from taxonomy.naming import ClusterName
from taxonomy.run import read_inventory
from taxonomy.vocabulary import DEFAULT_PRESET

DIMENSION = 384


def embed(texts: Sequence[str]) -> Vectors:
    """The sum of a fixed random vector a word."""
    return np.stack([sum((_word(word) for word in text.split()), _word("")) for text in texts])


@cache
def _word(word: str) -> NDArray[np.float32]:
    seed = int.from_bytes(hashlib.sha256(word.encode()).digest()[:4], "big")
    return np.random.default_rng(seed).normal(size=DIMENSION).astype(np.float32)


def write_labels(engine: sa.Engine, texts: Sequence[str]) -> Run:
    """A label run that gave each label once."""
    run = start_run(engine, RunKind.LABEL)
    with transaction(engine) as session:
        question = Question(key="q", text="q", gold_answers=[])
        session.add(question)
        session.flush()
        trace = Trace(external_id="t", question_id=question.id, model="m", thinking="x", answer="",
                      thinking_mode=ThinkingMode.ON, content_hash="")  # fmt: skip
        session.add(trace)
        session.flush()
        segment = Segment(trace_id=trace.id, position=0, start=0, end=1)
        session.add(segment)
        session.flush()
        session.execute(sa.insert(OpenLabel), [
            {"id": number, "key": text, "text": text} for number, text in enumerate(texts, 1)
        ])  # fmt: skip
        session.execute(sa.insert(LabelInstance), [
            {"run_id": run.id, "segment_id": segment.id, "open_label_id": number, "step": 0,
             "confidence": 5.0} for number in range(1, len(texts) + 1)
        ])  # fmt: skip
        finish_run(session, run.id, RunStatus.SUCCEEDED)
    return run


def compute_all(labels: Sequence[InventoryLabel]) -> Guidance:
    """What a run computes of every label beside its clusters: folded, represented, spread."""
    guided = guide_of_preset(DEFAULT_PRESET)
    return guide(labels, guided.categories, guided.known, embed)


def write_run(
    engine: sa.Engine, label_run: Run, labels: Sequence[InventoryLabel], guidance: Guidance
) -> Run:
    """A cluster run over the labels whose clusters are cells of like labels."""
    vectors = embed_texts([label_text(label) for label in labels], embed)
    centres, numbers = divide(vectors)
    places = place(vectors, numbers, centres)
    found = Discovery(
        numbers, np.ones(len(labels)), places, np.zeros((len(labels), 2)),
        [ClusterName(f"cell {n}", "") for n in range(len(centres))], [0.5] * len(centres),
        centres, propose(guidance.by_label, numbers, guidance.categories), 1, guidance,
    )  # fmt: skip
    run = start_run(engine, RunKind.CLUSTER, parameters={"label_run": label_run.id})
    with transaction(engine) as session:
        write_findings(session, run.id, labels, found)
        finish_run(session, run.id, RunStatus.SUCCEEDED)
    return run


def main() -> None:
    """Measure, print and write down."""
    parser = argparse.ArgumentParser(description=__doc__)
    folder = os.environ.get("MRALIGN_BENCH_DATA", ".")
    parser.add_argument("--inventory", type=Path, default=Path(folder) / "open_labels_dev.json")
    parser.add_argument("--known", type=int, default=100_000)
    parser.add_argument("--new", type=int, default=1_000)
    options = parser.parse_args()
    seeds = [row["label"] for row in json.loads(options.inventory.read_text(encoding="utf-8"))]
    made = make_labels([seed.casefold() for seed in seeds], options.known + options.new)
    with tempfile.TemporaryDirectory() as name:
        engine = get_engine(f"sqlite:///{name}/add.sqlite3")
        schema.upgrade(engine)
        label_run = write_labels(engine, made)
        labels, _ = read_inventory(engine, label_run.id)
        known = sorted(labels, key=lambda label: label.open_label_id)[: options.known]
        started = time.perf_counter()
        guidance = compute_all(known)
        again = time.perf_counter() - started
        run = write_run(engine, label_run, known, guidance)
        del guidance
        started = time.perf_counter()
        added = add_labels(engine, embed, cluster_run_id=run.id, label_run_id=label_run.id)
        joined = time.perf_counter() - started
        engine.dispose()
    figures = {
        "add_1000_to_100k_s": joined,
        "recompute_100k_s": again,
        "add_speedup": again / joined,
    }
    rss = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    save(
        "taxonomy_add",
        figures,
        {"known": options.known, "new": added.metrics["added"], "rss_mb": rss},
    )


if __name__ == "__main__":
    main()
