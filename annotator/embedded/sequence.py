"""Decode a sequence of hidden states: the likeliest path, and how likely each state is.

States are numbered as in a transition matrix: start = 0, N categories 1 … N, stop = N + 1.
"""

import numpy as np
from numpy.typing import NDArray

Scores = NDArray[np.float64]
SMALLEST = 1e-12  # keeps the logarithm of a forbidden move finite, so that a path always exists


class SequenceError(ValueError):
    """The matrix and the emissions do not fit together; the message gives both shapes."""


def best_path(emission_nats: Scores, matrix: Scores) -> list[int]:
    """The categories (0-based) of the likeliest path start → x_1 … x_T → stop.

    argmax over x of log P[start, x_1] + Σ_t e[t, x_t] + Σ_t log P[x_t, x_t+1] + log P[x_T, stop].

    Shapes: emission_nats [T, N], log-likelihoods; matrix [N + 2, N + 2], rows sum to 1.
    Identity: for small T and N the path is that of trying all of them.
    Raises: SequenceError where the shapes do not fit.
    Source: Viterbi, 1967. Ties go to the category that stands first.
    """
    begin, moves, end = _parts(emission_nats, matrix)
    if not len(emission_nats):
        return []
    score = begin + emission_nats[0]
    came_from: list[NDArray[np.int64]] = []
    for row in emission_nats[1:]:
        candidates = score[:, None] + moves
        came_from.append(candidates.argmax(axis=0))
        score = candidates.max(axis=0) + row
    path = [int((score + end).argmax())]
    for pointers in reversed(came_from):
        path.append(int(pointers[path[-1]]))
    return path[::-1]


def posteriors(emission_nats: Scores, matrix: Scores) -> Scores:
    """How likely each category is at each position, given the whole sequence.

    Shapes: as in best_path; gives [T, N], rows sum to 1.
    Identity: for small T and N they are the shares of the weights of all paths.
    Raises: SequenceError where the shapes do not fit.
    Source: forward-backward (Baum, 1970), in logarithms so that long sequences do not underflow.
    """
    begin, moves, end = _parts(emission_nats, matrix)
    if not len(emission_nats):
        return np.zeros_like(emission_nats)
    forward, backward = np.empty_like(emission_nats), np.empty_like(emission_nats)
    forward[0] = begin + emission_nats[0]
    for t in range(1, len(emission_nats)):
        forward[t] = _log_sum(forward[t - 1][:, None] + moves, axis=0) + emission_nats[t]
    backward[-1] = end
    for t in range(len(emission_nats) - 2, -1, -1):
        backward[t] = _log_sum(moves + (emission_nats[t + 1] + backward[t + 1])[None, :], axis=1)
    total = forward + backward
    weights: Scores = np.exp(total - _log_sum(total, axis=1)[:, None])
    return weights


def estimated_matrix(sequences: list[list[int]], count: int, smoothing: float = 1.0) -> Scores:
    """A transition matrix from sequences of categories (0-based), smoothed on allowed moves.

    P_ab ∝ (number of moves a → b) + smoothing; -1 in a sequence breaks it, no move goes in or out.

    Shapes: gives [count + 2, count + 2], rows sum to 1.
    """
    counts = np.zeros((count + 2, count + 2))
    for sequence in sequences:
        states = [0, *(0 if category < 0 else category + 1 for category in sequence), count + 1]
        known = [True, *(category >= 0 for category in sequence), True]
        for t in range(len(states) - 1 if sequence else 0):
            if known[t] and known[t + 1]:
                counts[states[t], states[t + 1]] += 1
    return _normalised(counts, smoothing)


def _normalised(counts: Scores, smoothing: float) -> Scores:
    allowed = np.ones_like(counts, dtype=bool)
    allowed[:, 0] = False  # nothing enters start
    allowed[-1, :-1] = False  # stop is absorbing
    raised = np.where(allowed, counts + smoothing, 0.0)
    matrix: Scores = raised / raised.sum(axis=1, keepdims=True)
    return matrix


def _parts(emission_nats: Scores, matrix: Scores) -> tuple[Scores, Scores, Scores]:
    states = emission_nats.shape[1] + 2
    if matrix.shape != (states, states):
        raise SequenceError(
            f"expected a matrix of {states} x {states} for {states - 2} categories, "
            f"got {matrix.shape}; use the one of the same taxonomy version"
        )
    logs = np.log(np.maximum(matrix, SMALLEST))
    return logs[0, 1:-1], logs[1:-1, 1:-1], logs[1:-1, -1]


def _log_sum(values: Scores, axis: int) -> Scores:
    top = values.max(axis=axis, keepdims=True)
    total: Scores = np.log(np.exp(values - top).sum(axis=axis)) + top.squeeze(axis)
    return total
