"""One call of a command: what it changes in the process is put back."""

import contextlib
import os
import random
import sys

from simclr.executors import meeting
from simclr.messages.errors import ClusterError
from simclr.messages.say import silence

# The parts of Keras's state that a seed sets; no public name reads them back.
_KERAS_SEEDS = ("global_random_seed", "global_seed_generator")
# The graph optimization that gradient caching turns off.
_OPTIMIZATION = "arithmetic_optimization"
_X64 = "JAX_ENABLE_X64"


@contextlib.contextmanager
def session(*, quiet=False):
    """Runs a command, then leaves the process as it was.

    A command seeds Python's, NumPy's, TensorFlow's and Keras's random numbers
    and sets TensorFlow's graph optimizations and the width of jax's numbers:
    its run needs them, and whoever called it may have set others. Keras's
    precision is as before by itself (models/dtypes.py).

    Args:
        quiet: bool, nothing is printed and no bar is shown.

    Raises:
        ClusterError: in the place of a library's error that another process
            has left this one alone.
    """
    import numpy as np

    python, numpy = random.getstate(), np.random.get_state()
    tensorflow, keras, jax = _tensorflow_state(), _keras_state(), _jax_state()
    try:
        with silence() if quiet else contextlib.nullcontext():
            yield
    except Exception as error:
        if lost := meeting.lost(error):
            raise ClusterError(lost) from error
        raise
    finally:
        random.setstate(python)
        np.random.set_state(numpy)
        _put_tensorflow_back(tensorflow)
        _put_keras_back(keras)
        _put_jax_back(jax)


def _tensorflow_state():
    """(seed, state of its numbers, optimization); fresh: not imported yet."""
    if sys.modules.get("tensorflow") is None:
        return None, None, True
    import tensorflow as tf
    from tensorflow.python.eager import context

    eager = context.context()
    options = tf.config.optimizer.get_experimental_options()
    drawn = None if eager._seed is None else eager._rng.getstate()
    return eager._seed, drawn, options.get(_OPTIMIZATION, True)


def _put_tensorflow_back(state):
    if sys.modules.get("tensorflow") is None:
        return
    import tensorflow as tf
    from tensorflow.python.eager import context

    seed, drawn, optimization = state
    tf.random.set_seed(seed)
    if drawn is not None:
        context.context()._rng.setstate(drawn)
    tf.config.optimizer.set_experimental_options({_OPTIMIZATION: optimization})


def _keras_state():
    """What a seed sets; None, ...: not imported yet."""
    if "keras" not in sys.modules:
        return [None for _ in _KERAS_SEEDS]
    from keras.src.backend.common import global_state

    return [global_state.get_global_attribute(name) for name in _KERAS_SEEDS]


def _put_keras_back(seeds):
    if "keras" not in sys.modules:
        return
    from keras.src.backend.common import global_state

    for name, seed in zip(_KERAS_SEEDS, seeds):
        global_state.set_global_attribute(name, seed)


def _jax_state():
    """Whether jax computes in 64 bits."""
    jax = sys.modules.get("jax")
    if jax is None:  # Not imported yet: what it will read.
        return os.environ.get(_X64, "").lower() in ("1", "true", "on", "yes")
    return jax.config.jax_enable_x64


def _put_jax_back(x64):
    jax = sys.modules.get("jax")
    if jax is not None:
        jax.config.update(_X64.lower(), x64)
