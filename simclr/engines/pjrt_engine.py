"""Training steps by PJRT: TensorFlow wrote them and does not run them."""

import numpy as np
import tensorflow as tf

from simclr.engines.inputs import Batches
from simclr.engines.profiling import trace
from simclr.lowering import program
from simclr.pjrt.executable import Executable, stablehlo
from simclr.pjrt.image_store import DeviceImages
from simclr.pjrt.steps import Steps


class PjrtEngine:
    """Runs a task's training steps on jax's devices.

    The state stays on the devices, updated in place; `pull` brings it back to
    the task's variables.

    Args:
        task: the task, built outside any strategy.
        devices: PjrtDevices.
        on_device: bool, colour the views in the step.
        images: uint8 [m, S, S, 3], all of them, to lie on the devices; None:
            the views come with the batches. The step colours what it cuts out.
    """

    traced = staticmethod(trace.jax)

    def __init__(self, task, devices, *, on_device, images=None):
        replicas = devices.num_replicas_in_sync
        self._images = None
        if images is None:
            lowered = program.lower_task(
                task, replicas=replicas, on_device=on_device
            )
        else:
            lowered = program.lower_with_crops(
                task, replicas=replicas, side=images.shape[1]
            )
            self._images = DeviceImages(images, devices.local)
        self._variables = lowered.variables
        self._run = Executable(stablehlo(lowered.hlo), devices.devices)
        self._workers = devices.count, devices.index
        self._steps = Steps(
            self._run,
            lowered.variables,
            results=lowered.results,
            updated=lowered.updated,
        )
        self.no_sums = self._steps.no_sums

    def batches(self, datasets):
        """See TensorFlowEngine.batches; in order of step, then device."""
        context = tf.distribute.InputContext(
            *self._workers, num_replicas_in_sync=len(self._run.devices)
        )
        return Batches([iter(datasets(context))])

    def train_steps(self, batches, count, sums):
        """Some steps; see TensorFlowEngine.train_steps."""
        [iterator] = batches.iterators
        return self._steps.train_steps(self._on_devices(iterator), count, sums)

    def take(self, batches):
        """See TensorFlowEngine.take; the batch is on the devices, too."""
        import jax

        [iterator] = batches.iterators
        return jax.block_until_ready(next(self._on_devices(iterator)))

    def train_step(self, batch, sums):
        """See TensorFlowEngine.train_step."""
        return self._steps.train_steps(iter([batch]), 1, sums)

    def pull(self):
        """Brings the state to the task's variables."""
        for variable, value in zip(self._variables, self._steps.state()):
            variable.assign(value)

    def _on_devices(self, batches):
        """Each step's batches of this process's replicas, on their devices."""
        while True:
            shares = [
                self._share(next(batches), place)
                for place in range(len(self._run.local))
            ]
            yield [self._run.put(list(parts)) for parts in zip(*shares)]

    def _share(self, batch, place):
        """A replica's batch as arrays, a parameter of the step each."""
        batch = tf.nest.map_structure(np.asarray, batch)
        if self._images is not None:
            batch["images"] = self._images.take(batch.pop("row"), place)
        return tf.nest.flatten(batch)
