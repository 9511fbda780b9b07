# ruff: noqa: F722  (axis names such as "moves width" are jaxtyping's, not forward references)
"""Label sets of traces as arrays, and the counted set-to-set moves between them.

Label sets name categories by their 0-based index in the taxonomy's order, 0 … N − 1. States are
numbered start = 0, the N categories 1 … N, stop = N + 1, so K = N + 2.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    from jaxtyping import Float, Int
    from numpy.typing import NDArray

    Codes = Int[NDArray[np.int64], " codes"]
    LabelRows = Int[NDArray[np.int64], "units width"]
    StateSets = Int[NDArray[np.int64], "sets width"]
    Counts = Float[NDArray[np.float64], " moves"]

START = 0
NO_LABEL = -1
NO_UNIT = -1
EMPTY_SET = 0
DIRECT_BINS = 1 << 22  # so many codes are counted by address (memory 32 MiB), more by sorting

LabelSet = tuple[int, ...]


class MovesError(ValueError):
    """Label sets that no vocabulary of that size can have."""


@dataclass(frozen=True)
class Chains:
    """The label sets of many traces, end to end.

    Shapes: labels [units, width], distinct category indices in ascending order, then NO_LABEL in
    the places left; ends [traces], the position after each trace's last unit.
    """

    labels: LabelRows
    ends: Int[NDArray[np.int64], " traces"]
    category_count: int


@dataclass(frozen=True)
class Moves:
    """The distinct set-to-set moves I → J and how often each was seen.

    Shapes: sets [sets, width], the states of each set, NO_LABEL in the places left; sources and
    targets [moves], rows of `sets`; counts [moves].
    """

    sets: StateSets
    sources: Codes
    targets: Codes
    counts: Counts
    category_count: int

    @property
    def total(self) -> int:
        """How many moves were seen."""
        return round(float(self.counts.sum()))

    def recounted(self, counts: Counts) -> Moves:
        """The same moves, seen so often."""
        return replace(self, counts=counts)


@dataclass(frozen=True)
class TracedMoves:
    """The moves of many traces, and which trace made each.

    Shapes: traces, kinds and arrivals [seen], the trace, the distinct move, and the unit arrived at
    (NO_UNIT at stop) of every move that was seen, in the order of the units.
    """

    moves: Moves
    traces: Codes
    kinds: Codes
    arrivals: Codes
    trace_count: int

    def weighted(self, trace_weights: Float[NDArray[np.float64], " traces"]) -> Moves:
        """The moves with every trace counted as often as its weight says.

        Shapes: trace_weights [traces]. Identity: weights of 1 give `moves`.
        """
        seen = len(self.moves.counts)
        counts = np.bincount(self.kinds, weights=trace_weights[self.traces], minlength=seen)
        return self.moves.recounted(counts.astype(np.float64))


def state_names(categories: Sequence[str]) -> tuple[str, ...]:
    """The names of the K states: start, the categories, stop."""
    return ("start", *categories, "stop")


def states_of(labels: Collection[int]) -> tuple[int, ...]:
    """The states of a label set's categories, in ascending order."""
    return tuple(sorted(label + 1 for label in labels))


def strongest(labels: Sequence[tuple[int, float]]) -> LabelSet:
    """The one category of highest confidence, ties to the earlier category; () for no labels."""
    if not labels:
        return ()
    return (min(labels, key=lambda label: (-label[1], label[0]))[0],)


def chains(traces: Sequence[Sequence[Collection[int]]], category_count: int) -> Chains:
    """The label sets of traces, packed into arrays.

    Raises: MovesError on an index outside 0 … N − 1.
    """
    units = [sorted(set(labels)) for trace in traces for labels in trace]
    width = max((len(labels) for labels in units), default=1) or 1
    packed = np.full((len(units), width), NO_LABEL, dtype=np.int64)
    for row, labels in enumerate(units):
        packed[row, : len(labels)] = labels
    _check_labels([label for labels in units for label in labels], category_count)
    ends = np.cumsum([len(trace) for trace in traces], dtype=np.int64)
    return Chains(packed, ends, category_count)


def pack(chains: Chains) -> Moves:
    """The moves between consecutive non-empty sets of {start}, Y_1 … Y_T, {stop}, counted.

    Masking: an empty set breaks the chain, no move goes in or out of it.
    Identity: as listing the moves one by one and counting equal ones.
    Source: arXiv 2510.24794v2, 3.2.2. Differs: the source says nothing of empty sets.
    """
    coded = _coded_moves(chains)
    pairs, counts = _tally(coded.pairs, coded.radix**2)
    seen = coded.are_moves(pairs)
    return coded.decoded(pairs[seen], counts[seen])


def pack_by_trace(chains: Chains) -> TracedMoves:
    """The same moves, with the trace that made each, so that traces can be weighted.

    Identity: its `moves` are those of `pack`.
    """
    coded = _coded_moves(chains)
    lengths = np.diff(chains.ends, prepend=0) + 2  # with start and stop
    traces = np.repeat(np.arange(len(lengths)), lengths)[:-1]
    inside = _inside(chains.ends)
    units = np.where(inside, np.cumsum(inside) - 1, NO_UNIT)
    seen = coded.are_moves(coded.pairs)
    pairs, counts = _tally(coded.pairs[seen], coded.radix**2)
    kinds = np.searchsorted(pairs, coded.pairs[seen])
    moves = coded.decoded(pairs, counts)
    return TracedMoves(moves, traces[seen], kinds, units[1:][seen], len(lengths))


@dataclass(frozen=True)
class _CodedMoves:
    """Every two neighbours of the framed chains as one code, source·radix + target."""

    pairs: Codes
    sets: LabelRows
    category_count: int

    @property
    def radix(self) -> int:
        return len(self.sets) + 2

    def are_moves(self, pairs: Codes) -> NDArray[np.bool_]:
        """Which codes are no seam: stop → start stands between two traces, and only there."""
        source, target = np.divmod(pairs, self.radix)
        seen: NDArray[np.bool_] = source != EMPTY_SET
        seen &= (target != EMPTY_SET) & (target != len(self.sets))
        return seen

    def decoded(self, pairs: Codes, counts: Codes) -> Moves:
        """The moves of distinct codes, over the sets that they name."""
        used, rows = np.unique(np.divmod(pairs, self.radix), return_inverse=True)
        sources, targets = rows.reshape(2, -1)
        states = _state_table(self.sets, self.category_count)[used]
        return Moves(states, sources, targets, counts.astype(np.float64), self.category_count)


def _coded_moves(chains: Chains) -> _CodedMoves:
    codes, sets = _coded(chains)
    start, stop = len(sets), len(sets) + 1
    framed = _framed(codes, chains.ends, start, stop)
    pairs = framed[:-1] * (stop + 1)
    pairs += framed[1:]
    return _CodedMoves(pairs, sets, chains.category_count)


def _check_labels(labels: Sequence[int], category_count: int) -> None:
    if labels and (min(labels) < 0 or max(labels) >= category_count):
        raise MovesError(
            f"expected category indices from 0 to {category_count - 1}, got {min(labels)} to"
            f" {max(labels)}: pass the vocabulary that the labels were given with"
        )


def _coded(chains: Chains) -> tuple[Codes, LabelRows]:
    """A code for each unit's set, EMPTY_SET for the empty one, and the set of each code."""
    base, width = chains.category_count + 1, chains.labels.shape[1]
    if (base**width + 2) ** 2 > DIRECT_BINS:
        return _coded_by_sorting(chains)
    codes = chains.labels[:, 0].astype(np.int64) + 1
    for column in range(1, width):
        codes *= base
        codes += chains.labels[:, column]
        codes += 1
    digits = [
        np.arange(base**width) // base ** (width - 1 - place) % base for place in range(width)
    ]
    return codes, np.stack(digits, axis=1) - 1


def _coded_by_sorting(chains: Chains) -> tuple[Codes, LabelRows]:
    """The same where sets are too wide, or categories too many, for a code a possible set."""
    empty = np.full((1, chains.labels.shape[1]), NO_LABEL, dtype=np.int64)
    rows = np.concatenate((empty, chains.labels))  # all NO_LABEL sorts first: code EMPTY_SET
    sets, codes = np.unique(rows, axis=0, return_inverse=True)
    return codes.reshape(-1)[1:], sets


def _framed(codes: Codes, ends: Codes, start: int, stop: int) -> Codes:
    """The codes with start before each trace and stop after it."""
    inside = _inside(ends)
    framed = np.empty(len(inside), dtype=np.int64)
    framed[inside] = codes
    stops = ends + 2 * np.arange(len(ends)) + 1
    framed[stops] = stop
    framed[stops[:-1] + 1] = framed[:1] = start
    return framed


def _inside(ends: Codes) -> NDArray[np.bool_]:
    """Which places of the framed chains hold a unit."""
    stops = ends + 2 * np.arange(len(ends)) + 1
    unit_count = int(ends[-1]) if len(ends) else 0
    inside = np.ones(unit_count + 2 * len(ends), dtype=np.bool_)
    inside[stops] = inside[stops[:-1] + 1] = inside[:1] = False
    return inside


def _tally(codes: Codes, code_count: int) -> tuple[Codes, Codes]:
    """The distinct codes in ascending order and how often each stands."""
    if code_count > DIRECT_BINS:
        found, counts = np.unique(codes, return_counts=True)
        return found, counts
    bins = np.bincount(codes)
    return np.flatnonzero(bins), bins[bins > 0]


def _state_table(sets: LabelRows, category_count: int) -> StateSets:
    """The states of each code: those of its set, then {start} and {stop}."""
    states = np.where(sets == NO_LABEL, NO_LABEL, sets + 1)
    ends = np.full((2, states.shape[1]), NO_LABEL, dtype=np.int64)
    ends[:, 0] = START, category_count + 1
    return np.concatenate((states, ends))
