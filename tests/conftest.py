"""Four logical CPUs for every test; strategies of one and four replicas."""

import functools
import os

# Read by TensorFlow at import; the command line sets the same (__main__.py).
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

import keras
import pytest
import tensorflow as tf

tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0],
    [tf.config.LogicalDeviceConfiguration()] * 4,
)


@pytest.fixture(scope="session", params=[1, 4], ids="{}-replica".format)
def strategy(request):
    """One replica, then four logical CPUs.

    TensorFlow fixes the size of a collective group once per process, so every
    multi-replica test of the suite uses this one size.
    """
    if request.param == 1:
        return tf.distribute.get_strategy()
    return four_replicas()


@functools.cache
def four_replicas():
    """The suite's one multi-replica strategy; a second would reuse its keys."""
    return tf.distribute.MirroredStrategy([f"CPU:{i}" for i in range(4)])


@pytest.fixture(autouse=True)
def float32():
    """A task sets Keras's precision for its process; not for other tests."""
    yield
    keras.config.set_dtype_policy("float32")


@pytest.fixture
def float64():
    """Keras computes and stores in float64 while the test runs."""
    keras.config.set_dtype_policy("float64")
