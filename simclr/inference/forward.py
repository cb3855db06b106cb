"""A net as a function of a batch of images, on all replicas.

Letters: b = images in a batch, n = images per replica, s = side of an image,
f = numbers that come out.
"""

import numpy as np
import tensorflow as tf

from simclr.engines.pjrt_devices import PjrtDevices
from simclr.lowering import program
from simclr.pjrt.executable import Executable, stablehlo


class Infer:
    """Calls a net in inference mode, a batch spread over the replicas.

    Args:
        function: from images [n, s, s, 3] to [n, f], a keras.Model, say; in
            inference mode, so that batch norm uses its moving statistics and
            updates nothing. (The published TF2 code keeps training-mode batch
            norm in its linear evaluation.)
        strategy: tf.distribute strategy, or PjrtDevices.
    """

    def __init__(self, function, strategy):
        devices = _Jax if isinstance(strategy, PjrtDevices) else _TensorFlow
        self._devices = devices(function, strategy)
        # Of the images, where the net says it; else None.
        self.channels = getattr(function, "input_shape", (None,))[-1]
        # Of this process: each worker of a cluster has a share of a batch.
        self.replicas = self._devices.replicas

    def refresh(self):
        """Takes the net's variables as they are now; before a pass."""
        self._devices.refresh()

    def __call__(self, images):
        """Starts on a batch.

        Args:
            images: float [b, s, s, 3] in [0, 1].

        Returns:
            Rows: float32 [b, f], there when it is looked at.
        """
        count = len(images)
        missing = -count % self.replicas
        if missing:
            images = np.concatenate([images, images[:1].repeat(missing, 0)])
        parts = np.split(np.asarray(images, np.float32), self.replicas)
        return Rows(self._devices.run(parts), count)


class Rows:
    """Results of the replicas: an array for who looks, a promise till then.

    Args:
        parts: list of arrays [n, f], in order of the replicas.
        count: how many rows count; the rest fills up.
    """

    def __init__(self, parts, count):
        self._parts, self._count = parts, count

    def __len__(self):
        return self._count

    def __array__(self, dtype=None, copy=None):
        parts = [np.asarray(part) for part in self._parts]
        whole = parts[0] if len(parts) == 1 else np.concatenate(parts)
        return np.asarray(whole[: self._count], dtype)


class _TensorFlow:
    """Replicas of tf.distribute."""

    def __init__(self, function, strategy):
        self._strategy = strategy
        self.replicas = len(
            strategy.experimental_local_results(
                strategy.run(lambda: tf.zeros([]))
            )
        )

        # One trace a shape: a TPU takes static shapes only.
        @tf.function(autograph=False)
        def run(images):
            return strategy.run(
                lambda x: tf.cast(function(x), tf.float32), args=(images,)
            )

        self._run = run

    def refresh(self):
        """They are read where they lie."""

    def run(self, parts):
        """Results of the replicas, from their parts of a batch."""
        if self.replicas == 1:
            return [self._run(tf.constant(parts[0]))]
        shares = self._strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(
                parts[context.replica_id_in_sync_group % self.replicas]
            )
        )
        return self._strategy.experimental_local_results(self._run(shares))


class _Jax:
    """jax's devices, by PJRT: a program for each shape of a batch."""

    def __init__(self, function, devices):
        self._function, self._devices = function, devices.local
        self.replicas = len(devices.local)
        self._programs, self._state = {}, {}

    def refresh(self):
        """Copies the variables to the devices when they are next needed."""
        self._state = {}

    def run(self, parts):
        """Results of the devices, from their parts of a batch."""
        shape = parts[0].shape
        if shape not in self._programs:
            lowered = program.lower_net(
                self._function, shape, replicas=self.replicas
            )
            self._programs[shape] = (
                Executable(stablehlo(lowered.hlo), self._devices),
                lowered.variables,
            )
        executable, variables = self._programs[shape]
        for variable in variables:
            if id(variable) not in self._state:
                self._state[id(variable)] = executable.put(np.asarray(variable))
        state = [self._state[id(variable)] for variable in variables]
        [rows] = executable([executable.put(parts), *state])
        return [shard.data for shard in rows.addressable_shards]


def encode(encoder, strategy):
    """An encoder as a function from images to features h."""
    infer = Infer(lambda x: encoder(x, training=False)["h"], strategy)
    infer.channels = encoder.input_shape[-1]
    return infer
