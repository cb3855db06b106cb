"""Matrix products of the evaluation in full float32."""

import contextlib

import tensorflow as tf


@contextlib.contextmanager
def full_float32():
    """Switches TensorFloat-32 off while the block runs.

    Recent GPUs multiply float32 matrices with 10 bits of mantissa by default:
    neighbours would differ from a CPU's and a line search would stall on the
    noise.
    """
    before = tf.config.experimental.tensor_float_32_execution_enabled()
    tf.config.experimental.enable_tensor_float_32_execution(False)
    try:
        yield
    finally:
        tf.config.experimental.enable_tensor_float_32_execution(before)
