"""EM: its time, exactness, distance to a known matrix, and intervals; and what-if answers.

    python -m benchmarks.transitions [--corpora N]

Needs no data: traces are simulated with fixed seeds (benchmarks/simulation.py). What an interval
is to cover is said in benchmarks/coverage.py; its 200 corpora take minutes, --corpora 0 leaves
them out.
"""

import argparse
import statistics
import time
from typing import Any

import numpy as np

from alignment.edits import (
    Edit,
    MergeCategories,
    MoveLabels,
    RetireCategory,
    SplitCategory,
)
from alignment.moves import Chains, pack
from alignment.transitions import PRESETS, Preset, fit, mean_l1
from alignment.whatif import survey, what_if
from benchmarks.coverage import NAMES, coverage
from benchmarks.grounds import simulated_ground
from benchmarks.naive import naive_fit, unpacked
from benchmarks.record import save
from benchmarks.simulation import simulate_moves

TIMED_MOVES = 10_000_000
TIMED_RUNS = 5
SEEDS = range(5)
REPLICATES = 200
COVERAGE_SHARE = 0.30  # of two-label sets
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


def main() -> None:
    """Measure, print, and write results/transitions.json."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpora", type=int, default=200, help="corpora to count coverage over")
    options = parser.parse_args()
    figures: dict[str, float] = {}
    details: dict[str, Any] = {"seeds": list(SEEDS), "settings": SETTINGS}
    times = {name: time_s(share) for name, (_, share) in SETTINGS.items()}
    figures["em_10m_s"] = max(statistics.median(each) for each in times.values())
    details["em_10m_s"] = times
    naive = {name: difference_to_naive(1_000, share) for name, (_, share) in SETTINGS.items()}
    figures["em_difference_to_naive"] = max(naive.values())
    for name, (move_count, share) in SETTINGS.items():
        found = errors(move_count, share)
        details[f"em_l1_to_truth_{name}"] = found
        figures[f"em_l1_to_truth_{name}"] = max(found["converged"])
        means = {preset: statistics.fmean(each) for preset, each in found.items()}
        figures |= {f"em_l1_to_truth_{name}_{preset}_mean": v for preset, v in means.items()}
    answers = {name: what_if_ms(50_000, share) for name, (_, share) in SETTINGS.items()}
    figures["what_if_ms"] = max(max(each.values()) for each in answers.values())
    details["what_if_ms"] = answers
    if options.corpora:
        covered = coverage(COVERAGE_SHARE, options.corpora, REPLICATES, seed=0)
        figures |= {f"coverage_95_{name}": covered[name] for name in NAMES}
        details["coverage_95"] = {"corpora": options.corpora, "replicates": REPLICATES, **covered}
    save("transitions", figures, details)


if __name__ == "__main__":
    main()
