"""Search over 10,000 traces of real length, in the words and filters that people combine.

Called by `python -m benchmarks.insight --only search [--data FILE]`. The texts are those of FILE
(traces.jsonl.gz in the folder of MRALIGN_BENCH_DATA), mixed paragraph by paragraph until there are
enough; without data they are made of words by Zipf's law. Every question is one of its own: rare
words, frequent ones, two words, beginnings, with and without filters.
"""

import gzip
import json
import random
import re
import statistics
import tempfile
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import sqlalchemy as sa
from sqlmodel import Session

from annotator.traces.segmentation import segment
from benchmarks.review_server import server
from benchmarks.seeding import PASSWORD
from benchmarks.visitors import Visitor, p95
from store import people, schema
from store.engine import get_engine, transaction
from store.metadata import utc_now
from store.states import Polarity, Role, RunKind, RunStatus, VersionStatus
from store.tables import (
    AnnotatedStep,
    Category,
    ControlledLabel,
    Run,
    TaxonomyVersion,
    TracePair,
)
from store.traces import add_traces

TRACES, QUESTIONS, CATEGORIES = 10_000, 240, 15
BATCH = 200
FILTERS: tuple[dict[str, str], ...] = (
    {},
    {"polarity": "positive"},
    {"outcome": "gap"},
    {"outcome": "missed", "mode": "on"},
    {"category": "category_3"},
    {"category": "category_7", "by": "annotator_b"},
    {"category": "category_1", "polarity": "negative", "dataset": "set 1"},
    {"model": "model 1", "sort": "number"},
)
WORD = re.compile(r"[a-z]{2,}")


@dataclass(frozen=True)
class Text:
    """A trace as the importer hands it to the store."""

    external_id: str
    question: str
    thinking: str
    answer: str
    model: str
    dataset: str | None
    gold_answers: tuple[str, ...] = ("gold",)
    thinking_mode: str = "on"
    details: dict[str, Any] = field(default_factory=dict)


def texts(path: Path | None, count: int) -> Iterator[Text]:
    """So many traces, the same every time."""
    rng = random.Random(0)
    known = list(_read(path)) if path else [_made(rng) for _ in range(500)]
    for number in range(count):
        question, thinking, answer = known[number % len(known)]
        if number >= len(known):
            other = rng.choice(known)[1].split("\n\n")
            parts = thinking.split("\n\n")
            thinking = "\n\n".join(rng.choice((part, rng.choice(other))) for part in parts)
        yield Text(
            f"trace {number}", f"{question} ({number})", thinking, answer,
            f"model {number % 4}", f"set {number % 3}",
        )  # fmt: skip


def _read(path: Path) -> Iterator[tuple[str, str, str]]:
    with gzip.open(path, "rt", encoding="utf-8") as lines:
        for record in map(json.loads, lines):
            yield record["question"], record["thinking"], record["answer"]


def _made(rng: random.Random) -> tuple[str, str, str]:
    """Some 700 words, the n-th of them used as often as 1 / n."""
    weights = [1 / (rank + 1) for rank in range(20_000)]
    words = [
        f"w{rank:x}".translate(str.maketrans("0123456789", "ghijklmnop")) for rank in range(20_000)
    ]
    drawn = rng.choices(words, weights, k=720)
    paragraphs = [" ".join(drawn[at : at + 60]) for at in range(20, 720, 60)]
    return " ".join(drawn[:12]), "\n\n".join(paragraphs), " ".join(drawn[12:20])


def fill(engine: sa.Engine, rows: Sequence[Text]) -> float:
    """Import the traces, pair and annotate them; what the import took in seconds."""
    started = time.perf_counter()
    for at in range(0, len(rows), BATCH):
        with transaction(engine) as session:
            add_traces(session, rows[at : at + BATCH], segment)
    import_s = time.perf_counter() - started
    with transaction(engine) as session:
        people.add_person(session, "reviewer 0", Role.CURATOR, people.hash_password(PASSWORD))
        _pair(session, len(rows))
        _annotate(session, len(rows))
    return import_s


def _pair(session: Session, count: int) -> None:
    rng = random.Random(1)
    pairs = []
    for number in range(1, count + 1):
        polarity = rng.choice([None] * 8 + list(Polarity))
        right = polarity is Polarity.POSITIVE or (polarity is None and rng.random() < 0.3)
        pairs.append(
            {
                "on_trace_id": number, "off_external_id": "-", "z_on": int(right), "z_off": 0,
                "judged_by": "file", "polarity": polarity,
                "hit_gap": not right and rng.random() < 0.2,
            }
        )  # fmt: skip
    session.execute(sa.insert(TracePair), pairs)


def _annotate(session: Session, count: int) -> None:
    """Three sources say the same ten steps of every trace."""
    version = TaxonomyVersion(name="v1", status=VersionStatus.FROZEN, content_hash="0" * 64)
    run = Run(kind=RunKind.ANNOTATE, status=RunStatus.SUCCEEDED, code_version="-")
    session.add_all((version, run))
    session.flush()
    categories = [
        Category(version_id=version.id, position=place, key=f"category_{place}",
                 name=f"Category {place}", macro_strategy=f"macro {place % 4}", definition="-")
        for place in range(CATEGORIES)
    ]  # fmt: skip
    session.add_all(categories)
    session.flush()
    steps = [
        {"id": 0, "run_id": run.id, "trace_id": trace, "source": source, "first_segment": place,
         "end_segment": place + 1}
        for trace in range(1, count + 1)
        for source in ("annotator_a", "annotator_b", "consensus")
        for place in range(10)
    ]  # fmt: skip
    rng = random.Random(2)
    for number, step in enumerate(steps, start=1):
        step["id"] = number
    session.execute(sa.insert(AnnotatedStep), steps)
    ids = [one.id for one in categories]
    weights = [1 / (place + 1) for place in range(CATEGORIES)]
    drawn = rng.choices(ids, weights, k=len(steps))
    labels = [
        {"step_id": step["id"], "category_id": category, "confidence": 8.0}
        for step, category in zip(steps, drawn, strict=True)
    ]
    session.execute(sa.insert(ControlledLabel), labels)


def questions(rows: Sequence[Text], count: int) -> list[str]:
    """Addresses of searches, each with words that stand somewhere."""
    rng = random.Random(3)
    spread: dict[str, int] = {}
    for row in rows:
        for word in set(WORD.findall(row.thinking.lower())):
            spread[word] = spread.get(word, 0) + 1
    by_spread = sorted(spread, key=lambda word: -spread[word])
    frequent, rare = by_spread[:100], by_spread[len(by_spread) // 2 :]
    middle = by_spread[100:2_000]
    found: dict[str, None] = {}
    while len(found) < count:
        own = WORD.findall(rng.choice(rows).thinking.lower()) or frequent
        words = rng.choice(
            (
                rng.choice(frequent), rng.choice(rare), rng.choice(middle),
                f"{rng.choice(frequent)} {rng.choice(frequent)}",
                f"{rng.choice(own)} {rng.choice(own)}",
                f"{rng.choice(middle)[:4]}*",
                f"{rng.choice(own)} -{rng.choice(middle)}",
            )
        )  # fmt: skip
        found["/traces?" + urlencode({"q": words, **rng.choice(FILTERS)})] = None
    return list(found)


def measure(data: Path | None, count: int = TRACES, asked: int = QUESTIONS) -> dict[str, float]:
    """The figures of the search."""
    with tempfile.TemporaryDirectory() as name:
        url = f"sqlite:///{Path(name) / 'search.sqlite3'}"
        engine = get_engine(url)
        schema.upgrade(engine)
        rows = list(texts(data, count))
        import_s = fill(engine, rows)
        addresses = questions(rows, asked)
        with server(url) as (address, _):
            visitor = Visitor(address, "reviewer 0")
            visitor.read(["/traces"], 2)
            visitor.times_ms.clear()
            visitor.read(addresses, 1)
    slowest = max(zip(visitor.times_ms, addresses, strict=True))
    print(f"{utc_now():%H:%M} slowest: {slowest[0]:.1f} ms {slowest[1]}")
    return {
        "search_p95_ms": p95(visitor.times_ms),
        "search_median_ms": statistics.median(visitor.times_ms),
        "search_slowest_ms": slowest[0],
        "search_import_10k_s": import_s * TRACES / count,
    }
