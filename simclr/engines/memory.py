"""How much memory a device has."""

import os

import tensorflow as tf
from tensorflow.python import pywrap_tfe
from tensorflow.python.client import pywrap_tf_session
from tensorflow.python.eager import context

from simclr.engines import inputs
from simclr.engines.pjrt_devices import PjrtDevices
from simclr.engines.strategies import is_accelerator
from simclr.pjrt import devices as jax_devices

# Where a device does not say: the least that GPUs for training have.
ASSUMED = 8 << 30


def of_device(strategy):
    """Bytes for tensors on the smallest device of this process.

    Args:
        strategy: tf.distribute strategy, or PjrtDevices.

    Returns:
        int; of a CPU the machine's memory; ASSUMED where nothing says.
    """
    if not is_accelerator(strategy):
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    if isinstance(strategy, PjrtDevices):
        limits = map(jax_devices.memory, strategy.local)
    else:
        known = tensorflow_limits()
        limits = [
            known.get(tf.DeviceSpec.from_string(name).to_string())
            for name in inputs.device_names(strategy)
        ]
    return min(limit or ASSUMED for limit in limits)


def tensorflow_limits():
    """Bytes that TensorFlow takes of each device, a dict by full names.

    Of a CPU it says 256 MiB, whatever the machine has.
    """
    # No public name says it without starting every device a second time.
    eager = context.context()
    eager.ensure_initialized()
    listed = pywrap_tfe.TFE_ContextListDevices(eager._handle)
    return {
        pywrap_tf_session.TF_DeviceListName(
            listed, i
        ): pywrap_tf_session.TF_DeviceListMemoryBytes(listed, i)
        for i in range(pywrap_tf_session.TF_DeviceListCount(listed))
    }
