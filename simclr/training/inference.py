"""An encoder as a function of a batch of images, on all replicas."""

import numpy as np
import tensorflow as tf


class Encode:
    """Calls an encoder in inference mode: images in, features out.

    Batch norm uses its moving statistics and updates nothing. (The published
    TF2 code keeps training-mode batch norm in its linear evaluation.)

    Args:
        encoder: Keras model with an output "h".
        strategy: tf.distribute strategy; a batch is spread over its replicas.
    """

    def __init__(self, encoder, strategy):
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
                lambda x: tf.cast(encoder(x, training=False)["h"], tf.float32),
                args=(images,),
            )

        self._run = run

    def __call__(self, images):
        """Features of a batch.

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


def in_batches(encode, images, batch_size=256):
    """`encode` of many images, some at a time: float32 [m, f]."""
    return np.concatenate(
        [
            encode(images[i : i + batch_size])
            for i in range(0, len(images), batch_size)
        ]
    )
