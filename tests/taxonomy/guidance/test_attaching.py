"""New labels take after those nearest to them."""

import numpy as np
import pytest

from taxonomy.guidance.attaching import ROWS_AT_ONCE, attach
from taxonomy.guidance.spreading import NEIGHBOURS
from taxonomy.labels.embedding import unit


def test_the_nearest_rows_are_found_and_the_nearer_count_more() -> None:
    """By brute force, over more than one block."""
    random = np.random.default_rng(0)
    known = unit(random.normal(size=(300, 8)).astype(np.float32))
    fresh = unit(random.normal(size=(ROWS_AT_ONCE + 9, 8)).astype(np.float32))
    found = attach(known, fresh)
    cosines = fresh @ known.T
    brute = np.sort(np.argsort(-cosines, axis=1)[:, :NEIGHBOURS], axis=1)
    assert (found.rows == brute).all()
    near = np.take_along_axis(cosines, found.rows, axis=1)
    order = np.argsort(-near, axis=1)
    assert (np.diff(np.take_along_axis(found.counts, order, axis=1), axis=1) <= 0).all()
    assert found.counts.sum(axis=1) == pytest.approx(1.0)


def test_a_label_that_is_known_takes_what_its_likes_have() -> None:
    """A mean of values; of shares it sums to 1, whatever is far away."""
    known = unit(np.repeat(np.eye(2, dtype=np.float32), 20, axis=0))
    shares = np.repeat(np.array([[0.9, 0.1], [0.2, 0.8]]), 20, axis=0)
    found = attach(known, known[[0, 39]]).mean(shares)
    assert found == pytest.approx(np.array([[0.9, 0.1], [0.2, 0.8]]), abs=1e-6)


def test_a_label_that_is_like_none_takes_the_mean() -> None:
    """Nothing is divided by zero; of few known rows all count; of none there is nothing to say."""
    known = np.array([[1, 0], [1, 0]], dtype=np.float32)
    opposite = np.array([[-1, 0]], dtype=np.float32)
    assert attach(known, opposite).counts == pytest.approx(np.array([[0.5, 0.5]]))
    assert attach(known, opposite[:0]).mean(np.ones((2, 3))).shape == (0, 3)
    with pytest.raises(ValueError, match="at least one"):
        attach(known[:0], opposite)
