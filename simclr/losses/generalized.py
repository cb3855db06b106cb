"""Generalized contrastive losses (Chen, Luo and Li 2021, arXiv 2011.02803).

    loss = scale * (alignment + lambda * distribution)

Alignment pulls the two views of an image together; the distribution loss keeps
all views apart, or in the shape of a prior. lambda is `trade_off`. Definitions
are those of the published notebook (google-research/simclr,
colabs/intriguing_properties/generalized_contrastive_loss.ipynb), whose scale is
1. Ours brings the alignment's pull to that of NT-Xent, so that a learning rate
found for one of the objectives suits the others: SGD, biases and batch norm
feel the scale, what LARS adapts does not.

Shapes: n = images per replica, N = images in the global batch, d = dimensions.
"""

import math

import tensorflow as tf

from simclr import collectives
from simclr.losses.candidates import gather_views
from simclr.losses.inputs import at_least_float32, projections
from simclr.messages.errors import InputError


def decoupled_nt_xent(z1, z2, *, temperature=0.1, trade_off=None):
    """Decoupled NT-Xent: the distribution loss is a log-sum-exp.

    With s(a, b) the cosine of two views and T the temperature,

        alignment = mean_i (1 - s(z1_i, z2_i)) / d
        distribution = mean_a log sum_b exp(s(a, b) / T) - log d

    where b runs over all 2N views, the anchor a itself among them. At
    lambda = T / d the loss is

        T / d * (NT-Xent with the anchor among its candidates) + constant

    so there it balances as NT-Xent does, and with the scale of d / T that the
    loss has here its gradient is NT-Xent's, except for the anchor itself.

    Args:
        z1: [n, d] projections of the first view.
        z2: [n, d] projections of the second view, rows in the same order.
        temperature: of the log-sum-exp, > 0.
        trade_off: lambda, >= 0; None: temperature / d.

    Returns:
        loss: scalar, whose mean over the replicas is the global batch's loss;
            float64 for float64 projections, else float32.
        scalars: {"alignment", "distribution"}: the two terms as they are
            above. Identical embeddings give 0 and 1 / T + log(2N) - log(d).

    Raises:
        InputError: the views' shapes differ, the temperature is not > 0, or
            the trade-off is negative.
    """
    if temperature <= 0:
        raise InputError(f"temperature={temperature} must be above 0.")
    z1, z2 = _projections(z1, z2, unit=True)
    d = z1.shape[1]
    if trade_off is None:
        trade_off = temperature / d
    anchors = tf.concat([z1, z2], axis=0)  # [2n, d]
    candidates = gather_views(anchors)  # [2N, d]
    logits = tf.matmul(anchors, candidates, transpose_b=True) / temperature
    spread = tf.reduce_logsumexp(logits, axis=1) - math.log(d)  # [2n]
    return _total(
        z1, z2, tf.reduce_mean(spread), trade_off, scale=d / temperature
    )


def swd_hypersphere(z1, z2, *, trade_off=1.0, seed=(0, 0)):
    """Unit rows, uniform on the hypersphere; see `generalized.swd`."""
    return _drawn_swd(z1, z2, normal, True, trade_off, seed)


def swd_hypercube(z1, z2, *, trade_off=1.0, seed=(0, 0)):
    """Rows uniform in the cube (-1, 1)^d; see `generalized.swd`."""
    return _drawn_swd(z1, z2, uniform, False, trade_off, seed)


def swd_normal(z1, z2, *, trade_off=1.0, seed=(0, 0)):
    """Rows of the standard normal; see `generalized.swd`."""
    return _drawn_swd(z1, z2, normal, False, trade_off, seed)


def swd(z1, z2, *, prior, w, unit, trade_off, scale=1.0):
    """Sliced Wasserstein distance of all 2N views to a sample of a prior.

        alignment = mean of (z1 - z2)^2 / 2 over images and dimensions
        distribution = mean of (sort(z w) - sort(prior w))^2, sorted by column

    The objectives draw the prior's sample and w anew in each step, the same on
    every replica, and each replica sorts the whole global batch.

    Their default lambda of 1 is the notebook's; which values the paper trained
    with is not in the published code. At 1, views collapsed to a point cost
    twice what a perfect spread of unrelated views does on the hypersphere, and
    just as much off it. They are scaled to pull as NT-Xent does at temperature
    0.1: by 10 d with unit rows, whose terms are of the order of 1 / d, else by
    10.

    Args:
        z1: [n, d] projections of the first view.
        z2: [n, d] projections of the second view, rows in the same order.
        prior: [2N, d] sample of the prior, the same on every replica.
        w: [d, d] orthogonal matrix, whose columns are the directions.
        unit: bool, whether rows, of the prior too, are scaled to length 1.
        trade_off: lambda, >= 0.
        scale: of the sum of both terms.

    Returns:
        loss: scalar, whose mean over the replicas is the global batch's loss;
            float64 for float64 projections, else float32.
        scalars: {"alignment", "distribution"}: the two terms as they are
            above. Views that equal the prior's sample, in any order, give a
            distribution loss of 0; those and a shift c, without `unit`, the
            mean of c^2.

    Raises:
        InputError: the views' shapes differ, or the trade-off is negative.
    """
    z1, z2 = _projections(z1, z2, unit=unit)
    if unit:
        prior = tf.math.l2_normalize(prior, axis=1)
    views = gather_views(tf.concat([z1, z2], axis=0))  # [2N, d]
    ours = tf.sort(tf.transpose(tf.matmul(views, w)))  # [d, 2N]
    theirs = tf.sort(tf.transpose(tf.matmul(prior, w)))  # [d, 2N]
    distribution = tf.reduce_mean(tf.math.squared_difference(ours, theirs))
    return _total(z1, z2, distribution, trade_off, scale=scale)


def uniform(shape, seed, dtype=tf.float32):
    """Numbers uniform in (-1, 1), never -1, 0 or 1.

    Args:
        shape: of the result.
        seed: integer [2].
        dtype: float32 or float64; the numbers are the same.
    """
    # The floats of stateless_uniform differ between XLA and the rest even with
    # one algorithm; its integers do not. Odd multiples of 2^-23 are exact.
    bits = tf.random.stateless_uniform(
        shape, seed, minval=None, maxval=None, dtype=tf.uint32, alg="philox"
    )
    cells = tf.cast(tf.bitwise.right_shift(bits, 9), dtype)  # Below 2^23.
    return (2 * cells + 1) * 2.0**-23 - 1


def normal(shape, seed, dtype=tf.float32):
    """Standard normal numbers, of the same arguments as `uniform`."""
    return math.sqrt(2) * tf.math.erfinv(uniform(shape, seed, dtype))


def orthogonal(d, seed, dtype=tf.float32):
    """A [d, d] orthogonal matrix, uniform over all of them (Haar)."""
    q, r = tf.linalg.qr(normal([d, d], seed, dtype))
    # QR leaves the signs of R's diagonal open, and LAPACK's choice favours some
    # matrices; a positive diagonal does not (Mezzadri 2007, math-ph/0609050).
    return tf.where(tf.linalg.diag_part(r) < 0, -q, q)


def _drawn_swd(z1, z2, draw, unit, trade_off, seed):
    """`swd` with a prior's sample and directions drawn from `seed`."""
    z1, z2 = at_least_float32(z1, z2)
    d = z1.shape[1]
    num_views = 2 * tf.shape(z1)[0] * collectives.num_replicas()  # 2N
    w_seed, prior_seed = tf.unstack(tf.random.split(seed, alg="philox"))
    return swd(
        z1,
        z2,
        prior=draw([num_views, d], prior_seed, z1.dtype),
        w=orthogonal(d, w_seed, z1.dtype),
        unit=unit,
        trade_off=trade_off,
        scale=10.0 * d if unit else 10.0,
    )


def _projections(z1, z2, *, unit):
    """Both views, checked, in at least float32; rows of length 1 if `unit`."""
    z1, z2 = projections(z1, z2)
    if unit:
        z1 = tf.math.l2_normalize(z1, axis=1)
        z2 = tf.math.l2_normalize(z2, axis=1)
    return z1, z2


def _total(z1, z2, distribution, trade_off, *, scale):
    """scale * (alignment + lambda * distribution), and both terms."""
    if trade_off < 0:
        raise InputError(f"trade_off={trade_off} must not be below 0.")
    alignment = tf.reduce_mean(tf.math.squared_difference(z1, z2)) / 2
    return scale * (alignment + trade_off * distribution), {
        "alignment": alignment,
        "distribution": distribution,
    }
