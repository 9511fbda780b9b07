"""Guided spreading: from texts and labels known to belong to categories to every open label.

Two views of one set of vectors are multiplied: what arrives over the graph of neighbours, and a
linear classifier of the anchors. What stays far from every anchor and from every other label is
likely noise.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from taxonomy.guidance.anchors import BACKGROUND, Anchors
from taxonomy.labels.blas import one_thread
from taxonomy.labels.embedding import Embed, Vectors
from taxonomy.labels.folding import Folder, Moves, learn_folder
from taxonomy.labels.graph import Neighbours, find_neighbours, weigh
from taxonomy.labels.representation import Representation, learn_representation

NEIGHBOURS = 16
EDGE_POWER = 3.0
REACH = 0.9  # share of a row that comes from its neighbours; the rest from what it is told
MOST_STEPS = 300
TOLERANCE = 1e-6
GRAPH_EXPONENT = 1.8  # with the next: makes confidence agree with accuracy on the dev inventory
LINEAR_EXPONENT = 1.0
REGULARISATION = 10.0
NOISE_NEARNESS = 10.0
NOISE_OFFSET = 6.5  # so that most labels that score past one half are noise
LEAST_CONFIDENCE = 0.2  # below it a label stays unassigned: measured, most of those are wrong
MOST_NOISE = 0.5
UNASSIGNED = -1
NOISE = -2
TINY = 1e-9  # prevents the logarithm of 0

Probabilities = NDArray[np.float64]


@dataclass(frozen=True)
class Inventory:
    """Labels folded together: rows are phrases, each of one or more labels.

    Shapes: `row_of` (labels,), `vectors` (rows, d).
    """

    folder: Folder
    representation: Representation
    phrases: tuple[Moves, ...]
    row_of: NDArray[np.int64]
    vectors: Vectors


@dataclass(frozen=True)
class Guess:
    """How likely each row belongs to each category, and that it belongs to none.

    Shapes: `probabilities` (rows, categories), rows sum to 1; `noise` (rows,) in [0, 1].
    """

    probabilities: Probabilities
    noise: Probabilities


def fold_inventory(
    labels: Sequence[str],
    embed: Embed,
    glosses: Sequence[str | None] | None = None,
    folder: Folder | None = None,
) -> Inventory:
    """Fold the labels together and represent them.

    `glosses` are the labeler's own definitions where it gave one; a row takes the first of its
    labels'. Without a `folder` one is learned from the labels.
    Raises: ValueError where there is no label.
    """
    if not labels:
        raise ValueError("expected at least one label, got an empty inventory")
    folder = learn_folder(labels) if folder is None else folder
    moves = [folder(label) for label in labels]
    rows = {phrase: row for row, phrase in enumerate(dict.fromkeys(moves))}
    row_of = np.array([rows[phrase] for phrase in moves], dtype=np.int64)
    phrases = tuple(rows)
    representation = learn_representation(phrases)
    gloss = _first_glosses(row_of, glosses, len(phrases)) if glosses is not None else None
    return Inventory(folder, representation, phrases, row_of, representation(phrases, embed, gloss))


def _first_glosses(
    row_of: NDArray[np.int64], glosses: Sequence[str | None], count: int
) -> list[str]:
    found = [""] * count
    for row, gloss in zip(row_of, glosses, strict=True):
        found[row] = found[row] or (gloss or "").strip()
    return found


def guess(inventory: Inventory, anchors: Anchors, embed: Embed) -> Guess:
    """Spread what the anchors say to every row.

    Identity: deterministic; a category with more anchors weighs no more than one with few.
    """
    spoken = inventory.representation([inventory.folder(text) for text in anchors.texts], embed)
    count = int(anchors.owners.max()) + 1
    owners = np.where(anchors.owners == BACKGROUND, count, anchors.owners)
    rows = len(inventory.vectors)
    neighbours = find_neighbours(np.vstack([inventory.vectors, spoken]), NEIGHBOURS)
    arrived = spread(weigh(neighbours, EDGE_POWER), _sources(owners, rows, count + 1))[:rows]
    arrived = (arrived + TINY) / (arrived + TINY).sum(axis=1, keepdims=True)
    linear = classify(inventory.vectors, spoken, owners, count + 1)
    return Guess(
        combine(arrived[:, :count], linear[:, :count]),
        score_noise(arrived[:, count], linear[:, count], nearness(neighbours, rows)),
    )


def _sources(owners: NDArray[np.int64], rows: int, columns: int) -> Probabilities:
    """One unit a column, shared by its anchors, which stand after the rows."""
    sources = np.zeros((rows + len(owners), columns))
    sizes = np.bincount(owners, minlength=columns)
    sources[rows + np.arange(len(owners)), owners] = 1.0 / sizes[owners]
    return sources


def spread(graph: Any, sources: Probabilities, reach: float = REACH) -> Probabilities:
    """F = (I − a S)⁻¹ Y with S = D^(−1/2) W D^(−1/2), by repeated F ← a S F + Y.

    Shapes: sparse (n, n), (n, c) to (n, c).
    Identity: equals the dense solve within 1e-5 of the largest entry of its column.
    Source: Zhou, Bousquet, Lal, Weston, Schölkopf 2004, up to the factor 1 − a.
    """
    degrees = np.asarray(graph.sum(axis=1)).ravel()
    # A row without edges keeps what it is told; the floor prevents 1 / 0.
    scale = 1.0 / np.sqrt(np.maximum(degrees, TINY))
    step = graph.multiply(scale[:, None]).multiply(scale[None] * reach).tocsr()
    total, wave = sources.copy(), sources
    for _ in range(MOST_STEPS):
        wave = step @ wave
        total += wave
        if np.all(wave.max(axis=0) <= TOLERANCE * np.maximum(total.max(axis=0), TINY)):
            break
    return total


def classify(
    vectors: Vectors, spoken: Vectors, owners: NDArray[np.int64], columns: int
) -> Probabilities:
    """Probabilities by logistic regression on the anchors, each owner of one weight.

    Shapes: (n, d), (anchors, d), (anchors,) to (n, columns); the column of an owner without
    anchors is 0.
    """
    found = np.zeros((len(vectors), columns))
    distinct = np.unique(owners)
    if len(distinct) == 1:
        found[:, distinct[0]] = 1.0
        return found
    from sklearn.linear_model import LogisticRegression

    model = LogisticRegression(C=REGULARISATION, max_iter=1000, class_weight="balanced")
    with one_thread():  # hundreds of tiny products: threads only wait for each other
        model.fit(spoken, owners)
    found[:, model.classes_] = model.predict_proba(vectors)
    return found


def combine(arrived: Probabilities, linear: Probabilities) -> Probabilities:
    """The normalized product arrived^1.8 · linear^1.0. Shapes: (n, c) twice to (n, c)."""
    logs = GRAPH_EXPONENT * np.log(arrived + TINY) + LINEAR_EXPONENT * np.log(linear + TINY)
    product = np.exp(logs - logs.max(axis=1, keepdims=True))
    return np.asarray(product / product.sum(axis=1, keepdims=True), dtype=np.float64)


def nearness(neighbours: Neighbours, rows: int) -> Probabilities:
    """The mean cosine of each of the first rows to its neighbours. Shapes: (n, k) to (rows,)."""
    if not neighbours.rows.shape[1]:
        return np.zeros(rows)
    return np.asarray(neighbours.cosines[:rows].mean(axis=1), dtype=np.float64)


def score_noise(
    arrived: Probabilities, linear: Probabilities, near: Probabilities
) -> Probabilities:
    """The logistic of both views' log odds of background, less ten times the nearness.

    Shapes: (n,) three times to (n,).
    """
    evidence = _log_odds(arrived) + _log_odds(linear) - NOISE_NEARNESS * near + NOISE_OFFSET
    return np.asarray(1.0 / (1.0 + np.exp(-np.clip(evidence, -50, 50))), dtype=np.float64)


def _log_odds(share: Probabilities) -> Probabilities:
    return np.asarray(np.log(share + TINY) - np.log(1.0 - share + TINY), dtype=np.float64)


def decide(guess: Guess) -> NDArray[np.int64]:
    """The position of each row's category, UNASSIGNED where none is likely, NOISE for noise.

    Shapes: (rows,).
    """
    found = guess.probabilities.argmax(axis=1)
    found[guess.probabilities.max(axis=1) < LEAST_CONFIDENCE] = UNASSIGNED
    found[guess.noise > MOST_NOISE] = NOISE
    return np.asarray(found, dtype=np.int64)
