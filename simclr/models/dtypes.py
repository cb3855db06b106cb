"""The dtype of what bfloat16 is too coarse for."""

import keras


def float32_or_wider():
    """ "float64" where Keras computes in float64, else "float32"."""
    wide = keras.config.dtype_policy().compute_dtype == "float64"
    return "float64" if wide else "float32"
