"""A set's images on the devices of a tf.distribute strategy.

Letters: m = images, S = their side, n = images of a replica.
"""

import tensorflow as tf

from simclr import collectives
from simclr.data.views import colour, device_views
from simclr.engines import inputs


class StoredImages:
    """A copy of the images on each of this process's devices.

    Args:
        images: uint8 [m, S, S, 3].
        task: the task that is trained.
        strategy: tf.distribute strategy.
    """

    def __init__(self, images, task, strategy):
        self._strategy = strategy
        self._copies = []
        for device in inputs.device_names(strategy):
            with tf.device(device):
                self._copies.append(tf.constant(images))
        config = task.config
        n = config.batch_size // strategy.num_replicas_in_sync

        # On a GPU XLA alone gathers uint8; on a CPU it takes an eighth of the
        # time (docs/design.md).
        @tf.function(jit_compile=True, autograph=False)
        def cut(images, row, extents, step, first_row):
            found = device_views.with_views(
                {
                    "images": tf.gather(images, row),
                    "extents": extents,
                    "step": step,
                },
                first_row=first_row,
                seed=config.seed,
                batch_size=config.batch_size,
                size=config.data.image_size,
                views=config.augment.views,
                count=task.views,
            )
            draws = found.pop("draws")
            views = colour.colour_views(
                list(found.values()), draws, config.augment
            )
            return dict(zip(found, views))

        def replica(images, batch):
            batch = dict(batch)
            views = cut(
                images,
                *(batch.pop(name) for name in ("row", "extents", "step")),
                collectives.replica_id() * n,
            )
            return batch | views

        self._replica = replica

    def views(self, batch):
        """Every replica's batch with its views; in a traced function.

        Args:
            batch: of data.stored_batches, of every replica.

        Returns:
            The same with "view1", ... float32 in [0, 1], in their place.
        """
        count = len(self._copies)
        images = self._strategy.experimental_distribute_values_from_function(
            lambda context: self._copies[
                context.replica_id_in_sync_group % count
            ]
        )
        return self._strategy.run(self._replica, args=(images, batch))
