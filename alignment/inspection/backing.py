"""What stands behind each cell of a transition matrix: moves, and the traces that they are of."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from alignment.transitions.moves import NO_LABEL, NO_UNIT, TracedMoves

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from alignment.transitions.matrices import Matrix, Values

    Flags = NDArray[np.bool_]


@dataclass(frozen=True)
class Backing:
    """The expected moves through each cell and out of each row, and the effective traces of both.

    Shapes: moves and traces [K, K]; row_moves and row_traces [K].
    Units: traces are (Σ m)² / Σ m² over the moves m that each trace gives: as many as would all
    give equally much. One trace that gives nearly all of a cell's moves makes it nearly 1.
    """

    moves: Matrix
    traces: Matrix
    row_moves: Values
    row_traces: Values

    def rare_rows(self, least: float) -> Flags:
        """Which rows fewer moves leave than that, so that nothing in them can be trusted.

        Shapes: [K]. Masking: nothing leaves stop, whose row is certain.
        """
        rare: Flags = self.row_moves < least
        rare[-1] = False
        return rare


@dataclass(frozen=True)
class Passage:
    """A move of a trace that may hide a base move, and the chance that it does.

    `arrival` is the unit arrived at, None at stop.
    """

    trace: int
    arrival: int | None
    share: float


def backing(traced: TracedMoves, matrix: Matrix, counted: Flags) -> Backing:
    """The moves behind each cell under a matrix, of the traces that count.

    Σ over a trace's moves I → J of r_ab ∝ P_ab for a ∈ I, b ∈ J, as the E-step shares them.
    Shapes: matrix [K, K]; counted [traces].
    Identity: where every trace counts, `moves` is the support of a fit whose matrix this is.
    """
    size = len(matrix)
    rows, cells, shares = _shared(traced, matrix)
    seen = counted[rows]
    rows, cells, shares = rows[seen], cells[seen], shares[seen]
    counts: Values = np.bincount(cells, weights=shares, minlength=size**2).astype(np.float64)
    moves = counts.reshape(size, size)
    sources = cells // size
    return Backing(
        moves=moves,
        traces=_effective(rows, cells, shares, size**2).reshape(size, size),
        row_moves=moves.sum(axis=1),
        row_traces=_effective(rows, sources, shares, size),
    )


def passages(
    traced: TracedMoves, matrix: Matrix, cell: tuple[int, int], counted: Flags
) -> list[Passage]:
    """Every move that may be the base move of a cell, the likeliest first.

    Shapes: matrix [K, K]; counted [traces].
    """
    wanted, found = cell[0] * len(matrix) + cell[1], []
    for cells, shares in _pairs(traced, matrix):
        kinds = (cells == wanted) & (shares > 0.0)
        moves = np.flatnonzero(kinds[traced.kinds] & counted[traced.traces])
        parts = traced.traces[moves], traced.arrivals[moves], shares[traced.kinds[moves]]
        found += [
            Passage(row, None if unit == NO_UNIT else unit, share)
            for row, unit, share in zip(*(part.tolist() for part in parts), strict=True)
        ]
    return sorted(found, key=lambda one: -one.share)


def _shared(
    traced: TracedMoves, matrix: Matrix
) -> tuple[NDArray[np.int64], NDArray[np.int64], Values]:
    """The trace, the cell and the share of each pair of states of each move."""
    parts = [
        (traced.traces, cells[traced.kinds], shares[traced.kinds])
        for cells, shares in _pairs(traced, matrix)
    ]
    kept = [tuple(each[part[1] >= 0] for each in part) for part in parts]
    rows, cells, shares = (np.concatenate(each) for each in zip(*kept, strict=True))
    return rows, cells, shares


def _pairs(traced: TracedMoves, matrix: Matrix) -> Iterator[tuple[NDArray[np.int64], Values]]:
    """For each place in a source set and in a target set: the cell of every kind of move, −1 for
    none, and its share r_ab.
    """
    sets, size = traced.moves.sets, len(matrix)
    sources, targets = sets[traced.moves.sources], sets[traced.moves.targets]
    width = sets.shape[1]
    held = [(sources[:, i], targets[:, j]) for i in range(width) for j in range(width)]
    known = [(a != NO_LABEL) & (b != NO_LABEL) for a, b in held]
    chances = [np.where(ok, matrix[a, b], 0.0) for (a, b), ok in zip(held, known, strict=True)]
    sums, counts = np.sum(chances, axis=0), np.sum(known, axis=0)
    for (a, b), ok, chance in zip(held, known, chances, strict=True):
        even = ok / counts  # where a move has no chance at all, its pairs share it evenly
        shares = np.divide(chance, sums, out=even.astype(np.float64), where=sums > 0.0)
        yield np.where(ok, a * size + b, -1), shares


def _effective(
    rows: NDArray[np.int64], groups: NDArray[np.int64], shares: Values, count: int
) -> Values:
    """(Σ m)² / Σ m² over the traces of each group, 0 where there are none."""
    pairs, places = np.unique(rows * count + groups, return_inverse=True)
    given = np.bincount(places.reshape(-1), weights=shares, minlength=len(pairs))
    owners = pairs % count
    sums = np.bincount(owners, weights=given, minlength=count)
    squares = np.bincount(owners, weights=given**2, minlength=count)
    found: Values = np.divide(sums**2, squares, out=np.zeros(count), where=squares > 0.0)
    return found
