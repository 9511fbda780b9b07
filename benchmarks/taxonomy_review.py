"""A perfect reviewer at the queue of a version, decision by decision, through the store.

`python -m benchmarks.taxonomy_review [--inventory FILE] [--answers N]`: what `benchmarks.taxonomy`
measures on arrays, measured on what people use: label rows, a draft, its queue, events, and what
they spread. Spellings of one label are one label here, and all of them count.
"""

import argparse
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np
import sqlalchemy as sa

from benchmarks.inventories import guide_by_preset, write_cells, write_labels
from benchmarks.record import save
from benchmarks.taxonomy import CATEGORIES, Gold, RememberingEncoder, read_gold, score
from store import schema
from store.engine import get_engine, reading, transaction
from store.labels import label_key
from taxonomy.discovery.run import read_inventory
from taxonomy.events.decisions import Assign, MarkNoise
from taxonomy.labels.embedding import Embed
from taxonomy.review.curation import ReviewState, decide, get_review_state
from taxonomy.review.views import LabelView
from taxonomy.versions.lifecycle import create_draft
from taxonomy.vocabulary.presets import DEFAULT_PRESET

ANSWERS = 200
POSITIONS = {category.key: number for number, category in enumerate(CATEGORIES)}


def draft(engine: sa.Engine, gold: Gold, embed: Embed) -> int:
    """A draft of the preset over an inventory; its number."""
    texts = list(zip(gold.labels, gold.glosses, strict=True))
    run = write_labels(engine, texts, [int(count) for count in gold.counts])
    labels, _ = read_inventory(engine, run.id)
    clusters = write_cells(engine, run, labels, guide_by_preset(labels, embed), embed)
    with transaction(engine) as session:
        version = create_draft(session, "v1", cluster_run_id=clusters.id, preset=DEFAULT_PRESET)
    return version.id


def measure(state: ReviewState, gold: Gold) -> dict[str, float]:
    """Accuracy of what a version says of every label, over labels and over instances."""
    views = [state.views.labels[label_key(label)] for label in gold.labels]
    found = np.array([POSITIONS.get(view.category or "", -1) for view in views], dtype=np.int64)
    return score(found, gold)


def truths(gold: Gold) -> dict[str, str | None]:
    """The category of each label by its key; None for noise."""
    found: dict[str, str | None] = {}
    for label, number in zip(gold.labels, gold.category.tolist(), strict=True):
        found.setdefault(label_key(label), CATEGORIES[number].key if number >= 0 else None)
    return found


def answer(
    engine: sa.Engine, version_id: int, label: LabelView, truth: Mapping[str, str | None]
) -> None:
    """Decide about one label, as it is."""
    category, numbers = truth[label.key], (label.open_label_id,)
    decision = MarkNoise(numbers) if category is None else Assign(None, numbers, category)
    with transaction(engine) as session:
        decide(session, version_id, decision, person=None, seen_revision=None)


def review(
    engine: sa.Engine, version_id: int, gold: Gold, answers: int
) -> tuple[ReviewState, list[float], list[float]]:
    """Answer what the queue asks; the state after it, and the times in ms: commit, then spread."""
    truth, commits_ms, spreads_ms = truths(gold), list[float](), list[float]()
    state = _look(engine, version_id)
    for _ in range(answers):
        started = time.perf_counter()
        answer(engine, version_id, state.doubtful[0][0], truth)
        committed = time.perf_counter()
        state = _look(engine, version_id)
        commits_ms.append(1000 * (committed - started))
        spreads_ms.append(1000 * (time.perf_counter() - committed))
    return state, commits_ms, spreads_ms


def _look(engine: sa.Engine, version_id: int) -> ReviewState:
    with reading(engine) as session:
        return get_review_state(session, version_id)


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure, print and write down."""
    parser = argparse.ArgumentParser(description=__doc__)
    folder = os.environ.get("MRALIGN_BENCH_DATA", ".")
    parser.add_argument("--inventory", type=Path, default=Path(folder) / "open_labels_dev.json")
    parser.add_argument("--answers", type=int, default=ANSWERS)
    options = parser.parse_args(arguments)
    gold = read_gold(options.inventory)
    with tempfile.TemporaryDirectory() as name:
        engine = get_engine(f"sqlite:///{name}/review.sqlite3")
        schema.upgrade(engine)
        version_id = draft(engine, gold, RememberingEncoder())
        before = measure(_look(engine, version_id), gold)
        state, commits_ms, spreads_ms = review(engine, version_id, gold, options.answers)
        engine.dispose()
    after = measure(state, gold)
    outlook = state.prospects.outlook if state.prospects else None
    figures = {
        "review_guided_accuracy": before["accuracy"],
        "review_guided_weighted": before["weighted"],
        "review_after_200_accuracy": after["accuracy"],
        "review_after_200_weighted": after["weighted"],
        "decision_commit_ms": float(np.percentile(commits_ms, 95)),
        "decision_spread_ms": float(np.percentile(spreads_ms, 95)),
    }
    details = {"answers": float(options.answers)}
    if outlook is not None:
        details |= {
            "expected_right": outlook.expected_right,
            "expected_after": outlook.expected_after,
        }
    save("taxonomy_review", figures, details)


if __name__ == "__main__":
    main()
