"""A small annotated corpus in a database, for the tests of the alignment's jobs."""

from collections.abc import Callable
from dataclasses import dataclass

import pytest
import sqlalchemy as sa

from annotator.segmentation import segment
from store.engine import get_engine, transaction
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
SETS: dict[bool, list[tuple[int, ...]]] = {
    True: [(0,), (1,), (1, 2), (2,)],
    False: [(0,), (0, 1), (), (1,)],
}
STEPS = ("I must find {}.", "I recall that it is {}.", "Let me check {}.", "So it is {}.")


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
    details: dict[str, str] = None  # type: ignore[assignment]

    def __post_init__(self) -> None:
        object.__setattr__(self, "details", {})


def question(number: int) -> list[ImportedTrace]:
    """A question whose number says who is right: 0 thinking, 1 the other, 2 both, 3 neither."""
    gold, wrong = f"Gold{number}", f"Wrong{number}"
    right_on, right_off = number % 4 in (0, 2), number % 4 in (1, 2)
    thinking = "\n\n".join(step.format(gold) for step in STEPS)
    return [
        ImportedTrace(f"q{number}/on", f"What is number {number}?", (gold, f"No {number}"),
                      thinking, f"Answer: {gold if right_on else wrong}.", "on"),
        ImportedTrace(f"q{number}/off", f"What is number {number}?", (gold,), "",
                      gold if right_off else wrong, "off"),
    ]  # fmt: skip


@dataclass(frozen=True)
class Corpus:
    """What a test needs to name of the corpus."""

    engine: sa.Engine
    version_id: int
    annotate_run_id: int


def build(engine: sa.Engine, questions: int, status: VersionStatus) -> Corpus:
    """Import, freeze, annotate: unit by unit as SETS says, by two annotators and a consensus."""
    records = [record for number in range(questions) for record in question(number)]
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
        categories = [
            Category(version_id=version.id, position=place * 10, key=key, name=key.title(),
                     macro_strategy="m", definition="d")
            for place, key in enumerate(CATEGORIES)
        ]  # fmt: skip
        session.add_all(categories)
        session.flush()
        traces = session.query(Trace).filter_by(thinking_mode=ThinkingMode.ON).all()
        for trace in traces:
            segments = list_segments(session, trace.id)
            number = int(trace.external_id[1:].split("/")[0])
            labels = SETS[number % 2 == 0]
            for source in ("annotator_a", "annotator_b", "consensus"):
                for place in range(len(segments)):
                    step = AnnotatedStep(
                        run_id=run.id, trace_id=trace.id, source=source, first_segment=place,
                        end_segment=place + 1, rule="agreed" if source == "consensus" else None,
                    )  # fmt: skip
                    session.add(step)
                    session.flush()
                    session.add_all(
                        ControlledLabel(
                            step_id=step.id, category_id=categories[index].id, confidence=8.0
                        )
                        for index in labels[place]
                    )
    return Corpus(engine, version.id, run.id)


@pytest.fixture
def make_corpus(sqlite_url: str) -> Callable[..., Corpus]:
    """Build a corpus on SQLite, by default of 24 questions under a frozen vocabulary."""

    def make(questions: int = 24, status: VersionStatus = VersionStatus.FROZEN) -> Corpus:
        return build(get_engine(sqlite_url), questions, status)

    return make


@pytest.fixture
def corpus_anywhere(engine: sa.Engine) -> Corpus:
    """The corpus, once on each store."""
    return build(engine, 8, VersionStatus.FROZEN)
