"""What a page of matrices rests on: the labelled traces of an annotate run, and fits over them."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import numpy as np
from sqlmodel import Session

from alignment.export.corpus import LabelSets, load_label_sets
from alignment.export.pool import ExportSettings, PoolError, Sureness, fit_pool, training_traces
from alignment.export.run import load_pool, mendable
from alignment.inspection.backing import Backing, Passage, backing, passages
from alignment.inspection.groups import Group, load_group, share_categories
from alignment.inspection.levels import coarse_categories, coarse_units
from alignment.transitions.bootstrap import bootstrap
from alignment.transitions.differences import Differences, compare
from alignment.transitions.fits import (
    Fits,
    FitSettings,
    GroupName,
    LabelledTrace,
    fit_all,
    trace_moves,
)
from store.annotations import list_macro_strategies

if TYPE_CHECKING:
    from collections.abc import Sequence

    from numpy.typing import NDArray

    from alignment.transitions.matrices import Fit, Matrix
    from alignment.transitions.moves import TracedMoves

SIGN_OF: dict[GroupName, int] = {"overall": 0, "positive": 1, "negative": -1}


@dataclass(frozen=True)
class Material:
    """The traces that the matrices of a run are fitted on, in the order of the fits' evidence.

    `macro` names the macro-strategy of each category; of a macro-strategy it is its own name.
    """

    run_id: int
    categories: tuple[str, ...]
    macro: tuple[str, ...]
    traces: tuple[LabelledTrace, ...]
    fits: Fits
    _backings: dict[GroupName, Backing] = field(default_factory=dict, repr=False, compare=False)

    @property
    def polar(self) -> bool:
        """Whether there are P⁺ and P⁻ besides P."""
        return self.fits.positive is not None

    def backing(self, group: GroupName) -> Backing:
        """What stands behind the cells of one of the three matrices; worked out once."""
        if group not in self._backings:
            traced = self.fits.evidence.traced
            self._backings[group] = backing(traced, self._matrix(group), self._counted(group))
        return self._backings[group]

    def passages(self, group: GroupName, cell: tuple[int, int]) -> list[Passage]:
        """The moves of traces that may be the base move of a cell, the likeliest first.

        Their arrivals count the units of their own trace.
        """
        traced = self.fits.evidence.traced
        found = passages(traced, self._matrix(group), cell, self._counted(group))
        return _in_traces(found, self.traces)

    def sureness(self) -> Sureness | None:
        """Intervals, and where P⁺ and P⁻ differ beyond chance; None without both polarities."""
        hurt = [one for one in self.traces if one.polarity == "negative"]
        helped = [one for one in self.traces if one.polarity == "positive"]
        if not (self.polar and hurt and helped):
            return None
        differences = compare(hurt, helped, self.categories, self.fits.settings)
        return Sureness(bootstrap(self.fits), differences)

    def _matrix(self, group: GroupName) -> Matrix:
        fit = self.fits.overall if group == "overall" else self.fits.polar(group)
        return fit.matrix

    def _counted(self, group: GroupName) -> NDArray[np.bool_]:
        helped, sign = self.fits.evidence.helped, SIGN_OF[group]
        return np.ones(len(helped), dtype=np.bool_) if sign == 0 else helped == sign


def load_material(session: Session, run_id: int, coarse: bool = False) -> Material:
    """The polar traces of the training split, as an export fits them; without any, all traces.

    With `coarse` labels are macro-strategies.

    Raises:
        NotFound: there is no such annotate run, or it left no consensus.
        InvalidInput: its labels come from more than one vocabulary.
    """
    labels = load_label_sets(session, run_id)
    macro_of = list_macro_strategies(session, labels.version.id)
    macro = tuple(macro_of[category] for category in labels.categories)
    if coarse:
        macro = coarse_categories(labels.categories, macro_of)
        labels = _coarse(labels, macro_of)
    settings = ExportSettings(annotate_run_id=run_id)
    try:
        pool = load_pool(session, labels, settings)
        traces, fits = training_traces(pool, settings), fit_pool(pool, settings)
    except PoolError:
        traces = [LabelledTrace(name, None, units) for name, units in labels.units.items()]
        fits = fit_all(traces, labels.categories, by_polarity=False)
    return Material(run_id, labels.categories, macro, tuple(traces), fits)


def load_groups(
    session: Session, first: str, second: str, coarse: bool = False
) -> tuple[Group, Group]:
    """Two groups over the categories, or the macro-strategies, of both.

    Raises:
        NotFound: a run or a vocabulary does not exist.
        InvalidInput: words name no group, or no trace is in it.
    """
    groups = [load_group(session, words) for words in (first, second)]
    if coarse:
        groups = [_coarse_group(session, group) for group in groups]
    return share_categories(groups[0], groups[1])


def compare_groups(first: Group, second: Group) -> Differences:
    """The second group's matrix minus the first's, with intervals and what chance gives.

    Raises:
        InvalidInput: they cannot be compared.
    """
    with mendable():
        return compare(first.traces, second.traces, first.categories)


def trace_group(group: Group) -> TracedMoves:
    """The moves of a group's traces, as its matrix is fitted on them."""
    return trace_moves(group.traces, len(group.categories), FitSettings().preset)


def group_passages(
    group: Group, traced: TracedMoves, fitted: Fit, cell: tuple[int, int]
) -> list[Passage]:
    """The moves of a group's traces that may be the base move of a cell, the likeliest first.

    Their arrivals count the units of their own trace.
    """
    every = np.ones(len(group.traces), dtype=np.bool_)
    return _in_traces(passages(traced, fitted.matrix, cell, every), group.traces)


def _in_traces(found: Sequence[Passage], traces: Sequence[LabelledTrace]) -> list[Passage]:
    """The passages with arrivals that count the units of their own trace."""
    starts = np.cumsum([0, *(len(trace.units) for trace in traces)])
    return [
        one if one.arrival is None else replace(one, arrival=one.arrival - int(starts[one.trace]))
        for one in found
    ]


def _coarse(labels: LabelSets, macro_of: dict[str, str]) -> LabelSets:
    units = {name: coarse_units(units, labels.categories, macro_of)
             for name, units in labels.units.items()}  # fmt: skip
    return replace(labels, categories=coarse_categories(labels.categories, macro_of), units=units)


def _coarse_group(session: Session, group: Group) -> Group:
    macro_of = list_macro_strategies(session, group.version_id)
    traces = tuple(
        replace(trace, units=coarse_units(trace.units, group.categories, macro_of))
        for trace in group.traces
    )
    return replace(group, categories=coarse_categories(group.categories, macro_of), traces=traces)
