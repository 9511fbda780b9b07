"""How guided spreading grows: 10,000, 30,000 and 100,000 labels made of an inventory's words."""

import resource
import time
from collections.abc import Sequence

import numpy as np

from taxonomy.guidance.anchors import build_anchors, get_preset_labels
from taxonomy.guidance.answers import Answers
from taxonomy.guidance.queue import rank_questions, weigh_rows
from taxonomy.guidance.spreading import fold_inventory, guess
from taxonomy.labels.embedding import Embed
from taxonomy.labels.folding import split_moves
from taxonomy.vocabulary.presets import DEFAULT_PRESET, get_preset

SIZES = (10_000, 30_000, 100_000)


def make_labels(labels: Sequence[str], count: int) -> list[str]:
    """The labels, then distinct phrases of two or three of their words, drawn with a fixed seed."""
    random = np.random.default_rng(0)
    words = sorted(
        {word for label in labels for move in split_moves(label) for word in move.split()}
    )
    made = dict.fromkeys(labels)
    while len(made) < count:
        made[" ".join(random.choice(words, size=int(random.integers(2, 4))))] = None
    return list(made)


def measure_scale(labels: Sequence[str], embed: Embed) -> dict[str, float]:
    """Times from an inventory to a ranked queue, with and without encoding, and peak memory."""
    made = make_labels(labels, SIZES[-1])
    started = time.perf_counter()
    _run(made, embed)
    whole = time.perf_counter() - started
    times = []
    for size in SIZES:
        started = time.perf_counter()
        _run(made[:size], embed)
        times.append(time.perf_counter() - started)
    slope = np.polyfit(np.log(SIZES), np.log(times), 1)[0]
    print(f"  {'cached_s of 10,000, 30,000, 100,000':38} {[round(each, 1) for each in times]}")
    return {
        "encode_and_run_100k_s": whole,
        "cached_100k_s": times[-1],
        "growth_exponent": float(slope),
        "rss_100k_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _run(labels: Sequence[str], embed: Embed) -> None:
    inventory = fold_inventory(labels, embed)
    anchors = build_anchors(get_preset(DEFAULT_PRESET), get_preset_labels())
    answers = Answers.start(inventory, guess(inventory, anchors, embed))
    counts = [max(1, 10 * len(labels) // rank) for rank in range(1, len(labels) + 1)]
    rank_questions(answers, answers.learn(), weigh_rows(inventory.row_of, counts))
