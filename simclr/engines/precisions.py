"""Which precision a device is fastest in, and which it does not have."""

import tensorflow as tf

from simclr.config.rules import check_on_tpu
from simclr.engines.pjrt_devices import PjrtDevices
from simclr.engines.strategies import is_accelerator
from simclr.executors import cpus


def fastest(strategy):
    """The config.Train.precision in which the devices are fastest.

    Args:
        strategy: tf.distribute strategy, or PjrtDevices.

    Returns:
        "mixed_bfloat16", "mixed_float16" or "float32".
    """
    if _is_tpu(strategy):
        return "mixed_bfloat16"
    if is_accelerator(strategy):
        oldest = min(_capabilities(strategy), default=(0, 0))
        if oldest >= (8, 0):  # From Ampere on.
            return "mixed_bfloat16"
        # P100, and from V100 and T4 on; between them float16 is slow.
        fast = oldest >= (7, 0) or oldest == (6, 0)
        return "mixed_float16" if fast else "float32"
    bfloat16 = {"amx_bf16", "avx512_bf16"} & cpus.flags()
    return "mixed_bfloat16" if bfloat16 else "float32"


def require(strategy, precision):
    """Refuses a precision that the devices cannot compute in.

    Raises:
        InputError: float16 on a TPU.
    """
    if _is_tpu(strategy):
        check_on_tpu(precision)


def _is_tpu(strategy):
    if isinstance(strategy, PjrtDevices):
        return strategy.platform == "tpu"
    return isinstance(strategy, tf.distribute.TPUStrategy)


def _capabilities(strategy):
    """(major, minor) of each GPU that says it."""
    if isinstance(strategy, PjrtDevices):
        return [strategy.compute_capability]
    details = map(
        tf.config.experimental.get_device_details,
        tf.config.list_physical_devices("GPU"),
    )
    return [
        d["compute_capability"] for d in details if "compute_capability" in d
    ]
