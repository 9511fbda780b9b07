"""Learn a head from labels that people or language models gave, and how far to believe it.

Whatever is chosen (penalty, weight of the sequence, temperature, second labels, confidence) is
chosen on traces that the head in question has not learnt from.
"""

from collections.abc import Sequence
from dataclasses import replace
from itertools import pairwise

import numpy as np

from annotator.distillation.decoding import NO_LABEL, Decoding
from annotator.distillation.features import scaling_of
from annotator.distillation.head import Head
from annotator.distillation.lessons import (
    Array,
    Fold,
    LessonError,
    Lessons,
    folds_of,
    parts_of,
    targets_of,
)
from annotator.distillation.trial import choose
from annotator.embedded.regression import fit_softmax
from annotator.embedded.sequence import estimated_matrix

PENALTIES = (15.0, 40.0, 100.0)
LEAST_TRACES = 2


def distill(lessons: Lessons, keys: Sequence[str]) -> Head:
    """A head for these categories, with every choice made on traces that were held out.

    One thread does it: the matrices are so small that threads would wait for each other.

    Raises:
        LessonError: labels on fewer than two traces, or with a single class.
    """
    from threadpoolctl import threadpool_limits  # type: ignore[import-untyped]

    with threadpool_limits(limits=1):
        return _distill(lessons, keys)


def _distill(lessons: Lessons, keys: Sequence[str]) -> Head:
    said = {key for source in lessons.votes for labels in source for key, _ in parts_of(labels)}
    order = (*keys, NO_LABEL) if NO_LABEL in said else tuple(keys)
    targets = targets_of(lessons.votes, order)
    traces = len(np.unique(lessons.trace_of[targets.sum(axis=1) > 0]))
    if traces < LEAST_TRACES or len(said) < 2:
        raise LessonError(
            f"expected labels on at least {LEAST_TRACES} traces with two different classes, got "
            f"{traces} traces and {len(said)} classes; label some more first"
        )
    folds = folds_of(lessons.trace_of)
    held_out = _held_out(lessons, targets, folds)
    penalty = min(PENALTIES, key=lambda each: _loss(held_out[each], targets))
    decodings = [_plain_decoding(lessons.of(f.train), order) for f in folds]
    chosen = choose(lessons, targets, folds, decodings, held_out[penalty])
    everything = _plain_decoding(lessons, order)
    scaling = scaling_of(lessons.read, lessons.shapes)
    features = scaling.features(lessons.read, lessons.shapes)
    weights = fit_softmax(features, targets, penalty)
    decoding = replace(chosen.decoding, matrix=everything.matrix, frequency=everything.frequency)
    details = {"penalty": penalty, "traces": traces, "segments": int((targets.sum(1) > 0).sum()),
               "sources": len(lessons.votes), "steps_joined": lessons.steps_joined,
               **chosen.figures}  # fmt: skip
    return Head(scaling, weights, decoding, details)


def _held_out(lessons: Lessons, targets: Array, folds: Sequence[Fold]) -> dict[float, Array]:
    """What heads say, in log shares, of the segments that they have not learnt from, by penalty."""
    found = {penalty: np.zeros_like(targets) for penalty in PENALTIES}
    for fold in folds:
        train, test = lessons.of(fold.train), lessons.of(fold.test)
        scaling = scaling_of(train.read, train.shapes)
        known = scaling.features(train.read, train.shapes)
        unknown = scaling.features(test.read, test.shapes)
        for penalty, log_shares in found.items():
            head = fit_softmax(known, targets[fold.train], penalty)
            log_shares[fold.test] = head.log_shares(unknown)
    return found


def _loss(log_shares: Array, targets: Array) -> float:
    return -float((targets * log_shares).sum()) / max(float(targets.sum()), 1.0)


def _plain_decoding(lessons: Lessons, order: tuple[str, ...]) -> Decoding:
    """The matrix and the frequencies of the labels, smoothed by one each."""
    place = {key: index for index, key in enumerate(order)}
    edges = [*np.flatnonzero(lessons.read.places.index == 0).tolist(), len(lessons.shapes)]
    sequences = [
        [place[parts_of(labels)[0][0]] if labels is not None else -1 for labels in source[a:b]]
        for source in lessons.votes
        for a, b in pairwise(edges)
    ]
    counts = targets_of(lessons.votes, order).sum(axis=0) + 1
    return Decoding(order, estimated_matrix(sequences, len(order)), counts / counts.sum())
