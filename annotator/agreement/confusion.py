"""What one source called each unit that another one gave a label."""

from collections.abc import Mapping, Sequence
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
        for key in first & second:
            counts[place[key], place[key]] += 1
        if first == second and first:
            continue
        mine, theirs = sorted(first - second) or [NONE], sorted(second - first) or [NONE]
        if mine == theirs == [NONE]:
            counts[-1, -1] += 1
        elif mine == [NONE]:
            for key in theirs:
                counts[-1, place[key]] += 1
        else:
            for key in mine:
                _share(counts[place[key]], theirs, place)
    return Confusion(labels, counts)


def _share(row: NDArray[np.float64], theirs: Sequence[str], place: Mapping[str, int]) -> None:
    for other in theirs:
        row[place[other]] += 1 / len(theirs)
