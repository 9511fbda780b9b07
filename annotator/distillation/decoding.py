"""From how likely each class of a sequence is to labels with a confidence that can be believed."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from annotator.embedded.regression import log_softmax
from annotator.embedded.sequence import posteriors

Array = NDArray[np.float64]
Labels = tuple[tuple[str, float], ...]

NO_LABEL = ""  # the class of segments that show no category
SMALLEST = 1e-9  # keeps the logarithm and the odds of a share finite
MAX_CONFIDENCE = 10.0


@dataclass(frozen=True)
class Decoding:
    """What turns the head's shares of a sequence into labels. Axes: k classes.

    `prior_weight` says how much the matrix counts, `temperature` how far the head overstates,
    `chance_weight` how much of a class's own frequency is taken off before the largest is chosen,
    `second_within` how near to the first a second label must come, `slope` and `offset` make of a
    share the chance that the label is one of those that the sources give.
    """

    order: tuple[str, ...]
    matrix: Array
    frequency: Array
    prior_weight: float = 0.0
    temperature: float = 1.0
    chance_weight: float = 0.0
    second_within: float = 2.0  # above 1: never
    slope: float = 1.0
    offset: float = 0.0

    def shares(self, log_shares: Array) -> Array:
        """How likely each class is at each place, the sequence in view. Shapes: [T, k] to [T, k].

        Emissions are what the head says beyond the class's frequency, moves are P^w, each row
        summing to 1; with weight 0 they are the head's own shares at the temperature.
        """
        tempered = log_softmax(log_shares / self.temperature)
        if not self.prior_weight:
            return np.exp(tempered)
        raised = self.matrix**self.prior_weight
        rows = raised / raised.sum(axis=1, keepdims=True)
        beyond = tempered - self.prior_weight * np.log(self.frequency)
        return posteriors(beyond, rows)

    def chosen(self, shares: Array) -> list[tuple[int, ...]]:
        """The classes of each place, the surest first. Shapes: [T, k] to T tuples.

        The first maximises share − λ · frequency: with λ = 1 − κ that is the choice that raises
        the expected κ most, where the largest share would raise the expected accuracy.
        """
        lead = shares - self.chance_weight * self.frequency
        return [self._pair(row, leads) for row, leads in zip(shares, lead, strict=True)]

    def _pair(self, shares: Array, lead: Array) -> tuple[int, ...]:
        first = int(lead.argmax())
        if self.order[first] == NO_LABEL:
            return ()
        rest = lead.copy()
        rest[[first, *(i for i, key in enumerate(self.order) if key == NO_LABEL)]] = -np.inf
        second = int(rest.argmax())
        near = np.isfinite(rest[second]) and shares[second] >= self.second_within * shares[first]
        return (first, second) if near else (first,)

    def confidence(self, share: Array) -> Array:
        """The chance that a source gives the label, of its share. Shapes: any to the same."""
        return 1 / (1 + np.exp(-(self.slope * logit(share) + self.offset)))

    def labels(self, shares: Array) -> list[Labels]:
        """The labels of each place with confidences from 0 to 10. Shapes: [T, k] to T tuples."""
        sure = np.round(MAX_CONFIDENCE * self.confidence(shares), 2)
        return [
            tuple((self.order[c], float(row[c])) for c in classes)
            for row, classes in zip(sure, self.chosen(shares), strict=True)
        ]

    def document(self) -> dict[str, Any]:
        """All but the arrays, for a JSON file."""
        arrays = {"matrix", "frequency"}
        kept = {name: value for name, value in vars(self).items() if name not in arrays}
        return {**kept, "order": list(self.order)}


def logit(share: Array) -> Array:
    """log(p / (1 − p)), p kept inside (0, 1)."""
    inside = np.clip(share, SMALLEST, 1 - SMALLEST)
    odds: Array = np.log(inside / (1 - inside))
    return odds
