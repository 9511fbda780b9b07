"""A small annotated corpus in a database, and rows, an export and a tiny policy to train."""

import json
import random
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from store.engine import get_engine
from store.states import VersionStatus
from tests.corpora import Corpus, build_annotated_corpus

# How long an example takes on a busy machine says nothing about what it proves.


@pytest.fixture
def make_corpus(sqlite_url: str) -> Callable[..., Corpus]:
    """Build a corpus on SQLite, by default of 24 questions under a frozen vocabulary."""

    def make(questions: int = 24, status: VersionStatus = VersionStatus.FROZEN) -> Corpus:
        return build_annotated_corpus(get_engine(sqlite_url), questions, status)

    return make


@pytest.fixture
def corpus_anywhere(engine: sa.Engine) -> Corpus:
    """The corpus, once on each store."""
    return build_annotated_corpus(engine, 8, VersionStatus.FROZEN)


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
    from alignment.policies.tiny import build_tiny_policy

    texts = [export_record(number)["completion"][0]["content"] for number in range(20)]
    return build_tiny_policy(texts, tmp_path_factory.mktemp("tiny"), seed=0)
