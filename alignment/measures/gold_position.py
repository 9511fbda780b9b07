"""How far into the thinking the gold answer stands, where the answer keeps it and where not."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np

from alignment.polarity.matching import Normalisation, Position

BINS = 10
Side = Literal["kept", "lost"]


@dataclass(frozen=True)
class Spread:
    """Where the gold stands in the thinking of some responses, as shares of its length.

    Shapes: bins [BINS], counts of responses by tenths of the thinking; quartiles are None where
    there is no response.
    """

    side: Side
    end: Literal["first", "last"]
    n: int
    bins: tuple[int, ...]
    quartiles: tuple[float, float, float] | None


@dataclass(frozen=True)
class GoldPositions:
    """Figure 1: first and last position of the gold, with and without a hit gap."""

    how: Normalisation
    without_gold: int
    spreads: tuple[Spread, ...]


def gold_positions(
    positions: Sequence[Position | None], in_answer: Sequence[bool], how: Normalisation
) -> GoldPositions:
    """The distributions of first and last position, apart for a kept and a lost gold answer.

    Lost is the hit gap: the gold stands in the thinking and is not the answer.
    Identity: both sides and those without the gold are all responses.
    Source: MR-ALIGN, figure 1.
    """
    found = [(p, kept) for p, kept in zip(positions, in_answer, strict=True) if p is not None]
    sides: tuple[tuple[Side, list[Position]], ...] = (
        ("kept", [position for position, kept in found if kept]),
        ("lost", [position for position, kept in found if not kept]),
    )
    spreads = [
        spread
        for side, those in sides
        for spread in (
            _spread(side, "first", [one.first for one in those]),
            _spread(side, "last", [one.last for one in those]),
        )
    ]
    return GoldPositions(how, len(positions) - len(found), tuple(spreads))


def _spread(side: Side, end: Literal["first", "last"], values: Sequence[float]) -> Spread:
    counts, _ = np.histogram(values, bins=BINS, range=(0.0, 1.0))
    quartiles = None
    if values:
        low, middle, high = (float(q) for q in np.quantile(values, (0.25, 0.5, 0.75)))
        quartiles = (low, middle, high)
    return Spread(side, end, len(values), tuple(int(count) for count in counts), quartiles)
