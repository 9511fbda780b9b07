"""Simulated traces with polarity, tokens and open labels: what a what-if question is asked of."""

import numpy as np

from alignment.inspection.edits import LabelEvidence
from alignment.inspection.whatif import Ground
from alignment.transitions.fits import FitSettings
from alignment.transitions.moves import NO_LABEL
from benchmarks.simulation import simulate_moves

TOKENS_A_UNIT = 70
HURT_SHARE = 0.3
VARIANTS = ("a", "b", "c")  # each category has so many open labels: "c0 a", "c0 b", …


def simulated_ground(move_count: int, two_label_share: float, seed: int) -> Ground:
    """Traces of one matrix; each label of a unit rests on two open labels of its category."""
    chains = simulate_moves(move_count, two_label_share, seed).chains
    rng = np.random.default_rng(seed + 1)
    categories = tuple(f"c{number}" for number in range(chains.category_count))
    keys = tuple(f"{key} {variant}" for key in categories for variant in VARIANTS)
    rows, columns = np.nonzero(chains.labels != NO_LABEL)
    units = np.concatenate((rows, rows))
    named = np.tile(chains.labels[rows, columns], 2)
    return Ground(
        categories=categories,
        labels=chains.labels,
        ends=chains.ends,
        helped=np.where(rng.random(len(chains.ends)) < HURT_SHARE, -1, 1),
        tokens=rng.integers(1, 2 * TOKENS_A_UNIT, len(chains.labels)),
        evidence=LabelEvidence(
            units=units,
            categories=named,
            labels=named * len(VARIANTS) + rng.integers(0, len(VARIANTS), len(units)),
            confidences=rng.uniform(1.0, 10.0, len(units)),
            keys=keys,
        ),
        settings=FitSettings(),
    )
