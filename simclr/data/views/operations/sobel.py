"""Sobel: how steep each channel is at a pixel (SimCLR, Figure 4)."""

import tensorflow as tf


def sobel(planes, _):
    """The length of the gradient, by Sobel's two 3 x 3 kernels.

    The paper gives no formula. Here a step from black to white, along a row or
    a column, is 1, and beyond the edge the outermost pixels go on.

    Args:
        planes: float [n, 3, s, s] in [0, 1].
    """
    height, width = planes.shape[2:]
    x = tf.pad(planes, [[0, 0], [0, 0], [1, 1], [1, 1]], mode="SYMMETRIC")
    # Each kernel is a difference along one side, smoothed along the other.
    down = x[:, :, 2:] - x[:, :, :height]
    down = down[..., :width] + 2.0 * down[..., 1:-1] + down[..., 2:]
    across = x[..., 2:] - x[..., :width]
    across = across[:, :, :height] + 2.0 * across[:, :, 1:-1] + across[:, :, 2:]
    steepness = tf.sqrt(tf.square(down) + tf.square(across)) / 4.0
    return tf.clip_by_value(steepness, 0.0, 1.0)
