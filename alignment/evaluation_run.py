"""Evaluation under a run row: of a policy on questions, or of the traces that were imported."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import sqlalchemy as sa
from sqlmodel import Session, col, select

from alignment.comparison import Comparison, compare_rows
from alignment.differences import Differences, DifferencesError, compare
from alignment.estimates import EstimateError
from alignment.evaluation import EvaluationError, Response, response_of
from alignment.evaluation_report import Report, ReportArm
from alignment.evaluation_rows import load_arm, put_rows
from alignment.examples import prompt_messages
from alignment.groups import load_group, share_categories
from alignment.judged import CUT_OFF, Figures, Row, exact_judgments, figures_of
from alignment.matching import answer_of
from alignment.questions import (
    SNIPPETS_A_QUESTION,
    AskedQuestion,
    QuestionFileError,
    Task,
    read_passages,
    read_questions,
    with_snippets,
)
from alignment.sampling import OnProgress, Prompt, Sample
from gateway.prompts import defused
from store.engine import reading, transaction
from store.errors import InvalidInput
from store.metadata import utc_now
from store.runs import code_version, failing_run, finish_run, start_run
from store.states import RunKind, RunStatus, ThinkingMode
from store.tables import EvaluationRun, Question
from store.traces import iterate_traces, question_key

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from store.tables import Run

IMPORTED = "imported questions"
IMPORTED_TRACES = "imported traces"


@dataclass(frozen=True)
class Plan:
    """What is asked and what of it is measured, whoever answers.

    `before` and `after` name groups of annotated traces whose transitions are compared.
    """

    task: Task = "exact"
    questions: Path | None = None
    limit: int | None = None
    draws: int = 1
    snippets: Path | None = None
    evidence: Path | None = None
    k: float | None = None
    base: int | None = None
    base_name: str | None = None
    before: str | None = None
    after: str | None = None

    def document(self) -> dict[str, Any]:
        """The plan as the run row keeps it."""
        return {name: str(v) if isinstance(v, Path) else v for name, v in asdict(self).items()}


class Sampler(Protocol):
    """A policy that answers prompts, `draws` times each."""

    def sample(
        self, prompts: Sequence[Prompt], draws: int, on_progress: OnProgress
    ) -> list[Sample]: ...


class Appraiser(Protocol):
    """A judge of rows; each is given its question and what was found for it."""

    @property
    def by_evidence(self) -> bool: ...
    @property
    def prompt_hash(self) -> str: ...
    @property
    def model(self) -> str: ...

    def appraise(
        self,
        rows: Sequence[Row],
        questions: Mapping[str, AskedQuestion],
        evidence: Mapping[str, Sequence[str]],
        on_progress: OnProgress,
    ) -> list[Row]: ...


@dataclass(frozen=True)
class Policy:
    """Who answers the questions, under which name, and how."""

    sampler: Sampler
    name: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    seed: int | None = None
    training_run_id: int | None = None


@dataclass(frozen=True)
class Evaluated:
    """One arm of an evaluation: whose responses, on what, what they come to, and the rows."""

    name: str
    dataset: str
    thinking: str
    figures: Figures
    rows: tuple[Row, ...]
    comparison: Comparison | None = None

    @property
    def title(self) -> str:
        """The arm as figures and files name it."""
        return f"{self.name} · thinking {self.thinking}"


@dataclass(frozen=True)
class Evaluation:
    """An evaluation that ended: its run, its arms, and the transitions before and after."""

    run_id: int
    status: RunStatus
    parameters: Mapping[str, Any]
    arms: tuple[Evaluated, ...]
    transitions: Differences | None = None


def evaluate_policy(
    engine: sa.Engine,
    policy: Policy,
    plan: Plan,
    judge: Appraiser | None = None,
    on_progress: OnProgress = lambda done, total: None,
    prepare: Callable[[Run], None] = lambda run: None,
) -> Evaluation:
    """Ask a policy questions, judge its responses, and keep rows and figures.

    Raises:
        InvalidInput: the policy, the questions or the base cannot be read, or there are none.
    """
    inputs = _Inputs.read(engine, plan)
    parameters = plan.document() | dict(policy.parameters) | _judged_by(judge)
    run = start_run(engine, RunKind.EVALUATE, parameters=parameters, seed=policy.seed,
                    model=policy.name[:200], total_items=len(inputs.questions) * plan.draws,
                    prompt_hash=judge.prompt_hash if judge else None)  # fmt: skip
    prepare(run)
    with failing_run(engine, run.id):
        samples = policy.sampler.sample(inputs.prompts(), plan.draws, on_progress)
        rows, unanswered = _sampled_rows(inputs.questions, samples, plan.draws)
        if not rows:
            raise InvalidInput(f"no question was answered: {samples[0].trouble}")
        name = f"{policy.name} + snippets" if plan.snippets else policy.name
        arm = _Arm(name, "on", inputs.dataset, rows, unanswered)
        return _finished(
            engine, run, plan, inputs, [arm], judge, on_progress, policy.training_run_id
        )


def evaluate_traces(
    engine: sa.Engine,
    plan: Plan | None = None,
    judge: Appraiser | None = None,
    on_progress: OnProgress = lambda done, total: None,
    prepare: Callable[[Run], None] = lambda run: None,
) -> Evaluation:
    """Judge the imported traces, each model and thinking mode apart; `limit` holds for each.

    With a file of questions only the traces of those, held against the file's answers.

    Raises:
        InvalidInput: no trace fits.
    """
    plan = plan or Plan()
    inputs = _Inputs.read(engine, plan) if plan.questions else _Inputs.of_traces(plan)
    parameters = plan.document() | {"traces": True} | _judged_by(judge)
    prompt_hash = judge.prompt_hash if judge else None
    run = start_run(engine, RunKind.EVALUATE, parameters=parameters, prompt_hash=prompt_hash)
    prepare(run)
    with failing_run(engine, run.id):
        arms = _trace_arms(engine, plan, inputs, on_progress)
        if not arms:
            raise InvalidInput(
                "expected imported traces whose questions have gold answers, found none; "
                "run `mralign traces import FILE` first"
            )
        return _finished(engine, run, plan, inputs, arms, judge, on_progress, None)


@dataclass(frozen=True)
class _Arm:
    name: str
    thinking: str
    dataset: str
    rows: list[Row]
    unanswered: int = 0


@dataclass
class _Inputs:
    """The questions by their key, and what the files have for each by its id."""

    questions: list[AskedQuestion]
    dataset: str
    snippets: Mapping[str, Sequence[str]] = field(default_factory=dict)
    evidence: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @classmethod
    def read(cls, engine: sa.Engine, plan: Plan) -> _Inputs:
        with _mendable():
            found = cls(_questions(engine, plan), plan.questions.name if plan.questions
                        else IMPORTED)  # fmt: skip
            return found._with_files(plan)

    @classmethod
    def of_traces(cls, plan: Plan) -> _Inputs:
        with _mendable():
            return cls([], IMPORTED_TRACES)._with_files(plan)

    def _with_files(self, plan: Plan) -> _Inputs:
        if plan.snippets:
            self.snippets = read_passages(plan.snippets, "snippets", SNIPPETS_A_QUESTION)
        if plan.evidence:
            self.evidence = read_passages(plan.evidence, "evidence")
        return self

    def by_key(self) -> dict[str, AskedQuestion]:
        return {question_key(question.text): question for question in self.questions}

    def prompts(self) -> list[Prompt]:
        """The chat for each question; marks of chat templates in snippets lose their meaning."""
        found: list[Prompt] = []
        for question in self.questions:
            snippets = [defused(text) for text in self.snippets.get(question.id, ())]
            found.append(prompt_messages(with_snippets(question.text, snippets)))
        return found


def _judged_by(judge: Appraiser | None) -> dict[str, Any]:
    return {"judge": judge.model, "by_evidence": judge.by_evidence} if judge else {}


def _sampled_rows(
    questions: Sequence[AskedQuestion], samples: Sequence[Sample], draws: int
) -> tuple[list[Row], int]:
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


def _finished(
    engine: sa.Engine,
    run: Run,
    plan: Plan,
    inputs: _Inputs,
    arms: Sequence[_Arm],
    judge: Appraiser | None,
    on_progress: OnProgress,
    training_run_id: int | None,
) -> Evaluation:
    """Judge, compare, and keep everything in one transaction."""
    with _mendable():
        judged = [_judged(arm, inputs, judge, on_progress) for arm in arms]
        evaluated = tuple(_evaluated(engine, plan, arm) for arm in judged)
        transitions = _transitions(engine, plan)
    missing = sum(each.figures.counts.unanswered for each in evaluated)
    status = RunStatus.PARTIAL if missing else RunStatus.SUCCEEDED
    done = Evaluation(run.id, status, run.parameters, evaluated, transitions)
    _keep(engine, done, evaluated[0].dataset, training_run_id, missing)
    return done


def _judged(arm: _Arm, inputs: _Inputs, judge: Appraiser | None, on_progress: OnProgress) -> _Arm:
    if judge is None:
        return arm
    questions = inputs.by_key() or {
        row.question_key: AskedQuestion(row.id, row.question, row.golds) for row in arm.rows
    }
    return replace(arm, rows=judge.appraise(arm.rows, questions, inputs.evidence, on_progress))


def _evaluated(engine: sa.Engine, plan: Plan, arm: _Arm) -> Evaluated:
    figures = figures_of(arm.rows, arm.unanswered, plan.k)
    found = Evaluated(arm.name, arm.dataset, arm.thinking, figures, tuple(arm.rows))
    if plan.base is None:
        return found
    k = figures.long_form.k if figures.long_form else 0.0
    with reading(engine) as session:
        name, before = load_arm(session, plan.base, plan.base_name, arm.name, arm.thinking)
    comparison = compare_rows(f"run {plan.base}: {name}", before, arm.rows, k)
    if not comparison.contrasts:
        raise InvalidInput(
            f"expected questions that evaluate run {plan.base} answered for the same task, found"
            f" {comparison.questions} in common and no figure of both"
        )
    return replace(found, comparison=comparison)


def _transitions(engine: sa.Engine, plan: Plan) -> Differences | None:
    if plan.before is None or plan.after is None:
        return None
    with reading(engine) as session:
        one, other = load_group(session, plan.before), load_group(session, plan.after)
    one, other = share_categories(one, other)
    return compare(one.traces, other.traces, one.categories)


def _keep(
    engine: sa.Engine,
    done: Evaluation,
    dataset: str,
    training_run_id: int | None,
    missing: int,
) -> None:
    figures = {each.title: metrics_of(each) for each in done.arms}
    count, message = 0, f"{missing} responses are missing" if missing else None
    with transaction(engine) as session:
        for each in done.arms:
            put_rows(session, done.run_id, (each.name, each.thinking), each.rows, count)
            count += len(each.rows)
        session.add(
            EvaluationRun(run_id=done.run_id, training_run_id=training_run_id,
                          dataset=dataset[:500], metrics=figures)
        )  # fmt: skip
        finish_run(session, done.run_id, done.status, message, metrics=figures, done_items=count)


def metrics_of(evaluated: Evaluated) -> dict[str, Any]:
    """The figures of an arm as the run row keeps them; what was not measured is left out."""
    figures = evaluated.figures
    found: dict[str, Any] = {scores.how: asdict(scores) for scores in figures.scores}
    parts = {"truthfulness": figures.truth, "long_form": figures.long_form,
             "comparison": evaluated.comparison}  # fmt: skip
    found |= {name: asdict(part) for name, part in parts.items() if part is not None}
    return found | {"counts": asdict(figures.counts)}


def report_of(done: Evaluation, command: str) -> Report:
    """What a report says of an evaluation."""
    return Report(
        command=command,
        run_id=done.run_id,
        version=code_version(),
        made_at=utc_now().strftime("%Y-%m-%d %H:%M UTC"),
        parameters=dict(done.parameters),
        arms=[
            ReportArm(one.name, one.dataset, one.thinking, one.figures, one.rows, one.comparison)
            for one in done.arms
        ],
        transitions=done.transitions,
        transition_names=(
            str(done.parameters.get("before")),
            str(done.parameters.get("after")),
        ),
    )


@contextmanager
def _mendable() -> Iterator[None]:
    """What the pure modules refuse, the user is shown."""
    try:
        yield
    except (DifferencesError, EstimateError, EvaluationError, QuestionFileError) as error:
        raise InvalidInput(str(error)) from error


def _questions(engine: sa.Engine, plan: Plan) -> list[AskedQuestion]:
    if plan.questions is not None:
        found = read_questions(plan.questions, plan.limit, plan.task)
    else:
        with reading(engine) as session:
            found = [one for one in _imported(session) if one.golds or plan.task == "long-form"]
        found = found[: plan.limit]
    if not found:
        raise InvalidInput(
            "expected imported questions with gold answers, found none; run "
            "`mralign traces import FILE` first, or name --questions FILE"
        )
    return found


def _imported(session: Session) -> Iterable[AskedQuestion]:
    for question in session.exec(select(Question).order_by(col(Question.id))):
        yield AskedQuestion(str(question.id), question.text, tuple(question.gold_answers))


def _trace_arms(
    engine: sa.Engine, plan: Plan, inputs: _Inputs, on_progress: OnProgress
) -> list[_Arm]:
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
        _Arm(model, mode, inputs.dataset, rows)
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
