"""How far a step turns the kernels."""

import tensorflow as tf


def mean_angle(before, after):
    """The mean angle between kernels before and after a step, in radians.

    With normalization behind it, the length of a kernel does not matter: its
    direction is what is learned, and the angle is how fast.

    Computed as 2 atan2(|a - b|, |a + b|) of unit vectors a, b: near 0 the
    arccosine of their product would round it away in float32.

    Args:
        before, after: lists of floating tensors, the same shapes.

    Returns:
        scalar. A kernel that is all 0 turns by 0.
    """
    angles = []
    for old, new in zip(before, after, strict=True):
        old, new = (_unit(tf.convert_to_tensor(x)) for x in (old, new))
        angles.append(2 * tf.atan2(tf.norm(old - new), tf.norm(old + new)))
    return tf.reduce_mean(tf.stack(angles))


def _unit(x):
    return tf.math.divide_no_nan(x, tf.norm(x))
