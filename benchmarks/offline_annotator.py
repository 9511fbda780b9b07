"""The offline annotator beside people: from definitions alone, and distilled from their labels.

    python -m benchmarks.offline_annotator [--train FILE --test FILE] [--definitions FILE]
        [--scheme rtseg-8] [--source rt-seg] [--json OUT] [--without-speed]

Without --train and --test every trace of labelled_paragraphs.jsonl.gz is labelled by a head that
has learnt from all other traces. A machine's κ is the mean over the people of its κ with each of
them, Cohen's over label sets, strict. Three of four sets have one label: `kappa_*` compares the
first label of each set, on which people reach the figure that is known of them; `*_whole_sets`
compares whole sets, the people's own too. What the sequence brings is told by decoding the same
heads without it, and with a fixed weight of it.
"""

import argparse
import json
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from annotator.distillation.decoding import Decoding, Labels
from annotator.distillation.features import rows_of, shape_matrix
from annotator.distillation.head import Head
from annotator.distillation.learning import distill
from annotator.distillation.lessons import Lessons
from annotator.embedded.evidence import Embed, Segments, read_segments
from annotator.embedded.panel import OfflinePanel
from annotator.labeling.orders import names_of
from annotator.labeling.steps import CategoryView
from benchmarks.labelled import People, load_categories, load_people
from benchmarks.offline_speed import measure_speed
from benchmarks.people_share import Comparison, calibration_error
from benchmarks.record import save
from benchmarks.settings import data_file
from benchmarks.taxonomy import RememberingEncoder

PARAGRAPHS, DEFINITIONS = "labelled_paragraphs.jsonl.gz", "label_definitions.json"
FIXED_PRIOR = 0.5


def read_people(
    embed: Embed, categories: Sequence[CategoryView], people: People
) -> tuple[Segments, list[str]]:
    """The reading of every segment, as an annotate run reads it."""
    texts = [trace.texts() for trace in people.traces]
    return read_segments(embed, texts, names_of(categories)), [
        text for each in texts for text in each
    ]


def zero_shot(embed: Embed, categories: Sequence[CategoryView], people: People) -> list[Labels]:
    """The panel's consensus from names and definitions, its scales set by these traces' texts."""
    panel = OfflinePanel(embed, categories)
    panel.fit(people.traces)
    found: list[Labels] = []
    for trace, result in panel.annotate_all(people.traces):
        labels: list[Labels] = [()] * len(trace.segments)
        for unit in result.decisions:
            labels[unit.first : unit.end] = [unit.labels] * (unit.end - unit.first)
        found += labels
    return found


class Distilled:
    """Labels of heads that did not see the trace: as chosen, without the sequence, with it."""

    ways = ("chosen", "without_sequence", "fixed_sequence")

    def __init__(self) -> None:
        self.labels: dict[str, list[Labels]] = {way: [] for way in self.ways}
        self.details: list[dict[str, Any]] = []

    def add(self, head: Head, read: Segments, texts: Sequence[str]) -> None:
        """What a head says of further traces."""
        for way, weight in zip(self.ways, (None, 0.0, FIXED_PRIOR), strict=True):
            other = head if weight is None else _with_prior(head, weight)
            self.labels[way] += other.labels(read, texts)
        self.details.append({**head.decoding.document(), **head.details})


def _with_prior(head: Head, weight: float) -> Head:
    decoding: Decoding = replace(head.decoding, prior_weight=weight)
    return replace(head, decoding=decoding)


def keys_of(categories: Sequence[CategoryView]) -> list[str]:
    """The categories' keys, in order."""
    return [category.key for category in categories]


def leave_one_out(embed: Embed, categories: Sequence[CategoryView], people: People) -> Distilled:
    """Every trace by a head that learnt from the others."""
    read, texts = read_people(embed, categories, people)
    shapes = shape_matrix(texts)
    whole = Lessons(read, shapes, people.votes)
    found = Distilled()
    for trace in range(len(people.traces)):
        test = np.flatnonzero(whole.trace_of == trace)
        head = distill(whole.of(np.flatnonzero(whole.trace_of != trace)), keys_of(categories))
        found.add(head, rows_of(read, test), [texts[row] for row in test])
        print(f"{trace + 1} of {len(people.traces)} traces", end="\r", flush=True)
    return found


def learn_and_test(
    embed: Embed, categories: Sequence[CategoryView], train: People, test: People
) -> Distilled:
    """The traces of one file by a head that learnt from another's."""
    read, texts = read_people(embed, categories, train)
    head = distill(Lessons(read, shape_matrix(texts), train.votes), keys_of(categories))
    found = Distilled()
    found.add(head, *read_people(embed, categories, test))
    return found


def measure(people: People, zero: Sequence[Labels], heads: Distilled) -> tuple[Any, Any]:
    """The figures, and what stands behind them."""
    numbers = [n for n, trace in enumerate(people.traces) for _ in trace.segments]
    figures: dict[str, float] = {}
    details: dict[str, Any] = {"segments": len(numbers), "traces": len(people.traces),
                               "people": people.names}  # fmt: skip
    given = {"zero_shot": zero, "distilled": heads.labels["chosen"]}
    for suffix, view in (("", _first), ("_whole_sets", _set)):
        beside = Comparison([[view(v) for v in person] for person in people.votes], numbers)
        figures[f"kappa_people{suffix}"] = float(beside.among[0])
        for name, labels in given.items():
            share = beside.share([view(v) for v in labels])
            figures[f"kappa_{name}{suffix}"] = share.kappa
            figures[f"{name}_share_of_people{suffix}"] = share.share
            details[f"{name}{suffix}"] = vars(share)
        for way in Distilled.ways[1:]:
            share = beside.share([view(v) for v in heads.labels[way]])
            details[f"{way}{suffix}"] = vars(share)
            figures[f"kappa_{way}{suffix}"] = share.kappa
    figures["ece_distilled"] = ece(people, heads.labels["chosen"])
    details["heads"] = heads.details
    return figures, details


def ece(people: People, labels: Sequence[Labels]) -> float:
    """Of first labels: confidence against the share of people who gave the label as well."""
    rows = [row for row, each in enumerate(labels) if each]
    sure = np.array([labels[row][0][1] / 10 for row in rows])
    right = [np.mean([labels[row][0][0] in dict(person[row]) for person in people.votes])
             for row in rows]  # fmt: skip
    return calibration_error(sure, np.array(right))


def _first(labels: Labels) -> str:
    return labels[0][0] if labels else ""


def _set(labels: Labels) -> frozenset[str]:
    return frozenset(key for key, _ in labels)


def main() -> None:
    """Measure, print, and write results/offline_annotator.json and --json."""
    options = _options()
    if options.paragraphs is None and options.test is None:
        raise SystemExit(f"expected {PARAGRAPHS} under MRALIGN_BENCH_DATA, or --train and --test")
    if options.definitions is None:
        raise SystemExit(f"expected --definitions, or {DEFINITIONS} under MRALIGN_BENCH_DATA")
    categories = load_categories(options.definitions, options.scheme)
    people = load_people(options.test or options.paragraphs, categories, options.source)
    embed = RememberingEncoder()
    if options.train:
        train = load_people(options.train, categories, options.source)
        heads = learn_and_test(embed, categories, train, people)
    else:
        heads = leave_one_out(embed, categories, people)
    figures, details = measure(people, zero_shot(embed, categories, people), heads)
    if not options.without_speed:
        speed, behind = measure_speed(categories, people)
        figures, details = figures | speed, {**details, **behind}
    path = save("offline_annotator", figures, details)
    for name in ("zero_shot", "distilled"):
        print(f"{name}: {json.dumps(details[name])}")
    if options.json:
        options.json.write_text(path.read_text(encoding="utf-8"), encoding="utf-8")


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--train", type=Path)
    parser.add_argument("--test", type=Path)
    parser.add_argument("--definitions", type=Path, default=data_file(DEFINITIONS))
    parser.add_argument("--scheme", default="rtseg-8")
    parser.add_argument("--source", default="rt-seg")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--without-speed", action="store_true")
    options = parser.parse_args()
    options.paragraphs = data_file(PARAGRAPHS)
    beside = options.test.parent / DEFINITIONS if options.test else None
    if options.definitions is None and beside is not None and beside.exists():
        options.definitions = beside
    if bool(options.train) != bool(options.test):
        parser.error("--train and --test go together")
    return options


if __name__ == "__main__":
    main()
