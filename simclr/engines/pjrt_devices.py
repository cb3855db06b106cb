"""jax's devices, where the loop expects a tf.distribute strategy."""

import numpy as np
import tensorflow as tf

from simclr.messages.counts import counted
from simclr.pjrt import cluster, executable
from simclr.pjrt import devices as jax_devices


class PjrtDevices:
    """What trains by PJRT, and what TensorFlow does beside it.

    Batches are made for as many replicas as there are devices. Everything else
    that a strategy is asked for, such as evaluation, is TensorFlow's on one
    replica: this object stands for the default strategy there.

    Args:
        kind: "tpu", "gpu", "cpu", or "auto": the best that jax has.
        replicas: how many devices; 0: all, or one CPU.
        several: bool, all devices of all processes of a cluster.

    Attributes:
        devices: list of jax devices, process after process.
        local: list of them, this process's.
        index, count: of this process, and how many there are.
        platform: "tpu", "gpu" or "cpu".

    Raises:
        InputError: jax is missing, or has no such devices; no cluster.
    """

    def __init__(self, kind="auto", replicas=0, several=False):
        executable.require()
        if several:
            cluster.join()
        self.devices = jax_devices.devices(kind, replicas, everywhere=several)
        self.local = jax_devices.local(self.devices)
        client = self.devices[0].client
        self.index = client.process_index() if several else 0
        self.count = len({d.process_index for d in self.devices})
        self.platform = self.devices[0].platform
        self._default = tf.distribute.get_strategy()

    def together(self, rows):
        """Everybody's array, [processes, ...]; all must call it."""
        from jax.experimental import multihost_utils

        return np.asarray(multihost_utils.process_allgather(rows))

    @property
    def num_replicas_in_sync(self):
        """R."""
        return len(self.devices)

    @property
    def description(self):
        """Of the devices, in words."""
        kind = self.devices[0].device_kind
        words = f"{len(self.devices)} x {kind} by PJRT"
        if self.count > 1:
            words += f", {counted(self.count, 'worker')}"
        return words

    @property
    def compute_capability(self):
        """Of a GPU, as (7, 5); of what says none, the newest."""
        words = getattr(self.devices[0], "compute_capability", "99.0")
        return tuple(int(x) for x in words.split("."))

    def __getattr__(self, name):
        return getattr(self._default, name)
