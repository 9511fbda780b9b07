"""How strongly a segment speaks for each category of any taxonomy, by way of the lexicon.

A category's definition is far from the segments that do what it says; the lexicon's names stand
between: their definitions are near the category's, their examples near the segments.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from annotator.embedded.evidence import Embed, LexiconEvidence, Matrix, Scale, Segments, scale_of
from annotator.embedded.gist import gist
from annotator.labeling.steps import CategoryView

SHARPNESS = 0.08  # cosine that makes a lexicon entry e times as much one category's as another's
EXAMPLE_WEIGHT = 0.3  # of a category's examples beside its definition
HUB_WEIGHT = 0.5  # of what a category is near to everything; a broad definition must not win it all
KNOWN_BONUS = 0.3  # cosine that a decision to put a name into a category counts for
LIKING_WEIGHT = 0.7  # of what a segment is near to every name, taken off
BREADTH_WEIGHT = 0.25  # nats to z; a category that few names speak for is rare by itself


class CategoryError(ValueError):
    """The taxonomy has no categories to choose from."""


@dataclass(frozen=True)
class Calibration:
    """The scales that a sample of segments sets, so that no category swallows all of them."""

    meaning: Scale
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
        of_entry = _shares(self._nearness(embed))
        mass = of_entry.sum(axis=0)
        self.shares: Matrix = of_entry / mass
        self._breadth: Matrix = np.float32(BREADTH_WEIGHT) * np.log(mass / mass.mean())

    def calibrated(self, sample: Segments | None = None) -> Calibration:
        """The scales of a sample together with the lexicon's own examples, which steady it."""
        meaning = [self._meaning(self.lexicon.examples)]
        cues = [self._of_categories(self.lexicon.cues(self.lexicon.example_cues))]
        if sample is not None and len(sample.cues):
            meaning.append(self._meaning(sample.vectors))
            cues.append(self._placed_cues(sample))
        return Calibration(scale_of(np.concatenate(meaning)), scale_of(np.concatenate(cues)))

    def by_meaning(self, read: Segments, calibration: Calibration) -> Matrix:
        """By what the segments say. Shapes: (n, c), z-scores centred over the categories."""
        return self._centred(calibration.meaning.z(self._meaning(read.vectors)))

    def by_cues(self, read: Segments, calibration: Calibration) -> Matrix:
        """By how they say it and where they stand. Shapes: (n, c), z-scores, centred."""
        return self._centred(calibration.cues.z(self._placed_cues(read)))

    def _meaning(self, vectors: Matrix) -> Matrix:
        names = self.lexicon.by_example(vectors)
        return self._of_categories(names)

    def _placed_cues(self, read: Segments) -> Matrix:
        names = self.lexicon.cues(read.cues) + self.lexicon.position(read.places)
        return self._of_categories(names)

    def _of_categories(self, names: Matrix) -> Matrix:
        """What speaks for names as what speaks for categories; a liking for all counts less."""
        centred = names - np.float32(LIKING_WEIGHT) * names.mean(axis=1, keepdims=True)
        scores: Matrix = centred @ self.shares
        return scores

    def _centred(self, scores: Matrix) -> Matrix:
        raised: Matrix = scores + self._breadth
        centred: Matrix = raised - raised.mean(axis=1, keepdims=True)
        return centred

    def _nearness(self, embed: Embed) -> Matrix:
        """How near each entry is to each category, as cosines. Shapes: (l, c)."""
        definitions = embed([f"{each.name}: {each.definition}" for each in self.categories])
        near: Matrix = self.lexicon.names @ definitions.T
        near = near + np.float32(KNOWN_BONUS) * self._known()
        examples, owners = _example_vectors(self.categories, embed)
        similar = self.lexicon.examples @ examples.T
        for column in np.unique(owners):
            best = similar[:, owners == column].max(axis=1, keepdims=True)
            near[:, column] += np.float32(EXAMPLE_WEIGHT) * self.lexicon.means(best)[:, 0]
        return near

    def _known(self) -> Matrix:
        """1 where a category is known to hold an entry's label. Shapes: (l, c)."""
        holds = [{_folded(label) for label in each.known_labels} for each in self.categories]
        labels = [_folded(entry.label) for entry in self.lexicon.entries]
        known = [[label in held for held in holds] for label in labels]
        return np.array(known, dtype=np.float32)


def _folded(label: str) -> str:
    return " ".join(label.casefold().replace("-", " ").replace("_", " ").split())


def _example_vectors(
    categories: Sequence[CategoryView], embed: Embed
) -> tuple[Matrix, NDArray[np.int64]]:
    """The vectors of all examples and whose they are; a category without any gives its text."""
    texts = [list(each.examples) or [each.definition] for each in categories]
    owners = [index for index, each in enumerate(texts) for _ in each]
    return embed([gist(text) for each in texts for text in each]), np.array(owners, dtype=np.int64)


def _shares(nearness: Matrix) -> Matrix:
    """How much of each entry is each category's. Shapes: (l, c); rows sum to 1."""
    nearness = nearness - np.float32(HUB_WEIGHT) * nearness.mean(axis=0)
    sharp = np.exp((nearness - nearness.max(axis=1, keepdims=True)) / np.float32(SHARPNESS))
    shares: Matrix = (sharp / sharp.sum(axis=1, keepdims=True)).astype(np.float32)
    return shares
