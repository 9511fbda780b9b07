"""What a head learns from: segments in whole traces, and what each source says of them."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from annotator.distillation.decoding import NO_LABEL, Labels
from annotator.distillation.features import rows_of
from annotator.embedded.evidence import Matrix, Segments

Array = NDArray[np.float64]
Rows = NDArray[np.int64]
Votes = Sequence[Sequence[Labels | None]]  # a sequence a source, an entry a segment; None: not seen

FOLDS = 5


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
            for key, share in parts_of(labels):
                targets[row, place[key]] += share
    seen = np.maximum(targets.sum(axis=1, keepdims=True), 1.0)
    parts: Array = targets / seen
    return parts


def parts_of(labels: Labels | None) -> list[tuple[str, float]]:
    """The classes of a label set with their shares, none where nobody looked."""
    if labels is None:
        return []
    if not labels:
        return [(NO_LABEL, 1.0)]
    squares = [confidence**2 for _, confidence in labels]
    total = sum(squares)
    even = 1 / len(labels)
    return [(key, square / total if total else even)
            for (key, _), square in zip(labels, squares, strict=True)]  # fmt: skip


@dataclass(frozen=True)
class Fold:
    """Rows to learn from and rows to look at, whole traces each."""

    train: Rows
    test: Rows


def folds_of(trace_of: Rows) -> list[Fold]:
    """Traces dealt out by falling length, so that folds are about as large."""
    sizes = np.bincount(trace_of)
    count = min(FOLDS, len(sizes))
    fold_of = np.empty(len(sizes), dtype=np.int64)
    fold_of[np.argsort(-sizes, kind="stable")] = np.arange(len(sizes)) % count
    member = fold_of[trace_of]
    return [Fold(np.flatnonzero(member != f), np.flatnonzero(member == f)) for f in range(count)]
