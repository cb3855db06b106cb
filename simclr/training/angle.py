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
    apart, along = [], []
    for old, new in zip(before, after, strict=True):
        old, new = (tf.convert_to_tensor(x) for x in (old, new))
        old, new = _norms([new]) * old, _norms([old]) * new
        apart.append(old - new)
        along.append(old + new)
    return tf.reduce_mean(2 * tf.atan2(_norms(apart), _norms(along)))


def _norms(tensors):
    """[tensors]; tf.norm is nine operations to trace for each."""
    return tf.sqrt(2 * tf.stack([tf.nn.l2_loss(x) for x in tensors]))
