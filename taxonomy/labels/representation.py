"""What a folded label means, as one vector: half by the encoder, half by the letters it shares."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taxonomy.labels.embedding import Embed, Vectors, embed_texts, unit
from taxonomy.labels.folding import Moves, fold_text

LATER_MOVE = 0.3  # a label is mainly about its first move
LEXICAL_WEIGHT = 0.5  # of the letters' cosine, against 1 of the encoder's
HASHED_FEATURES = 1 << 16
LEXICAL_DIMENSIONS = 256
ROWS_AT_ONCE = 4096


@dataclass(frozen=True)
class Representation:
    """Turns labels into unit vectors; knows how rare each run of letters is in an inventory."""

    rarity: NDArray[np.float32]

    def __call__(
        self, labels: Sequence[Moves], embed: Embed, glosses: Sequence[str] | None = None
    ) -> Vectors:
        """Unit vectors of folded labels; a gloss, where it is not empty, counts as much.

        Shapes: n labels to (n, d + 256) where the encoder gives d.
        Identity: cosines are (cosine by the encoder + 0.5 cosine by letters) / 1.5, the latter
        within about 0.06, the error of a random projection to 256 dimensions.
        """
        meaning = mean_moves(labels, embed)
        if glosses is not None:
            meaning = _add_glosses(meaning, labels, glosses, embed)
        letters = self.letters(labels) * np.float32(np.sqrt(LEXICAL_WEIGHT))
        return unit(np.hstack([meaning, letters]))

    def letters(self, labels: Sequence[Moves]) -> Vectors:
        """Unit vectors of which runs of three to five letters a label holds, the rare ones most.

        Shapes: n labels to (n, 256).
        """
        projected = np.zeros((len(labels), LEXICAL_DIMENSIONS), dtype=np.float32)
        for start in range(0, len(labels), ROWS_AT_ONCE):
            rows = slice(start, start + ROWS_AT_ONCE)
            counts = count_runs([" ".join(moves) for moves in labels[rows]])
            projected[rows] = counts.multiply(self.rarity[None]).tocsr() @ _signs()
        return unit(projected)


class LettersAlone:
    """An encoder by the letters that texts share and nothing else, to hold another one against."""

    name = "letters"

    def __call__(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors. Shapes: n texts to (n, 256)."""
        moves = [(fold_text(text),) for text in texts]
        return learn_representation(moves).letters(moves)


def learn_representation(labels: Sequence[Moves]) -> Representation:
    """Count how rare each run of letters is: ln((1 + n) / (1 + labels with it)) + 1."""
    seen = np.zeros(HASHED_FEATURES, dtype=np.int64)
    for start in range(0, len(labels), ROWS_AT_ONCE):
        texts = [" ".join(moves) for moves in labels[start : start + ROWS_AT_ONCE]]
        seen += np.asarray(count_runs(texts).astype(bool).sum(axis=0)).ravel()
    return Representation((np.log((1 + len(labels)) / (1 + seen)) + 1).astype(np.float32))


def mean_moves(labels: Sequence[Moves], embed: Embed) -> Vectors:
    """Unit vectors of labels from those of their moves, the later ones at 0.3.

    Every distinct move is encoded once. Shapes: n labels to (n, d).
    """
    moves = sorted({move for label in labels for move in label})
    rows = {move: row for row, move in enumerate(moves)}
    encoded = embed_texts(moves, embed)
    first = encoded[[rows[label[0]] for label in labels]]
    owners = [number for number, label in enumerate(labels) for _ in label[1:]]
    later = [rows[move] for label in labels for move in label[1:]]
    if later:
        np.add.at(first, owners, encoded[later] * np.float32(LATER_MOVE))
    return unit(first)


def _add_glosses(
    meaning: Vectors, labels: Sequence[Moves], glosses: Sequence[str], embed: Embed
) -> Vectors:
    glossed = [row for row, gloss in enumerate(glosses) if gloss]
    if not glossed:
        return meaning
    added = meaning.copy()
    added[glossed] += embed_texts([f"{labels[row][0]}: {glosses[row]}" for row in glossed], embed)
    return unit(added)


def count_runs(texts: Sequence[str]) -> Any:
    """How often each text holds each hashed run of three to five letters, inside words.

    Shapes: n texts to a sparse (n, 65536).
    """
    return _hasher().transform(texts)


@cache
def _hasher() -> Any:
    from sklearn.feature_extraction.text import HashingVectorizer

    return HashingVectorizer(
        analyzer="char_wb",
        ngram_range=(3, 5),
        n_features=HASHED_FEATURES,
        alternate_sign=False,
        norm=None,
        dtype=np.float32,
    )


@cache
def _signs() -> NDArray[np.float32]:
    """The random projection; one for all inventories, so that vectors can be compared."""
    generator = np.random.default_rng(384)
    drawn = generator.integers(0, 2, size=(HASHED_FEATURES, LEXICAL_DIMENSIONS), dtype=np.int8)
    return drawn.astype(np.float32) * 2 - 1
