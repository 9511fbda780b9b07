"""The responses of an evaluation by arm: one model in one thinking mode, matched and ready."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import sqlalchemy as sa

from alignment.evaluation.plan import Inputs, Plan
from alignment.measures.judged import CUT_OFF, Row, exact_judgments
from alignment.measures.scores import Response, response_of
from alignment.polarity.matching import answer_of
from alignment.sampling.answering import OnProgress, Sample
from alignment.sampling.questions import AskedQuestion
from store.engine import reading
from store.states import ThinkingMode
from store.tables import Question
from store.traces import iterate_traces, question_key


@dataclass(frozen=True)
class Arm:
    """Whose responses, in which thinking mode, to what; `unanswered` were never given."""

    name: str
    thinking: str
    dataset: str
    rows: list[Row]
    unanswered: int = 0


def sampled_rows(
    questions: Sequence[AskedQuestion], samples: Sequence[Sample], draws: int
) -> tuple[list[Row], int]:
    """The responses that were given, matched, in the order of asking; and how many were not."""
    asked = [(question, draw) for question in questions for draw in range(draws)]
    rows = [
        _sampled_row(question, draw, sample)
        for (question, draw), sample in zip(asked, samples, strict=True)
        if not sample.unanswered
    ]
    return rows, len(samples) - len(rows)


def _sampled_row(question: AskedQuestion, draw: int, sample: Sample) -> Row:
    response = response_of(question.id, question.text, question.golds, sample.text,
                           draw=draw, truncated=sample.truncated)  # fmt: skip
    detail = {CUT_OFF: sample.truncated, "request_hash": sample.request_hash,
              "trouble": sample.trouble}  # fmt: skip
    row = _row(response, question_key(question.text))
    return replace(row, response=sample.text, detail={k: v for k, v in detail.items() if v})


def _row(response: Response, key: str) -> Row:
    return Row(
        id=response.id, question=response.question, question_key=key, golds=response.golds,
        thinking=response.thinking, answer=response.answer, draw=response.draw,
        judgments=exact_judgments(response),
    )  # fmt: skip


def trace_arms(engine: sa.Engine, plan: Plan, inputs: Inputs, on_progress: OnProgress) -> list[Arm]:
    """The imported traces that fit the plan, each model and thinking mode apart."""
    groups: dict[tuple[str, str], list[Row]] = {}
    asked, draws = inputs.by_key(), dict[tuple[str, str, str], int]()
    done = 0
    with reading(engine) as session:
        for batch in iterate_traces(session):
            for trace, question, _ in batch:
                mode = trace.thinking_mode.value
                group = groups.setdefault((trace.model, mode), [])
                golds = _golds(plan, asked, question)
                if golds is None or (plan.limit is not None and len(group) >= plan.limit):
                    continue
                thinking = trace.thinking if trace.thinking_mode == ThinkingMode.ON else None
                key = (trace.model, mode, question.key)
                draws[key] = draws.get(key, -1) + 1
                response = Response(trace.external_id, question.text, golds, thinking,
                                    answer_of(trace.answer), draws[key])  # fmt: skip
                group.append(_row(response, question.key))
            done += len(batch)
            on_progress(done, None)
    return [
        Arm(model, mode, inputs.dataset, rows)
        for (model, mode), rows in sorted(groups.items())
        if rows
    ]


def _golds(
    plan: Plan, asked: Mapping[str, AskedQuestion], question: Question
) -> tuple[str, ...] | None:
    """What a trace's answer is held against; None where the trace is left out."""
    if plan.questions is not None:
        return asked[question.key].golds if question.key in asked else None
    wanted = question.gold_answers or plan.task == "long-form"
    return tuple(question.gold_answers) if wanted else None
