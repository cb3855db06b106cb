"""Barlow Twins (Zbontar et al. 2021, arxiv.org/abs/2103.03230).

Shapes: n = images per replica, N = images in the global batch, d = dimensions.
"""

import tensorflow as tf

from simclr import collectives
from simclr.losses.inputs import projections
from simclr.losses.objectives import SCALED
from simclr.messages.errors import InputError

EPSILON = 1e-5  # Added to the variance, as the published batch norm does.


def barlow_twins(z1, z2, *, trade_off=0.0051, scaled="images"):
    """Redundancy reduction over the global batch (Eq. 1 and 2 of the paper).

        loss = sum_i (1 - C_ii)^2 + lambda sum_i sum_{j != i} C_ij^2
        C = normalized(z1)^T normalized(z2) / N

    where each dimension is normalized to mean 0 and variance 1 over the N
    images of its view.

    Value and gradient are those of one big batch. The published code sums C
    over its R devices outside the gradient: each device then has the gradient
    of its own rows alone, and their average is 1/R of the true one. LARS hides
    that from the weights, whose step does not depend on the gradient's size
    except for weight decay's share in it; biases and batch norm feel it. To
    train as published on 32 devices, set loss.weight to 1 / 32; or keep the
    exact gradient and convert the published learning rate of biases, 0.0048, to
    0.0048 / 32 (optimizer.bias_lr_factor, relative to that of the weights).

    Args:
        z1: [n, d] projections of the first view.
        z2: [n, d] projections of the second view, rows in the same order.
        trade_off: lambda, at least 0.
        scaled: what the ablations of the paper (Section 4) vary. "images": as
            above. "features": before that, each projection is made a unit
            vector. "none": C is the covariance, of dimensions that are brought
            to mean 0 alone.

    Returns:
        loss: scalar, the same on every replica; float64 for float64
            projections, else float32. Projections that do not vary give d.
        scalars: {"on_diagonal": the first sum, "off_diagonal": the second,
            without its lambda}.

    Raises:
        InputError: the views' shapes differ, trade_off is below 0, or `scaled`
            is another word.
    """
    if trade_off < 0:
        raise InputError(f"trade_off={trade_off} must be at least 0.")
    if scaled not in SCALED:
        raise InputError(
            f"scaled={scaled!r}; choose one of {', '.join(SCALED)}."
        )
    z1, z2 = projections(z1, z2)
    num_global = tf.cast(tf.shape(z1)[0] * collectives.num_replicas(), z1.dtype)
    if scaled == "features":
        z1, z2 = (tf.math.l2_normalize(z, axis=1) for z in (z1, z2))
    z1, z2 = _normalized(z1, z2, num_global, scale=scaled != "none")
    correlation = tf.matmul(z1, z2, transpose_a=True) / num_global  # [d, d]
    [correlation] = collectives.sum_over_replicas([correlation])

    diagonal = tf.linalg.diag_part(correlation)  # [d]
    on_diagonal = tf.reduce_sum((diagonal - 1) ** 2)
    off_diagonal = tf.reduce_sum(
        tf.linalg.set_diag(correlation, tf.zeros_like(diagonal)) ** 2
    )
    return on_diagonal + trade_off * off_diagonal, {
        "on_diagonal": on_diagonal,
        "off_diagonal": off_diagonal,
    }


def _normalized(z1, z2, num_global, *, scale):
    """Both views at mean 0 over the global batch, and with `scale` variance 1.

    Two passes: the difference of two large sums would lose the variance.
    """
    both = tf.concat([z1, z2], axis=1)  # [n, 2d]
    [total] = collectives.sum_over_replicas([tf.reduce_sum(both, 0)])
    both -= total / num_global
    if scale:
        [squares] = collectives.sum_over_replicas([tf.reduce_sum(both**2, 0)])
        both *= tf.math.rsqrt(squares / num_global + EPSILON)
    return tf.split(both, 2, axis=1)
