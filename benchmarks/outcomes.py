"""How reasoning moves in traces that end right, against those that do not.

    python -m benchmarks.outcomes --steps FILE [--out FOLDER]

FILE holds a step a line (JSONL, plain or gz): trace_id, segment_index, labels, conclusion (C right,
PC partly, W wrong). Without it labelled_steps_pmllm.jsonl.gz is taken from the folder that
MRALIGN_BENCH_DATA names. FOLDER receives the matrices and the difference as SVG images.
"""

import argparse
import gzip
import json
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any

from alignment.transitions.delta_graph import delta_graph_svg
from alignment.transitions.differences import Cell, Differences, compare
from alignment.transitions.examples import Unit
from alignment.transitions.fits import LabelledTrace
from alignment.transitions.report import Heatmap, heatmap_svg, matrix_text
from benchmarks.record import save
from benchmarks.settings import data_file

FILE = "labelled_steps_pmllm.jsonl.gz"
REPLICATES = 2_000
RIGHT = frozenset({"C"})


def read_steps(path: Path) -> dict[str, list[dict[str, Any]]]:
    """The steps of each trace in their order."""
    traces: dict[str, list[dict[str, Any]]] = defaultdict(list)
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as lines:
        for line in lines:
            step = json.loads(line)
            traces[step["trace_id"]].append(step)
    return {
        name: sorted(steps, key=lambda step: int(step["segment_index"]))
        for name, steps in traces.items()
    }


def labelled(
    traces: dict[str, list[dict[str, Any]]], right: bool, categories: list[str]
) -> list[LabelledTrace]:
    """The traces that end right, or the others, as labelled units."""
    return [
        LabelledTrace(name, None, tuple(_unit(place, step, categories)
                                        for place, step in enumerate(steps)))
        for name, steps in traces.items()
        if (steps[0]["conclusion"] in RIGHT) == right
    ]  # fmt: skip


def _unit(place: int, step: dict[str, Any], categories: list[str]) -> Unit:
    labels = sorted({categories.index(label) for label in step["labels"]})
    return Unit(place, place + 1, tuple((label, 10.0) for label in labels))


def show(found: Differences) -> None:
    """Print both matrices, the distance, and the cells that differ."""
    for title, matrix in (("ends wrong or partly right", found.first.matrix),
                          ("ends right", found.second.matrix)):  # fmt: skip
        print(matrix_text(Heatmap(matrix, found.states, title)), end="\n\n")
    low, high = found.l1_interval
    print(f"mean l1 {found.l1:.2%} ({low:.2%} to {high:.2%}), by chance {found.l1_by_chance:.2%},"
          f" p {found.l1_p_value:.4f}")  # fmt: skip
    print(f"{found.differs.sum()} of {found.tested.sum()} cells differ beyond chance")
    print("| from | to | wrong or partly % | right % | difference, points (95 %) | p |")
    print("| --- | --- | --- | --- | --- | --- |")
    for cell in found.flagged() or sum(found.largest(5), ()):
        print(row(cell))


def row(cell: Cell) -> str:
    """A cell as a line of a table."""
    change = f"{100 * cell.delta:+.1f} ({100 * cell.low:+.1f} to {100 * cell.high:+.1f})"
    return (
        f"| {cell.source} | {cell.target} | {100 * cell.first:.1f} | {100 * cell.second:.1f}"
        f" | {change} | {cell.p_value:.1g} |"
    )


def draw(found: Differences, folder: Path) -> None:
    """Both matrices and their difference as images."""
    folder.mkdir(parents=True, exist_ok=True)
    title = "ends right, minus ends wrong or partly right"
    rising, falling = found.largest()
    images = {
        "wrong": heatmap_svg(Heatmap(found.first.matrix, found.states, "wrong or partly right")),
        "right": heatmap_svg(Heatmap(found.second.matrix, found.states, "right")),
        "difference": heatmap_svg(Heatmap(found.delta, found.states, title, "delta")),
        "graph": delta_graph_svg((*rising, *falling), title),
    }
    for name, image in images.items():
        (folder / f"outcomes-{name}.svg").write_text(image, encoding="utf-8")


def main() -> None:
    """Compare, print, and write results/outcomes.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--steps", type=Path, default=data_file(FILE))
    parser.add_argument("--replicates", type=int, default=REPLICATES)
    parser.add_argument("--out", type=Path, help="folder for images")
    options = parser.parse_args()
    if options.steps is None:
        parser.error("expected --steps, or a folder of data in MRALIGN_BENCH_DATA")
    traces = read_steps(options.steps)
    counts = Counter(label for steps in traces.values() for step in steps
                     for label in step["labels"])  # fmt: skip
    categories = sorted(counts)
    wrong, right = (labelled(traces, right, categories) for right in (False, True))
    found = compare(wrong, right, categories, replicates=options.replicates)
    show(found)
    if options.out:
        draw(found, options.out)
    outcomes = Counter(steps[0]["conclusion"] for steps in traces.values())
    figures = {
        "traces": len(traces),
        "steps": sum(map(len, traces.values())),
        "mean_l1": found.l1,
        "mean_l1_by_chance": found.l1_by_chance,
        "mean_l1_p_value": found.l1_p_value,
        "cells_tested": int(found.tested.sum()),
        "cells_that_differ": int(found.differs.sum()),
    }
    details = {"outcomes": outcomes, "types": counts, "replicates": options.replicates}
    save("outcomes", figures, {**details, **found.document()})


if __name__ == "__main__":
    main()
