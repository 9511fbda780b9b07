"""Decoding: the sequence as far as it counts, a choice by κ, second labels, no label."""

from dataclasses import replace

import numpy as np
import pytest

from annotator.distillation.decoding import NO_LABEL, Decoding
from annotator.embedded.sequence import estimated_matrix, posteriors

ORDER = ("a", "b")


@pytest.fixture
def plain() -> Decoding:
    """A decoding that knows nothing but that a follows a and b follows b."""
    matrix = estimated_matrix([[0, 0, 0], [1, 1, 1]], 2, 0.1)
    return Decoding(ORDER, matrix, np.array([0.5, 0.5]))


def test_without_weight_the_shares_are_the_heads_own(plain: Decoding) -> None:
    shares = np.array([[0.7, 0.3], [0.2, 0.8]])
    np.testing.assert_allclose(plain.shares(np.log(shares)), shares)


def test_with_full_weight_and_even_classes_they_are_the_posteriors(plain: Decoding) -> None:
    """Class frequencies that are even take nothing off."""
    shares = np.log(np.array([[0.9, 0.1], [0.45, 0.55], [0.9, 0.1]]))
    whole = replace(plain, prior_weight=1.0)
    np.testing.assert_allclose(whole.shares(shares), posteriors(shares, plain.matrix), atol=1e-12)
    assert plain.chosen(plain.shares(shares))[1] == (1,)
    assert whole.chosen(whole.shares(shares))[1] == (0,)


def test_a_higher_temperature_is_less_sure(plain: Decoding) -> None:
    shares = np.log(np.array([[0.9, 0.1]]))
    assert replace(plain, temperature=2.0).shares(shares)[0, 0] == pytest.approx(0.75)


def test_what_is_frequent_anyway_proves_less() -> None:
    """By κ the rarer class wins where its share is above what it has everywhere."""
    decoding = Decoding(ORDER, estimated_matrix([], 2), np.array([0.9, 0.1]), chance_weight=0.6)
    assert decoding.chosen(np.array([[0.6, 0.4]])) == [(1,)]
    assert replace(decoding, chance_weight=0.0).chosen(np.array([[0.6, 0.4]])) == [(0,)]


def test_a_second_label_comes_where_it_is_near(plain: Decoding) -> None:
    shares = np.array([[0.6, 0.4], [0.9, 0.1]])
    assert plain.chosen(shares) == [(0,), (0,)]
    assert replace(plain, second_within=0.5).chosen(shares) == [(0, 1), (0,)]


def test_no_label_is_a_class_that_never_stands_beside_another() -> None:
    decoding = Decoding(("a", NO_LABEL), estimated_matrix([], 2), np.array([0.5, 0.5]),
                        second_within=0.1)  # fmt: skip
    assert decoding.labels(np.array([[0.4, 0.6], [0.6, 0.4]])) == [(), (("a", 6.0),)]


def test_confidence_grows_with_the_share(plain: Decoding) -> None:
    sure = replace(plain, slope=0.5, offset=1.0).confidence(np.array([0.0, 0.1, 0.5, 0.9, 1.0]))
    assert (np.diff(sure) > 0).all() and sure[0] >= 0 and sure[-1] <= 1
