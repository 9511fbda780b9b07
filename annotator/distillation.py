"""Learn a head from labels that people or language models gave, and how far to believe it.

Whatever is chosen (penalty, weight of the sequence, temperature, second labels, confidence) is
chosen on traces that the head in question has not learnt from.
"""

from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotator.decoding import NO_LABEL, Decoding, Labels, logit
from annotator.evidence import Matrix, Segments
from annotator.features import rows_of, scaling_of
from annotator.head import Head
from annotator.regression import fit_softmax
from annotator.sequence import estimated_matrix

Array = NDArray[np.float64]
Rows = NDArray[np.int64]
Votes = Sequence[Sequence[Labels | None]]  # a sequence a source, an entry a segment; None: not seen

PENALTIES = (15.0, 40.0, 100.0)
PRIOR_WEIGHTS = (0.0, 0.25, 0.5, 1.0)
TEMPERATURES = (0.8, 1.0, 1.25, 1.6)
SECOND_WITHIN = (0.3, 0.45, 0.6, 0.75, 0.9)
FOLDS = 5
LEAST_TRACES = 2
LEAST_GAIN = 0.005  # of κ; less is chance, and the simpler decoding stays
CHANCE_ROUNDS = 3  # of choosing by κ and measuring κ; it settles after two
CALIBRATION_PENALTY = 0.1


class LessonError(ValueError):
    """There is too little to learn from; the message says what is missing."""


@dataclass(frozen=True)
class Lessons:
    """Segments in whole traces, with what each source says of them. Axes: n segments."""

    read: Segments
    shapes: Matrix
    votes: Votes
    steps_joined: float = 0.0  # of neighbours with the same labels, how many are one step

    @property
    def trace_of(self) -> Rows:
        """The number of each segment's trace, from 0."""
        return np.cumsum(self.read.places.index == 0) - 1

    def of(self, rows: Rows) -> "Lessons":
        """Some of the traces, as rows."""
        votes = [[source[row] for row in rows] for source in self.votes]
        return Lessons(rows_of(self.read, rows), self.shapes[rows], votes, self.steps_joined)


def targets_of(votes: Votes, order: Sequence[str]) -> Array:
    """The mean over sources of what each gives a segment. Shapes: (n, k); unseen rows are 0.

    Of two labels each has its share by the square of its confidence: the surer one counts more.
    """
    place = {key: index for index, key in enumerate(order)}
    targets = np.zeros((len(votes[0]), len(order)))
    for source in votes:
        for row, labels in enumerate(source):
            for key, share in _parts(labels):
                targets[row, place[key]] += share
    seen = np.maximum(targets.sum(axis=1, keepdims=True), 1.0)
    parts: Array = targets / seen
    return parts


def _parts(labels: Labels | None) -> list[tuple[str, float]]:
    if labels is None:
        return []
    if not labels:
        return [(NO_LABEL, 1.0)]
    squares = [confidence**2 for _, confidence in labels]
    total = sum(squares)
    even = 1 / len(labels)
    return [(key, square / total if total else even)
            for (key, _), square in zip(labels, squares, strict=True)]  # fmt: skip


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
    said = {key for source in lessons.votes for labels in source for key, _ in _parts(labels)}
    order = (*keys, NO_LABEL) if NO_LABEL in said else tuple(keys)
    targets = targets_of(lessons.votes, order)
    traces = len(np.unique(lessons.trace_of[targets.sum(axis=1) > 0]))
    if traces < LEAST_TRACES or len(said) < 2:
        raise LessonError(
            f"expected labels on at least {LEAST_TRACES} traces with two different classes, got "
            f"{traces} traces and {len(said)} classes; label some more first"
        )
    folds = _folds(lessons.trace_of)
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


@dataclass(frozen=True)
class Fold:
    """Rows to learn from and rows to look at, whole traces each."""

    train: Rows
    test: Rows


def _folds(trace_of: Rows) -> list[Fold]:
    """Traces dealt out by falling length, so that folds are about as large."""
    sizes = np.bincount(trace_of)
    count = min(FOLDS, len(sizes))
    fold_of = np.empty(len(sizes), dtype=np.int64)
    fold_of[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes)) % count
    member = fold_of[trace_of]
    return [Fold(np.flatnonzero(member != f), np.flatnonzero(member == f)) for f in range(count)]


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
        [place[_parts(labels)[0][0]] if labels is not None else -1 for labels in source[a:b]]
        for source in lessons.votes
        for a, b in pairwise(edges)
    ]
    counts = targets_of(lessons.votes, order).sum(axis=0) + 1
    return Decoding(order, estimated_matrix(sequences, len(order)), counts / counts.sum())


@dataclass(frozen=True)
class Chosen:
    """A decoding, and what it came to on held-out traces."""

    decoding: Decoding
    figures: dict[str, float]


def choose(
    lessons: Lessons,
    targets: Array,
    folds: Sequence[Fold],
    decodings: Sequence[Decoding],
    log_shares: Array,
) -> Chosen:
    """The decoding that does best on held-out shares, with each fold's own matrix.

    The temperature goes by the loss; how much the sequence counts and when a second label is
    given go by κ, which is what labels are chosen for, and only if they raise it markedly.
    """
    trial = _Trial(lessons, targets, folds, decodings, log_shares)
    ways = [trial.settled(weight) for weight in PRIOR_WEIGHTS]
    kappa, settled = ways[0]
    for other, way in ways[1:]:
        if other >= kappa + LEAST_GAIN:
            kappa, settled = other, way
    for within in SECOND_WITHIN:
        other = trial.kappa(**{**settled, "second_within": within})
        if other >= kappa + LEAST_GAIN:
            kappa, settled = other, {**settled, "second_within": within}
    settled |= trial.calibration(**settled)
    figures = {"held_out_kappa": kappa, "held_out_kappa_without_sequence": ways[0][0],
               "held_out_loss_nats": trial.loss(**settled)}  # fmt: skip
    return Chosen(replace(decodings[0], **settled), figures)


@dataclass(frozen=True)
class _Trial:
    """Held-out shares under a decoding that is being tried."""

    lessons: Lessons
    targets: Array
    folds: Sequence[Fold]
    decodings: Sequence[Decoding]
    log_shares: Array

    def _shares(self, **settings: Any) -> Iterator[tuple[Rows, Decoding, Array]]:
        for fold, plain in zip(self.folds, self.decodings, strict=True):
            decoding = replace(plain, **settings)
            traces = self.lessons.trace_of[fold.test]
            for trace in np.unique(traces):
                rows = fold.test[traces == trace]
                yield rows, decoding, decoding.shares(self.log_shares[rows])

    def loss(self, **settings: Any) -> float:
        found = np.zeros_like(self.targets)
        for rows, _, shares in self._shares(**settings):
            found[rows] = np.log(np.maximum(shares, 1e-9))
        return _loss(found, self.targets)

    def settled(self, prior_weight: float) -> tuple[float, dict[str, Any]]:
        """κ at this weight of the sequence, with the temperature and the chance weight it asks."""
        each = {t: self.loss(prior_weight=prior_weight, temperature=t) for t in TEMPERATURES}
        temperature = min(each, key=lambda t: each[t])
        found: dict[str, Any] = {"prior_weight": prior_weight, "temperature": temperature}
        for _ in range(CHANCE_ROUNDS):
            found["chance_weight"] = float(np.clip(1 - self.kappa(**found), 0.0, 1.0))
        return self.kappa(**found), found

    def kappa(self, **settings: Any) -> float:
        """The mean over sources of Cohen's κ between label sets."""
        given: dict[int, frozenset[str]] = {}
        for rows, decoding, shares in self._shares(**settings):
            for row, classes in zip(rows.tolist(), decoding.chosen(shares), strict=True):
                given[row] = frozenset(decoding.order[c] for c in classes)
        return float(np.mean([_against(given, source) for source in self.lessons.votes]))

    def calibration(self, **settings: Any) -> dict[str, float]:
        """Slope and offset that make of shares the chance of being one of a source's labels."""
        shares, right = [], []
        for rows, decoding, likely in self._shares(**settings):
            for row, chosen, share in zip(rows, decoding.chosen(likely), likely, strict=True):
                for label in chosen:
                    seen = [s[row] for s in self.lessons.votes if s[row] is not None]
                    key = decoding.order[label]
                    hits = [key in dict(labels) for labels in seen if labels is not None]
                    if hits:
                        shares.append(share[label])
                        right.append(float(np.mean(hits)))
        if not shares:
            return {}
        column = logit(np.array(shares))[:, None].astype(np.float32)
        outcome = np.stack([1 - np.array(right), np.array(right)], axis=1)
        fitted = fit_softmax(column, outcome, CALIBRATION_PENALTY)
        slope, offset = np.diff(fitted.weights[0])[0], np.diff(fitted.intercept)[0]
        return {"slope": float(slope), "offset": float(offset)}


def _against(given: dict[int, frozenset[str]], source: Sequence[Labels | None]) -> float:
    both = [
        (given[row], frozenset(dict(labels)))
        for row, labels in enumerate(source)
        if labels is not None and row in given
    ]
    return cohen_kappa([a for a, _ in both], [b for _, b in both])


def cohen_kappa(a: Sequence[frozenset[str]], b: Sequence[frozenset[str]]) -> float:
    """(P_o − P_e) / (1 − P_e) over label sets; 0 where chance alone agrees or nothing is there."""
    if not a:
        return 0.0
    of_a, of_b, size = Counter(a), Counter(b), len(a)
    observed = sum(x == y for x, y in zip(a, b, strict=True)) / size
    chance = sum(count * of_b[labels] for labels, count in of_a.items()) / size**2
    return (observed - chance) / (1 - chance) if chance < 1 else 0.0
