"""Solarise: bright pixels inverted (Barlow Twins, BYOL)."""

import tensorflow as tf


def solarize(planes, _, *, threshold):
    """Inverts what is bright: at 0.5, levels 128 to 255.

    Args:
        planes: float [n, 3, s, s] in [0, 1].
        threshold: of 1, what it is that is bright.
    """
    return tf.where(planes >= threshold, 1.0 - planes, planes)
