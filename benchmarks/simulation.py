"""Label sets of simulated traces, drawn from a transition matrix that is known.

Every set holds the state that the chain moved to. A share of the sets holds a second label, drawn
evenly among the others; the next move then leaves from either of the two, evenly: the mixing that
eq. 7 assumes.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from alignment.transitions.moves import NO_LABEL, Chains

Matrix = NDArray[np.float64]
CATEGORIES = 15
CONCENTRATION = 0.5  # of the Dirichlet distribution that each row is drawn from
STOPPING = 0.08  # so traces hold 12 units on average


@dataclass(frozen=True)
class Simulated:
    """The traces, and the matrix that they were drawn from."""

    chains: Chains
    truth: Matrix


def draw_truth(rng: np.random.Generator, category_count: int = CATEGORIES) -> Matrix:
    """A matrix with Dirichlet rows; from every category a trace stops with the same chance."""
    size = category_count + 2
    truth = np.zeros((size, size))
    inner = (category_count + 1, category_count)
    truth[:-1, 1:-1] = rng.dirichlet(np.full(inner[1], CONCENTRATION), inner[0])
    truth[1:-1] *= 1.0 - STOPPING
    truth[1:-1, -1] = STOPPING
    truth[-1, -1] = 1.0
    return truth


def simulate(
    truth: Matrix, trace_count: int, two_label_share: float, rng: np.random.Generator
) -> Chains:
    """Draw traces, all of them one move at a time."""
    stop = len(truth) - 1
    reached = truth.cumsum(axis=1)
    reached[:, -1] = 1.0
    states, running = np.zeros(trace_count, dtype=np.int64), np.arange(trace_count)
    units: list[NDArray[np.int64]] = []  # trace, first label, second label
    while len(running):
        draws = rng.random(len(running))
        states = (reached[states] <= draws[:, None]).sum(axis=1)
        running, states = running[states != stop], states[states != stop]
        labels, states = _labelled(states, stop - 1, two_label_share, rng)
        units.append(np.column_stack((running, labels)))
    flat = np.concatenate(units)
    flat = flat[np.argsort(flat[:, 0], kind="stable")]
    ends = np.cumsum(np.bincount(flat[:, 0], minlength=trace_count))
    return Chains(flat[:, 1:].copy(), ends, stop - 1)


def simulate_moves(
    move_count: int, two_label_share: float, seed: int, category_count: int = CATEGORIES
) -> Simulated:
    """Traces with so many moves, cut behind the trace that reaches it."""
    rng = np.random.default_rng(seed)
    truth = draw_truth(rng, category_count)
    chains = simulate(truth, move_count // 8, two_label_share, rng)
    moves = chains.ends + np.arange(1, len(chains.ends) + 1)  # a trace of T units makes T + 1
    kept = int(np.searchsorted(moves, move_count)) + 1
    ends = chains.ends[:kept]
    return Simulated(Chains(chains.labels[: ends[-1]], ends, category_count), truth)


def _labelled(
    states: NDArray[np.int64], category_count: int, share: float, rng: np.random.Generator
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """The label sets of the states, and the state that each chain goes on from."""
    others = rng.integers(1, category_count, len(states))
    others += others >= states
    two = rng.random(len(states)) < share
    first, second = np.minimum(states, others), np.maximum(states, others)
    labels = np.column_stack((np.where(two, first, states), np.where(two, second, 0))) - 1
    labels[~two, 1] = NO_LABEL
    return labels, np.where(two & (rng.random(len(states)) < 0.5), others, states)
