"""What this package does not install by itself, asked for before work."""

import importlib.util

from simclr.messages.errors import InputError


def require_tensorflow():
    """Raises InputError, naming the extras, where TensorFlow is missing.

    The wheels tensorflow, tensorflow-cpu and tensorflow-tpu are one package
    and break each other, so installing this package brings none by itself.
    """
    if importlib.util.find_spec("tensorflow") is None:
        raise InputError(
            "TensorFlow is not installed: pip install simclr[cpu] for this "
            "machine's CPU, simclr[gpu] for NVIDIA GPUs, or simclr[tpu] on a "
            "Cloud TPU VM."
        )
