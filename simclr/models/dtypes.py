"""In which precision nets are built, and what bfloat16 is too coarse for."""

import contextlib

import keras


@contextlib.contextmanager
def precision(name):
    """Layers are built in a precision; then Keras's own is as before.

    A layer keeps what it was built in. Keras knows a policy for each thread:
    one that is set here is not seen by the threads of replicas.

    Args:
        name: as config.Train.precision.
    """
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(name)
    try:
        yield
    finally:
        keras.config.set_dtype_policy(policy)


def compute_dtype(name):
    """The dtype in which nets of a precision compute, such as "bfloat16"."""
    return keras.DTypePolicy(name).compute_dtype


def float32_or_wider():
    """ "float64" where Keras computes in float64, else "float32"."""
    wide = keras.config.dtype_policy().compute_dtype == "float64"
    return "float64" if wide else "float32"
