"""The transition-aware weight of each unit: how much likelier its move is in traces of its kind."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from alignment.transitions.matrices import move_probability
from alignment.transitions.moves import START, LabelSet, states_of

if TYPE_CHECKING:
    from alignment.transitions.matrices import Matrix

LOWEST_WEIGHT = math.exp(-1.0)
HIGHEST_WEIGHT = math.e


@dataclass(frozen=True)
class Move:
    """A set-to-set move, its sets as states."""

    source: tuple[int, ...]
    target: tuple[int, ...]


@dataclass(frozen=True)
class Weight:
    """What a unit weighs, the ratio before clipping, and the move that it comes from.

    Without a move the weight is 1: the unit has no label, or comes after one that has none.
    `interval` is its 95 % interval, where traces were drawn for it.
    """

    value: float
    ratio: float
    clipped: bool
    move: Move | None
    interval: tuple[float, float] | None = None


def unit_weights(sets: Sequence[LabelSet], polar: Matrix, overall: Matrix) -> tuple[Weight, ...]:
    """w_t = clip(Pr(Y_t | Y_{t−1}, P^±) / Pr(Y_t | Y_{t−1}, P), 1/e, e), a weight a unit.

    Shapes: sets, T label sets of category indices; polar and overall [K, K].
    Masking: an empty set weighs 1, and so does the unit after it; Y_T → stop weighs nothing.
    Identity: with P^± = P every weight is 1.
    Source: arXiv 2510.24794v2, eq. 10. Differs: the first unit weighs the move start → Y_1.
    """
    sources: list[tuple[int, ...]] = [(START,), *(states_of(labels) for labels in sets[:-1])]
    targets = [states_of(labels) for labels in sets]
    return tuple(
        move_weight(Move(source, target), polar, overall)
        if source and target
        else Weight(value=1.0, ratio=1.0, clipped=False, move=None)
        for source, target in zip(sources, targets, strict=False)
    )


def move_weight(move: Move, polar: Matrix, overall: Matrix) -> Weight:
    """The weight of one move between non-empty sets."""
    ratio = probability_ratio(
        move_probability(move.source, move.target, polar),
        move_probability(move.source, move.target, overall),
    )
    value = min(max(ratio, LOWEST_WEIGHT), HIGHEST_WEIGHT)
    return Weight(value=value, ratio=ratio, clipped=value != ratio, move=move)


def probability_ratio(polar: float, overall: float) -> float:
    """polar / overall; 1 where both are 0, for a move that neither matrix knows says nothing."""
    if overall > 0.0:
        return polar / overall
    return math.inf if polar > 0.0 else 1.0
