"""The dtype that losses compute in."""

import tensorflow as tf


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
