"""Four logical CPUs for every test; strategies of one and four replicas.

Tests run in the repository's folder, wherever pytest is called, and what they
keep goes to a temporary folder.
"""

import atexit
import contextlib
import functools
import gc
import os
import pathlib
import shutil
import tempfile

# Caches of ours and of matplotlib, the keras.json that Keras writes, and what
# the kernels of notebooks write.
os.environ["XDG_CACHE_HOME"] = tempfile.mkdtemp(prefix="simclr-tests-")
os.environ.update(
    {
        name: f"{os.environ['XDG_CACHE_HOME']}/{name.lower()}"
        for name in (
            *("KERAS_HOME", "TFDS_DATA_DIR", "IPYTHONDIR"),
            *("JUPYTER_CONFIG_DIR", "JUPYTER_DATA_DIR", "JUPYTER_RUNTIME_DIR"),
        )
    }
)
# Read by TensorFlow at import; the command line sets the same (__main__.py).
os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import pytest
import tensorflow as tf

atexit.register(shutil.rmtree, os.environ["XDG_CACHE_HOME"], True)
# Before tests are collected: some are made of the files that they find.
os.chdir(pathlib.Path(__file__).parent.parent)

# Processes side by side (-n 2) share the cores, not each takes all.
tf.config.threading.set_intra_op_parallelism_threads(
    max(
        1, os.cpu_count() // int(os.environ.get("PYTEST_XDIST_WORKER_COUNT", 1))
    )
)
tf.config.set_logical_device_configuration(
    tf.config.list_physical_devices("CPU")[0],
    [tf.config.LogicalDeviceConfiguration()] * 4,
)


# `make quick`: files that say most in the least time, on one replica.
QUICK = frozenset(
    [
        *("house", "words", "named_files", "readme", "config", "report"),
        *("checkpoint", "folder", "records", "few_labels"),
        *("nt_xent", "distillation", "lars", "schedules", "heads"),
        *("knn", "classification"),
    ]
)


def pytest_ignore_collect(collection_path, config):
    """To import all files takes longer than the quick ones run."""
    name = collection_path.name
    if config.option.markexpr == "quick" and name.startswith("test_"):
        return True if _quick_name(collection_path) not in QUICK else None
    return None


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Marks the quick tests."""
    for item in items:
        long = item.get_closest_marker("slow") or "4-replica" in item.name
        if _quick_name(item.path) in QUICK and not long:
            item.add_marker(pytest.mark.quick)


def pytest_collection_finish(session):
    """jax has four CPUs, too: it fixes their number when it starts."""
    if any(item.get_closest_marker("slow") for item in session.items):
        with contextlib.suppress(ImportError):
            import jax

            jax.config.update("jax_num_cpu_devices", 4)


def _quick_name(path):
    return path.stem.removeprefix("test_")


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
    """What a test sets as Keras's precision is not for other tests."""
    yield
    keras.config.set_dtype_policy("float32")


@pytest.hookimpl(trylast=True)
def pytest_runtest_teardown(item):
    """The large nets of slow tests go.

    Keras's models are cycles of few Python objects and many bytes: Python
    collects them too late, and `make slow` held 22 GB.
    """
    if item.get_closest_marker("slow"):
        gc.collect()


@pytest.fixture
def float64():
    """Keras computes and stores in float64 while the test runs."""
    keras.config.set_dtype_policy("float64")
