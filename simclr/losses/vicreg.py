"""VICReg (Bardes, Ponce and LeCun 2022, arxiv.org/abs/2105.04906).

Shapes: n = images per replica, N = images in the global batch, d = dimensions.
"""

import tensorflow as tf

from simclr import collectives
from simclr.losses.inputs import projections
from simclr.messages.errors import InputError

EPSILON = 1e-4  # Added to the variance.
GAMMA = 1.0  # Standard deviation that each dimension is to have at least.


def vicreg(z1, z2, *, coefficients=(25.0, 25.0, 1.0)):
    """Variance, invariance and covariance over the global batch (Eq. 1 to 6).

        loss = lambda s + mu (v1 + v2) / 2 + nu (c1 + c2)
        s = mean of (z1 - z2)^2 over images and dimensions
        v = mean_j max(0, gamma - sqrt(C_jj + epsilon))
        c = sum_{i != j} C_ij^2 / d

    where v and c are a view's and C is its covariance, centred and divided by
    N - 1. Value and gradient are those of one big batch, as the published
    code's are: its gather sums gradients over devices, and their average is
    the exact one.

    That code and the paper's equations differ in scale. The paper sums s over
    the dimensions (Eq. 5) and adds v1 + v2 (Eq. 6); the code takes a mean of
    either, and the published coefficients, 25, 25 and 1, go with it. So does
    this loss. The paper's equations with lambda, mu and nu are this loss with

        coefficients = (lambda * d, 2 * mu, nu)

    Args:
        z1: [n, d] projections of the first view, which nothing normalizes.
        z2: [n, d] projections of the second view, rows in the same order.
        coefficients: lambda, mu and nu, at least 0 each.

    Returns:
        loss: scalar, whose mean over the replicas is the global batch's loss;
            float64 for float64 projections, else float32. Projections that do
            not vary give mu (1 - 0.01).
        scalars: {"invariance": s, "variance": (v1 + v2) / 2, "covariance":
            c1 + c2}.

    Raises:
        InputError: the views' shapes differ, or the coefficients are not three
            numbers of at least 0.
    """
    if len(coefficients) != 3 or min(coefficients) < 0:
        raise InputError(
            f"coefficients={tuple(coefficients)} must be three numbers, "
            "lambda, mu and nu, of at least 0."
        )
    z1, z2 = projections(z1, z2)
    invariance = tf.reduce_mean(tf.math.squared_difference(z1, z2))
    covariances = _covariances(tf.stack([z1, z2]))  # [2, d, d]
    variances = tf.linalg.diag_part(covariances)  # [2, d]
    deviation = tf.sqrt(variances + EPSILON)
    variance = tf.reduce_mean(tf.nn.relu(GAMMA - deviation))
    off_diagonal = tf.linalg.set_diag(covariances, tf.zeros_like(variances))
    covariance = tf.reduce_sum(off_diagonal**2) / z1.shape[1]
    terms = {
        "invariance": invariance,
        "variance": variance,
        "covariance": covariance,
    }
    weighted = zip(coefficients, terms.values(), strict=True)
    return tf.add_n([weight * term for weight, term in weighted]), terms


def _covariances(z):
    """Covariance of the dimensions over the global batch, of each view.

    Two passes: the difference of two large products would lose it.

    Args:
        z: [2, n, d] this replica's rows of both views.

    Returns:
        [2, d, d], the same on every replica; 0 for a batch of one image.
    """
    num_global = tf.shape(z)[1] * collectives.num_replicas()
    [total] = collectives.sum_over_replicas([tf.reduce_sum(z, 1)])  # [2, d]
    z -= total[:, None] / tf.cast(num_global, z.dtype)
    products = tf.matmul(z, z, transpose_a=True)
    freedom = tf.cast(tf.maximum(num_global - 1, 1), z.dtype)
    [covariances] = collectives.sum_over_replicas([products / freedom])
    return covariances
