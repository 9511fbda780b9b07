"""EM by plain loops over single moves, written from the method's text alone: slow, and simple."""

import math
from collections.abc import Sequence
from itertools import pairwise

from alignment.transitions.matrices import EMSettings
from alignment.transitions.moves import NO_LABEL, Chains

Corpus = Sequence[Sequence[Sequence[int]]]  # traces of label sets of category indices
Rows = list[list[float]]
SetMove = tuple[list[int], list[int]]


def unpacked(chains: Chains) -> list[list[list[int]]]:
    """The label sets of packed traces as lists."""
    units = [[label for label in row if label != NO_LABEL] for row in chains.labels.tolist()]
    ends = [0, *chains.ends.tolist()]
    return [units[first:end] for first, end in pairwise(ends)]


def naive_moves(corpus: Corpus, category_count: int) -> list[SetMove]:
    """Every move between consecutive non-empty sets, one by one."""
    found = []
    for trace in corpus:
        sets = [[0], *[[label + 1 for label in labels] for labels in trace], [category_count + 1]]
        for before, after in pairwise(sets):
            if before and after:
                found.append((sorted(before), sorted(after)))
    return found


def naive_counts(moves: Sequence[SetMove], p: Rows) -> Rows:
    """The E-step: how often each base move is expected."""
    counts = [[0.0] * len(p) for _ in p]
    for before, after in moves:
        total = sum(p[a][b] / len(before) for a in before for b in after)
        for a in before:
            for b in after:
                even = 1 / (len(before) * len(after))
                counts[a][b] += p[a][b] / len(before) / total if total > 0 else even
    return counts


def naive_fit(corpus: Corpus, category_count: int, em: EMSettings) -> Rows:
    """The damped EM from the row-uniform matrix."""
    moves, size = naive_moves(corpus, category_count), category_count + 2
    p = [_normalised([float(_allowed(a, b, size)) for b in range(size)]) for a in range(size)]
    for _ in range(em.iterations):
        after = _step(moves, p, em)
        change = max(abs(after[a][b] - p[a][b]) for a in range(size) for b in range(size))
        p = after
        if change < em.tolerance:
            break
    return p


def naive_likelihood_nats(corpus: Corpus, category_count: int, p: Rows) -> float:
    """Σ log Pr(J | I, P) over the moves."""
    total = 0.0
    for before, after in naive_moves(corpus, category_count):
        pairs = [p[a][b] / len(before) / len(after) for a in before for b in after]
        total += math.log(sum(pairs))
    return total


def _step(moves: Sequence[SetMove], p: Rows, em: EMSettings) -> Rows:
    counts, size = naive_counts(moves, p), len(p)
    fresh = []
    for a in range(size):
        raised = [counts[a][b] + em.smoothing for b in range(size)]
        fresh.append(_normalised([raised[b] if _allowed(a, b, size) else 0.0 for b in range(size)]))
    d = em.damping
    return [[(1 - d) * p[a][b] + d * fresh[a][b] for b in range(size)] for a in range(size)]


def _allowed(a: int, b: int, size: int) -> bool:
    stop = size - 1
    return b == stop if a == stop else b != 0


def _normalised(row: list[float]) -> list[float]:
    total = sum(row)
    return [value / total for value in row]
