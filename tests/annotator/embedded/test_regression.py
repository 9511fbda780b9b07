"""Softmax regression: its gradient, its minimum, its penalty."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from annotator.embedded.regression import fit_softmax, log_softmax, objective


@given(st.integers(0, 10_000))
@settings(max_examples=20)
def test_the_gradient_is_that_of_finite_differences(seed: int) -> None:
    rng = np.random.default_rng(seed)
    features, flat = rng.normal(size=(6, 3)), rng.normal(size=4 * 2)
    targets = rng.dirichlet([1, 1], 6) * rng.random((6, 1))
    _, slope = objective(flat, features, targets, 0.7)
    step = 1e-6 * np.eye(len(flat))
    found = [
        (objective(flat + d, features, targets, 0.7)[0]
         - objective(flat - d, features, targets, 0.7)[0]) / 2e-6
        for d in step
    ]  # fmt: skip
    np.testing.assert_allclose(slope, found, atol=1e-4)


def test_shares_follow_the_features_and_the_penalty_holds_them_back() -> None:
    features = np.array([[1.0], [1.0], [-1.0], [-1.0]], dtype=np.float32)
    targets = np.array([[1.0, 0.0], [1.0, 0.0], [0.0, 1.0], [0.0, 1.0]])
    sure, held = (
        np.exp(fit_softmax(features, targets, penalty).log_shares(features))
        for penalty in (0.01, 10.0)
    )
    assert sure[0, 0] > 0.97 and sure[3, 1] > 0.97
    assert 0.5 < held[0, 0] < sure[0, 0]


def test_soft_targets_give_soft_shares() -> None:
    """Where two people differ, the head is in between."""
    features = np.zeros((4, 1), dtype=np.float32)
    fitted = fit_softmax(features, np.tile([0.25, 0.75], (4, 1)), 1.0)
    np.testing.assert_allclose(np.exp(fitted.log_shares(features))[0], [0.25, 0.75], atol=1e-3)


def test_log_shares_do_not_overflow() -> None:
    np.testing.assert_allclose(np.exp(log_softmax(np.array([[1e4, 0.0]]))), [[1.0, 0.0]])
