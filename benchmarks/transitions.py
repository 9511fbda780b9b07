"""EM: its time, exactness, distance to a known matrix, and intervals; and what-if answers.

    python -m benchmarks.transitions [--corpora N] [--traces FILE --pairs FILE]

Traces are simulated with fixed seeds (benchmarks/simulation.py). What an interval is to cover is
said in benchmarks/coverage.py; its 200 corpora take minutes, --corpora 0 leaves them out. The share
of an export that is explained needs real traces: the files as in benchmarks/spine.py, or those of
the folder that MRALIGN_BENCH_DATA names; without them it is left out.
"""

import argparse
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np

from alignment.inspection.edits import (
    Edit,
    MergeCategories,
    MoveLabels,
    RetireCategory,
    SplitCategory,
)
from alignment.inspection.whatif import survey, what_if
from alignment.transitions.matrices import PRESETS, Preset, fit, mean_l1
from alignment.transitions.moves import Chains, pack
from benchmarks.coverage import NAMES, coverage
from benchmarks.explained import explained_share
from benchmarks.grounds import simulated_ground
from benchmarks.naive import naive_fit, unpacked
from benchmarks.record import save
from benchmarks.settings import data_file
from benchmarks.simulation import simulate_moves

TIMED_MOVES = 10_000_000
TIMED_RUNS = 5
SEEDS = range(5)
REPLICATES = 200
COVERAGE_SHARE = 0.30  # of two-label sets
Figures = dict[str, float]
Details = dict[str, Any]
EDITS: tuple[Edit, ...] = (
    MergeCategories(("c1", "c2"), "c2"),
    SplitCategory("c5", frozenset({"c5 a"}), "new"),
    MoveLabels(frozenset({"c5 a", "c6 b"}), "c7"),
    RetireCategory("c4"),
)
COMPARED: tuple[Preset, ...] = ("converged", "paper", "frequency")
SETTINGS = {"30": (83_249, 0.30), "94": (50_000, 0.94)}  # moves, share of two-label sets


def time_s(share: float) -> list[float]:
    """Packing ten million moves and fitting them until they converge, several times."""
    chains = simulate_moves(TIMED_MOVES, share, seed=0).chains
    return [_once_s(chains) for _ in range(TIMED_RUNS)]


def _once_s(chains: Chains) -> float:
    started_s = time.perf_counter()
    fit(pack(chains), PRESETS["converged"])
    return time.perf_counter() - started_s


def difference_to_naive(move_count: int, share: float) -> float:
    """The largest difference of a cell to the plain loops, over the presets."""
    chains = simulate_moves(move_count, share, seed=0).chains
    corpus = unpacked(chains)
    found = [
        np.abs(
            fit(pack(chains), PRESETS[preset]).matrix
            - np.array(naive_fit(corpus, chains.category_count, PRESETS[preset]))
        ).max()
        for preset in COMPARED
    ]
    return float(max(found))


def errors(move_count: int, share: float) -> dict[str, list[float]]:
    """The mean ℓ1 to the truth, a seed a column, of the presets side by side."""
    found: dict[str, list[float]] = {preset: [] for preset in COMPARED}
    for seed in SEEDS:
        simulated = simulate_moves(move_count, share, seed)
        moves = pack(simulated.chains)
        for preset in COMPARED:
            matrix = fit(moves, PRESETS[preset]).matrix
            found[preset].append(mean_l1(matrix, simulated.truth))
    return found


def what_if_ms(move_count: int, share: float) -> dict[str, float]:
    """The median time of an answer to each kind of edit."""
    ground = simulated_ground(move_count, share, seed=0)
    before = survey(ground)
    found = {}
    for edit in EDITS:
        times = []
        for _ in range(TIMED_RUNS):
            started_s = time.perf_counter()
            what_if(ground, before, edit)
            times.append(1e3 * (time.perf_counter() - started_s))
        found[type(edit).__name__] = statistics.median(times)
    return found


def measure_fits() -> tuple[Figures, Details]:
    """Time, exactness, and distance to the truth."""
    times = {name: time_s(share) for name, (_, share) in SETTINGS.items()}
    naive = {name: difference_to_naive(1_000, share) for name, (_, share) in SETTINGS.items()}
    figures: Figures = {
        "em_10m_s": max(statistics.median(each) for each in times.values()),
        "em_difference_to_naive": max(naive.values()),
    }
    details: Details = {"em_10m_s": times}
    for name, (move_count, share) in SETTINGS.items():
        key, found = f"em_l1_to_truth_{name}", errors(move_count, share)
        details[key], figures[key] = found, max(found["converged"])
        figures |= {f"{key}_{preset}_mean": statistics.fmean(v) for preset, v in found.items()}
    return figures, details


def measure_answers() -> tuple[Figures, Details]:
    """How long what-if questions wait."""
    answers = {name: what_if_ms(50_000, share) for name, (_, share) in SETTINGS.items()}
    longest = max(max(each.values()) for each in answers.values())
    return {"what_if_ms": longest}, {"what_if_ms": answers}


def measure_coverage(corpora: int) -> tuple[Figures, Details]:
    """How often intervals cover what they are to cover."""
    covered = coverage(COVERAGE_SHARE, corpora, REPLICATES, seed=0)
    figures = {f"coverage_95_{name}": covered[name] for name in NAMES}
    return figures, {
        "coverage_95": {"corpora": corpora, "replicates": REPLICATES, **covered}
    }  # fmt: skip


def measure_explanations(traces: Path, pairs: Path, model: str) -> tuple[Figures, Details]:
    """Whether an export of real traces is explained throughout."""
    share, looked = explained_share(traces, pairs, model)
    return {"tokens_explained_share": share}, {"explained": looked}


def main() -> None:
    """Measure, print, and write results/transitions.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpora", type=int, default=200, help="corpora to count coverage over")
    parser.add_argument("--traces", type=Path, default=data_file("traces.jsonl.gz"))
    parser.add_argument("--pairs", type=Path, default=data_file("pairs_on_off.jsonl.gz"))
    parser.add_argument("--model", default="Qwen3-8B", help="take the traces of this model")
    options = parser.parse_args()
    parts = [measure_fits(), measure_answers()]
    if options.traces and options.pairs:
        parts.append(measure_explanations(options.traces, options.pairs, options.model))
    if options.corpora:
        parts.append(measure_coverage(options.corpora))
    figures: Figures = {}
    details: Details = {"seeds": list(SEEDS), "settings": SETTINGS}
    for found, more in parts:
        figures |= found
        details |= more
    save("transitions", figures, details)


if __name__ == "__main__":
    main()
