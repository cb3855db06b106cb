"""What runs the training steps: tf.distribute, or jax's devices by PJRT."""

import tensorflow as tf

from simclr.engines.pjrt_devices import PjrtDevices
from simclr.engines.pjrt_engine import PjrtEngine


def make_engine(task, strategy, *, on_device):
    """The engine of a task.

    Args:
        task: the task.
        strategy: tf.distribute strategy, in whose scope it was built, or
            PjrtDevices.
        on_device: bool, the views come without colour.
    """
    if isinstance(strategy, PjrtDevices):
        return PjrtEngine(task, strategy, on_device=on_device)
    return TensorFlowEngine(task, strategy)


class TensorFlowEngine:
    """Runs a task's training steps under its strategy.

    Args:
        task: the task, built in the strategy's scope.
        strategy: tf.distribute strategy.
    """

    def __init__(self, task, strategy):
        @tf.function
        def train_steps(batches, count, sums):
            norms = tf.zeros([len(task.variables)], sums["loss"].dtype)
            first_bad = tf.constant(-1)
            for i in tf.range(count):
                result = task.train_step(strategy, next(batches))
                # The same on every replica (training/tasks/task.py).
                result = tf.nest.map_structure(
                    lambda x: strategy.experimental_local_results(x)[0], result
                )
                good_so_far = first_bad < 0
                if good_so_far:
                    norms = result["grad_norms"]
                    if not tf.math.is_finite(
                        result["loss"] + result["grad_norm"]
                    ):
                        first_bad = i
                sums = {
                    k: v + (1 if k == "steps" else result[k])
                    for k, v in sums.items()
                }
            return sums, norms, first_bad

        self._train_steps = train_steps

    def train_steps(self, batches, count, sums):
        """Some steps, in one dispatch.

        Args:
            batches: iterator of batches.
            count: int.
            sums: dict of scalars, "steps" among them.

        Returns:
            sums: increased by each step's, one step after another, so that it
                does not matter how steps are dispatched.
            norms: [variables], norms of the gradients of step `first_bad`, or
                of the last step.
            first_bad: the first step, from 0, whose loss or gradient was not
                finite; -1 when all were.
        """
        return self._train_steps(batches, tf.constant(count), sums)

    def no_sums(self, sums):
        """Zeros in the place of `sums`."""
        return {name: tf.zeros_like(value) for name, value in sums.items()}

    def pull(self):
        """The state is in the task's variables already."""
