"""What one source called each unit that another one gave a label."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from annotator.agreement.coefficients import LabelSet

NONE = "no label"


@dataclass(frozen=True)
class Confusion:
    """How many units carry each pair of labels.

    Shapes: counts [labels, labels], rows by the first source; the last label is NONE.
    """

    labels: tuple[str, ...]
    counts: NDArray[np.float64]

    def used(self) -> list[int]:
        """The places of the labels that either source gave."""
        given = self.counts.any(axis=0) | self.counts.any(axis=1)
        return [int(place) for place in np.flatnonzero(given)]


def confuse(a: Sequence[LabelSet], b: Sequence[LabelSet], order: Sequence[str]) -> Confusion:
    """Count every unit's labels against each other: shared ones with themselves, the others apart.

    A label of the first source alone is shared out evenly over those of the second alone, or falls
    to NONE where there are none; labels of the second alone fall to the row of NONE where the
    first has nothing of its own. Two empty sets meet in NONE.

    Identity: a row sums to the number of units to which the first source gave its label, and the
    confusion of a source with itself is diagonal.
    """
    labels = (*order, NONE)
    place = {label: index for index, label in enumerate(labels)}
    counts = np.zeros((len(labels), len(labels)))
    for first, second in zip(a, b, strict=True):
        for mine, theirs, share in share_out(first, second):
            counts[place[mine], place[theirs]] += share
    return Confusion(labels, counts)


def share_out(first: LabelSet, second: LabelSet) -> Iterator[tuple[str, str, float]]:
    """The cells that a unit counts in, each by its two labels, and how much of the unit.

    Identity: over all units these are the counts of `confuse`.
    """
    for key in first & second:
        yield key, key, 1.0
    if first == second and first:
        return
    mine, theirs = sorted(first - second) or [NONE], sorted(second - first) or [NONE]
    part = 1.0 if mine == [NONE] else 1 / len(theirs)
    for key in mine:
        for other in theirs:
            yield key, other, part
