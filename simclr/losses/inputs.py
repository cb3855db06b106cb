"""What losses compute on: floats wide enough, views that fit."""

import tensorflow as tf

from simclr.messages.errors import InputError


def at_least_float32(*tensors):
    """Casts bfloat16 and float16 to float32; float32 and float64 stay.

    Args:
        *tensors: floating tensors.

    Returns:
        list of the same tensors in float32, or in float64 where they were.
    """
    return [
        x if x.dtype == tf.float64 else tf.cast(x, tf.float32)
        for x in map(tf.convert_to_tensor, tensors)
    ]


def projections(z1, z2):
    """Both views' projections [n, d], in at least float32.

    Raises:
        InputError: their shapes differ.
    """
    z1, z2 = at_least_float32(z1, z2)
    if z1.shape != z2.shape:
        raise InputError(
            f"The views' projections differ in shape: {z1.shape}, {z2.shape}."
        )
    return z1, z2
