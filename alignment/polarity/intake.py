"""Write the pairs of thinking-on and thinking-off traces with what their comparison says."""

from __future__ import annotations

import gzip
import json
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice, zip_longest
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlmodel import Session, col, select

from alignment.polarity.matching import Normalisation
from alignment.polarity.pairing import (
    Judgment,
    PairingError,
    PairRecord,
    judge,
    judged,
    read_record,
)
from store.engine import transaction
from store.errors import InvalidInput
from store.states import Polarity, ThinkingMode
from store.tables import Question, Trace, TracePair

BATCH = 200
KEPT_PROBLEMS = 100


@dataclass
class PairReport:
    """What pairing came to; the first hundred problems are kept in words."""

    run_id: int
    judged_by: str
    tally: Counter[str] = field(default_factory=Counter)
    problems: list[str] = field(default_factory=list)
    problem_count: int = 0

    def add(self, judgment: Judgment) -> None:
        """Count a pair."""
        self.tally["pairs"] += 1
        self.tally[judgment.polarity or "no polarity"] += 1
        self.tally["hit gaps"] += judgment.hit_gap

    def add_problem(self, kind: str, problem: str) -> None:
        """Count what could not be paired, and keep it while there is room."""
        self.tally[kind] += 1
        self.problem_count += 1
        if len(self.problems) < KEPT_PROBLEMS:
            self.problems.append(problem)

    def counts(self) -> dict[str, int]:
        """Every count by its name."""
        return {name: self.tally[name] for name in COUNTS}

    def sentence(self) -> str:
        """The counts in a sentence."""
        return ", ".join(f"{name}: {count}" for name, count in self.counts().items())

    def table(self) -> tuple[tuple[str, ...], list[tuple[int, ...]], str]:
        """Columns, rows and title, as the terminal shows them."""
        title = f"pairs, judged by {self.judged_by}"
        return COUNTS, [tuple(self.counts().values())], title


COUNTS = (
    "pairs",
    "positive",
    "negative",
    "no polarity",
    "hit gaps",
    "off not imported",
    "unknown ids",
    "invalid records",
    "without a partner",
    "without a gold answer",
)


@dataclass(frozen=True)
class JudgedPair:
    """A pair that is to be written; its off trace need not have been imported."""

    on_trace_id: int
    off_trace_id: int | None
    off_external_id: str
    judgment: Judgment


def judge_pairs(engine: sa.Engine, how: Normalisation, report: PairReport) -> None:
    """Pair the traces of each question and model in the order of their import, and judge them."""
    last = 0
    while True:
        with transaction(engine) as session:
            query = select(Question).where(col(Question.id) > last).order_by(col(Question.id))
            questions = session.exec(query.limit(BATCH)).all()
            if not questions:
                return
            last = questions[-1].id
            _judge_questions(session, questions, how, report)


def record_pairs(engine: sa.Engine, path: Path, how: Normalisation, report: PairReport) -> None:
    """Take the pairs and their judgments from a JSONL file, plain or gz.

    Raises:
        InvalidInput: the file cannot be read, or holds no record.
    """
    numbered = _records(path, report)
    seen = False
    while batch := list(islice(numbered, BATCH)):
        seen = True
        with transaction(engine) as session:
            _record_batch(session, batch, how, report)
    if not seen and not report.problem_count:
        raise InvalidInput(f"expected records of {{on_id, off_id, z_on, z_off}} in {path}: empty")


def _judge_questions(
    session: Session, questions: Sequence[Question], how: Normalisation, report: PairReport
) -> None:
    golds = {question.id: question.gold_answers for question in questions}
    query = select(Trace).where(col(Trace.question_id).in_(golds)).order_by(col(Trace.id))
    groups: dict[tuple[int, str], dict[ThinkingMode, list[Trace]]] = defaultdict(
        lambda: {ThinkingMode.ON: [], ThinkingMode.OFF: []}
    )
    for trace in session.exec(query):
        groups[trace.question_id, trace.model][trace.thinking_mode].append(trace)
    pairs: list[JudgedPair] = []
    for (question_id, _), modes in groups.items():
        for on, off in zip_longest(modes[ThinkingMode.ON], modes[ThinkingMode.OFF]):
            if on is None or off is None:
                report.tally["without a partner"] += 1
            elif not golds[question_id]:
                report.tally["without a gold answer"] += 1
            else:
                judgment = judge(on.thinking, on.answer, off.answer, golds[question_id], how)
                pairs.append(JudgedPair(on.id, off.id, off.external_id, judgment))
    _write(session, pairs, report)


def _record_batch(
    session: Session,
    batch: Sequence[tuple[int, PairRecord]],
    how: Normalisation,
    report: PairReport,
) -> None:
    names = {name for _, record in batch for name in (record.on_id, record.off_id)}
    query = select(Trace, Question).join(Question).where(col(Trace.external_id).in_(names))
    known = {trace.external_id: (trace, question) for trace, question in session.exec(query)}
    pairs: dict[int, JudgedPair] = {}
    for number, record in batch:
        if record.on_id not in known:
            report.add_problem("unknown ids", f"line {number}: no trace {record.on_id}")
            continue
        on, question = known[record.on_id]
        off = known[record.off_id][0] if record.off_id in known else None
        if fault := _mismatch(on, off):
            report.add_problem("invalid records", f"line {number}: {fault}")
            continue
        golds = question.gold_answers
        judgment = judged(on.thinking, record.z_on, record.z_off, golds, how)
        pairs[on.id] = JudgedPair(on.id, off.id if off else None, record.off_id, judgment)
        report.tally["off not imported"] += off is None
    _write(session, list(pairs.values()), report)


def _mismatch(on: Trace, off: Trace | None) -> str:
    """Why two traces are no pair, or nothing; a judged partner need not have been imported."""
    if on.thinking_mode != ThinkingMode.ON:
        return f"expected a trace with thinking on in on_id, {on.external_id} is off"
    if off is None:
        return ""
    if off.thinking_mode != ThinkingMode.OFF:
        return f"expected a trace with thinking off in off_id, {off.external_id} is on"
    if on.question_id != off.question_id:
        return f"{on.external_id} and {off.external_id} answer different questions"
    return ""


def _write(session: Session, pairs: Sequence[JudgedPair], report: PairReport) -> None:
    """Add the pairs, or change the rows that are there for their thinking-on traces."""
    ids = [pair.on_trace_id for pair in pairs]
    query = select(TracePair).where(col(TracePair.on_trace_id).in_(ids))
    rows = {row.on_trace_id: row for row in session.exec(query)}
    for pair in pairs:
        values: dict[str, Any] = {
            "off_trace_id": pair.off_trace_id,
            "off_external_id": pair.off_external_id,
            "z_on": int(pair.judgment.z_on),
            "z_off": int(pair.judgment.z_off),
            "judged_by": report.judged_by,
            "polarity": Polarity(pair.judgment.polarity) if pair.judgment.polarity else None,
            "hit_gap": pair.judgment.hit_gap,
        }
        row = rows.get(pair.on_trace_id) or TracePair(on_trace_id=pair.on_trace_id, **values)
        for name, value in values.items():
            setattr(row, name, value)
        session.add(row)
        report.add(pair.judgment)


def _records(path: Path, report: PairReport) -> Iterator[tuple[int, PairRecord]]:
    """The records of a file with their line numbers; a bad line is reported and left out."""
    for number, line in _lines(path):
        if not line.strip():
            continue
        try:
            document = json.loads(line)
            if not isinstance(document, dict):
                raise PairingError(f"expected an object, got {type(document).__name__}")
            yield number, read_record(document)
        except (ValueError, RecursionError) as error:
            report.add_problem("invalid records", f"line {number}: {error}")


def _lines(path: Path) -> Iterator[tuple[int, bytes]]:
    try:
        with gzip.open(path, "rb") if path.suffix == ".gz" else path.open("rb") as file:
            yield from enumerate(file, start=1)
    except (OSError, EOFError, zlib.error) as error:
        raise InvalidInput(f"cannot read {path}: {error}") from error
