"""What to ask next: the labels whose answers are expected to put the most right."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from taxonomy.answers import KEPT_ROWS, Answers, Learned
from taxonomy.spreading import Probabilities

INSTANCES_SHARE = 0.75  # of what a row weighs: its share of instances; the rest its share of labels
FLOOR = 0.05  # doubt that even a sure guess deserves
CANDIDATES = 1024
LISTENERS = KEPT_ROWS  # rows whose gain from an answer is counted, those with most to gain
STOP = 0.0005  # below this share of all put right, another answer no longer pays

Rows = NDArray[np.int64]


@dataclass(frozen=True)
class Weights:
    """What each row stands for.

    `share` is of instances and labels together and sums to 1; `lead` is the position of each row's
    label with most instances: the one to show.
    """

    share: Probabilities
    lead: Rows


@dataclass(frozen=True)
class Question:
    """A row to ask about by its leading label.

    `gain` is the expected share of the inventory that an answer puts right; `again` says that the
    row has an answer which does not fit with all the others.
    """

    row: int
    label: int
    gain: float
    again: bool


@dataclass(frozen=True)
class Outlook:
    """How right the assignments are expected to be, and whether one more answer pays."""

    expected_right: float
    next_gain: float
    pays: bool


def weigh_rows(row_of: Rows, instances: Sequence[int]) -> Weights:
    """Shares and leading labels of rows. Shapes: (labels,), (labels,) to (rows,) twice.

    Equal counts: the earlier label leads.
    """
    counts = np.asarray(instances, dtype=np.float64)
    rows = int(row_of.max()) + 1
    of_instances = np.bincount(row_of, weights=counts, minlength=rows) / max(counts.sum(), 1.0)
    of_labels = np.bincount(row_of, minlength=rows) / len(row_of)
    lead = np.zeros(rows, dtype=np.int64)
    order = np.argsort(-counts, kind="stable")[::-1]
    lead[row_of[order]] = order  # the last write is that of most instances
    return Weights(INSTANCES_SHARE * of_instances + (1 - INSTANCES_SHARE) * of_labels, lead)


def rank_questions(
    answers: Answers, learned: Learned, weights: Weights, limit: int = 50
) -> list[Question]:
    """The questions to ask next, by falling expected gain, then by row.

    The gain of asking row i is u_i Σ_j s_ij w_j u_j: its doubt, times what it and the rows like it
    weigh, each as far as it is in doubt and like row i. An answered row comes again while its
    answer is more likely wrong than the others are in doubt; u_i is then 1 − trust.
    """
    doubt = score_doubt(learned)
    answered = np.array(sorted(answers.given), dtype=np.int64)
    asking = doubt.copy()
    asking[answered] = 1.0 - learned.trust[answered]
    losing = weights.share * doubt
    losing[answered] = weights.share[answered] * asking[answered]
    few = len(doubt) <= LISTENERS
    candidates = np.arange(len(doubt)) if few else _largest(asking * weights.share, CANDIDATES)
    listeners = _largest(losing, LISTENERS)
    reach = answers.similar(listeners, candidates)
    gains = asking[candidates] * (losing[listeners] @ reach)
    order = np.lexsort((candidates, -gains))[:limit]
    asked = set(answered.tolist())
    return [
        Question(row, int(weights.lead[row]), gain, row in asked)
        for row, gain in zip(candidates[order].tolist(), gains[order].tolist(), strict=True)
    ]


def score_doubt(learned: Learned) -> Probabilities:
    """How likely each row's guess is wrong as far as answers have not settled it. Shapes: (n,)."""
    return np.asarray((_unsure(learned) + FLOOR) * learned.unsettled, dtype=np.float64)


def _unsure(learned: Learned) -> Probabilities:
    belonging = learned.guess.probabilities.max(axis=1) * (1 - learned.guess.noise)
    return np.asarray(1.0 - np.maximum(belonging, learned.guess.noise), dtype=np.float64)


def look_ahead(learned: Learned, weights: Weights, questions: Sequence[Question]) -> Outlook:
    """What share is expected to be right now, and whether the next question still pays."""
    gain = questions[0].gain if questions else 0.0
    return Outlook(1.0 - float(weights.share @ _unsure(learned)), gain, gain >= STOP)


def _largest(values: Probabilities, count: int) -> Rows:
    """The rows of the largest values, in order of rows; equal values go to the earlier row."""
    return np.sort(np.argsort(-values, kind="stable")[:count])
