"""How far a step turns the kernels."""

import tensorflow as tf


def mean_angle(before, after):
    """The mean angle between kernels before and after a step, in radians.

    With normalization behind it, the length of a kernel does not matter: its
    direction is what is learned, and the angle is how fast.

    With |b| a and |a| b in the place of a and b, which are as long then, it is
    2 atan2(|a - b|, |a + b|): near 0 the arccosine of their product would round
    it away in float32.

    Args:
        before, after: lists of floating tensors, the same shapes.

    Returns:
        scalar. A kernel that is all 0 turns by 0.
    """
    before, after = (
        [tf.convert_to_tensor(x) for x in y] for y in (before, after)
    )
    apart, along = [], []
    for a, b, length_a, length_b in zip(
        before,
        after,
        tf.unstack(_norms(before)),
        tf.unstack(_norms(after)),
        strict=True,
    ):
        a, b = length_b * a, length_a * b
        apart.append(a - b)
        along.append(a + b)
    return tf.reduce_mean(2 * tf.atan2(_norms(apart), _norms(along)))


def _norms(tensors):
    """[tensors]; tf.norm is nine operations to trace for each."""
    return tf.sqrt(2 * tf.stack([tf.nn.l2_loss(x) for x in tensors]))
