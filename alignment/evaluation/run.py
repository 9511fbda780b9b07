"""Evaluation under a run row: of a policy on questions, or of the traces that were imported."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from typing import TYPE_CHECKING, Any, Protocol

import sqlalchemy as sa

from alignment.evaluation.arms import Arm, sampled_rows, trace_arms
from alignment.evaluation.comparison import Comparison, compare_rows
from alignment.evaluation.plan import Inputs, Plan, mendable
from alignment.evaluation.report import Report, ReportArm
from alignment.evaluation.rows import load_arm, put_rows
from alignment.inspection.groups import load_group, share_categories
from alignment.measures.judged import Figures, Row, figures_of
from alignment.sampling.answering import OnProgress, Prompt, Sample
from alignment.sampling.questions import (
    AskedQuestion,
)
from alignment.transitions.differences import Differences, compare
from store.engine import reading, transaction
from store.errors import InvalidInput
from store.metadata import utc_now
from store.progress import Teller, both
from store.runs import code_version, failing_run, finish_run, start_run
from store.states import RunKind, RunStatus
from store.tables import EvaluationRun

if TYPE_CHECKING:
    from collections.abc import Callable

    from store.tables import Run


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
    inputs = Inputs.read(engine, plan)
    parameters = plan.document() | dict(policy.parameters) | _judged_by(judge)
    run = start_run(engine, RunKind.EVALUATE, parameters=parameters, seed=policy.seed,
                    model=policy.name[:200], total_items=len(inputs.questions) * plan.draws,
                    prompt_hash=judge.prompt_hash if judge else None)  # fmt: skip
    prepare(run)
    on_progress = both(Teller(engine, run.id).count, on_progress)
    with failing_run(engine, run.id):
        samples = policy.sampler.sample(inputs.prompts(), plan.draws, on_progress)
        rows, unanswered = sampled_rows(inputs.questions, samples, plan.draws)
        if not rows:
            raise InvalidInput(f"no question was answered: {samples[0].trouble}")
        name = f"{policy.name} + snippets" if plan.snippets else policy.name
        arm = Arm(name, "on", inputs.dataset, rows, unanswered)
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
    inputs = Inputs.read(engine, plan) if plan.questions else Inputs.of_traces(plan)
    parameters = plan.document() | {"traces": True} | _judged_by(judge)
    prompt_hash = judge.prompt_hash if judge else None
    run = start_run(engine, RunKind.EVALUATE, parameters=parameters, prompt_hash=prompt_hash)
    prepare(run)
    on_progress = both(Teller(engine, run.id).count, on_progress)
    with failing_run(engine, run.id):
        arms = trace_arms(engine, plan, inputs, on_progress)
        if not arms:
            raise InvalidInput(
                "expected imported traces whose questions have gold answers, found none; "
                "run `mralign traces import FILE` first"
            )
        return _finished(engine, run, plan, inputs, arms, judge, on_progress, None)


def _judged_by(judge: Appraiser | None) -> dict[str, Any]:
    return {"judge": judge.model, "by_evidence": judge.by_evidence} if judge else {}


def _finished(
    engine: sa.Engine,
    run: Run,
    plan: Plan,
    inputs: Inputs,
    arms: Sequence[Arm],
    judge: Appraiser | None,
    on_progress: OnProgress,
    training_run_id: int | None,
) -> Evaluation:
    """Judge, compare, and keep everything in one transaction."""
    with mendable():
        judged = [_judged(arm, inputs, judge, on_progress) for arm in arms]
        evaluated = tuple(_evaluated(engine, plan, arm) for arm in judged)
        transitions = _transitions(engine, plan)
    missing = sum(each.figures.counts.unanswered for each in evaluated)
    status = RunStatus.PARTIAL if missing else RunStatus.SUCCEEDED
    done = Evaluation(run.id, status, run.parameters, evaluated, transitions)
    _keep(engine, done, evaluated[0].dataset, training_run_id, missing)
    return done


def _judged(arm: Arm, inputs: Inputs, judge: Appraiser | None, on_progress: OnProgress) -> Arm:
    if judge is None:
        return arm
    questions = inputs.by_key() or {
        row.question_key: AskedQuestion(row.id, row.question, row.golds) for row in arm.rows
    }
    return replace(arm, rows=judge.appraise(arm.rows, questions, inputs.evidence, on_progress))


def _evaluated(engine: sa.Engine, plan: Plan, arm: Arm) -> Evaluated:
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
