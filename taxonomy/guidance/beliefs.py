"""What is believed of every label after the decisions so far; of a reviewed one, what was said."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from taxonomy.events.state import State
from taxonomy.guidance.answers import Answers, Learned, as_guess
from taxonomy.guidance.queue import score_unsure
from taxonomy.guidance.spreading import NOISE, UNASSIGNED, Guess, decide
from taxonomy.guidance.starting import Rows, Starting, claim, give_answers
from taxonomy.labels.blas import one_thread

SETTLED = 0.5  # of a row's doubt: beyond it, what is believed follows from answers


class Belief(NamedTuple):
    """The category of a label, where it comes from, and how likely it is wrong.

    `origin` is reviewed, spread (it follows from decisions), guided, cluster or nearest; without a
    category also noise or unassigned.
    """

    category: str | None
    origin: str
    doubt: float


@dataclass(frozen=True, eq=False)
class Beliefs:
    """What follows from the decisions for every label, by its key, and how."""

    by_key: Mapping[str, Belief]
    answers: Answers
    learned: Learned


def believe(starting: Starting, state: State) -> Beliefs:
    """Spread the decisions of a state over the labels.

    Identity: depends on the state alone, not on how it came about; without decisions it is what
    the cluster run thought.
    """
    before = claim(starting, state)
    answers = Answers(
        starting.vectors,
        before,
        given=give_answers(starting, state),
        shared=starting.likeness,
    )
    with one_thread():
        learned = answers.learn()
    placed = place_rows(learned.guess)
    follows = (learned.unsettled < SETTLED) | (placed != place_rows(as_guess(before)))
    return Beliefs(_by_key(starting, state, placed, follows, learned), answers, learned)


def place_rows(guess: Guess) -> Rows:
    """The place of each row's category, UNASSIGNED where nobody claims it, or NOISE."""
    placed = decide(guess)
    placed[placed == guess.probabilities.shape[1] - 1] = UNASSIGNED
    return placed


def _by_key(
    starting: Starting, state: State, placed: Rows, follows: Rows, learned: Learned
) -> dict[str, Belief]:
    categories = list(state.categories)
    rows = [
        _belief(categories, starting.origin, *row)
        for row in zip(
            placed.tolist(),
            follows.tolist(),
            np.round(score_unsure(learned), 2).tolist(),
            strict=True,
        )
    ]
    return {
        key: rows[row] for key, row in zip(starting.keys, starting.row_of.tolist(), strict=True)
    }


def _belief(categories: list[str], origin: str, place: int, follows: bool, doubt: float) -> Belief:
    if place == NOISE:
        return Belief(None, "noise", doubt)
    if place == UNASSIGNED:
        return Belief(None, "unassigned", doubt)
    return Belief(categories[place], "spread" if follows else origin, doubt)


def conclude(state: State, key: str, belief: Belief | None, doubt: float = 0.0) -> Belief:
    """What is shown of a label: what a person said; else what is believed; else its group's.

    `doubt` is the clustering's own, where there is nothing better. A label that a person put in
    a settled group has that group's category. A belief may be older than the state: a category
    that was retired meanwhile is none.
    """
    if key in state.decided:
        return Belief(state.category(key), "reviewed", 0.0)
    if belief is None or state.joined(key):
        return Belief(state.category(key), state.origin(key), doubt)
    if belief.category is not None and belief.category not in state.categories:
        return Belief(None, "unassigned", belief.doubt)
    return belief


def outcome(state: State, key: str, belief: Belief | None) -> Belief:
    """What is written down of a label: without a category its origin is noise or unassigned."""
    found = conclude(state, key, belief)
    if found.category is not None or found.origin in ("noise", "unassigned"):
        return found
    return found._replace(origin="noise" if state.anchors[key] is None else "unassigned")
