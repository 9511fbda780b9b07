"""What a cluster run thought of every label before anybody decided: where a review starts."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from taxonomy.events.state import State
from taxonomy.guidance.answers import Likeness
from taxonomy.guidance.queue import Weights, weigh_rows
from taxonomy.guidance.spreading import Probabilities
from taxonomy.labels.embedding import Vectors, unit

Rows = NDArray[np.int64]
BYTES = "<f2"  # cosines stay within 0.001


@dataclass(frozen=True, eq=False)
class Starting:
    """Labels, the rows that they were folded to, and the shares of each row.

    Shapes: `row_of` (labels,), `vectors` (rows, d), `shares` (rows, categories + 1): the last is
    noise, rows sum to 1. `origin` says where the shares come from: guided or cluster.
    """

    keys: tuple[str, ...]
    row_of: Rows
    instances: tuple[int, ...]
    vectors: Vectors
    shares: Probabilities
    categories: tuple[str, ...]
    origin: str

    @cached_property
    def places(self) -> Mapping[str, int]:
        """The place of each label by its key."""
        return {key: place for place, key in enumerate(self.keys)}

    @cached_property
    def likeness(self) -> Likeness:
        """How like the rows are to each other."""
        return Likeness(self.vectors)

    @cached_property
    def weights(self) -> Weights:
        """What each row stands for."""
        return weigh_rows(self.row_of, self.instances)


def claim(starting: Starting, state: State) -> Probabilities:
    """The shares of the categories in use, of nobody, and of noise as the last.

    Shapes: (rows, categories in use + 2). What went to a category that was retired without an
    heir, or that the version never had, is claimed by nobody.
    """
    places = {key: place for place, key in enumerate(state.categories)}
    found = np.zeros((len(starting.vectors), len(places) + 2))
    for place, key in enumerate(starting.categories):
        found[:, places.get(state.heir(key) or "", len(places))] += starting.shares[:, place]
    found[:, -1] = starting.shares[:, -1]
    return found


def give_answers(starting: Starting, state: State) -> dict[int, list[int]]:
    """What people decided, by row: places of categories, then nobody, then noise.

    What was decided again counts again. The answer on the label that leads its row is the last.
    """
    places = {key: place for place, key in enumerate(state.categories)}
    told: dict[int, int] = {}
    for key, category in state.decided.items():
        if key in starting.places:
            none = len(places) + (state.anchors[key] is None)
            told[starting.places[key]] = places.get(category or "", none)
    lead = starting.weights.lead
    answers: dict[int, list[int]] = {}
    for label in sorted(told, key=lambda label: (lead[starting.row_of[label]] == label, label)):
        times = 1 + state.repeated.get(starting.keys[label], 0)
        answers.setdefault(int(starting.row_of[label]), []).extend([told[label]] * times)
    return answers


def pack(rows: Vectors | Probabilities) -> list[bytes]:
    """Each row as bytes. Shapes: (n, d) to n times 2 d bytes."""
    return [row.tobytes() for row in rows.astype(BYTES)]


def unpack(rows: Sequence[bytes]) -> Vectors:
    """Rows from their bytes. Shapes: n times 2 d bytes to (n, d)."""
    flat = np.frombuffer(b"".join(rows), dtype=BYTES)
    return flat.reshape(len(rows), -1).astype(np.float32)


def unpack_shares(rows: Sequence[bytes]) -> Probabilities:
    """Shares from their bytes; rows sum to 1 again."""
    found = unpack(rows).astype(np.float64)
    return np.asarray(found / found.sum(axis=1, keepdims=True), dtype=np.float64)


def unpack_vectors(rows: Sequence[bytes]) -> Vectors:
    """Unit vectors from their bytes."""
    return unit(unpack(rows))
