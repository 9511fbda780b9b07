"""Vectors of labels and categories, by an encoder that comes in as a callable."""

from collections.abc import Callable, Sequence

import numpy as np
from numpy.typing import NDArray

Vectors = NDArray[np.float32]
Embed = Callable[[Sequence[str]], Vectors]


def embed_texts(texts: Sequence[str], embed: Embed) -> Vectors:
    """Unit vectors of texts.

    Shapes: n texts to (n, d).
    Identity: each row has norm 1, or 0 where the encoder gave nothing.
    Raises: ValueError where the encoder gives another number of rows, or numbers not finite.
    """
    vectors = np.asarray(embed(list(texts)), dtype=np.float32)
    if vectors.ndim != 2 or len(vectors) != len(texts):
        raise ValueError(f"expected {len(texts)} vectors, got an array of shape {vectors.shape}")
    if not np.isfinite(vectors).all():
        raise ValueError("expected finite vectors, got infinite or undefined ones")
    return unit(vectors)


def unit(vectors: Vectors) -> Vectors:
    """The vectors with norm 1. Masking: a zero vector stays zero."""
    norms = np.linalg.norm(vectors, axis=-1, keepdims=True)
    # The floor prevents 0 / 0.
    scaled: Vectors = (vectors / np.maximum(norms, 1e-12)).astype(np.float32)
    return scaled


def centre(vectors: Vectors) -> Vectors:
    """The direction of the mean of unit vectors. Shapes: (n, d) to (d,)."""
    return unit(vectors.mean(axis=0))
