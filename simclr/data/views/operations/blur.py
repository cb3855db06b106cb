"""Gaussian blur as published: a short kernel, zeros beyond the edge."""

import tensorflow as tf


def gaussian_blur(planes, sigma, *, kernel_size):
    """Blurs along the rows, then along the columns, and clips to [0, 1].

    exp(-x^2 / (2 sigma^2)) at x = -r .. r, normalised, with r = int(k / 2), so
    that an even kernel size k has k + 1 taps. Beyond the edge is black.

    A sum of shifted images, exact in float32 on every device: a depthwise
    convolution took 20 times as long on a CPU, a product with a band matrix
    twice as long (and would be rounded to bfloat16 on a TPU, TF32 on a GPU).

    Args:
        planes: float [n, 3, h, w] in [0, 1].
        sigma: Positive scalar tensor, pixels.
        kernel_size: k, Python int. SimCLR's is a tenth of the height.

    Returns:
        float [n, 3, h, w] in [0, 1].
    """
    radius = kernel_size // 2
    taps = 2 * radius + 1
    x = tf.range(-radius, radius + 1, dtype=planes.dtype)
    kernel = tf.exp(-0.5 * tf.square(x / tf.cast(sigma, planes.dtype)))
    kernel = tf.unstack(kernel / tf.reduce_sum(kernel))
    height, width = planes.shape[2:]

    padded = tf.pad(planes, [[0, 0], [0, 0], [0, 0], [radius, radius]])
    planes = tf.add_n(
        [kernel[i] * padded[..., i : i + width] for i in range(taps)]
    )
    padded = tf.pad(planes, [[0, 0], [0, 0], [radius, radius], [0, 0]])
    planes = tf.add_n(
        [kernel[i] * padded[:, :, i : i + height] for i in range(taps)]
    )
    return tf.clip_by_value(planes, 0.0, 1.0)


def blur(planes, draws, *, sigma):
    """Blurs with a kernel a tenth of the height long, as SimCLR does.

    Args:
        planes: float [n, 3, s, s] in [0, 1].
        draws: dict of "sigma", [n] in [0, 1): one for all, which the first is.
        sigma: range of the one sigma of a step and view, pixels.
    """
    low, high = sigma
    sigma = low + tf.cast(draws["sigma"][0], planes.dtype) * (high - low)
    return gaussian_blur(planes, sigma, kernel_size=planes.shape[2] // 10)
