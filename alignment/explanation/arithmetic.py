"""How a weight is worked out from the matrices of a manifest, step by step, in numbers."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from alignment.transitions.matrices import allowed_cells
from alignment.transitions.weights import HIGHEST_WEIGHT, LOWEST_WEIGHT, probability_ratio

Move = Sequence[Sequence[str]]
SIDES = ("polar", "overall")


def weigh(transitions: Mapping[str, Any], move: Move, desirable: bool) -> dict[str, Any]:
    """The cells that a move may hide, and the sums that its weight is made of.

    A cell has each matrix's chance, its share of the move's chance (EM's responsibility r_ab), the
    moves that stand behind it and behind its row, `delta` (P^± − P), and `drawn`: P^± as it is
    weighed, drawn to P where shrinkage is on. The shares are even where all are 0.

    Identity: `weight` is what the export wrote, as far as a float can say.
    Source: arXiv 2510.24794v2, eq. 7, 8 and 10.
    """
    fits = _fits(transitions, desirable)
    cells = _cells(transitions, fits, move)
    for side in SIDES:
        _add_shares(cells, side)
    sums = {"polar": sum(c["drawn"] for c in cells), "overall": sum(c["overall"] for c in cells)}
    pairs = len(move[0]) * len(move[1])
    chances = {side: sums[side] / pairs for side in SIDES}
    ratio = probability_ratio(chances["polar"], chances["overall"])
    return {
        "cells": cells,
        "arithmetic": {
            "pairs": pairs,
            **{f"{side}_sum": sums[side] for side in SIDES},
            **{f"{side}_chance": chances[side] for side in SIDES},
            "ratio": ratio,
            "lowest": LOWEST_WEIGHT,
            "highest": HIGHEST_WEIGHT,
            "weight": min(max(ratio, LOWEST_WEIGHT), HIGHEST_WEIGHT),
        },
        "fitting": _fitting(transitions, fits),
    }


def _add_shares(cells: list[dict[str, Any]], side: str) -> None:
    total = sum(cell[side] for cell in cells)
    for cell in cells:
        cell[f"{side}_share"] = cell[side] / total if total else 1.0 / len(cells)


def _fits(transitions: Mapping[str, Any], desirable: bool) -> dict[str, Mapping[str, Any]]:
    fits = transitions["fits"]
    return {"polar": fits["positive" if desirable else "negative"], "overall": fits["overall"]}


def _cells(
    transitions: Mapping[str, Any], fits: Mapping[str, Mapping[str, Any]], move: Move
) -> list[dict[str, Any]]:
    places = {name: place for place, name in enumerate(transitions["states"])}
    allowed = allowed_cells(len(places) - 2)
    pairs = [(source, target) for source in move[0] for target in move[1]]
    kappa = transitions["shrinkage_moves"]
    return [
        {"from": source, "to": target, **_cell(fits, places[source], places[target], kappa)}
        for source, target in pairs
        if allowed[places[source], places[target]]
    ]


def _cell(
    fits: Mapping[str, Mapping[str, Any]], row: int, column: int, kappa: float
) -> dict[str, Any]:
    found: dict[str, Any] = {}
    for side, fit in fits.items():
        found[side] = fit["matrix"][row][column]
        found[f"{side}_support"] = fit["support"][row][column]
        found[f"{side}_row_support"] = float(np.sum(fit["support"][row]))
        for end in ("low", "high"):
            found[f"{side}_{end}"] = fit[end][row][column] if end in fit else None
    delta, support = found["polar"] - found["overall"], found["overall_support"]
    drawn = found["overall"] + delta * support / (support + kappa) if kappa else found["polar"]
    return found | {"delta": delta, "drawn": drawn}


def _fitting(
    transitions: Mapping[str, Any], fits: Mapping[str, Mapping[str, Any]]
) -> dict[str, Any]:
    """How the matrices were fitted: EM's settings, and what each was fitted on."""
    names = ("traces", "moves", "iterations", "converged", "largest_change")
    return {
        "preset": transitions["preset"],
        "balanced": transitions["balanced"],
        "shrinkage_moves": transitions["shrinkage_moves"],
        "fitted_on": transitions["fitted_on"],
        **{side: {name: fit[name] for name in names} for side, fit in fits.items()},
    }
