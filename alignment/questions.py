"""A file of questions with gold answers, to evaluate a policy on."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any


class QuestionFileError(ValueError):
    """A file of questions cannot be read."""


@dataclass(frozen=True)
class AskedQuestion:
    """A question to put to a policy, and the answers that count as right."""

    id: str
    text: str
    golds: tuple[str, ...]


def read_questions(path: Path, limit: int | None = None) -> list[AskedQuestion]:
    """Read JSONL (plain or gz) of {id, question, gold_answers}; `answers` is accepted as well.

    Questions without a gold answer are left out, for nothing can be held against them.

    Raises: QuestionFileError naming the line, or that no question with a gold answer was found.
    """
    try:
        found = list(islice((q for q in _parsed(path) if q.golds), limit))
    except (OSError, EOFError) as error:
        raise QuestionFileError(f"{path} cannot be read: {error}") from error
    if not found:
        raise QuestionFileError(f"{path} holds no question with a gold answer.")
    return found


def _parsed(path: Path) -> Iterator[AskedQuestion]:
    with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as lines:
        for number, line in enumerate(lines, start=1):
            if not line.strip():
                continue
            try:
                yield _question(json.loads(line), number)
            except (KeyError, TypeError, ValueError, RecursionError) as error:
                raise QuestionFileError(
                    f"{path} line {number}: expected {{id, question, gold_answers}}: {error!r}"
                ) from error


def _question(record: Any, number: int) -> AskedQuestion:
    golds = record["gold_answers"] if "gold_answers" in record else record["answers"]
    if not isinstance(record["question"], str) or not isinstance(golds, list):
        raise TypeError("question must be text and gold_answers a list")
    if not all(isinstance(gold, str) for gold in golds):
        raise TypeError("gold answers must be text")
    record["question"].encode("utf-8")
    return AskedQuestion(str(record.get("id", number)), record["question"], tuple(golds))
