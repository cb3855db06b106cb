"""TensorFlow before its first use: is it there, and does it keep quiet?"""

import contextlib
import functools
import gc
import importlib
import logging
import os
import sys
import tempfile

from simclr.messages.extras import require_tensorflow
from simclr.messages.say import say

_LOG_LEVEL, _SILENT = "TF_CPP_MIN_LOG_LEVEL", "3"
# What TensorFlow and Keras import where it is installed, for functions that no
# command calls: more than a quarter of the time that TensorFlow's import takes.
_EXTRAS = ("jax", "matplotlib")
_left_out = []  # Of those, what they are not to find.


def be_quiet(*, debug=False):
    """Sets what TensorFlow reads at its import, whenever that will be."""
    # Twice as fast on AMD CPUs, where TensorFlow leaves it off by itself
    # (measured, docs/design.md).
    os.environ.setdefault("TF_ENABLE_ONEDNN_OPTS", "1")
    if debug:
        os.environ.setdefault(_LOG_LEVEL, "0")
        return
    os.environ.setdefault(_LOG_LEVEL, _SILENT)
    from absl import logging as absl_logging

    absl_logging.set_verbosity(absl_logging.ERROR)
    # TensorFlow's own, such as its advice on retracing.
    logging.getLogger("tensorflow").setLevel(logging.ERROR)


def leave_extras_out():
    """Has TensorFlow, when it is imported, do without what only others use.

    For the command line, whose process does nothing else.
    """
    _left_out[:] = _EXTRAS


@contextlib.contextmanager
def _missing(names):
    """Modules cannot be imported; those that are there already stay."""
    absent = [name for name in names if name not in sys.modules]
    sys.modules.update(dict.fromkeys(absent))
    try:
        yield
    finally:
        for name in absent:
            del sys.modules[name]


@contextlib.contextmanager
def _uncollected():
    """No garbage is looked for where millions of objects are made to stay."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


def start_tensorflow():
    """Imports TensorFlow with the settings that it reads once, at import.

    Where somebody has imported it already, it stays as it is; a line says if
    that makes a CPU slow.

    Raises:
        InputError: it is not installed.
    """
    require_tensorflow()
    if "tensorflow" in sys.modules:
        _say_if_slow()
        return
    be_quiet(debug=os.environ.get(_LOG_LEVEL, _SILENT) != _SILENT)
    with _missing(_left_out), _uncollected():
        _import_tensorflow()
    if _left_out:
        gc.freeze()  # What was imported stays: it is not looked through again.


@functools.cache
def _say_if_slow():
    """Says once that a CPU's steps take twice as long as they need."""
    # No public function tells; without this one there is nothing to say.
    with contextlib.suppress(ImportError, AttributeError):
        from tensorflow.python.util import _pywrap_util_port

        tensorflow = sys.modules["tensorflow"]
        gpus = tensorflow.config.list_physical_devices("GPU")
        if not (gpus or _pywrap_util_port.IsMklEnabled()):
            say(
                "Note      TensorFlow was imported without oneDNN: on this CPU "
                "training may take twice as long. Set TF_ENABLE_ONEDNN_OPTS=1 "
                "before the import."
            )


def _import_tensorflow():
    if os.environ[_LOG_LEVEL] != _SILENT:
        importlib.import_module("tensorflow")
        return
    # While it is imported TensorFlow logs past that setting, to the process's
    # standard error: kept aside, and shown when the import fails.
    sys.stderr.flush()
    shown = os.dup(2)
    with tempfile.TemporaryFile() as log:
        os.dup2(log.fileno(), 2)
        try:
            importlib.import_module("tensorflow")
        except Exception:
            log.seek(0)
            os.write(shown, log.read())
            raise
        finally:
            os.dup2(shown, 2)
            os.close(shown)
