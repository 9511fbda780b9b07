"""Traces whose segments people labelled, read from a file of labelled paragraphs."""

import gzip
import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import Any

from annotator.distillation.decoding import Labels
from annotator.labeling.steps import CategoryView, TraceView


@dataclass(frozen=True)
class People:
    """Traces, and each person's labels of every segment, one trace after another."""

    traces: tuple[TraceView, ...]
    names: tuple[str, ...]
    votes: tuple[tuple[Labels, ...], ...]  # a sequence a person

    def of(self, chosen: Sequence[int]) -> "People":
        """Some of the traces, by their numbers."""
        edges = [0]
        for trace in self.traces:
            edges.append(edges[-1] + len(trace.segments))
        rows = [row for n in chosen for row in range(edges[n], edges[n + 1])]
        votes = tuple(tuple(person[row] for row in rows) for person in self.votes)
        return People(tuple(self.traces[n] for n in chosen), self.names, votes)


def load_people(path: Path, categories: Sequence[CategoryView], source: str) -> People:
    """The segments of a source that all of its people labelled with these categories.

    Raises:
        ValueError: there are none, or fewer than two people.
    """
    keys = {category.key for category in categories}
    rows = [row for row in _rows(path) if row["source"] == source and set(row["labels"]) <= keys]
    names = tuple(sorted({row["labeler"] for row in rows}))
    if len(names) < 2:
        raise ValueError(f"expected two labelers of {source!r} in {path}, got {names}")
    segments: dict[str, dict[int, dict[str, Any]]] = {}
    for row in rows:
        place = segments.setdefault(row["trace_id"], {}).setdefault(row["segment_index"], {})
        place[row["labeler"]] = row
    whole = {
        trace: [given for _, given in sorted(places.items()) if len(given) == len(names)]
        for trace, places in segments.items()
    }
    traces = tuple(_view(n, *item) for n, item in enumerate(whole.items()))
    votes = tuple(
        tuple(_labels(given[name]) for places in whole.values() for given in places)
        for name in names
    )
    return People(traces, names, votes)


def load_categories(path: Path, scheme: str) -> tuple[CategoryView, ...]:
    """The categories of a scheme, by name and definition alone."""
    definitions = json.loads(path.read_text(encoding="utf-8"))[scheme]
    return tuple(CategoryView(name, name, text) for name, text in definitions.items())


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    opened = gzip.open if path.suffix == ".gz" else open
    with opened(path, "rt", encoding="utf-8") as file:
        for line in file:
            yield json.loads(line)


def _view(number: int, trace_id: str, places: list[dict[str, Any]]) -> TraceView:
    texts = [next(iter(given.values()))["text"] for given in places]
    edges = [0]
    for text in texts:
        edges.append(edges[-1] + len(text))
    spans = tuple(pairwise(edges))
    return TraceView(number, trace_id, "", (), "".join(texts), spans)


def _labels(row: dict[str, Any]) -> Labels:
    """In order of the share of the segment that each label has, as confidences."""
    shares = row.get("label_shares") or {}
    return tuple((label, 10.0 * float(shares.get(label, 1.0))) for label in row["labels"])
