"""Before and after: the same questions put to two policies, and what changed beyond chance."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from alignment.measures.estimates import EstimateError, question_draws

Outcomes = Mapping[str, Sequence[float]]  # of each question, the value of each of its draws
Stratum = Literal["right", "wrong", "inconsistent"]
STRATA: tuple[Stratum, ...] = ("right", "wrong", "inconsistent")
ALL = "all"


@dataclass(frozen=True)
class Contrast:
    """How a figure changed over the questions that both sides answered.

    `gained` and `lost` count questions that did better and worse; `p_value` is exact.
    """

    figure: str
    stratum: str
    questions: int
    before: float
    after: float
    difference: float
    low: float
    high: float
    gained: int
    lost: int
    p_value: float


@dataclass(frozen=True)
class Matched:
    """Which questions both sides answered, and how many only one did."""

    questions: tuple[str, ...]
    only_before: int
    only_after: int


def match_questions(before: Outcomes, after: Outcomes) -> Matched:
    """The questions of both, in the order of the first."""
    both = tuple(question for question in before if question in after)
    return Matched(both, len(before) - len(both), len(after) - len(both))


def contrast(
    figure: str,
    before: Outcomes,
    after: Outcomes,
    questions: Sequence[str],
    stratum: str = ALL,
) -> Contrast:
    """The mean difference over questions, its 95 % interval, and the exact test.

    A question's value is the mean of its draws; the interval draws questions with replacement.
    Raises: EstimateError without a question.
    """
    if not questions:
        raise EstimateError("A comparison needs at least one question that both sides answered.")
    one = np.array([np.mean(before[question]) for question in questions])
    other = np.array([np.mean(after[question]) for question in questions])
    change = other - one
    drawn = [weights @ change / len(change) for weights in question_draws(len(change))]
    low, high = np.quantile(np.concatenate(drawn), (0.025, 0.975))
    gained, lost = int((change > 0).sum()), int((change < 0).sum())
    middle = float(change.mean())
    return Contrast(
        figure, stratum, len(questions), float(one.mean()), float(other.mean()), middle,
        min(float(low), middle), max(float(high), middle), gained, lost, mcnemar(gained, lost),
    )  # fmt: skip


def mcnemar(gained: int, lost: int) -> float:
    """The exact two-sided p-value that as many would gain as lose:
    min(1, 2 Σ_{i ≤ min(b, c)} C(b + c, i) / 2^(b + c)).

    With one draw a question this is McNemar's exact test; with several, the sign test over
    questions, which it is a case of.
    Identity: it does not matter which of the two is named first; without a change it is 1.
    Source: McNemar 1947, with the binomial in place of χ².
    """
    changed = gained + lost
    tail = sum(math.comb(changed, i) for i in range(min(gained, lost) + 1))
    return float(min(1.0, 2 * tail / (1 << changed)))


def stratum_of(draws: Sequence[tuple[bool, bool]]) -> Stratum:
    """Where a question stands by the base's draws, each (gold in thinking, gold is answer).

    Right or wrong where every draw is so in both; inconsistent where thinking and answer, or two
    draws, disagree.
    Source: MR-ALIGN, figure 5, for one draw.
    """
    if all(thinking and answer for thinking, answer in draws):
        return "right"
    if not any(thinking or answer for thinking, answer in draws):
        return "wrong"
    return "inconsistent"
