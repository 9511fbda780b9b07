"""How strongly a segment speaks for each category of any taxonomy, by way of the lexicon.

A category's definition is far from the segments that do what it says; the lexicon's names stand
between: their definitions are near the category's, their examples near the segments.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from annotator.evidence import Embed, LexiconEvidence, Matrix, Scale, Segments, scale_of
from annotator.gist import gist
from annotator.steps import CategoryView

SHARPNESS = 0.08  # cosine that makes a lexicon entry e times as much one category's as another's
EXAMPLE_WEIGHT = 0.3  # of a category's examples beside its definition
DIRECT_WEIGHT = 0.4  # of a segment's own likeness to the category's examples


class CategoryError(ValueError):
    """The taxonomy has no categories to choose from."""


@dataclass(frozen=True)
class Calibration:
    """The scales that a sample of segments sets, so that no category swallows all of them."""

    meaning: Scale
    direct: Scale
    cues: Scale


class CategoryEvidence:
    """Scores of segments for every category. Axes: n segments, l entries, c categories."""

    def __init__(
        self, lexicon: LexiconEvidence, categories: Sequence[CategoryView], embed: Embed
    ) -> None:
        if not categories:
            raise CategoryError("expected at least one category, got none; freeze some first")
        self.lexicon = lexicon
        self.categories = tuple(categories)
        self._definitions = embed([f"{each.name}: {each.definition}" for each in categories])
        self._examples, self._owners = _examples(categories, embed)
        self.shares = _shares(self._nearness())

    def calibrated(self, sample: Segments | None = None) -> Calibration:
        """The scales of a sample together with the lexicon's own examples, which steady it."""
        vectors, cues = self.lexicon.examples, self.lexicon.example_cues
        parts = [(self._meaning(vectors), self._direct(vectors), self._cues(cues))]
        if sample is not None and len(sample.cues):
            own = self._direct(sample.vectors)
            placed = self._cues(sample.cues) + self.lexicon.position(sample.places) @ self.shares
            parts.append((self._meaning(sample.vectors), own, placed))
        meaning, direct, by_cue = (np.concatenate(each) for each in zip(*parts, strict=True))
        return Calibration(scale_of(meaning), scale_of(direct), scale_of(by_cue))

    def by_meaning(self, read: Segments, calibration: Calibration) -> Matrix:
        """By what the segments say. Shapes: (n, c), z-scores centred over the categories."""
        meaning = calibration.meaning.z(self._meaning(read.vectors))
        direct = calibration.direct.z(self._direct(read.vectors))
        return _centred(meaning + np.float32(DIRECT_WEIGHT) * direct)

    def by_cues(self, read: Segments, calibration: Calibration) -> Matrix:
        """By how they say it and where they stand. Shapes: (n, c), z-scores, centred."""
        placed = self._cues(read.cues) + self.lexicon.position(read.places) @ self.shares
        return _centred(calibration.cues.z(placed))

    def _meaning(self, vectors: Matrix) -> Matrix:
        scores: Matrix = self.lexicon.meaning(vectors) @ self.shares
        return scores

    def _cues(self, cues: Matrix) -> Matrix:
        scores: Matrix = self.lexicon.cues(cues) @ self.shares
        return scores

    def _direct(self, vectors: Matrix) -> Matrix:
        return self._best_example(vectors @ self._examples.T)

    def _nearness(self) -> Matrix:
        """How near each entry's definition is to each category. Shapes: (l, c)."""
        by_definition = self.lexicon.names @ self._definitions.T
        by_example = self._best_example(self.lexicon.examples @ self._examples.T)
        near: Matrix = by_definition + np.float32(EXAMPLE_WEIGHT) * self.lexicon.means(by_example)
        return near

    def _best_example(self, similar: Matrix) -> Matrix:
        columns = [similar[:, self._owners == c].max(axis=1) for c in range(len(self.categories))]
        return np.stack(columns, axis=1)


def _examples(
    categories: Sequence[CategoryView], embed: Embed
) -> tuple[Matrix, NDArray[np.int64]]:
    """The vectors of all examples, and whose they are; a category without any gives its text."""
    texts = [list(each.examples) or [f"{each.name}: {each.definition}"] for each in categories]
    owners = [index for index, each in enumerate(texts) for _ in each]
    return embed([gist(text) for each in texts for text in each]), np.array(owners, dtype=np.int64)


def _shares(nearness: Matrix) -> Matrix:
    """What share of each category an entry makes up. Shapes: (l, c); columns sum to 1."""
    sharp = np.exp((nearness - nearness.max(axis=1, keepdims=True)) / SHARPNESS)
    of_entry = sharp / sharp.sum(axis=1, keepdims=True)
    shares: Matrix = (of_entry / of_entry.sum(axis=0)).astype(np.float32)
    return shares


def _centred(scores: Matrix) -> Matrix:
    centred: Matrix = scores - scores.mean(axis=1, keepdims=True)
    return centred
