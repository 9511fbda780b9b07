"""What an evaluation asks and measures, and the files and questions that it reads for that."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from alignment.measures.estimates import EstimateError
from alignment.measures.scores import EvaluationError
from alignment.sampling.answering import Prompt
from alignment.sampling.questions import (
    SNIPPETS_A_QUESTION,
    AskedQuestion,
    QuestionFileError,
    Task,
    read_passages,
    read_questions,
    with_snippets,
)
from alignment.transitions.differences import DifferencesError
from alignment.transitions.examples import prompt_messages
from gateway.prompts import defused
from store.engine import reading
from store.errors import InvalidInput
from store.tables import Question
from store.traces import question_key

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


@dataclass
class Inputs:
    """The questions by their key, and what the files have for each by its id."""

    questions: list[AskedQuestion]
    dataset: str
    snippets: Mapping[str, Sequence[str]] = field(default_factory=dict)
    evidence: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @classmethod
    def read(cls, engine: sa.Engine, plan: Plan) -> Inputs:
        with mendable():
            found = cls(_questions(engine, plan), plan.questions.name if plan.questions
                        else IMPORTED)  # fmt: skip
            return found._with_files(plan)

    @classmethod
    def of_traces(cls, plan: Plan) -> Inputs:
        with mendable():
            return cls([], IMPORTED_TRACES)._with_files(plan)

    def _with_files(self, plan: Plan) -> Inputs:
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


@contextmanager
def mendable() -> Iterator[None]:
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
