"""Files that an evaluation reads: questions with gold answers, snippets, evidence."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Literal, TypeVar

from alignment.measures.truthfulness import TruthQuestion

SNIPPETS_A_QUESTION = 5

Task = Literal["exact", "truthful", "long-form"]
Parsed = TypeVar("Parsed")


class QuestionFileError(ValueError):
    """A file of questions, snippets or evidence cannot be read."""


@dataclass(frozen=True)
class AskedQuestion:
    """A question to put to a policy, and the answers that count as right; and those as wrong."""

    id: str
    text: str
    golds: tuple[str, ...]
    best: str = ""
    wrong: tuple[str, ...] = ()

    @property
    def of_truth(self) -> TruthQuestion:
        """The question as a judge of truthfulness is shown it."""
        best = self.best or (self.golds[0] if self.golds else "")
        return TruthQuestion(self.text, best, self.golds, self.wrong)


def read_questions(
    path: Path, limit: int | None = None, task: Task = "exact"
) -> list[AskedQuestion]:
    """Read JSONL (plain or gz) of {id, question, gold_answers}; `answers` is accepted as well.

    TruthfulQA's form has best_answer and incorrect_answers besides, and correct_answers may stand
    for the gold ones. Questions without a gold answer are left out, for nothing can be held
    against them, but not where long answers are taken apart, which needs none.

    Raises: QuestionFileError naming the line, or that no question was found.
    """
    parsed = _parsed(path, _question, "{id, question, gold_answers}")
    try:
        found = list(islice((q for q in parsed if q.golds or task == "long-form"), limit))
    except (OSError, EOFError) as error:
        raise QuestionFileError(f"{path} cannot be read: {error}") from error
    if not found:
        raise QuestionFileError(f"{path} holds no question with a gold answer.")
    return found


def read_passages(
    path: Path, name: Literal["snippets", "evidence"], most: int | None = None
) -> dict[str, tuple[str, ...]]:
    """Read JSONL (plain or gz) of {id, NAME: [text, ...]}: the first `most` texts by question id.

    Raises: QuestionFileError naming the line, or an id that stands twice.
    """
    found: dict[str, tuple[str, ...]] = {}
    try:
        for number, (key, texts) in _numbered(path, lambda r, _: _passages(r, name), name):
            if key in found:
                raise QuestionFileError(f"{path} line {number}: the id {key!r} stands twice")
            found[key] = texts[:most]
    except (OSError, EOFError) as error:
        raise QuestionFileError(f"{path} cannot be read: {error}") from error
    return found


def with_snippets(question: str, snippets: Sequence[str]) -> str:
    """The question with what was found for it, as the retrieval arm puts it to the policy."""
    if not snippets:
        return question
    listed = "\n\n".join(f"[{n}] {' '.join(text.split())}" for n, text in enumerate(snippets, 1))
    return f"Snippets that may help; they may also be wrong:\n\n{listed}\n\nQuestion: {question}"


def _parsed(path: Path, read: Callable[[Any, int], Parsed], form: str) -> Iterator[Parsed]:
    return (record for _, record in _numbered(path, read, form))


def _numbered(
    path: Path, read: Callable[[Any, int], Parsed], form: str
) -> Iterator[tuple[int, Parsed]]:
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                yield number, read(json.loads(line), number)
            except (KeyError, TypeError, ValueError, RecursionError) as error:
                raise QuestionFileError(
                    f"{path} line {number}: expected {form}: {error!r}"
                ) from error


def _question(record: Any, number: int) -> AskedQuestion:
    names = ("gold_answers", "answers", "correct_answers")
    golds = record[next((name for name in names if name in record), "gold_answers")]
    wrong, best = record.get("incorrect_answers", []), record.get("best_answer", "")
    if not isinstance(record["question"], str) or not isinstance(best, str):
        raise TypeError("question and best_answer must be text")
    record["question"].encode("utf-8")
    key = str(record.get("id", number))[:500]
    return AskedQuestion(key, record["question"], _texts(golds), best, _texts(wrong))


def _passages(record: Any, name: str) -> tuple[str, tuple[str, ...]]:
    return str(record["id"]), _texts(record[name])


def _texts(value: Any) -> tuple[str, ...]:
    if not isinstance(value, list) or not all(isinstance(text, str) for text in value):
        raise TypeError("answers, snippets and evidence must be lists of text")
    for text in value:
        text.encode("utf-8")
    return tuple(value)
