"""Gaussian noise, new in every pixel and channel (SimCLR, Figure 4)."""

import math

import tensorflow as tf

# Of 32-bit mixers of two multiplications one of the least biased: "lowbias32",
# by C. Wellons.
_SHIFTS, _FACTORS = (16, 15, 16), (0x7FEB352D, 0x846CA68B)
_STRIDE = 0x9E3779B9  # 2**32 over the golden ratio: far apart, never the same.


def noise(planes, draws, *, deviation):
    """Adds N(0, deviation^2) and clips to [0, 1].

    Args:
        planes: float [n, 3, s, s] in [0, 1].
        draws: dict of "noise_seed", int32 [n, 2].
        deviation: standard deviation; 0.1 is 25 of 255 levels.
    """
    normal = tf.reshape(
        _normal(draws["noise_seed"], math.prod(planes.shape[1:])),
        planes.shape,
    )
    noisy = planes + deviation * tf.cast(normal, planes.dtype)
    return tf.clip_by_value(noisy, 0.0, 1.0)


def _normal(seeds, count):
    """float32 [n, count] from N(0, 1), a function of an image's own seed.

    A hash of (seed, place) in integers, whose bits are the same on every
    device. tf.random has a seed for a tensor, not for its rows.
    """
    seeds = tf.bitcast(seeds, tf.uint32)
    place = tf.range(count, dtype=tf.int64) * _STRIDE & 0xFFFFFFFF
    x = tf.cast(place, tf.uint32)[None] + seeds[:, :1]
    x = _mixed(tf.bitwise.bitwise_xor(_mixed(x), seeds[:, 1:]))
    # Of 23 bits, so that the middle of every interval is a float32.
    x = tf.cast(
        tf.bitwise.right_shift(x, tf.constant(9, tf.uint32)), tf.float32
    )
    return math.sqrt(2.0) * tf.math.erfinv((2.0 * x + 1.0) * 2.0**-23 - 1.0)


def _mixed(x):
    """Every bit of uint32 x in every bit of the result."""
    for shift, factor in zip(_SHIFTS, (*_FACTORS, None)):
        shifted = tf.bitwise.right_shift(x, tf.constant(shift, tf.uint32))
        x = tf.bitwise.bitwise_xor(x, shifted)
        if factor:
            x *= tf.constant(factor, tf.uint32)
    return x
