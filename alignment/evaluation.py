"""Evaluation: whether the gold answer is the answer, stands in the thinking, and how often."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

from alignment.matching import (
    Normalisation,
    answer_of,
    is_answer,
    is_hit_gap,
    is_misleading,
    stands_in,
)

NORMALISATIONS: tuple[Normalisation, ...] = ("plain", "squad")
_Z_95 = 1.959963984540054


class EvaluationError(ValueError):
    """There is nothing to evaluate, or an input of it cannot be read."""


@dataclass(frozen=True)
class Response:
    """One response to one question with its gold answers; thinking is None with thinking off."""

    id: str
    question: str
    golds: tuple[str, ...]
    thinking: str | None
    answer: str


@dataclass(frozen=True)
class Judgment:
    """EM_t and EM_a of one response; EM_t is None with thinking off."""

    in_thinking: bool | None
    in_answer: bool


@dataclass(frozen=True)
class Share:
    """A proportion with its Wilson interval of 95 %."""

    count: int
    n: int
    value: float
    low: float
    high: float


@dataclass(frozen=True)
class Scores:
    """The figures of a set of responses under one normalisation.

    What needs a thinking part is None with thinking off, where Acc is the mean of EM_a.
    """

    how: Normalisation
    n: int
    acc: Share
    mis: Share | None
    em_thinking: Share | None
    em_answer: Share
    hit_gap: Share | None


def response_of(
    response_id: str, question: str, golds: Sequence[str], text: str, thinking_on: bool = True
) -> Response:
    """Split a generated text into its thinking and its answer.

    The thinking is what stands between the first <think> (or the beginning) and the last
    </think>; a thinking part that never closes runs to the end and has no answer.
    """
    if not thinking_on:
        return Response(response_id, question, tuple(golds), None, answer_of(text))
    before, closed, _ = text.rpartition("</think>")
    opened = before if closed else text if "<think>" in text else ""
    _, found, after = opened.partition("<think>")
    thinking = after if found else opened
    return Response(response_id, question, tuple(golds), thinking, answer_of(text))


def judge(response: Response, how: Normalisation) -> Judgment:
    """Hold a response against its gold answers. Source: MR-ALIGN 4.1."""
    in_answer = is_answer(response.answer, response.golds, how)
    if response.thinking is None:
        return Judgment(None, in_answer)
    return Judgment(stands_in(response.thinking, response.golds, how), in_answer)


def score(judgments: Sequence[Judgment], how: Normalisation) -> Scores:
    """Return Acc = mean(EM_t ∧ EM_a), Mis = mean(EM_t ⊕ EM_a), their parts, and the hit gap.

    Identity: Acc + Mis + the share with neither = 1; the hit gap is Mis's EM_t side.
    Raises: EvaluationError where there is nothing to score, or thinking on and off are mixed.
    Source: MR-ALIGN 4.1 and A.2.
    """
    if not judgments:
        raise EvaluationError("There is no response to score; import traces or name questions.")
    answers = [each.in_answer for each in judgments]
    thinking = [each.in_thinking for each in judgments if each.in_thinking is not None]
    if not thinking:
        right = share(answers)
        return Scores(how, len(answers), right, None, None, right, None)
    if len(thinking) != len(answers):
        raise EvaluationError("Responses with thinking on and off must be scored apart.")
    both = list(zip(thinking, answers, strict=True))
    return Scores(
        how=how,
        n=len(both),
        acc=share([t and a for t, a in both]),
        mis=share([is_misleading(gold_in_thinking=t, gold_is_answer=a) for t, a in both]),
        em_thinking=share(thinking),
        em_answer=share(answers),
        hit_gap=share([is_hit_gap(gold_in_thinking=t, gold_is_answer=a) for t, a in both]),
    )


def share(outcomes: Sequence[bool]) -> Share:
    """Return the proportion of true outcomes with its Wilson interval of 95 %.

    The centre is (p + z²/2n) / (1 + z²/n), the half width z √(p(1−p)/n + z²/4n²) / (1 + z²/n).

    Raises: EvaluationError without an outcome.
    Source: Wilson 1927; unlike the normal interval it stays inside [0, 1] and is no point at 0.
    """
    n, count = len(outcomes), sum(outcomes)
    if not n:
        raise EvaluationError("A share needs at least one outcome.")
    p, squared = count / n, _Z_95 * _Z_95
    centre = (p + squared / (2 * n)) / (1 + squared / n)
    half = _Z_95 * math.sqrt(p * (1 - p) / n + squared / (4 * n * n)) / (1 + squared / n)
    low, high = max(0.0, centre - half), min(1.0, centre + half)
    return Share(count, n, p, min(low, p), max(high, p))
