"""Evaluation under a run row: of a policy on questions, or of the traces that were imported."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from alignment.evaluation import (
    NORMALISATIONS,
    EvaluationError,
    Judgment,
    Response,
    Scores,
    judge,
    response_of,
    score,
)
from alignment.examples import prompt_messages
from alignment.matching import answer_of
from alignment.questions import AskedQuestion, QuestionFileError, read_questions
from alignment.training_run import find_training_of, get_latest_training
from store.engine import reading, transaction
from store.errors import InvalidInput
from store.runs import failing_run, finish_run, start_run
from store.states import RunKind, RunStatus, ThinkingMode
from store.tables import EvaluationRun, Question, TrainingRun
from store.traces import iterate_traces

if TYPE_CHECKING:
    from alignment.generation import Decoding

OnProgress = Callable[[int, int | None], None]
IMPORTED = "imported questions"


@dataclass(frozen=True)
class PolicyChoice:
    """Which policy to evaluate: a base, an adapter on it, and the training run it came from."""

    source: str
    adapter: Path | None
    training_run_id: int | None


@dataclass(frozen=True)
class Evaluated:
    """One line of an evaluation: whose responses, on what, and their scores."""

    name: str
    dataset: str
    thinking: str
    scores: tuple[Scores, ...]
    responses: tuple[dict[str, Any], ...]


def evaluate_policy(
    engine: sa.Engine,
    choice: PolicyChoice,
    questions_file: Path | None,
    decoding: Decoding,
    limit: int | None = None,
    on_progress: OnProgress = lambda done, total: None,
) -> Evaluated:
    """Ask a policy questions, score its responses, and keep the figures in a run row.

    Raises:
        InvalidInput: the policy or the questions cannot be read, or there are none.
    """
    questions = _questions(engine, questions_file, limit)
    dataset = questions_file.name if questions_file else IMPORTED
    name = "/".join((choice.adapter or Path(choice.source)).parts[-2:])
    parameters = asdict(decoding) | {
        "policy": choice.source,
        "adapter": str(choice.adapter) if choice.adapter else None,
        "questions": str(questions_file) if questions_file else IMPORTED,
        "limit": limit,
    }
    run = start_run(engine, RunKind.EVALUATE, parameters=parameters, seed=decoding.seed,
                    model=choice.source[:200], total_items=len(questions))  # fmt: skip
    with failing_run(engine, run.id):
        texts = _generate(choice, questions, decoding, on_progress)
        responses = [
            response_of(question.id, question.text, question.golds, text)
            for question, text in zip(questions, texts, strict=True)
        ]
        evaluated = _evaluated(name, dataset, "on", responses, texts)
        _finish(engine, run.id, [evaluated], dataset, choice.training_run_id)
    return evaluated


def evaluate_traces(
    engine: sa.Engine, limit: int | None = None, on_progress: OnProgress = lambda done, total: None
) -> list[Evaluated]:
    """Score the imported traces, each model and thinking mode apart; `limit` holds for each.

    Raises:
        InvalidInput: no trace with a gold answer was imported.
    """
    run = start_run(engine, RunKind.EVALUATE, parameters={"traces": True, "limit": limit})
    with failing_run(engine, run.id):
        groups = _traces(engine, limit, on_progress)
        if not groups:
            raise InvalidInput(
                "expected imported traces whose questions have gold answers, found none; "
                "run `mralign traces import FILE` first"
            )
        evaluated = [
            _evaluated(model, "imported traces", mode, responses)
            for (model, mode), responses in sorted(groups.items())
        ]
        _finish(engine, run.id, evaluated, "imported traces", None)
    return evaluated


def choose_policy(
    engine: sa.Engine, policy: str | None = None, adapter: Path | None = None
) -> PolicyChoice:
    """Complete what the user named: an adapter knows its base, and the latest training is both.

    Raises:
        NotFound: nothing was named and nothing was trained.
        InvalidInput: the adapter's folder holds none.
    """
    with reading(engine) as session:
        if policy is None and adapter is None:
            training = get_latest_training(session)
            return PolicyChoice(training.policy, Path(str(training.checkpoint)), training.id)
        training_found = find_training_of(session, adapter) if adapter else None
    source = policy or _adapter_base(adapter, training_found)
    return PolicyChoice(source, adapter, training_found.id if training_found else None)


def _adapter_base(adapter: Path | None, training: TrainingRun | None) -> str:
    from alignment.policy import PolicyError, adapter_base

    if training is not None:
        return training.policy
    try:
        return adapter_base(adapter or Path())
    except PolicyError as error:
        raise InvalidInput(str(error)) from error


def _generate(
    choice: PolicyChoice,
    questions: Sequence[AskedQuestion],
    decoding: Decoding,
    on_progress: OnProgress,
) -> list[str]:
    """Load the policy and sample; what the pure modules refuse, the user is shown."""
    from alignment.generation import GenerationError, generate
    from alignment.policy import PolicyError, load_policy
    from alignment.tokens import TokenError

    prompts = [
        [(message["role"], message["content"]) for message in prompt_messages(question.text)]
        for question in questions
    ]
    try:
        policy = load_policy(choice.source, adapter=choice.adapter)
        return generate(policy, prompts, decoding, on_progress)
    except (GenerationError, PolicyError, TokenError) as error:
        raise InvalidInput(str(error)) from error


def _questions(engine: sa.Engine, path: Path | None, limit: int | None) -> list[AskedQuestion]:
    if path is not None:
        try:
            return read_questions(path, limit)
        except QuestionFileError as error:
            raise InvalidInput(str(error)) from error
    with reading(engine) as session:
        found = [question for question in _imported(session) if question.golds][:limit]
    if not found:
        raise InvalidInput(
            "expected imported questions with gold answers, found none; run "
            "`mralign traces import FILE` first, or name --questions FILE"
        )
    return found


def _imported(session: Session) -> Iterable[AskedQuestion]:
    for question in session.exec(select(Question).order_by(col(Question.id))):
        yield AskedQuestion(str(question.id), question.text, tuple(question.gold_answers))


def _traces(
    engine: sa.Engine, limit: int | None, on_progress: OnProgress
) -> dict[tuple[str, str], list[Response]]:
    groups: dict[tuple[str, str], list[Response]] = {}
    done = 0
    with reading(engine) as session:
        for batch in iterate_traces(session):
            for trace, question, _ in batch:
                group = groups.setdefault((trace.model, trace.thinking_mode.value), [])
                if question.gold_answers and (limit is None or len(group) < limit):
                    thinking = trace.thinking if trace.thinking_mode == ThinkingMode.ON else None
                    golds = tuple(question.gold_answers)
                    answer = answer_of(trace.answer)
                    group.append(
                        Response(trace.external_id, question.text, golds, thinking, answer)
                    )
            done += len(batch)
            on_progress(done, None)
    return {key: responses for key, responses in groups.items() if responses}


def _evaluated(
    name: str,
    dataset: str,
    thinking: str,
    responses: Sequence[Response],
    texts: Sequence[str] | None = None,
) -> Evaluated:
    judged = {how: [judge(response, how) for response in responses] for how in NORMALISATIONS}
    try:
        scores = tuple(score(judged[how], how) for how in NORMALISATIONS)
    except EvaluationError as error:
        raise InvalidInput(str(error)) from error
    rows = tuple(
        _row(response, {how: judged[how][place] for how in NORMALISATIONS})
        | ({"response": texts[place]} if texts else {})
        for place, response in enumerate(responses)
    )
    return Evaluated(name, dataset, thinking, scores, rows)


def _row(response: Response, judged: Mapping[str, Judgment]) -> dict[str, Any]:
    verdicts = {how: asdict(judgment) for how, judgment in judged.items()}
    return {"id": response.id, "question": response.question, "gold_answers": list(response.golds),
            "answer": response.answer, "judgments": verdicts}  # fmt: skip


def _finish(
    engine: sa.Engine,
    run_id: int,
    evaluated: Sequence[Evaluated],
    dataset: str,
    training_run_id: int | None,
) -> None:
    figures = {
        f"{each.name} · thinking {each.thinking}": {s.how: asdict(s) for s in each.scores}
        for each in evaluated
    }
    done = sum(len(each.responses) for each in evaluated)
    with transaction(engine) as session:
        session.add(
            EvaluationRun(
                run_id=run_id, training_run_id=training_run_id, dataset=dataset, metrics=figures
            )
        )
        finish_run(session, run_id, RunStatus.SUCCEEDED, metrics=figures, done_items=done)
