"""Gradient caching: a batch of any size on a device of any memory.

A contrastive loss needs the projections of the whole batch at once, but the
nets need only some of its images at a time. So (Gao et al. 2021, arXiv
2101.06983):

1. The nets project the batch, a microbatch at a time, and keep nothing else.
2. The loss of all projections gives the gradient in each of them.
3. The nets see each microbatch again, and carry its projections' gradient back.

The sum over the microbatches is the gradient of the whole batch, exactly. What
differs from a plain step is batch norm: both times its statistics are of a
microbatch, over all replicas.

Letters: n images per replica, k microbatches, m = n / k, R replicas, d
projection dimensions.
"""

import tensorflow as tf

from simclr import collectives
from simclr.messages.errors import InputError


def prepare(microbatch):
    """Makes TensorFlow ready for the loops of a step.

    Raises:
        InputError: the microbatch does not divide by the replicas.
    """
    replicas = tf.distribute.get_strategy().num_replicas_in_sync
    if microbatch % replicas:
        raise InputError(
            f"train.microbatch is {microbatch}; it must be a multiple of the "
            f"{replicas} replicas."
        )
    # It makes one sum of several, of large tensors in a temporary variable,
    # whose name the same loop of the next step finds taken
    # (AlreadyExistsError).
    tf.config.optimizer.set_experimental_options(
        {"arithmetic_optimization": False}
    )


def train_step(task, strategy, batch):
    """One update on a global batch, in microbatches.

    The loops are out here, around all replicas: under a MirroredStrategy batch
    norm's collectives cannot lie in a loop of one replica.

    Args:
        task: a Pretrain.
        strategy: tf.distribute strategy.
        batch: every replica's share, as Task.step takes it.

    Returns:
        What Task.step returns, of every replica.
    """
    parts = _Parts(task)
    moving = strategy.run(parts.moving_statistics)
    z = strategy.run(parts.no_projections)
    [z] = _loop(
        parts.count,
        lambda i, z: [strategy.run(parts.project, args=(batch, i, z))],
        [z],
    )
    strategy.run(parts.set_moving_statistics, args=(moving,))

    dz, rows, scalars = strategy.run(parts.contrast, args=(batch, z))
    gradients = strategy.run(parts.no_gradients)
    gradients, scalars = _loop(
        parts.count,
        lambda i, gradients, scalars: strategy.run(
            parts.carry_back, args=(batch, i, dz, rows, gradients, scalars)
        ),
        [gradients, scalars],
    )

    step = tf.convert_to_tensor(task.optimizer.iterations)
    result = strategy.run(task.update, args=(gradients, scalars, batch))
    if task.negatives is not None:
        strategy.run(task.negatives.follow, args=(step,))
        negatives = strategy.run(parts.no_new_negatives)
        [negatives] = _loop(
            parts.count,
            lambda i, negatives: [
                strategy.run(parts.new_negatives, args=(batch, i, negatives))
            ],
            [negatives],
        )
        strategy.run(parts.remember, args=(negatives,))
    return result


def _loop(count, body, state):
    """`state`, a list, after `body(i, *state)` of each i below `count`."""
    _, *state = tf.while_loop(
        lambda i, *_: i < count,
        lambda i, *state: [i + 1, *body(i, *state)],
        [tf.constant(0), *state],
        parallel_iterations=1,
    )
    return state


class _Parts:
    """What one replica does in each part of a step."""

    def __init__(self, task):
        config = task.config
        self.count = config.batch_size // config.train.microbatch  # k
        self._task = task
        self._moving = [
            v
            for model in (task.encoder, task.head)
            for v in model.non_trainable_variables
        ]

    def moving_statistics(self):
        """Batch norm's, which the first of the two looks would move too."""
        return [tf.identity(tf.convert_to_tensor(v)) for v in self._moving]

    def set_moving_statistics(self, values):
        """Puts them back."""
        for variable, value in zip(self._moving, values):
            variable.assign(value)

    def no_projections(self):
        """Room for those of both views, [k, 2, m, d]."""
        shape, dtype = self._room()
        return tf.zeros([self.count, 2, *shape], dtype)

    def project(self, batch, i, z):
        """`z` with the projections of microbatch i."""
        _, *own = self._task.encode(self._task.coloured(self._cut(batch, i)))
        return tf.tensor_scatter_nd_update(z, [[i]], tf.stack(own)[None])

    def contrast(self, batch, z):
        """The loss of all projections.

        Returns:
            dz: [k, 2, m, d], its gradient in this replica's.
            rows: scalar, labelled rows of the whole batch.
            scalars: dict, as Task.losses returns it; those that are sums over
                images are still 0.
        """
        task = self._task
        with tf.GradientTape() as tape:
            tape.watch(z)
            z1, z2 = (self._join(z[:, view]) for view in range(2))
            total, scalars = task.contrast(z1, z2)
            total = task.scaled(total / collectives.num_replicas())
        for name in task.scalars:
            scalars.setdefault(name, tf.zeros_like(total))
        return tape.gradient(total, z), task.labelled(batch), scalars

    def no_gradients(self):
        """A zero for each variable."""
        return [tf.zeros(v.shape, v.dtype) for v in self._task.learning]

    def carry_back(self, batch, i, dz, rows, gradients, scalars):
        """`gradients` and the images' `scalars` with those of microbatch i."""
        task, rows_of_i = self._task, self._cut(batch, i)
        views = task.coloured(rows_of_i)
        with tf.GradientTape() as tape:
            h, *z = task.encode(views)
            total = tf.reduce_sum(tf.stack(z) * dz[i])
            loss, found = task.by_image(h, views, rows_of_i["label"], rows)
            if found:
                total += task.scaled(loss / collectives.num_replicas())
        own = tape.gradient(total, task.learning)
        gradients = [g + new for g, new in zip(gradients, own)]
        scalars = {k: v + found.get(k, 0) for k, v in scalars.items()}
        return gradients, scalars

    def no_new_negatives(self):
        """Room for the queue's new rows, [k, m, d]."""
        shape, dtype = self._room()
        return tf.zeros([self.count, *shape], dtype)

    def new_negatives(self, batch, i, z):
        """`z` with those of microbatch i."""
        _, view2 = self._task.coloured(self._cut(batch, i))
        own = self._task.negatives.project(view2)
        return tf.tensor_scatter_nd_update(z, [[i]], own[None])

    def remember(self, negatives):
        """Puts the negatives [k, m, d] into the queue."""
        self._task.negatives.remember(self._join(negatives))

    def _cut(self, batch, i):
        """Microbatch i of this replica: every k-th row, from row i.

        So it is the same images on any number of replicas.
        """

        def rows(x):
            return tf.reshape(x, [-1, self.count, *x.shape[1:]])[:, i]

        return tf.nest.map_structure(rows, batch)

    def _join(self, parts):
        """Microbatches [k, m, d], in the order of the rows: [n, d]."""
        return tf.reshape(tf.transpose(parts, [1, 0, 2]), [-1, parts.shape[-1]])

    def _room(self):
        """Shape [m, d] and dtype of a microbatch's projections."""
        z = self._task.head.output["z"]
        m = self._task.config.train.microbatch // collectives.num_replicas()
        return [m, z.shape[-1]], z.dtype
