"""A net as a function of a batch of images, on all replicas."""

import numpy as np
import tensorflow as tf


class Infer:
    """Calls a net in inference mode, a batch spread over the replicas.

    Args:
        function: from images [n, s, s, 3] to [n, f]; in inference mode, so that
            batch norm uses its moving statistics and updates nothing. (The
            published TF2 code keeps training-mode batch norm in its linear
            evaluation.)
        strategy: tf.distribute strategy.
    """

    def __init__(self, function, strategy):
        self._strategy = strategy
        # This worker's replicas: only the chief of a cluster evaluates.
        self._replicas = len(
            strategy.experimental_local_results(
                strategy.run(lambda: tf.zeros([]))
            )
        )

        @tf.function  # One trace a shape: a TPU takes static shapes only.
        def run(images):
            return strategy.run(
                lambda x: tf.cast(function(x), tf.float32), args=(images,)
            )

        self._run = run

    def __call__(self, images):
        """The net's outputs for a batch.

        Args:
            images: float [b, s, s, 3] in [0, 1].

        Returns:
            float32 [b, f] array.
        """
        count = len(images)
        missing = -count % self._replicas
        images = np.concatenate([images, images[:1].repeat(missing, 0)])
        parts = np.split(images, self._replicas)
        if self._replicas == 1:
            return self._run(tf.constant(images)).numpy()[:count]
        shards = self._strategy.experimental_distribute_values_from_function(
            lambda context: tf.constant(
                parts[context.replica_id_in_sync_group % self._replicas]
            )
        )
        results = self._strategy.experimental_local_results(self._run(shards))
        return np.concatenate([part.numpy() for part in results])[:count]


def encode(encoder, strategy):
    """An encoder as a function from images to features h."""
    return Infer(lambda x: encoder(x, training=False)["h"], strategy)


def in_batches(infer, images, batch_size=256):
    """`infer` of many images, some at a time: float32 [m, f]."""
    return np.concatenate(
        [
            infer(images[i : i + batch_size])
            for i in range(0, len(images), batch_size)
        ]
    )
