"""The judges of an endpoint: rows in, the same rows with its verdicts and raw replies out."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from alignment.measures.claims import Checker
from alignment.measures.judged import Row, claim_judgments, truth_judgments
from alignment.measures.judging import Ask
from alignment.measures.truthfulness import judge_truth
from alignment.sampling.answering import OnProgress
from alignment.sampling.questions import AskedQuestion
from gateway.limits import each_done
from gateway.prompts import Prompt, load_prompt

TRUTHFULNESS, CLAIMS = "truthfulness_v1", "claims_v1"
SUPPORT_BY_EVIDENCE, SUPPORT_BY_KNOWLEDGE = "support_by_evidence_v1", "support_by_knowledge_v1"

Questions = Mapping[str, AskedQuestion]
Evidence = Mapping[str, Sequence[str]]


def _prompt(name: str) -> Prompt:
    return load_prompt("alignment", name)


@dataclass(frozen=True)
class TruthJudge:
    """Judges truthfulness and informativeness, some answers at once."""

    ask: Ask
    model: str
    at_once: int = 8
    by_evidence: bool = False

    @property
    def prompt_hash(self) -> str:
        """The sha256 of the prompt."""
        return _prompt(TRUTHFULNESS).sha256

    def appraise(
        self, rows: Sequence[Row], questions: Questions, evidence: Evidence, on_progress: OnProgress
    ) -> list[Row]:
        """The rows with the judge's booleans."""
        prompt = _prompt(TRUTHFULNESS)

        def appraised(place: int) -> Row:
            row = rows[place]
            question = questions[row.question_key].of_truth
            judgments, detail = truth_judgments(judge_truth(self.ask, prompt, question, row.answer))
            return replace(row, judgments=judgments, detail=row.detail | detail)

        return _in_order(appraised, len(rows), self.at_once, on_progress)


@dataclass(frozen=True)
class ClaimJudge:
    """Takes answers apart and checks their claims, some answers at once."""

    ask: Ask
    model: str
    at_once: int = 8
    by_evidence: bool = False

    @property
    def prompt_hash(self) -> str:
        """The sha256 over both prompts."""
        hashes = _prompt(CLAIMS).sha256 + _prompt(self._support).sha256
        return hashlib.sha256(hashes.encode()).hexdigest()

    @property
    def _support(self) -> str:
        return SUPPORT_BY_EVIDENCE if self.by_evidence else SUPPORT_BY_KNOWLEDGE

    def appraise(
        self, rows: Sequence[Row], questions: Questions, evidence: Evidence, on_progress: OnProgress
    ) -> list[Row]:
        """The rows with their claims and whether each is supported."""
        checker = Checker(self.ask, _prompt(CLAIMS), _prompt(self._support), self.by_evidence)

        def appraised(place: int) -> Row:
            row = rows[place]
            question = questions[row.question_key]
            given = evidence.get(question.id, ())
            judgments, detail = claim_judgments(checker.check(question.text, row.answer, given))
            return replace(row, judgments=judgments, detail=row.detail | detail)

        return _in_order(appraised, len(rows), self.at_once, on_progress)


def _in_order(
    appraised: Callable[[int], Row], count: int, at_once: int, on_progress: OnProgress
) -> list[Row]:
    found: dict[int, Row] = {}
    for place, row in each_done(appraised, range(count), at_once):
        found[place] = row
        on_progress(len(found), count)
    return [found[place] for place in range(count)]
