"""A linear probe of few labels: multinomial logistic regression.

Letters: L = labelled rows, n = rows, f = features, c = classes, p = numbers.
"""

import dataclasses

import numpy as np
from scipy import optimize, special

from simclr.messages.errors import InputError

_PENALTY = 1e-3
_STEPS = 300


@dataclasses.dataclass(frozen=True)
class Probe:
    """A linear classifier of rows.

    Attributes:
        mean: float32 [f], of the rows it was fitted to.
        weights: float32 [f, c].
        bias: float32 [c].
    """

    mean: np.ndarray
    weights: np.ndarray
    bias: np.ndarray

    def probabilities(self, rows):
        """float32 [n, c] of rows, float [n, f]."""
        rows = np.asarray(rows, np.float32) - self.mean
        return special.softmax(rows @ self.weights + self.bias, axis=1)


def fit(rows, labels, num_classes, penalty=_PENALTY):
    """The probe with the least cross-entropy, by L-BFGS in float64.

        mean over rows of -log softmax(W' x + b)[y] + penalty / 2 |W|^2

    with x centred and scaled to a mean square length of 1, so that the penalty
    means the same for all features.

    Args:
        rows: float [L, f].
        labels: int [L] in [0, c).
        num_classes: c.
        penalty: > 0.

    Returns:
        Probe.

    Raises:
        InputError: fewer than two classes among the labels, or a label
            outside [0, c).
    """
    labels = np.asarray(labels, np.int64)
    if len(np.unique(labels)) < 2:
        raise InputError("A probe needs labels of two classes at least.")
    if labels.min() < 0 or labels.max() >= num_classes:
        raise InputError(f"The labels are not all of {num_classes} classes.")
    rows = np.asarray(rows, np.float64)
    mean = rows.mean(axis=0)
    scale = np.sqrt(np.mean(np.sum((rows - mean) ** 2, axis=1))) or 1.0
    x, y = (rows - mean) / scale, np.eye(num_classes)[labels]

    def loss(p):
        weights, bias = _parts(p, num_classes)
        logits = x @ weights + bias
        log_p = logits - special.logsumexp(logits, axis=1, keepdims=True)
        error = (np.exp(log_p) - y) / len(x)
        value = -np.sum(y * log_p) / len(x) + penalty / 2 * np.sum(weights**2)
        slope = x.T @ error + penalty * weights
        return value, np.concatenate([slope.ravel(), error.sum(axis=0)])

    start = np.zeros(num_classes * (x.shape[1] + 1))
    found = optimize.minimize(
        loss, start, jac=True, method="L-BFGS-B", options={"maxiter": _STEPS}
    )
    weights, bias = _parts(found.x, num_classes)
    return Probe(
        mean.astype(np.float32),
        (weights / scale).astype(np.float32),
        bias.astype(np.float32),
    )


def _parts(p, num_classes):
    return p[:-num_classes].reshape(-1, num_classes), p[-num_classes:]
