"""What a segment and its neighbours are like, as numbers that a small head can learn from.

Gist vectors are reduced to their main directions, which few labels can carry; cues, shape and
place are few already. Every column is on one scale, set by the segments that the head learnt from.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from annotator.embedded.evidence import Matrix, Places, Segments

Array = NDArray[np.float64]

DIRECTIONS = 24  # of the gist vectors
MEANING_SCALE = 2.0  # of a direction beside a cue
NEIGHBOUR_SCALE = 0.5  # of what is before and after beside the segment's own
LEAST_SPREAD = 0.05  # keeps a column that was nearly constant from becoming huge elsewhere
Z_LIMIT = 6.0
SHAPED_CHARACTERS = 3000  # of a segment are looked at for its shape

_DIGIT, _SIGN, _LETTER = (
    re.compile(r"\d"),
    re.compile(r"[-+*/=^_\\{}()\[\]$<>]"),
    re.compile(r"[^\W\d_]"),
)
_END, _ITEM = re.compile(r"[.!?](?:\s|$)"), re.compile(r"\W*[-*\d]")


def shape_matrix(texts: Sequence[str]) -> Matrix:
    """Length, share of digits, signs and letters, and what opens and ends. Shapes: n to (n, k)."""
    return np.array([_shape(text[:SHAPED_CHARACTERS]) for text in texts], dtype=np.float32)


def _shape(text: str) -> list[float]:
    words, size = len(text.split()), max(len(text), 1)
    equals, bare = text.count("="), text.strip()
    return [
        np.log1p(words),
        np.log1p(size),
        len(_DIGIT.findall(text)) / size,
        len(_SIGN.findall(text)) / size,
        len(_LETTER.findall(text)) / size,
        equals > 0,
        np.log1p(equals),
        "\n" in bare,
        "\\boxed" in text,
        bare.endswith(":"),
        bare.endswith("?"),
        "?" in text,
        words < 6,
        words < 12,
        words > 60,
        _ITEM.match(text) is not None,
        "**" in text,
        np.log1p(len(_END.findall(text))),
    ]


def place_matrix(places: Places) -> Matrix:
    """How far from the start and from the end of the trace. Shapes: n places to (n, k)."""
    before = places.index.astype(np.float64)
    after = places.count - 1 - before
    share = places.share
    columns = [
        before == 0, before == 1, after == 0, after == 1, share < 0.1, share > 0.9,
        share, share**2, np.log1p(before), np.log1p(after), np.exp(-before / 2), np.exp(-after / 2),
    ]  # fmt: skip
    return np.stack([np.asarray(column, dtype=np.float32) for column in columns], axis=1)


def shifted(rows: Matrix, places: Places, by: int) -> Matrix:
    """The row that stands `by` places further back in the same trace; zeros where there is none."""
    moved = np.zeros_like(rows)
    there = np.flatnonzero((places.index - by >= 0) & (places.index - by < places.count))
    moved[there] = rows[there - by]
    return moved


@dataclass(frozen=True)
class Scaling:
    """The directions of meaning, and the scale of every other column.

    Shapes: centre (384,), directions (384, d), mean and spread (k,).
    """

    centre: Matrix
    directions: Matrix
    mean: Matrix
    spread: Matrix

    def features(self, read: Segments, shapes: Matrix) -> Matrix:
        """The features of segments in whole traces. Shapes: n segments to (n, f)."""
        meaning = (read.vectors - self.centre) @ self.directions
        own = np.concatenate([read.cues, shapes, place_matrix(read.places)], axis=1)
        scaled = np.clip((own - self.mean) / self.spread, -Z_LIMIT, Z_LIMIT)
        moves = np.concatenate([meaning, scaled[:, : read.cues.shape[1] + shapes.shape[1]]], axis=1)
        beside = [np.float32(NEIGHBOUR_SCALE) * shifted(moves, read.places, by) for by in (1, -1)]
        features: Matrix = np.concatenate([meaning, scaled, *beside], axis=1).astype(np.float32)
        return features


def scaling_of(read: Segments, shapes: Matrix) -> Scaling:
    """The scaling that segments set. Shapes: n segments, n ≥ 2."""
    centre = read.vectors.mean(axis=0)
    spread_out = (read.vectors - centre).astype(np.float64)
    _, vectors = np.linalg.eigh(spread_out.T @ spread_out)
    directions = vectors[:, ::-1][:, :DIRECTIONS]
    directions = directions * np.sign(directions[np.abs(directions).argmax(axis=0),
                                                 np.arange(directions.shape[1])])  # fmt: skip
    size = max(float((spread_out @ directions).std()), 1e-6)
    own = np.concatenate([read.cues, shapes, place_matrix(read.places)], axis=1)
    return Scaling(
        centre.astype(np.float32),
        (directions * (MEANING_SCALE / size)).astype(np.float32),
        own.mean(axis=0),
        np.maximum(own.std(axis=0), LEAST_SPREAD).astype(np.float32),
    )


def rows_of(read: Segments, rows: NDArray[np.int64]) -> Segments:
    """Some of the segments; whole traces, or neighbours are lost."""
    places = Places(read.places.index[rows], read.places.count[rows])
    return Segments(read.vectors[rows], read.cues[rows], places)
