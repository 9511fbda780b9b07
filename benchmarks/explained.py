"""Whether every place of an export leads back to labels and sources, on real polar traces."""

import gzip
import json
import math
import tempfile
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from alignment.explanation.lineage import explain_place, get_export
from alignment.explanation.places import at_character
from benchmarks.settings import environment
from benchmarks.stages import measure
from store.engine import get_engine, reading

EVERY = 100
STAGES = (
    ["db", "upgrade"],
    ["traces", "import", "polar.jsonl"],
    ["traces", "pair", "--pairs", "pairs.jsonl"],
    ["label", "run", "--offline"],
    ["cluster", "run", "--seed", "0"],
    ["taxonomy", "draft", "bench", "--preset", "mr-align-15"],
    ["taxonomy", "freeze", "bench", "--approve", "--reason", "benchmark"],
    ["annotate", "run", "--offline"],
    ["export", "--out", "export"],
)


def explained_share(traces: Path, pairs: Path, model: str) -> tuple[float, dict[str, Any]]:
    """The share of every 100th character that is explained, and what was looked at.

    The traces are those of the model whose pairs have a polarity; they go through every command.
    """
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        polar = _write_polar(traces, pairs, model, folder)
        url = f"sqlite:///{folder / 'explained.sqlite3'}"
        for stage in STAGES:
            measure(" ".join(stage[:2]), stage, folder, environment(url))
        faults, looked = _look(url, folder / "export")
    details = {"traces": polar, "characters": looked, "faults": dict(Counter(faults))}
    return 1.0 - len(faults) / looked, details


def _write_polar(traces: Path, pairs: Path, model: str, folder: Path) -> int:
    chosen = [one for one in _records(pairs) if one["polarity"] and one["model"] == model]
    wanted = {one["on_id"] for one in chosen}
    found = [one for one in _records(traces) if one["id"] in wanted]
    for name, records in (("polar.jsonl", found), ("pairs.jsonl", chosen)):
        lines = "".join(json.dumps(record) + "\n" for record in records)
        (folder / name).write_text(lines, encoding="utf-8")
    return len(found)


def _records(path: Path) -> Iterator[dict[str, Any]]:
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as lines:
        yield from map(json.loads, lines)


def _look(url: str, folder: Path) -> tuple[list[str], int]:
    """The faults found, one at most a character, and how many characters were looked at."""
    engine = get_engine(url)
    faults, looked = [], 0
    with reading(engine) as session:
        export = get_export(session, str(folder))
        for row in _rows(folder):
            length = len(row["completion"][0]["content"])
            for character in range(0, length + 1, EVERY):
                place = at_character(row, character)
                found = explain_place(session, export, row, place)
                looked += 1
                if fault := fault_of(found):
                    faults.append(fault)
    engine.dispose()
    return faults, looked


def _rows(folder: Path) -> Iterator[dict[str, Any]]:
    for name in ("train.jsonl", "validation.jsonl"):
        yield from _records(folder / name)


def fault_of(found: dict[str, Any]) -> str | None:
    """What is missing between a weight and its sources, if anything is."""
    sources = [found["vocabulary"]["content_hash"], found["trace"]["content_hash"],
               found["runs"]["annotate"]["code_version"], found["because"]]  # fmt: skip
    if not all(sources):
        return "a source is not named"
    if found["unit"] is None:
        return None if found["weight"] == 1.0 else "a weight outside the thinking"
    names = {step["source"] for step in found["annotators"]}
    if not {"annotator_a", "annotator_b", "consensus"} <= names:
        return "a unit without its annotators"
    if not found["open_labels"]:
        return "a unit without open labels"
    return _fault_of_move(found)


def _fault_of_move(found: dict[str, Any]) -> str | None:
    if found["move"] is None:
        return None if found["weight"] == 1.0 else "a weight without a move"
    polar = sum(cell["polar"] for cell in found["cells"])
    overall = sum(cell["overall"] for cell in found["cells"])
    if not math.isclose(found["ratio"], polar / overall, rel_tol=1e-9):
        return "cells that do not give the weight"
    return None
