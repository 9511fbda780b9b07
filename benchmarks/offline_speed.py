"""How fast segments are labelled offline: beside the bare encoder, and with vectors in store."""

import tempfile
import time
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from annotator.distillation.distilled import DistilledPanel
from annotator.distillation.features import shape_matrix
from annotator.distillation.learning import distill
from annotator.distillation.lessons import Lessons
from annotator.embedded.evidence import read_segments
from annotator.embedded.offline import OfflineLabeler
from annotator.labeling.orders import names_of
from annotator.labeling.steps import CategoryView
from benchmarks.labelled import People

ROUNDS = 3


def measure_speed(
    categories: Sequence[CategoryView], people: People
) -> tuple[dict[str, float], dict[str, Any]]:
    """Both figures, each that of the slower of the open labeler and the distilled head.

    The bare encoder gets the segments as they are, all at once; the rounds take turns, and the
    median of their ratios counts.
    """
    from gateway.embeddings import CachedEncoder, Encoder
    from store.engine import get_engine
    from store.schema import upgrade

    encoder = Encoder()
    texts = [text for trace in people.traces for text in trace.texts()]
    head = _head(encoder, categories, people)
    labeler = OfflineLabeler(encoder)
    _used(labeler.label_all(people.traces[:1]))
    ways: dict[str, Callable[[], object]] = {
        "bare_encoder": lambda: encoder(texts),
        "open_labels": lambda: _used(labeler.label_all(people.traces)),
        "distilled": lambda: _used(
            DistilledPanel(encoder, head, categories).annotate_all(people.traces)
        ),
    }
    times = [{name: seconds(way) for name, way in ways.items()} for _ in range(ROUNDS)]
    ratios = {
        name: sorted(each["bare_encoder"] / each[name] for each in times)[ROUNDS // 2]
        for name in ("open_labels", "distilled")
    }
    with tempfile.TemporaryDirectory() as folder:
        engine = get_engine(f"sqlite:///{folder}/vectors.sqlite3")
        upgrade(engine)
        cached = CachedEncoder(engine, encoder)
        kept = OfflineLabeler(cached)
        fast: dict[str, Callable[[], object]] = {
            "open_labels": lambda: _used(kept.label_all(people.traces)),
            "distilled": lambda: _used(
                DistilledPanel(cached, head, categories).annotate_all(people.traces)
            ),
        }
        for way in fast.values():
            way()
        rates = {name: len(texts) / min(seconds(way) for _ in range(ROUNDS))
                 for name, way in fast.items()}  # fmt: skip
        engine.dispose()
    figures = {
        "throughput_vs_encoder": min(ratios.values()),
        "segments_per_s_cached": min(rates.values()),
    }
    return figures, {"rounds_s": times, "cached_segments_per_s": rates}


def _head(encoder: Any, categories: Sequence[CategoryView], people: People) -> Any:
    texts = [trace.texts() for trace in people.traces]
    flat = [text for each in texts for text in each]
    lessons = Lessons(
        read_segments(encoder, texts, names_of(categories)), shape_matrix(flat), people.votes
    )
    return distill(lessons, [category.key for category in categories])


def seconds(way: Callable[[], Any]) -> float:
    """How long it takes once."""
    began = time.perf_counter()
    way()
    return time.perf_counter() - began


def _used(results: Iterable[object]) -> int:
    return sum(1 for _ in results)
