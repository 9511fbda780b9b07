"""The three transition matrices of a labelled corpus: of all traces, and of each polarity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

import numpy as np

from alignment.polarity.candidates import PolarityName
from alignment.transitions.examples import Unit
from alignment.transitions.matrices import PRESETS, Fit, Preset, fit
from alignment.transitions.moves import (
    LabelSet,
    TracedMoves,
    chains,
    pack_by_trace,
    state_names,
    strongest,
)
from alignment.transitions.report import Heatmap, weight_matrix
from alignment.transitions.weights import Weight, unit_weights

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from alignment.transitions.matrices import Matrix, Values

GroupName = Literal["overall", "positive", "negative"]
MatrixName = Literal["p", "positive", "negative", "weights+", "weights-"]
TITLES: dict[MatrixName, str] = {
    "p": "P: moves between categories, all traces of the fit",
    "positive": "P⁺: moves where thinking helped",
    "negative": "P⁻: moves where thinking hurt",
    "weights+": "Weights of a move where thinking helped: P⁺ / P, clipped to [1/e, e]",
    "weights-": "Weights of a move where thinking hurt: P⁻ / P, clipped to [1/e, e]",
}
SIGNS: dict[PolarityName | None, int] = {"positive": 1, "negative": -1, None: 0}


class FitsError(ValueError):
    """A matrix that these fits do not hold, or settings that make none."""


@dataclass(frozen=True)
class LabelledTrace:
    """The units of one trace, and whether thinking helped or hurt; None if neither."""

    trace_id: str
    polarity: PolarityName | None
    units: tuple[Unit, ...]


@dataclass(frozen=True)
class FitSettings:
    """How the three matrices are fitted and become weights.

    `balanced` counts the moves of either polarity for half of P, whatever their number.
    `shrinkage_moves` is κ: the weight of a cell with support C is drawn to 1 by κ / (C + κ), so a
    cell without support weighs 1; 0 leaves eq. 10 as it is.
    """

    preset: Preset = "converged"
    balanced: bool = False
    shrinkage_moves: float = 0.0

    def __post_init__(self) -> None:
        """Refuse a negative shrinkage."""
        if not self.shrinkage_moves >= 0.0:
            raise FitsError(f"expected a shrinkage of 0 moves or more, got {self.shrinkage_moves}")


@dataclass(frozen=True)
class Evidence:
    """The moves that matrices are fitted on, with the polarity of the trace that made each.

    Shapes: helped [traces]: 1 where thinking helped, −1 where it hurt, 0 for neither.
    """

    traced: TracedMoves
    helped: NDArray[np.int64]
    settings: FitSettings

    def counts(self, weights: Values | None = None) -> dict[GroupName, Values]:
        """How often each distinct move was seen in all traces and in those of each polarity.

        Shapes: weights [traces], how often each trace counts, by default once; counts [moves].
        """
        given = np.ones(self.traced.trace_count) if weights is None else weights
        every = self.traced.weighted(given).counts
        positive = self.traced.weighted(given * (self.helped > 0)).counts
        negative = self.traced.weighted(given * (self.helped < 0)).counts
        overall = balanced(positive, negative) if self.settings.balanced else every
        return {"overall": overall, "positive": positive, "negative": negative}


@dataclass(frozen=True)
class Fits:
    """P, P⁺ and P⁻ over the same categories; without polarity P alone.

    `trace_counts` says how many traces each was fitted on.
    """

    categories: tuple[str, ...]
    evidence: Evidence
    overall: Fit
    positive: Fit | None
    negative: Fit | None
    trace_counts: dict[str, int]

    @property
    def settings(self) -> FitSettings:
        """How the matrices were fitted."""
        return self.evidence.settings

    @property
    def preset(self) -> Preset:
        """The preset of the fits."""
        return self.settings.preset

    def polar(self, polarity: PolarityName) -> Fit:
        """The fit of one polarity.

        Raises: FitsError where the fit was over traces without polarity.
        """
        found = self.positive if polarity == "positive" else self.negative
        if found is None:
            raise FitsError(
                "expected fits by polarity, got one over all traces, which has P alone:"
                " leave out --all"
            )
        return found

    def matrix(self, name: MatrixName) -> Matrix:
        """One of the matrices by its name."""
        if name == "p":
            return self.overall.matrix
        if name in ("positive", "negative"):
            return self.polar("positive" if name == "positive" else "negative").matrix
        polarity: PolarityName = "positive" if name == "weights+" else "negative"
        return weight_matrix(self.weighing(polarity), self.overall.matrix)

    def weighing(self, polarity: PolarityName) -> Matrix:
        """P^± as weights are taken from it: drawn to P where a cell has little support."""
        return self.shrunk(self.polar(polarity).matrix, self.overall.matrix)

    def shrunk(self, polar: Matrix, overall: Matrix) -> Matrix:
        """Another P^± of the same cells, drawn to its P. Shapes: [..., K, K]."""
        return shrunk(polar, overall, self.overall.support, self.settings)

    def heatmap(self, name: MatrixName) -> Heatmap:
        """One of the matrices, ready to be shown."""
        scale: Literal["probability", "weight"] = (
            "weight" if name.startswith("weights") else "probability"
        )
        return Heatmap(self.matrix(name), state_names(self.categories), TITLES[name], scale)

    def weights(self, trace: LabelledTrace) -> tuple[Weight, ...]:
        """The weight of each unit of a polar trace (eq. 10)."""
        if trace.polarity is None:
            raise FitsError(f"expected a trace with a polarity, got {trace.trace_id} without")
        polar = self.weighing(trace.polarity)
        return unit_weights(sets_of(trace.units, self.preset), polar, self.overall.matrix)


def shrunk(polar: Matrix, overall: Matrix, support: Matrix, settings: FitSettings) -> Matrix:
    """P + (P^± − P)·C / (C + κ), cell by cell, C the expected count of the cell in all traces.

    Shapes: polar and overall [..., K, K], support [K, K].
    Identity: κ = 0 gives P^±, C = 0 with κ > 0 gives P.
    """
    if not settings.shrinkage_moves:
        return polar
    drawn: Matrix = overall + (polar - overall) * support / (support + settings.shrinkage_moves)
    return drawn


def balanced(positive: Values, negative: Values) -> Values:
    """The moves of both polarities with half of the total each; all of it where one has none.

    Shapes: [moves]. Identity: the total stays, so the smoothing weighs what it weighed.
    """
    sums = float(positive.sum()), float(negative.sum())
    if not all(sums):
        return positive + negative
    half = sum(sums) / 2.0
    return positive * (half / sums[0]) + negative * (half / sums[1])


def sets_of(units: Sequence[Unit], preset: Preset) -> list[LabelSet]:
    """The label set of each unit; of the `single` ablation, its surest label alone."""
    if preset == "single":
        return [strongest(unit.labels) for unit in units]
    return [unit.label_set for unit in units]


def trace_moves(
    traces: Sequence[LabelledTrace], category_count: int, preset: Preset
) -> TracedMoves:
    """The moves of the traces, with the trace that made each."""
    return pack_by_trace(chains([sets_of(one.units, preset) for one in traces], category_count))


def fit_all(
    traces: Sequence[LabelledTrace],
    categories: Sequence[str],
    settings: FitSettings | None = None,
    by_polarity: bool = True,
) -> Fits:
    """Fit P from all traces given, and P⁺ and P⁻ from those of each polarity.

    Source: arXiv 2510.24794v2, 3.2.2: the traces are to be those of the training split only.
    """
    settings = settings or FitSettings()
    traced = trace_moves(traces, len(categories), settings.preset)
    helped = np.array([SIGNS[one.polarity] for one in traces], dtype=np.int64)
    return fit_evidence(Evidence(traced, helped, settings), categories, by_polarity)


def fit_evidence(evidence: Evidence, categories: Sequence[str], by_polarity: bool = True) -> Fits:
    """Fit the matrices from moves that are packed already."""
    counts, helped = evidence.counts(), evidence.helped
    sizes: dict[GroupName, int] = {"overall": len(helped)}
    if by_polarity:
        sizes |= {"positive": int((helped > 0).sum()), "negative": int((helped < 0).sum())}
    em, moves = PRESETS[evidence.settings.preset], evidence.traced.moves
    fitted = {name: fit(moves.recounted(counts[name]), em) for name in sizes}
    return Fits(
        categories=tuple(categories),
        evidence=evidence,
        overall=fitted["overall"],
        positive=fitted.get("positive"),
        negative=fitted.get("negative"),
        trace_counts={str(name): size for name, size in sizes.items()},
    )
