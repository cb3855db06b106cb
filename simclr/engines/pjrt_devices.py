"""jax's devices, where the loop expects a tf.distribute strategy."""

import tensorflow as tf

from simclr.pjrt import devices as jax_devices
from simclr.pjrt import executable


class PjrtDevices:
    """What trains by PJRT, and what TensorFlow does beside it.

    Batches are made for as many replicas as there are devices. Everything else
    that a strategy is asked for, such as evaluation, is TensorFlow's on one
    replica: this object stands for the default strategy there.

    Args:
        kind: "tpu", "gpu", "cpu", or "auto": the best that jax has.
        replicas: how many devices; 0: all, or one CPU.

    Raises:
        InputError: jax is missing, or has no such devices.
    """

    def __init__(self, kind="auto", replicas=0):
        executable.require()
        self.devices = jax_devices.devices(kind, replicas)
        self.platform = self.devices[0].platform
        self._default = tf.distribute.get_strategy()

    @property
    def num_replicas_in_sync(self):
        """R."""
        return len(self.devices)

    @property
    def description(self):
        """Of the devices, in words."""
        kind = self.devices[0].device_kind
        return f"{len(self.devices)} x {kind} by PJRT"

    @property
    def compute_capability(self):
        """Of a GPU, as (7, 5); of what says none, the newest."""
        words = getattr(self.devices[0], "compute_capability", "99.0")
        return tuple(int(x) for x in words.split("."))

    def __getattr__(self, name):
        return getattr(self._default, name)
