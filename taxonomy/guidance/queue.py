"""What to ask next: the labels whose answers are expected to put the most right."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from taxonomy.guidance.answers import KEPT_ROWS, Answers, Learned
from taxonomy.guidance.spreading import Probabilities

INSTANCES_SHARE = 0.75  # of what a row weighs: its share of instances; the rest its share of labels
FLOOR = 0.05  # doubt that even a sure guess deserves
CANDIDATES = 1024
LISTENERS = KEPT_ROWS  # rows whose gain from an answer is counted, those with most to gain
FORESEEN = 12  # candidates looked at for each answer that is foreseen
STOP = 0.0005  # below this share of all put right, an answer no longer pays
AHEAD = 20  # answers looked at to say whether more of them pay

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
    """How right the assignments are expected to be: now, and after the next `answers`.

    Both are shares of instances and labels together, as the weights count them.
    """

    expected_right: float
    expected_after: float
    answers: int
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


@dataclass(frozen=True)
class Stakes:
    """What is lost as long as nobody answers, and who would hear an answer.

    Shapes: `asking` (rows,) is how likely an answer on a row changes something, `losing` (rows,)
    its share that is wrong; `reach` (listeners, candidates).
    """

    asking: Probabilities
    losing: Probabilities
    candidates: Rows
    listeners: Rows
    reach: NDArray[np.float32]

    def gains(self) -> Probabilities:
        """The expected gain of asking each candidate: its doubt, times what hears it and is lost.

        u_i Σ_j s_ij w_j u_j with u the doubt, w the weights and s the likeness of rows.
        """
        heard = self.losing[self.listeners].astype(np.float32) @ self.reach
        return np.asarray(self.asking[self.candidates] * heard, dtype=np.float64)


def weigh_stakes(answers: Answers, learned: Learned, weights: Weights) -> Stakes:
    """What each row stands to gain or lose.

    An answered row comes again while its answer is more likely wrong than the others are in
    doubt; its doubt is then 1 − trust.
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
    reach = answers.likeness.between(listeners, candidates)
    return Stakes(asking, losing, candidates, listeners, reach)


def rank_questions(
    answers: Answers, learned: Learned, weights: Weights, limit: int = 50
) -> list[Question]:
    """The questions to ask next, by falling expected gain, then by row."""
    return pick_questions(weigh_stakes(answers, learned, weights), answers, weights, limit)


def pick_questions(
    stakes: Stakes, answers: Answers, weights: Weights, limit: int
) -> list[Question]:
    """The candidates of most expected gain; `again` tells of those that have an answer."""
    gains = stakes.gains()
    order = np.lexsort((stakes.candidates, -gains))[:limit]
    return [
        Question(row, int(weights.lead[row]), gain, row in answers.given)
        for row, gain in zip(stakes.candidates[order].tolist(), gains[order].tolist(), strict=True)
    ]


def foresee(stakes: Stakes, steps: int) -> list[float]:
    """The expected gains of the next answers, each given in the order of most gain.

    An answer settles rows as far as they are like it, so that later ones gain less.
    """
    first = np.argsort(-stakes.gains(), kind="stable")[: FORESEEN * steps]
    reach = stakes.reach[:, first]
    losing = stakes.losing[stakes.listeners].astype(np.float32)
    asking = stakes.asking[stakes.candidates[first]].astype(np.float32)
    found: list[float] = []
    for _ in range(min(steps, len(first))):
        gains = asking * (losing @ reach)
        best = int(gains.argmax())
        found.append(float(gains[best]))
        losing = losing * (1.0 - reach[:, best])
        asking[best] = 0.0
    return found


def score_doubt(learned: Learned) -> Probabilities:
    """How likely each row's guess is wrong as far as answers have not settled it. Shapes: (n,)."""
    return np.asarray((score_unsure(learned) + FLOOR) * learned.unsettled, dtype=np.float64)


def score_unsure(learned: Learned) -> Probabilities:
    """How likely each row's guess is wrong. Shapes: (n,)."""
    belonging = learned.guess.probabilities.max(axis=1) * (1 - learned.guess.noise)
    return np.asarray(1.0 - np.maximum(belonging, learned.guess.noise), dtype=np.float64)


def look_ahead(learned: Learned, weights: Weights, stakes: Stakes, answers: int = AHEAD) -> Outlook:
    """What is expected to be right now and after the next answers, and whether they pay."""
    now = 1.0 - float(weights.share @ score_unsure(learned))
    gains = foresee(stakes, answers)
    pays = bool(gains) and sum(gains) / len(gains) >= STOP
    return Outlook(now, min(1.0, now + sum(gains)), len(gains), pays)


def _largest(values: Probabilities, count: int) -> Rows:
    """The rows of the largest values, in order of rows; equal values go to the earlier row."""
    return np.sort(np.argsort(-values, kind="stable")[:count])
