"""What to decide next and what that is worth, for whole groups and for single labels."""

from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from taxonomy.events.state import State
from taxonomy.guidance.beliefs import Beliefs
from taxonomy.guidance.queue import (
    Outlook,
    Question,
    Stakes,
    look_ahead,
    pick_questions,
    weigh_stakes,
)
from taxonomy.guidance.starting import Starting
from taxonomy.labels.blas import one_thread

QUESTIONS = 50


@dataclass(frozen=True)
class LabelQuestion:
    """A label to ask about: the expected gain of the answer, and whether it was asked before."""

    key: str
    gain: float
    again: bool


@dataclass(frozen=True)
class Prospects:
    """The expected gain of deciding each group, the labels to ask about, and what that leads to.

    A gain is the share of the inventory, instances and labels together, that is put right.
    """

    gains: Mapping[str, float]
    questions: tuple[LabelQuestion, ...]
    outlook: Outlook


def look_round(starting: Starting, state: State, beliefs: Beliefs) -> Prospects:
    """What the decisions that could come next are worth."""
    with one_thread():
        stakes = weigh_stakes(beliefs.answers, beliefs.learned, starting.weights)
        asked = pick_questions(stakes, beliefs.answers, starting.weights, QUESTIONS)
        return Prospects(
            gain_groups(starting, state, stakes),
            tuple(_name(starting, state, question) for question in asked),
            look_ahead(beliefs.learned, starting.weights, stakes),
        )


def gain_groups(starting: Starting, state: State, stakes: Stakes) -> dict[str, float]:
    """The expected gain of deciding each group whole, over its labels that nobody decided.

    The mean doubt of its rows, times what hears any of them and is lost:
    ū_G Σ_j w_j u_j max_{i ∈ G} s_ij; of a group of one label that is the label's own gain.
    Masking: of many rows, those that are no candidate count for themselves alone.
    """
    members: defaultdict[str, set[int]] = defaultdict(set)
    for key, anchor in state.anchors.items():
        if anchor is not None and key not in state.decided and key in starting.places:
            members[anchor].add(int(starting.row_of[starting.places[key]]))
    places = {row: place for place, row in enumerate(stakes.candidates.tolist())}
    return {anchor: _gain(stakes, places, sorted(rows)) for anchor, rows in members.items()}


def _gain(stakes: Stakes, places: Mapping[int, int], rows: list[int]) -> float:
    heard = [places[row] for row in rows if row in places]
    alone = float(stakes.losing[[row for row in rows if row not in places]].sum())
    if not heard:
        return alone
    nearest = stakes.reach[:, heard].max(axis=1)
    doubt = float(stakes.asking[rows].mean())
    lost = float(stakes.losing[stakes.listeners].astype(np.float32) @ nearest)
    return doubt * lost + alone


def _name(starting: Starting, state: State, question: Question) -> LabelQuestion:
    """The label that leads the row; one that was decided is asked about again."""
    lead = starting.keys[question.label]
    return LabelQuestion(lead, question.gain, lead in state.decided)
