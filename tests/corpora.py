"""Rows that many tests need: a small corpus, imported, annotated, under a vocabulary."""

from dataclasses import dataclass, field

import sqlalchemy as sa
from sqlmodel import Session, col, select

from annotator.traces.segmentation import segment
from store.engine import transaction
from store.states import RunKind, RunStatus, ThinkingMode, VersionStatus
from store.tables import (
    AnnotatedStep,
    Category,
    ControlledLabel,
    Run,
    TaxonomyVersion,
    Trace,
)
from store.traces import add_traces, list_segments

CATEGORIES = ("framing", "retrieval", "evaluation")
SOURCES = ("annotator_a", "annotator_b", "consensus")
# The label sets of the four segments, of traces with even and with odd numbers.
EVEN_SETS = ((0,), (1,), (1, 2), (2,))
ODD_SETS = ((0,), (0, 1), (), (1,))
SENTENCES = ("I must find {}.", "I recall that it is {}.", "Let me check {}.", "So it is {}.")


@dataclass(frozen=True)
class ImportedTrace:
    """A record as the importer hands it to the store."""

    external_id: str
    question: str
    gold_answers: tuple[str, ...]
    thinking: str
    answer: str
    thinking_mode: str
    model: str = "tiny"
    dataset: str | None = None
    details: dict[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Corpus:
    """What a test needs to name of the corpus."""

    engine: sa.Engine
    version_id: int
    annotate_run_id: int


def question_records(number: int) -> list[ImportedTrace]:
    """A question's two traces; number modulo 4 says who is right.

    0: thinking alone (positive). 1: no thinking alone (negative). 2: both. 3: neither.
    """
    gold, wrong, text = f"Gold{number}", f"Wrong{number}", f"What is number {number}?"
    on = gold if number % 4 in (0, 2) else wrong
    off = gold if number % 4 in (1, 2) else wrong
    thinking = "\n\n".join(sentence.format(gold) for sentence in SENTENCES)
    return [
        ImportedTrace(f"q{number}/on", text, (gold,), thinking, f"Answer: {on}.", "on"),
        ImportedTrace(f"q{number}/off", text, (gold,), "", off, "off"),
    ]


def build_annotated_corpus(engine: sa.Engine, questions: int, status: VersionStatus) -> Corpus:
    """Import the questions and annotate each thinking trace by two annotators who agree."""
    records = [record for number in range(questions) for record in question_records(number)]
    with transaction(engine) as session:
        add_traces(session, records, segment)
        frozen = status == VersionStatus.FROZEN
        version = TaxonomyVersion(
            name="v1", status=status, content_hash="c" * 64 if frozen else None
        )
        run = Run(
            kind=RunKind.ANNOTATE,
            status=RunStatus.SUCCEEDED,
            code_version="test",
            model="offline",
            prompt_hash="p" * 64,
        )
        session.add_all([version, run])
        session.flush()
        run.parameters = {"version_id": version.id}
        categories = _add_categories(session, version.id)
        for trace in session.exec(select(Trace).where(col(Trace.thinking_mode) == ThinkingMode.ON)):
            _annotate(session, run.id, trace, categories)
    return Corpus(engine, version.id, run.id)


def _add_categories(session: Session, version_id: int) -> list[int]:
    categories = [
        Category(
            version_id=version_id,
            position=place * 10,
            key=key,
            name=key.title(),
            macro_strategy="m",
            definition="d",
        )
        for place, key in enumerate(CATEGORIES)
    ]
    session.add_all(categories)
    session.flush()
    return [category.id for category in categories]


def _annotate(session: Session, run_id: int, trace: Trace, categories: list[int]) -> None:
    number = int(trace.external_id[1:].partition("/")[0])
    sets = ODD_SETS if number % 2 else EVEN_SETS
    for source in SOURCES:
        for one in list_segments(session, trace.id):
            step = AnnotatedStep(
                run_id=run_id,
                trace_id=trace.id,
                source=source,
                first_segment=one.position,
                end_segment=one.position + 1,
                rule="agreed" if source == "consensus" else None,
            )
            session.add(step)
            session.flush()
            session.add_all(
                ControlledLabel(step_id=step.id, category_id=categories[index], confidence=8.0)
                for index in sets[one.position]
            )
