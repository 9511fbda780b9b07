"""What an export says of itself: counts, funnel, filter, matrices, and where it came from."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from alignment.export.folder import suggested_lambda_r
from alignment.export.pool import Sureness
from alignment.polarity.candidates import Funnel
from alignment.transitions.bootstrap import Bootstrap
from alignment.transitions.differences import Differences
from alignment.transitions.examples import INSTRUCTION
from alignment.transitions.fits import Fits, MatrixName
from alignment.transitions.matrices import PRESETS, Fit
from alignment.transitions.moves import state_names

MATRICES: dict[str, MatrixName] = {"overall": "p", "positive": "positive", "negative": "negative"}


def manifest_document(
    rows: Sequence[Mapping[str, Any]],
    fits: Fits,
    sureness: Sureness | None,
    funnel: Funnel,
    origin: Mapping[str, Any],
) -> dict[str, Any]:
    """The manifest without the files' hashes; `origin` holds taxonomy, runs, filter, versions.

    `sureness` adds intervals and the cells that differ between polarities.
    """
    counts = _counts(rows)
    train = counts["rows"]["train"]
    return {
        **origin,
        "instruction": INSTRUCTION,
        "counts": counts,
        "funnel": [asdict(step) for step in funnel.steps],
        "drops": [asdict(count) for count in funnel.reasons()],
        "transitions": _transitions(fits, sureness),
        "lambda": {
            "lambda_c": 1.0,
            "suggested_lambda_r": suggested_lambda_r(train["desirable"], train["undesirable"]),
            "because": "lambda_c·|D+| / (lambda_r·|D-|) is to lie in [1, 1.5]",
        },
    }


def _counts(rows: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    segments = [segment for row in rows for segment in row["segments"]]
    by_split = {
        split: {
            "desirable": sum(row["label"] for row in rows if row["split"] == split),
            "undesirable": sum(not row["label"] for row in rows if row["split"] == split),
        }
        for split in ("train", "validation")
    }
    return {
        "rows": by_split,
        "units": len(segments),
        "units_without_labels": sum(not segment["labels"] for segment in segments),
        "units_with_a_move": sum(segment["move"] is not None for segment in segments),
        "weights_clipped": sum(segment["clipped"] for segment in segments),
    }


def _transitions(fits: Fits, sureness: Sureness | None) -> dict[str, Any]:
    named = {"overall": fits.overall, "positive": fits.positive, "negative": fits.negative}
    drawn = None if sureness is None else sureness.drawn
    return {
        "states": list(state_names(fits.categories)),
        "preset": {"name": fits.preset, **asdict(PRESETS[fits.preset])},
        "balanced": fits.settings.balanced,
        "shrinkage_moves": fits.settings.shrinkage_moves,
        "fitted_on": "the rows of the training split",
        "fits": {
            name: {"traces": fits.trace_counts[name], **_fit_document(fit), **_ends(drawn, name)}
            for name, fit in named.items()
            if fit is not None
        },
        "differences": None if sureness is None else _differences(sureness.differences),
    }


def _ends(drawn: Bootstrap | None, name: str) -> dict[str, Any]:
    """The ends of each cell's interval; null where a cell cannot be."""
    if drawn is None:
        return {}
    interval = drawn.interval(MATRICES[name])
    return {
        end: [[None if math.isnan(value) else value for value in row] for row in cells.tolist()]
        for end, cells in (("low", interval.low), ("high", interval.high))
    }


def _differences(found: Differences) -> dict[str, Any]:
    """The cells that differ between polarities beyond chance: P⁺ (second) against P⁻ (first)."""
    return {
        "mean_l1": found.l1,
        "mean_l1_interval": list(found.l1_interval),
        "mean_l1_by_chance": found.l1_by_chance,
        "cells_tested": int(found.tested.sum()),
        "cells": [asdict(cell) | {"delta": cell.delta} for cell in found.flagged()],
    }


def _fit_document(fit: Fit) -> dict[str, Any]:
    return {
        "matrix": fit.matrix.tolist(),
        "support": fit.support.tolist(),
        "moves": fit.move_count,
        "iterations": fit.iterations,
        "converged": fit.converged,
        "largest_change": fit.largest_change,
        "objective_nats": fit.objective_nats[-1],
        "log_likelihood_nats": fit.log_likelihood_nats[-1],
    }
