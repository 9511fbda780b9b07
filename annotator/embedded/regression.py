"""Softmax regression on soft targets, held back by a penalty."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from annotator.embedded.evidence import Matrix

Array = NDArray[np.float64]

INTERCEPT_PENALTY = 1e-3  # keeps the intercept of a class that never occurs finite
ITERATIONS = 100


@dataclass(frozen=True)
class SoftmaxWeights:
    """Shapes: weights (f, k), intercept (k,)."""

    weights: Matrix
    intercept: Matrix

    def log_shares(self, features: Matrix) -> Array:
        """log p(class | features). Shapes: (n, f) to (n, k)."""
        scores = (features @ self.weights + self.intercept).astype(np.float64)
        return log_softmax(scores)


def log_softmax(scores: Array) -> Array:
    """log(e^s / Σ e^s), row by row. Shapes: (n, k) to (n, k)."""
    raised = scores - scores.max(axis=1, keepdims=True)
    result: Array = raised - np.log(np.exp(raised).sum(axis=1, keepdims=True))
    return result


def objective(flat: Array, features: Array, targets: Array, penalty: float) -> tuple[float, Array]:
    """−Σ y log softmax(xW + b) + penalty/2 · ‖W‖², and its gradient.

    Shapes: features (n, f); targets (n, k), rows sum to at most 1; flat holds W over b.
    Identity: the gradient is that of finite differences.
    """
    size, count = features.shape[1], targets.shape[1]
    weights = flat.reshape(size + 1, count)
    held = np.full((size + 1, 1), penalty)
    held[-1] = INTERCEPT_PENALTY
    log_shares = log_softmax(features @ weights[:-1] + weights[-1])
    loss = -float((targets * log_shares).sum()) + 0.5 * float((held * weights**2).sum())
    error = np.exp(log_shares) * targets.sum(axis=1, keepdims=True) - targets
    slope = np.concatenate([features.T @ error, error.sum(axis=0, keepdims=True)])
    return loss, (slope + held * weights).ravel()


def fit_softmax(features: Matrix, targets: Array, penalty: float) -> SoftmaxWeights:
    """The weights at the objective's only minimum, found by L-BFGS. Shapes: as in objective."""
    from scipy.optimize import minimize

    size, count = features.shape[1], targets.shape[1]
    found = minimize(
        objective, np.zeros((size + 1) * count), (features.astype(np.float64), targets, penalty),
        method="L-BFGS-B", jac=True, options={"maxiter": ITERATIONS, "ftol": 1e-6},
    )  # fmt: skip
    weights = found.x.reshape(size + 1, count).astype(np.float32)
    return SoftmaxWeights(weights[:-1], weights[-1])
