"""What runs the training steps: tf.distribute, or jax's devices by PJRT."""

import tensorflow as tf

from simclr.engines import inputs
from simclr.engines.pjrt_devices import PjrtDevices
from simclr.engines.pjrt_engine import PjrtEngine
from simclr.engines.profiling import trace
from simclr.engines.stored_images import StoredImages


def make_engine(task, strategy, *, on_device, images=None):
    """The engine of a task.

    Args:
        task: the task.
        strategy: tf.distribute strategy, in whose scope it was built, or
            PjrtDevices.
        on_device: bool, the views come without colour.
        images: uint8 [m, S, S, 3], all of them, to lie on the devices: batches
            are those of data.stored_batches then. None: the views come with
            the batches, data.batches's.
    """
    if isinstance(strategy, PjrtDevices):
        return PjrtEngine(task, strategy, on_device=on_device, images=images)
    stored = None
    if images is not None:
        stored = StoredImages(images, task, strategy)
    return TensorFlowEngine(task, strategy, stored)


class TensorFlowEngine:
    """Runs a task's training steps under its strategy.

    Args:
        task: the task, built in the strategy's scope.
        strategy: tf.distribute strategy.
        stored: StoredImages to cut the views out of; None: they come with the
            batches.
    """

    traced = staticmethod(trace.tensorflow)

    def __init__(self, task, strategy, stored=None):
        def steps(take, count, sums):
            def one(i, sums, norms, first_bad):
                batch = take()
                if stored is not None:
                    batch = stored.views(batch)
                result = task.train_step(strategy, batch)
                # The same on every replica (training/tasks/task.py).
                result = tf.nest.map_structure(
                    lambda x: strategy.experimental_local_results(x)[0], result
                )
                # No condition: a GPU's host would wait for it in every step.
                good = first_bad < 0
                norms = tf.where(good, result["grad_norms"], norms)
                finite = tf.math.is_finite(result["loss"] + result["grad_norm"])
                first_bad = tf.where(good & ~finite, i, first_bad)
                sums = {
                    k: v + (1 if k == "steps" else result[k])
                    for k, v in sums.items()
                }
                return i + 1, sums, norms, first_bad

            norms = tf.zeros([len(task.variables)], sums["loss"].dtype)
            _, *found = tf.while_loop(
                lambda i, *_: i < count,
                one,
                (tf.constant(0), sums, norms, tf.constant(-1)),
            )
            return found

        # AutoGraph would rewrite all that a step calls, for seconds.
        @tf.function(autograph=False)
        def train_steps(iterators, count, sums):
            return steps(lambda: inputs.take(iterators, strategy), count, sums)

        @tf.function(autograph=False)
        def train_step(batch, sums):
            return steps(lambda: batch, tf.constant(1), sums)

        @tf.function(autograph=False)
        def take(iterators):
            return inputs.take(iterators, strategy)

        self._train_steps, self._train_step = train_steps, train_step
        self._take, self._strategy = take, strategy

    def batches(self, datasets):
        """The inputs.Batches of what data.batches or stored_batches gives."""
        return inputs.of_replicas(datasets, self._strategy)

    def train_steps(self, batches, count, sums):
        """Some steps, in one dispatch.

        Args:
            batches: what `batches` gives.
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
        return self._train_steps(batches.iterators, tf.constant(count), sums)

    def take(self, batches):
        """The next batch, once it is there, for `train_step`."""
        return self._take(batches.iterators)

    def train_step(self, batch, sums):
        """One step on a batch; see `train_steps`."""
        return self._train_step(batch, sums)

    def no_sums(self, sums):
        """Zeros in the place of `sums`."""
        return {name: tf.zeros_like(value) for name, value in sums.items()}

    def pull(self):
        """The state is in the task's variables already."""
