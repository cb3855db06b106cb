"""Cutout: a square is blanked (DeVries and Taylor, arXiv 1708.04552)."""

import tensorflow as tf


def cutout(planes, draws, *, size, fill):
    """Fills a square whose middle is any pixel; its rest lies outside.

    Args:
        planes: float [n, 3, s, s] in [0, 1].
        draws: dict of "cutout_row" and "cutout_column", [n] in [0, 1): where
            the middle is.
        size: side of the square, of the image's; theirs on CIFAR-10 is 0.5.
        fill: what it is filled with. They fill with the images' mean.
    """
    side = planes.shape[2]
    square = round(size * side)

    def covered(name):
        middle = tf.floor(draws[name] * side)[:, None]  # [n, 1]
        place = tf.range(side, dtype=tf.float32) - middle + square // 2
        return (place >= 0) & (place < square)  # [n, s]

    rows, columns = covered("cutout_row"), covered("cutout_column")
    inside = rows[:, None, :, None] & columns[:, None, None, :]
    return tf.where(inside, tf.cast(fill, planes.dtype), planes)
