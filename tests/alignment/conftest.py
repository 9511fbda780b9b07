"""A small annotated corpus in a database, and rows, an export and a tiny policy to train."""

import json
import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

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


SENTENCE = (
    "the river flows from a mountain in Peru wait maybe it was Chile so I recall that Lima is "
    "capital let me check again 東京 naïve café Ångström 👩‍🔬"
)

Record = dict[str, Any]


def export_record(
    number: int, weights: Sequence[float] = (0.5, 2.0, 1.25), words: int = 12
) -> Record:
    """One export row with a segment for each weight, as the export writes it."""
    rnd = random.Random(number)
    content, segments = "<think>\n", []
    for index, weight in enumerate(weights):
        ending = "" if index + 1 == len(weights) else "\n\n"
        text = " ".join(rnd.choice(SENTENCE.split()) for _ in range(words)) + "." + ending
        start, content = len(content), content + text
        segments.append(
            {
                "start": start,
                "end": len(content),
                "first_segment": index,
                "end_segment": index + 1,
                "labels": ["framing"],
                "weight": weight,
                "ratio": weight,
                "clipped": False,
                "move": "start → framing",
            }
        )
    content += f"\n</think>\n\n<answer>Lima {number}</answer>"
    return {
        "id": f"row-{number}",
        "question": f"What is the capital of Peru, {number}?",
        "question_key": f"question-{number}",
        "prompt": [
            {"role": "system", "content": "Think inside <think>, answer inside <answer>."},
            {"role": "user", "content": f"What is the capital of Peru, {number}?"},
        ],
        "completion": [{"role": "assistant", "content": content}],
        "label": number % 3 != 2,
        "split": "train",
        "gold_answers": ["Lima"],
        "segments": segments,
    }


def write_export(folder: Path, records: Sequence[Record]) -> Path:
    """Write records as an export folder."""
    folder.mkdir(parents=True, exist_ok=True)
    lines = "".join(json.dumps(record, ensure_ascii=False) + "\n" for record in records)
    (folder / "train.jsonl").write_text(lines, encoding="utf-8")
    (folder / "validation.jsonl").write_text("", encoding="utf-8")
    manifest = {"taxonomy": {"content_hash": "0123abcd"}}
    (folder / "manifest.json").write_text(json.dumps(manifest), encoding="utf-8")
    return folder


@pytest.fixture
def make_record() -> Callable[..., Record]:
    return export_record


@pytest.fixture
def make_export(tmp_path: Path) -> Callable[[Sequence[Record]], Path]:
    return lambda records: write_export(tmp_path / "export", records)


@pytest.fixture(scope="session")
def tiny_policy_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny policy made once, from texts like the records."""
    from alignment.tiny import build_tiny_policy

    texts = [export_record(number)["completion"][0]["content"] for number in range(20)]
    return build_tiny_policy(texts, tmp_path_factory.mktemp("tiny"), seed=0)
