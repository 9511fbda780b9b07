"""Two sources of controlled labels side by side: figures, distances and confusions."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from alignment.transitions.induced import Distance
    from annotator.agreement.coefficients import Agreement
    from annotator.agreement.confusion import Confusion
    from annotator.labeling.consensus import PairedUnits

OVER = ("categories", "macro-strategies")


@dataclass
class Compared:
    """What the common units of two sources say, over each kind of label."""

    units: "PairedUnits"
    figures: "dict[str, Agreement]" = field(default_factory=dict)
    distances: "dict[str, Distance]" = field(default_factory=dict)
    confusions: "dict[str, Confusion]" = field(default_factory=dict)

    @property
    def traces(self) -> int:
        """How many traces both labelled."""
        return len(set(self.units.traces))

    def document(self) -> dict[str, Any]:
        """Everything as plain values."""
        return {
            "units": len(self.units.traces),
            "traces": self.traces,
            "over": {
                over: {
                    **{name: asdict(figure) for name, figure in self.figures[over].items()},
                    "mean_l1_percent": asdict(self.distances[over])
                    if over in self.distances
                    else None,
                    "confusion": {
                        "labels": list(self.confusions[over].labels),
                        "counts": self.confusions[over].counts.tolist(),
                    },
                }
                for over in OVER
            },
        }


def compare_units(units: "PairedUnits", macro: Mapping[str, str], resamples: int) -> Compared:
    """The figures of two sources over their common units; `macro` is in the vocabulary's order.

    `resamples` are those of the distance alone, each of which fits two matrices.
    """
    from annotator.agreement import coefficients as figures
    from annotator.agreement.confusion import confuse

    compared = Compared(units)
    for over, order in zip(OVER, (list(macro), list(dict.fromkeys(macro.values()))), strict=True):
        first, second = units.a, units.b
        if over != OVER[0]:
            first, second = (tuple(figures.project(side, macro)) for side in (first, second))
        compared.figures[over] = figures.agreement(first, second, units.traces)
        compared.confusions[over] = confuse(first, second, order)
        if units.traces:
            compared.distances[over] = _distance(first, second, units.traces, order, resamples)
    return compared


def _distance(
    a: Sequence[frozenset[str]],
    b: Sequence[frozenset[str]],
    traces: Sequence[int],
    order: list[str],
    resamples: int,
) -> "Distance":
    from alignment.transitions.induced import induced_distance

    place = {key: index for index, key in enumerate(order)}
    sides: tuple[dict[int, list[list[int]]], ...] = ({}, {})
    for side, units in zip(sides, (a, b), strict=True):
        for trace, labels in zip(traces, units, strict=True):
            side.setdefault(trace, []).append([place[key] for key in labels])
    first, second = (list(side.values()) for side in sides)
    return induced_distance(first, second, len(order), resamples=resamples)
