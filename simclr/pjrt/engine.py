"""Training steps by PJRT: the step that TensorFlow wrote, without TensorFlow.

Letters: R replicas.
"""

import collections

import numpy as np
import tensorflow as tf

from simclr.pjrt import executable
from simclr.tpu import program

# Steps that may be under way at once: the next batch is on its way to the
# devices while they work, and no more than that waits in their memory.
_AHEAD = 2


class PjrtEngine:
    """Runs a task's training steps on jax's devices.

    The state stays on the devices, updated in place; `pull` brings it back to
    the task's variables.

    Args:
        task: the task, built outside any strategy.
        devices: PjrtDevices.
        on_device: bool, colour the views in the step.
    """

    def __init__(self, task, devices, *, on_device):
        lowered = program.lower_task(
            task,
            replicas=devices.num_replicas_in_sync,
            on_device=on_device,
        )
        self._names = lowered.results
        self._variables = lowered.variables
        self._updated = lowered.updated
        self._run = executable.Executable(
            executable.stablehlo(lowered.hlo), devices.devices
        )
        self._state = [self._run.put(np.asarray(v)) for v in self._variables]

    def train_steps(self, batches, count, sums):
        """Some steps; see TensorFlowEngine.train_steps."""
        sums = {name: np.asarray(value) for name, value in sums.items()}
        under_way, seen = collections.deque(), _Seen(sums)
        for _ in range(int(count)):
            under_way.append(self._step(batches))
            if len(under_way) > _AHEAD:
                seen.look(under_way.popleft())
        while under_way:
            seen.look(under_way.popleft())
        return seen.sums, tf.constant(seen.norms), seen.first_bad

    def pull(self):
        """Brings the state to the task's variables."""
        for variable, copies in zip(self._variables, self._state):
            variable.assign(np.asarray(copies[0]))

    def _step(self, batches):
        """Starts one step; returns its results of the first replica."""
        shares = [
            [np.asarray(x) for x in tf.nest.flatten(next(batches))]
            for _ in self._run.devices
        ]
        arguments = [self._run.put(list(parts)) for parts in zip(*shares)]
        results = self._run([*arguments, *self._state])
        for place, copies in zip(self._updated, results[len(self._names) :]):
            self._state[place] = copies
        return {name: x[0] for name, x in zip(self._names, results)}


class _Seen:
    """What is kept of the steps' results, in their order."""

    def __init__(self, sums):
        self.sums, self.norms, self.first_bad = sums, None, -1
        self._steps = 0

    def look(self, result):
        """Waits for one step's results and adds them up."""
        result = {name: np.asarray(x) for name, x in result.items()}
        if self.first_bad < 0:
            self.norms = result["grad_norms"]
            if not np.isfinite(result["loss"] + result["grad_norm"]):
                self.first_bad = self._steps
        self.sums = {
            name: total + (1 if name == "steps" else result[name])
            for name, total in self.sums.items()
        }
        self._steps += 1
