"""The three transition matrices of a labelled corpus: of all traces, and of each polarity."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from alignment.candidates import PolarityName
from alignment.examples import Unit
from alignment.moves import LabelSet, chains, pack, state_names, strongest
from alignment.report import Heatmap, weight_matrix
from alignment.transitions import PRESETS, Fit, Preset, fit
from alignment.weights import Weight, unit_weights

if TYPE_CHECKING:
    from alignment.transitions import Matrix

MatrixName = Literal["p", "positive", "negative", "weights+", "weights-"]
TITLES: dict[MatrixName, str] = {
    "p": "P: moves between categories, all traces of the fit",
    "positive": "P⁺: moves where thinking helped",
    "negative": "P⁻: moves where thinking hurt",
    "weights+": "Weights of a move where thinking helped: P⁺ / P, clipped to [1/e, e]",
    "weights-": "Weights of a move where thinking hurt: P⁻ / P, clipped to [1/e, e]",
}


class FitsError(ValueError):
    """A matrix that these fits do not hold."""


@dataclass(frozen=True)
class LabelledTrace:
    """The units of one trace, and whether thinking helped or hurt; None if neither."""

    trace_id: str
    polarity: PolarityName | None
    units: tuple[Unit, ...]


@dataclass(frozen=True)
class Fits:
    """P, P⁺ and P⁻ over the same categories; without polarity P alone.

    `trace_counts` says how many traces each was fitted on.
    """

    categories: tuple[str, ...]
    preset: Preset
    overall: Fit
    positive: Fit | None
    negative: Fit | None
    trace_counts: dict[str, int]

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
        polar = self.polar("positive" if name == "weights+" else "negative")
        return weight_matrix(polar.matrix, self.overall.matrix)

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
        polar = self.polar(trace.polarity).matrix
        return unit_weights(sets_of(trace.units, self.preset), polar, self.overall.matrix)


def sets_of(units: Sequence[Unit], preset: Preset) -> list[LabelSet]:
    """The label set of each unit; of the `single` ablation, its surest label alone."""
    if preset == "single":
        return [strongest(unit.labels) for unit in units]
    return [unit.label_set for unit in units]


def fit_all(
    traces: Sequence[LabelledTrace],
    categories: Sequence[str],
    preset: Preset = "converged",
    by_polarity: bool = True,
) -> Fits:
    """Fit P from all traces given, and P⁺ and P⁻ from those of each polarity.

    Source: arXiv 2510.24794v2, 3.2.2: the traces are to be those of the training split only.
    """
    groups = {"overall": list(traces)}
    if by_polarity:
        for polarity in ("positive", "negative"):
            groups[polarity] = [trace for trace in traces if trace.polarity == polarity]
    fitted = {name: _fit(group, len(categories), preset) for name, group in groups.items()}
    return Fits(
        categories=tuple(categories),
        preset=preset,
        overall=fitted["overall"],
        positive=fitted.get("positive"),
        negative=fitted.get("negative"),
        trace_counts={name: len(group) for name, group in groups.items()},
    )


def _fit(traces: Sequence[LabelledTrace], category_count: int, preset: Preset) -> Fit:
    sets = [sets_of(trace.units, preset) for trace in traces]
    return fit(pack(chains(sets, category_count)), PRESETS[preset])
