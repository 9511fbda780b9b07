"""What an edit of the vocabulary would change in matrices and weights, before anybody makes it.

Nothing is written. Moves are counted anew, which takes a millisecond for ten thousand; the fits
climb from the matrices that the old ones become under the edit.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import numpy as np

from alignment.inspection.edits import Edit, LabelEvidence, Relabelled, relabel
from alignment.transitions.ascent import climb
from alignment.transitions.fits import Evidence, FitSettings, GroupName, shrunk
from alignment.transitions.matrices import (
    PRESETS,
    allowed_cells,
    e_step,
    fit,
    m_step,
    move_sums,
    tabulate,
    uniform_matrix,
)
from alignment.transitions.moves import (
    NO_LABEL,
    NO_UNIT,
    Chains,
    TracedMoves,
    pack_by_trace,
    state_names,
)
from alignment.transitions.weights import HIGHEST_WEIGHT, LOWEST_WEIGHT

if TYPE_CHECKING:
    from numpy.typing import NDArray

    from alignment.transitions.matrices import Matrix, Table, Values

    Numbers = NDArray[np.int64]
    Weights = NDArray[np.float64]

GROUPS: tuple[GroupName, ...] = ("overall", "positive", "negative")
SIGNED: tuple[tuple[GroupName, int], ...] = (("positive", 1), ("negative", -1))
NOTICEABLE = 0.01  # of a weight: below, training would not tell


@dataclass(frozen=True)
class Ground:
    """The labelled traces that a question is asked of.

    Shapes: labels [units, width], category indices ascending, then NO_LABEL; ends and helped
    [traces], 1 where thinking helped and −1 where it hurt; tokens [units].
    """

    categories: tuple[str, ...]
    labels: Numbers
    ends: Numbers
    helped: Numbers
    tokens: Numbers
    evidence: LabelEvidence
    settings: FitSettings


@dataclass(frozen=True)
class Survey:
    """The matrices of label sets, and what they make every unit weigh.

    Shapes: matrices and support [K, K] for each of overall, positive and negative; weights and
    clipped [units].
    """

    categories: tuple[str, ...]
    matrices: Mapping[GroupName, Matrix]
    support: Mapping[GroupName, Matrix]
    weights: Weights
    clipped: NDArray[np.bool_]
    moves: int
    unlabelled_units: int

    @property
    def clips(self) -> int:
        """How many units' weights are clipped."""
        return int(self.clipped.sum())

    def leaving(self, name: GroupName) -> dict[str, float]:
        """How many moves are expected to leave each category: what its row of the matrix rests on.

        Units: moves.
        """
        sums = self.support[name].sum(axis=1)[1:-1]
        return dict(zip(self.categories, sums.tolist(), strict=True))


@dataclass(frozen=True)
class WhatIf:
    """What an edit changes. Tokens are those of the thinking, template left out."""

    before: Survey
    after: Survey
    units_relabelled: int
    tokens_relabelled: int
    traces_relabelled: int
    units_reweighted: int
    tokens_reweighted: int
    traces_reweighted: int
    mean_weight_change: float

    @property
    def newly_clipped(self) -> int:
        """How many units' weights the clip holds that it did not hold before."""
        return int((self.after.clipped & ~self.before.clipped).sum())

    @property
    def released(self) -> int:
        """How many units' weights the clip held and would hold no more."""
        return int((self.before.clipped & ~self.after.clipped).sum())

    def delta(self, name: GroupName) -> tuple[list[str], Matrix]:
        """ΔP between the states that stand before and after, and these states.

        Shapes: [states, states].
        """
        before, after = self._shared(name)
        return self._shared_states(), after - before

    def mean_l1(self, name: GroupName) -> float:
        """The mean |ΔP| over the cells between states that stand before and after."""
        before, after = self._shared(name)
        return float(np.abs(after - before).mean())

    def changes(self, name: GroupName, count: int = 10) -> list[tuple[str, str, float, float]]:
        """The cells between states of both that change most: from, to, before, after."""
        before, after = self._shared(name)
        states = self._shared_states()
        order = np.argsort(-np.abs(after - before), axis=None, kind="stable")[:count]
        places = [divmod(int(place), len(states)) for place in order]
        return [(states[a], states[b], float(before[a, b]), float(after[a, b])) for a, b in places]

    def document(self) -> dict[str, Any]:
        """The figures as a JSON document, matrices after the edit included."""
        return {
            "categories": list(self.after.categories),
            "units_relabelled": self.units_relabelled,
            "tokens_relabelled": self.tokens_relabelled,
            "traces_relabelled": self.traces_relabelled,
            "units_reweighted": self.units_reweighted,
            "tokens_reweighted": self.tokens_reweighted,
            "traces_reweighted": self.traces_reweighted,
            "mean_weight_change": self.mean_weight_change,
            "clips": [self.before.clips, self.after.clips],
            "newly_clipped": self.newly_clipped,
            "released": self.released,
            "moves": [self.before.moves, self.after.moves],
            "unlabelled_units": [self.before.unlabelled_units, self.after.unlabelled_units],
            "mean_l1": {name: self.mean_l1(name) for name in GROUPS},
            "matrices": {name: self.after.matrices[name].tolist() for name in GROUPS},
            "changes": {name: self.changes(name) for name in GROUPS},
        }

    def _shared_states(self) -> list[str]:
        after = set(state_names(self.after.categories))
        return [state for state in state_names(self.before.categories) if state in after]

    def _shared(self, name: GroupName) -> tuple[Matrix, Matrix]:
        found, shared = [], self._shared_states()
        old, new = state_names(self.before.categories), state_names(self.after.categories)
        for states, survey in ((old, self.before), (new, self.after)):
            rows = [states.index(state) for state in shared]
            found.append(survey.matrices[name][np.ix_(rows, rows)])
        return found[0], found[1]


def survey(ground: Ground) -> Survey:
    """The matrices and weights as they are: what questions are held against, made once."""
    uniform = uniform_matrix(len(ground.categories))
    return _survey(ground, dict.fromkeys(GROUPS, uniform))


def what_if(ground: Ground, before: Survey, edit: Edit) -> WhatIf:
    """What changes if the vocabulary were edited so.

    Identity: `after` is the survey of the relabelled traces, to the tolerance of the fits.
    Raises: EditError where the edit names what is not there.
    """
    relabelled = relabel(ground.labels, ground.categories, ground.evidence, edit)
    after = _survey(_regrounded(ground, relabelled), _starts(ground, before, relabelled))
    change = np.abs(after.weights - before.weights)
    touched = change > NOTICEABLE
    return WhatIf(
        before=before,
        after=after,
        units_relabelled=int(relabelled.changed.sum()),
        tokens_relabelled=int(ground.tokens[relabelled.changed].sum()),
        traces_relabelled=_count_traces(ground, relabelled.changed),
        units_reweighted=int(touched.sum()),
        tokens_reweighted=int(ground.tokens[touched].sum()),
        traces_reweighted=_count_traces(ground, touched),
        mean_weight_change=float(change.mean()) if len(change) else 0.0,
    )


def _count_traces(ground: Ground, units: NDArray[np.bool_]) -> int:
    """How many traces hold one of the units, or more."""
    traces = np.searchsorted(ground.ends, np.flatnonzero(units), side="right")
    return len(np.unique(traces))


def _regrounded(ground: Ground, relabelled: Relabelled) -> Ground:
    return replace(ground, categories=relabelled.categories, labels=relabelled.labels)


def _survey(ground: Ground, starts: Mapping[GroupName, Matrix]) -> Survey:
    traced = pack_by_trace(Chains(ground.labels, ground.ends, len(ground.categories)))
    table = tabulate(traced.moves)
    counts = Evidence(traced, ground.helped, ground.settings).counts()
    matrices = {
        name: _refit(traced, table, counts[name], starts[name], ground.settings) for name in GROUPS
    }
    support = {name: e_step(matrices[name], table, counts[name]).counts for name in GROUPS}
    weights, clipped = _weights(ground, traced, table, matrices, support["overall"])
    return Survey(
        categories=ground.categories,
        matrices=matrices,
        support=support,
        weights=weights,
        clipped=clipped,
        moves=traced.moves.total,
        unlabelled_units=int((ground.labels == NO_LABEL).all(axis=1).sum()),
    )


def _refit(
    traced: TracedMoves, table: Table, counts: Values, start: Matrix, settings: FitSettings
) -> Matrix:
    em = PRESETS[settings.preset]
    if settings.preset == "converged":
        return climb(table, counts, start, em.smoothing, em.tolerance)
    return fit(traced.moves.recounted(counts), em).matrix


def _starts(ground: Ground, before: Survey, relabelled: Relabelled) -> dict[GroupName, Matrix]:
    """The old expected counts under the edit, as matrices: where the new fits begin."""
    share = _shares(ground, relabelled)
    allowed = allowed_cells(len(relabelled.categories))
    smoothing = PRESETS[ground.settings.preset].smoothing
    return {
        name: m_step(share.T @ before.support[name] @ share, allowed, smoothing) for name in GROUPS
    }


def _shares(ground: Ground, relabelled: Relabelled) -> Matrix:
    """Which share of each old state becomes which new one, as the units were relabelled.

    Shapes: [K before, K after].
    """
    old, new = len(ground.categories), len(relabelled.categories)
    share = np.zeros((old + 2, new + 2))
    share[0, 0] = share[-1, -1] = 1.0
    for place, target in enumerate(relabelled.origins[:old]):
        if target != NO_LABEL:
            share[place + 1, target + 1] = 1.0
    if relabelled.split is not None:
        held = float((ground.labels == relabelled.split).any(axis=1).sum())
        part = float(relabelled.changed.sum()) / max(held, 1.0)
        row = relabelled.split + 1
        share[row, row], share[row, new] = 1.0 - part, part
    return share


def _weights(
    ground: Ground,
    traced: TracedMoves,
    table: Table,
    matrices: Mapping[GroupName, Matrix],
    support: Matrix,
) -> tuple[Weights, NDArray[np.bool_]]:
    """What each unit weighs: 1 without a move or a polarity, else eq. 10."""
    overall, ratios = matrices["overall"], np.ones(len(ground.labels))
    sums = move_sums(overall, table)
    arriving = traced.arrivals != NO_UNIT
    for name, sign in SIGNED:
        polar = shrunk(matrices[name], overall, support, ground.settings)
        of_kind = move_sums(polar, table) / sums
        chosen = arriving & (ground.helped[traced.traces] == sign)
        ratios[traced.arrivals[chosen]] = of_kind[traced.kinds[chosen]]
    weights = np.clip(ratios, LOWEST_WEIGHT, HIGHEST_WEIGHT)
    return weights, weights != ratios
