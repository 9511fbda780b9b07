"""Two sources of controlled labels side by side: figures, distances and confusions."""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import TYPE_CHECKING, Any

from sqlmodel import Session

from store import annotations

if TYPE_CHECKING:
    from alignment.transitions.induced import Distance
    from annotator.agreement.coefficients import Agreement
    from annotator.agreement.confusion import Confusion
    from annotator.labeling.consensus import PairedUnits

OVER = ("categories", "macro-strategies")
Sets = tuple[frozenset[str], ...]
Projected = tuple[Sets, Sets, list[str]]


@dataclass
class Compared:
    """What the common units of two sources say, over each kind of label."""

    units: "PairedUnits"
    macro: Mapping[str, str] = field(default_factory=dict)
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


def read_units(
    session: Session, run_id: int, version_id: int, a: str, b: str
) -> "tuple[PairedUnits, dict[str, str]]":
    """The label sets of two sources on their common units, and the vocabulary in its order."""
    from annotator.labeling.consensus import pair_units
    from annotator.labeling.steps import ControlledStep

    sides = [
        {
            trace: [ControlledStep(row.first, row.end, row.labels) for row in rows]
            for trace, rows in annotations.list_label_sets(session, run_id, source)
        }
        for source in (a, b)
    ]
    return pair_units(*sides), annotations.list_macro_strategies(session, version_id)


def project_all(units: "PairedUnits", macro: Mapping[str, str]) -> dict[str, Projected]:
    """The label sets of both sides over each kind of label, and that kind's labels in order."""
    from annotator.agreement.coefficients import project

    a, b = (tuple(project(side, macro)) for side in (units.a, units.b))
    return {
        OVER[0]: (units.a, units.b, list(macro)),
        OVER[1]: (a, b, list(dict.fromkeys(macro.values()))),
    }


def find_units(
    units: "PairedUnits", macro: Mapping[str, str], over: str, source: str, target: str
) -> list[tuple[int, float]]:
    """The units that a cell of the confusion counts, by place, and how much of each.

    Identity: the shares sum to the count of the cell.
    """
    from annotator.agreement.coefficients import project
    from annotator.agreement.confusion import share_out

    found = []
    for pair, places in units.by_pair.items():
        first, second = pair if over == OVER[0] else project(pair, macro)
        for mine, theirs, share in share_out(first, second):
            if (mine, theirs) == (source, target):
                found += [(place, share) for place in places]
    return sorted(found)


def compare_units(units: "PairedUnits", macro: Mapping[str, str], resamples: int) -> Compared:
    """The figures of two sources over their common units; `macro` is in the vocabulary's order.

    `resamples` are those of the distance alone, each of which fits two matrices.
    """
    from annotator.agreement import coefficients as figures
    from annotator.agreement.confusion import confuse

    compared = Compared(units, macro)
    for over, (first, second, order) in project_all(units, macro).items():
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
