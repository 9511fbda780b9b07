"""How many open labels come into the right category, and how much review that takes.

`python -m benchmarks.taxonomy --inventory FILE [--without-scale] [--without-peers]`; BERTopic runs
in an environment of its own, made under --peers-folder. The inventory is a list of
{label, count, category, definition?} where category NOISE is none. Unassigned is wrong; NOISE does
not count towards accuracy; an answer is the category of one label.
"""

import argparse
import json
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.record import save
from benchmarks.taxonomy_optics import measure_optics
from benchmarks.taxonomy_peers import default_folder, measure_peers
from benchmarks.taxonomy_scale import measure_scale
from taxonomy.clusters.stability import adjusted_rand_index
from taxonomy.discovery.merging import propose_tree
from taxonomy.events.state import CategoryText
from taxonomy.guidance.anchors import KnownLabels, build_anchors, get_preset_labels
from taxonomy.guidance.answers import Answers
from taxonomy.guidance.queue import rank_questions, weigh_rows
from taxonomy.guidance.spreading import UNASSIGNED, Guess, Inventory, decide, fold_inventory, guess
from taxonomy.labels.embedding import Embed, Vectors
from taxonomy.labels.folding import Folder, fold_text
from taxonomy.vocabulary.presets import DEFAULT_PRESET, get_preset

ANSWERS = 200
SLIP_SHARE = 0.1
SLIP_SEEDS = 5
DROPS = 5
STEM_LETTERS = 5
GOLD_NOISE = -1
CATEGORIES = get_preset(DEFAULT_PRESET)

Figures = dict[str, float]


@dataclass(frozen=True)
class Gold:
    """An inventory with its answers; `category` is a position, or −1 for NOISE."""

    labels: list[str]
    glosses: list[str | None]
    counts: NDArray[np.float64]
    category: NDArray[np.int64]

    def take(self, rows: NDArray[np.int64]) -> "Gold":
        """The rows alone, in that order."""
        return Gold(
            [self.labels[row] for row in rows],
            [self.glosses[row] for row in rows],
            self.counts[rows],
            self.category[rows],
        )


class RememberingEncoder:
    """An encoder that keeps every vector of this process, so that parts can be timed apart."""

    def __init__(self) -> None:
        from gateway.embeddings import Encoder

        self.encoder = Encoder()
        self.known: dict[str, Vectors] = {}
        self.encoder(["warm up"])

    def __call__(self, texts: Sequence[str]) -> Vectors:
        """Vectors of the texts, each computed once."""
        missing = [text for text in dict.fromkeys(texts) if text not in self.known]
        if missing:
            self.known.update(zip(missing, self.encoder(missing), strict=True))
        return np.stack([self.known[text] for text in texts])


def read_gold(path: Path) -> Gold:
    """Read an inventory; a category that the preset lacks is an error."""
    rows = json.loads(path.read_text(encoding="utf-8"))
    positions = {category.key: number for number, category in enumerate(CATEGORIES)}
    positions["NOISE"] = GOLD_NOISE
    return Gold(
        [row["label"] for row in rows],
        [row.get("definition") for row in rows],
        np.array([row["count"] for row in rows], dtype=np.float64),
        np.array([positions[row["category"]] for row in rows], dtype=np.int64),
    )


def score(found: NDArray[np.int64], gold: Gold, among: NDArray[np.bool_] | None = None) -> Figures:
    """Accuracy over labels and over instances; NOISE left out."""
    counted = gold.category >= 0 if among is None else (gold.category >= 0) & among
    right = (found == gold.category)[counted]
    return {
        "accuracy": float(right.mean()),
        "weighted": float(np.average(right, weights=gold.counts[counted])),
    }


def guided(
    gold: Gold, known: KnownLabels, embed: Embed, folder: Folder | None = None
) -> tuple[Inventory, Guess]:
    """Fold, represent, spread."""
    inventory = fold_inventory(gold.labels, embed, gold.glosses, folder)
    return inventory, guess(inventory, build_anchors(CATEGORIES, known), embed)


def measure_guided(gold: Gold, embed: Embed) -> tuple[Figures, Figures]:
    """Figures without review: with and without Table 6, by definitions alone, the hard slice."""
    inventory, first = guided(gold, get_preset_labels(), embed)
    found = decide(first)[inventory.row_of]
    whole = score(found, gold)
    hard = score(found, gold, hard_slice(gold, lambda each: [each.name, each.definition]))
    figures = {
        "guided_accuracy": whole["accuracy"],
        "guided_weighted": whole["weighted"],
        "hard_slice_accuracy": hard["accuracy"],
        "noise_auc": area(first.noise[inventory.row_of], gold.category == GOLD_NOISE),
    }
    details = {f"all_labels_{key}": value for key, value in whole.items()}
    for name, known, folder in (
        ("without_table6", get_preset_labels(paper=False), None),
        ("definitions_only", KnownLabels({}, get_preset_labels().background), None),
        ("without_modifiers", get_preset_labels(), Folder()),
    ):
        placed, other = guided(gold, known, embed, folder)
        apart = score(decide(other)[placed.row_of], gold)
        details |= {f"guided_{key}_{name}": value for key, value in apart.items()}
    figures["guided_accuracy_without_table6"] = details["guided_accuracy_without_table6"]
    rows = {inventory.folder(text) for text in build_anchors(CATEGORIES, get_preset_labels()).texts}
    unseen = np.array([inventory.folder(label) not in rows for label in gold.labels])
    details["guided_accuracy_not_an_anchor"] = score(found, gold, unseen)["accuracy"]
    strict = hard_slice(gold, _all_texts(get_preset_labels()))
    details["hardest_slice_accuracy"] = score(found, gold, strict)["accuracy"]
    details["hardest_slice_labels"] = float((strict & (gold.category >= 0)).sum())
    details["calibration_error"] = calibration_error(first, inventory, gold)
    details["unassigned_share"] = float((found[gold.category >= 0] < 0).mean())
    return figures, details


TextsOf = Callable[[CategoryText], Sequence[str]]


def _all_texts(known: KnownLabels) -> TextsOf:
    def texts(category: CategoryText) -> list[str]:
        return [category.name, category.definition, *known.by_category[category.key]]

    return texts


def hard_slice(gold: Gold, texts_of: TextsOf) -> NDArray[np.bool_]:
    """Labels that share no stem (five letters, or all of a shorter word) with those texts."""
    stems = [
        {stem for text in texts_of(category) for stem in stems_of(text)} for category in CATEGORIES
    ]
    return np.array(
        [
            category >= 0 and not stems_of(label) & stems[category]
            for label, category in zip(gold.labels, gold.category, strict=True)
        ]
    )


def stems_of(text: str) -> set[str]:
    """The first five letters of each word of four letters and more."""
    words = fold_text(text.replace(",", " ").replace(";", " ").replace("/", " ")).split()
    return {word[:STEM_LETTERS] for word in words if len(word) > 3}


def area(scores: NDArray[np.float64], positive: NDArray[np.bool_]) -> float:
    """The area under the curve: how often a positive scores above a negative."""
    from sklearn.metrics import roc_auc_score

    return float(roc_auc_score(positive, scores))


def calibration_error(first: Guess, inventory: Inventory, gold: Gold) -> float:
    """The mean gap of confidence and accuracy over ten bins of confidence."""
    counted = gold.category >= 0
    sure = first.probabilities.max(axis=1)[inventory.row_of][counted]
    right = (first.probabilities.argmax(axis=1)[inventory.row_of] == gold.category)[counted]
    bins = np.minimum((sure * 10).astype(int), 9)
    gaps = [abs((right[bins == n] - sure[bins == n]).sum()) for n in range(10)]
    return float(sum(gaps) / len(sure))


def measure_review(
    gold: Gold, inventory: Inventory, first: Guess, slips: float, seed: int
) -> tuple[Figures, list[float]]:
    """Answer 200 questions in the queue's order; figures after them, and the time of each."""
    random = np.random.default_rng(seed)
    weights = weigh_rows(inventory.row_of, gold.counts.tolist())
    answers, reviewed, times = Answers.start(inventory, first), {}, []
    for _ in range(ANSWERS):
        started = time.perf_counter()
        question = rank_questions(answers, answers.learn(), weights, limit=50)[0]
        times.append(time.perf_counter() - started)
        truth = int(gold.category[question.label])
        answer = truth if truth >= 0 else answers.noise
        if random.random() < slips:
            answer = int(random.choice([n for n in range(answers.noise + 1) if n != answer]))
        answers.give(question.row, answer)
        reviewed[question.label] = answer if answer < answers.noise else UNASSIGNED
    found = decide(answers.learn().guess)[inventory.row_of]
    unseen = np.ones(len(found), dtype=np.bool_)
    unseen[list(reviewed)] = False
    found[list(reviewed)] = list(reviewed.values())
    rest = score(found, gold, unseen)
    return score(found, gold) | {"unanswered": rest["accuracy"]}, times


def measure_reviews(gold: Gold, embed: Embed) -> tuple[Figures, Figures]:
    """After 200 answers: of a perfect reviewer, and with one answer in ten wrong."""
    inventory, first = guided(gold, get_preset_labels(), embed)
    clean, times = measure_review(gold, inventory, first, 0.0, 0)
    noisy = [
        measure_review(gold, inventory, first, SLIP_SHARE, seed)[0] for seed in range(SLIP_SEEDS)
    ]
    figures = {
        "after_200_accuracy": clean["accuracy"],
        "after_200_weighted": clean["weighted"],
        "after_200_noisy_accuracy": float(np.mean([each["accuracy"] for each in noisy])),
        "after_200_noisy_weighted": float(np.mean([each["weighted"] for each in noisy])),
        "respread_ms": 1000 * float(np.percentile(times, 95)),
    }
    details = {
        "after_200_unanswered_accuracy": clean["unanswered"],
        "after_200_noisy_accuracy_worst": min(each["accuracy"] for each in noisy),
        "after_200_noisy_weighted_worst": min(each["weighted"] for each in noisy),
        "respread_ms_median": 1000 * float(np.median(times)),
    }
    return figures, details


def measure_discovery(gold: Gold, embed: Embed) -> tuple[Figures, Figures]:
    """Fifteen groups without any category given, each taken for its most frequent gold."""
    inventory = fold_inventory(gold.labels, embed, gold.glosses)
    group = propose_tree(inventory).group_of[inventory.row_of]
    counted = gold.category >= 0
    mapped = np.full(len(group), UNASSIGNED, dtype=np.int64)
    for number in np.unique(group[counted]):
        here = group == number
        mapped[here] = np.bincount(gold.category[here & counted]).argmax()
    figures = {
        "discover_accuracy": score(mapped, gold)["accuracy"],
        "discover_ari": adjusted_rand_index(group[counted], gold.category[counted]) or 0.0,
    }
    return figures, {"discover_groups": float(len(np.unique(group)))}


def measure_stability(gold: Gold, embed: Embed) -> Figures:
    """Pairwise ARI of runs without a random tenth of the labels, and of shuffled inventories."""
    dropped = [_place_some(gold, embed, seed, 0.9) for seed in range(DROPS)]
    shuffled = [_place_some(gold, embed, seed, 1.0) for seed in range(3)]
    return {"drop_tenth_ari": pairwise(dropped), "across_seeds_ari": pairwise(shuffled)}


def _place_some(gold: Gold, embed: Embed, seed: int, share: float) -> NDArray[np.int64]:
    """Where labels fall when only a share of them is there; −3 for the absent."""
    random = np.random.default_rng(seed)
    rows = random.permutation(len(gold.labels))[: round(share * len(gold.labels))]
    inventory, first = guided(gold.take(rows), get_preset_labels(), embed)
    found = np.full(len(gold.labels), -3, dtype=np.int64)
    found[rows] = first.probabilities.argmax(axis=1)[inventory.row_of]
    return found


def pairwise(runs: Sequence[NDArray[np.int64]]) -> float:
    """The mean adjusted Rand index of all pairs, over labels that both have."""
    pairs = [(a, b) for number, a in enumerate(runs) for b in runs[:number]]
    return float(np.mean([adjusted_rand_index(a, b) or 0.0 for a, b in pairs]))


def measure_speed(gold: Gold) -> Figures:
    """From a loaded model and an inventory to a ranked queue, encoding included."""
    embed = RememberingEncoder()
    started = time.perf_counter()
    inventory, first = guided(gold, get_preset_labels(), embed)
    answers = Answers.start(inventory, first)
    rank_questions(answers, answers.learn(), weigh_rows(inventory.row_of, gold.counts.tolist()))
    return {"warm_2473_s": time.perf_counter() - started}


def main(arguments: Sequence[str] | None = None) -> None:
    """Measure and print; write the figures to benchmarks/results/taxonomy.json and --json."""
    parser = argparse.ArgumentParser(description=__doc__)
    folder = os.environ.get("MRALIGN_BENCH_DATA", ".")
    parser.add_argument("--inventory", type=Path, default=Path(folder) / "open_labels_dev.json")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--without-scale", action="store_true", help="leave out 100,000 labels")
    parser.add_argument("--without-peers", action="store_true", help="leave out BERTopic")
    parser.add_argument(
        "--peers-folder", type=Path, default=default_folder(), help="where its environment is kept"
    )
    options = parser.parse_args(arguments)
    gold = read_gold(options.inventory)
    figures: Figures = measure_speed(gold)
    details: Figures = {}
    embed = RememberingEncoder()
    for measure in (measure_guided, measure_reviews, measure_discovery):
        more, about = measure(gold, embed)
        figures |= more
        details |= about
    figures |= measure_stability(gold, embed)
    details |= measure_optics(gold.labels, gold.counts, gold.category, embed)
    if not options.without_peers:
        more, about = measure_peers(
            gold.labels, gold.counts.tolist(), gold.category, embed.encoder, options.peers_folder
        )
        figures |= more
        details |= about
    if not options.without_scale:
        figures |= measure_scale(gold.labels, embed)
    report(figures, details, options.json)


def report(figures: Mapping[str, float], details: Mapping[str, float], path: Path | None) -> None:
    """Print and write what was measured."""
    for key, value in details.items():
        print(f"  {key:38} {value:,.4g}")
    saved = save("taxonomy", figures, details)
    if path:
        path.write_text(saved.read_text(encoding="utf-8"), encoding="utf-8")


if __name__ == "__main__":
    main()
