"""An arm beside a base: every figure on the questions of both, and figure 5's strata."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from alignment.measures.contrast import (
    STRATA,
    Contrast,
    Outcomes,
    contrast,
    match_questions,
    stratum_of,
)
from alignment.measures.judged import Row, draws_of, outcomes_of
from alignment.measures.scores import NORMALISATIONS


@dataclass(frozen=True)
class Comparison:
    """What changed from a base to this arm, with the questions that only one side answered."""

    base: str
    questions: int
    only_base: int
    only_here: int
    contrasts: tuple[Contrast, ...]

    def of(self, stratum: str) -> tuple[Contrast, ...]:
        """The figures of one stratum; of all questions where it is "all"."""
        return tuple(one for one in self.contrasts if one.stratum == stratum)


def compare_rows(
    base: str, before: Sequence[Row], after: Sequence[Row], k: float = 0.0
) -> Comparison:
    """Hold an arm's rows against a base's, question by question, whatever their order.

    Raises: EstimateError where no question has a judged response on both sides.
    """
    ones, others = outcomes_of(before, k), outcomes_of(after, k)
    keys = ({row.question_key: () for row in rows} for rows in (before, after))
    matched = match_questions(*keys)
    found: list[Contrast] = []
    for figure in (name for name in others if name in ones):
        questions = match_questions(ones[figure], others[figure]).questions
        found.append(contrast(figure, ones[figure], others[figure], questions))
    found += _strata(before, ones, others)
    return Comparison(
        base, len(matched.questions), matched.only_before, matched.only_after, tuple(found)
    )


def _strata(
    before: Sequence[Row], ones: Mapping[str, Outcomes], others: Mapping[str, Outcomes]
) -> list[Contrast]:
    """The gain in Acc where the base was right in both, wrong in both, or inconsistent.

    Beside an arm without thinking, whose Acc is EM_a, it is the gain in EM_a.
    """
    found = []
    for how in NORMALISATIONS:
        shared = [f"{name} · {how}" for name in ("Acc", "EM_a") if f"{name} · {how}" in others]
        figure, draws = next(iter(shared), ""), draws_of(before, how)
        if figure not in ones:
            continue
        both = [q for q in match_questions(ones[figure], others[figure]).questions if q in draws]
        of = {question: stratum_of(draws[question]) for question in both}
        for stratum in STRATA:
            inside = [question for question in both if of[question] == stratum]
            if inside:
                found.append(contrast(figure, ones[figure], others[figure], inside, stratum))
    return found
