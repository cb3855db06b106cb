"""Rotate: by 90, 180 or 270 degrees (SimCLR, Figure 4)."""

import tensorflow as tf


def rotate(planes, draws):
    """Turns square planes by 1, 2 or 3 quarters, against the clock.

    Args:
        planes: float [n, 3, s, s].
        draws: dict of "quarter_turns", [n] in [0, 1).
    """
    quarter = tf.floor(3.0 * draws["quarter_turns"])[:, None, None, None]
    turned = tf.transpose(planes, [0, 1, 3, 2])
    return tf.where(
        quarter < 1.0,
        turned[:, :, ::-1],
        tf.where(quarter < 2.0, planes[:, :, ::-1, ::-1], turned[..., ::-1]),
    )
