"""How strongly a segment speaks for each name in the lexicon: by meaning, by cues, by position.

Every score is a z-score against the lexicon's own examples, which are the same for every trace, so
a segment's labels do not depend on which other traces are in the run.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from annotator.embedded.cues import cue_matrix
from annotator.embedded.gist import gist
from annotator.embedded.lexicon import LexiconEntry
from annotator.labeling.orders import without_orders

Matrix = NDArray[np.float32]
Embed = Callable[[Sequence[str]], Matrix]

Z_LIMIT = 4.0  # a single rare cue must not outweigh everything else
CUE_FLOOR = 0.5  # keeps the profile of a name with few cues from becoming all of one cue
SPREAD_FLOOR = 0.1  # of the overall spread, for a name that its reference hardly varies on
DEFINITION_WEIGHT = 0.5
PENALTY = {"first": -2.0, "early": -0.6, "last": -1.2}
BONUS = {"first": 1.0, "early": 0.4, "last": 0.8}
EARLY_SHARE, LATE_SHARE = 0.25, 0.75


@dataclass(frozen=True)
class Scale:
    """The mean and the spread of a score over the reference, a column each."""

    mean: NDArray[np.float64]
    spread: NDArray[np.float64]

    def z(self, scores: Matrix) -> Matrix:
        """The scores as z-scores, limited. Shapes: (n, c) to (n, c)."""
        z = (scores - self.mean) / self.spread
        return np.clip(z, -Z_LIMIT, Z_LIMIT).astype(np.float32)


def scale_of(reference: Matrix) -> Scale:
    """The scale that a reference sets. Shapes: (m, c), m ≥ 1."""
    spread = reference.std(axis=0) + SPREAD_FLOOR * max(float(reference.std()), 1e-6)
    return Scale(reference.mean(axis=0), spread)


@dataclass(frozen=True)
class Places:
    """Where segments stand in their traces. Shapes: (n,) each."""

    index: NDArray[np.int64]
    count: NDArray[np.int64]

    @property
    def share(self) -> NDArray[np.float64]:
        """From 0 for the first to 1 for the last; 0 for the only one."""
        share: NDArray[np.float64] = self.index / np.maximum(self.count - 1, 1)
        return share


def places_of(counts: Sequence[int]) -> Places:
    """The places of the segments of traces that have these counts, one after another."""
    index = [position for count in counts for position in range(count)]
    total = [count for count in counts for _ in range(count)]
    return Places(np.array(index, dtype=np.int64), np.array(total, dtype=np.int64))


@dataclass(frozen=True)
class Segments:
    """What is read from segments, once: vectors of their gists, their cues, their places."""

    vectors: Matrix
    cues: Matrix
    places: Places


def read_segments(
    embed: Embed, traces: Sequence[Sequence[str]], names: Sequence[str] = ()
) -> Segments:
    """The reading of traces that are given as their segments' texts, one after another.

    `names` are those that an order to the labeler could ask for; such orders are not read.
    """
    wanted = tuple(names)
    texts = [without_orders(text, wanted) for trace in traces for text in trace]
    vectors = embed([gist(text) for text in texts])
    return Segments(vectors, cue_matrix(texts), places_of([len(trace) for trace in traces]))


class LexiconEvidence:
    """Scores of segments for every entry of a lexicon. Axes: n segments, l entries."""

    def __init__(self, entries: Sequence[LexiconEntry], embed: Embed) -> None:
        self.entries = tuple(entries)
        examples = [example for entry in entries for example in entry.examples]
        counts = [len(entry.examples) for entry in entries]
        self._starts = np.concatenate([[0], np.cumsum(counts)[:-1]]).astype(np.int64)
        self._counts = np.array(counts, dtype=np.float32)
        self.names = embed([f"{entry.label}: {entry.definition}" for entry in entries])
        self.examples = embed([gist(example) for example in examples])
        self.example_cues = cue_matrix(examples)
        self._cue_weights = self._rarity()
        self._profiles = self._unit(self.means(self.example_cues))
        self._meaning_scale = scale_of(self._raw_meaning(self.examples))
        self._definition_scale = scale_of(self.examples @ self.names.T)
        self._cue_scale = scale_of(self._raw_cues(self.example_cues))

    def meaning(self, vectors: Matrix) -> Matrix:
        """By likeness to the entries' examples and definitions. Shapes: (n, 384) to (n, l)."""
        examples = self.by_example(vectors)
        definitions = self._definition_scale.z(vectors @ self.names.T)
        scores: Matrix = examples + np.float32(DEFINITION_WEIGHT) * definitions
        return scores

    def by_example(self, vectors: Matrix) -> Matrix:
        """By likeness to the entries' examples alone. Shapes: (n, 384) to (n, l)."""
        return self._meaning_scale.z(self._raw_meaning(vectors))

    def cues(self, cues: Matrix) -> Matrix:
        """By likeness to the cues of the entries' examples. Shapes: (n, families) to (n, l)."""
        return self._cue_scale.z(self._raw_cues(cues))

    def position(self, places: Places) -> Matrix:
        """A bonus where an entry is at home, a penalty elsewhere. Shapes: n places to (n, l)."""
        home = {
            "first": places.index == 0,
            "early": places.share <= EARLY_SHARE,
            "last": places.index == places.count - 1,
        }
        scores = np.zeros((len(places.index), len(self.entries)), dtype=np.float32)
        for column, entry in enumerate(self.entries):
            if entry.where in home:
                where = entry.where
                scores[:, column] = np.where(home[where], BONUS[where], PENALTY[where])
                if where == "last":
                    near = (places.share >= LATE_SHARE) & ~home[where]
                    scores[near, column] = 0.0
        return scores

    def _raw_meaning(self, vectors: Matrix) -> Matrix:
        similar = vectors @ self.examples.T
        best = np.maximum.reduceat(similar, self._starts, axis=1)
        mean = np.add.reduceat(similar, self._starts, axis=1) / self._counts
        return ((best + mean) / 2).astype(np.float32)

    def _raw_cues(self, cues: Matrix) -> Matrix:
        scores: Matrix = self._unit(cues) @ self._profiles.T
        return scores

    def means(self, rows: Matrix) -> Matrix:
        """The mean over each entry's examples. Shapes: (examples, k) to (l, k)."""
        total = np.add.reduceat(rows, self._starts, axis=0)
        return (total / self._counts[:, None]).astype(np.float32)

    def _rarity(self) -> Matrix:
        present = (self.example_cues > 0).sum(axis=0)
        rarity: Matrix = np.log((1 + len(self.example_cues)) / (1 + present)).astype(np.float32)
        return rarity

    def _unit(self, cues: Matrix) -> Matrix:
        weighted = cues * self._cue_weights
        length = np.linalg.norm(weighted, axis=1, keepdims=True) + CUE_FLOOR
        unit: Matrix = (weighted / length).astype(np.float32)
        return unit
