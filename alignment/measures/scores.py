"""Evaluation: whether the gold answer is the answer, stands in the thinking, and how often."""

from __future__ import annotations

from collections.abc import Hashable, Sequence
from dataclasses import dataclass

from alignment.measures.estimates import Share, share
from alignment.polarity.matching import (
    Normalisation,
    answer_of,
    is_answer,
    is_hit_gap,
    is_misleading,
    stands_in,
)

NORMALISATIONS: tuple[Normalisation, ...] = ("plain", "squad")


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
    draw: int = 0
    truncated: bool = False


@dataclass(frozen=True)
class Judgment:
    """EM_t and EM_a of one response; EM_t is None with thinking off."""

    in_thinking: bool | None
    in_answer: bool


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
    response_id: str,
    question: str,
    golds: Sequence[str],
    text: str,
    thinking_on: bool = True,
    draw: int = 0,
    truncated: bool = False,
) -> Response:
    """Split a generated text into its thinking and its answer.

    The thinking is what stands between the first <think> (or the beginning) and the last
    </think>; a thinking part that never closes runs to the end and has no answer. So does a text
    that was cut off before any tag: a template may open the thinking in the prompt.
    """
    if not thinking_on:
        answer = answer_of(text)
        return Response(response_id, question, tuple(golds), None, answer, draw, truncated)
    before, closed, _ = text.rpartition("</think>")
    unclosed = "<think>" in text or (truncated and "<answer>" not in text)
    opened = before if closed else text if unclosed else ""
    _, found, after = opened.partition("<think>")
    thinking = after if found else opened
    answer = "" if unclosed and not closed and "</answer>" not in text else answer_of(text)
    return Response(response_id, question, tuple(golds), thinking, answer, draw, truncated)


def judge(response: Response, how: Normalisation) -> Judgment:
    """Hold a response against its gold answers. Source: MR-ALIGN 4.1."""
    in_answer = is_answer(response.answer, response.golds, how)
    if response.thinking is None:
        return Judgment(None, in_answer)
    return Judgment(stands_in(response.thinking, response.golds, how), in_answer)


def score(
    judgments: Sequence[Judgment],
    how: Normalisation,
    questions: Sequence[Hashable] | None = None,
) -> Scores:
    """Return Acc = mean(EM_t ∧ EM_a), Mis = mean(EM_t ⊕ EM_a), their parts, and the hit gap.

    `questions` names the question of each response where some have several.

    Identity: Acc + Mis + the share with neither = 1; the hit gap is Mis's EM_t side.
    Raises: EvaluationError where there is nothing to score, or thinking on and off are mixed.
    Source: MR-ALIGN 4.1 and A.2.
    """
    if not judgments:
        raise EvaluationError("There is no response to score; import traces or name questions.")
    answers = [each.in_answer for each in judgments]
    thinking = [each.in_thinking for each in judgments if each.in_thinking is not None]
    if not thinking:
        right = share(answers, questions)
        return Scores(how, len(answers), right, None, None, right, None)
    if len(thinking) != len(answers):
        raise EvaluationError("Responses with thinking on and off must be scored apart.")
    both = list(zip(thinking, answers, strict=True))
    mis = [is_misleading(gold_in_thinking=t, gold_is_answer=a) for t, a in both]
    gap = [is_hit_gap(gold_in_thinking=t, gold_is_answer=a) for t, a in both]
    return Scores(
        how=how,
        n=len(both),
        acc=share([t and a for t, a in both], questions),
        mis=share(mis, questions),
        em_thinking=share(thinking, questions),
        em_answer=share(answers, questions),
        hit_gap=share(gap, questions),
    )
