"""The processes of a run, and what they tell each other."""

import numpy as np
import tensorflow as tf

from simclr.engines.pjrt_devices import PjrtDevices
from simclr.messages import signals
from simclr.messages.errors import Stopped


class Workers:
    """The processes of a run; what one knows, all can know.

    Args:
        strategy: tf.distribute strategy, or PjrtDevices; only
            MultiWorkerMirroredStrategy and devices of several processes have
            more than one worker.
    """

    def __init__(self, strategy):
        self._strategy = strategy
        self._by_jax = isinstance(strategy, PjrtDevices)
        if self._by_jax:
            self.index, self.count = strategy.index, strategy.count
            self.several = self.count > 1
            if self.several:
                signals.stop_together()
            return
        self.several = isinstance(
            strategy, tf.distribute.MultiWorkerMirroredStrategy
        )
        resolver = strategy.cluster_resolver
        self.index, self.count = 0, 1
        if self.several:
            signals.stop_together()
            cluster = tf.train.ClusterSpec(resolver.cluster_spec()).as_dict()
            chiefs, rest = (
                len(cluster.get(kind, ())) for kind in ("chief", "worker")
            )
            self.count = chiefs + rest
            self.index = resolver.task_id
            if resolver.task_type == "worker":  # A chief comes before them.
                self.index += chiefs

        @tf.function(autograph=False)
        def gather(values):
            def replica(values):
                context = tf.distribute.get_replica_context()
                own = tf.one_hot(
                    context.replica_id_in_sync_group,
                    context.num_replicas_in_sync,
                )
                return context.all_reduce(
                    tf.distribute.ReduceOp.SUM, own[:, None] * values
                )

            return strategy.run(replica, args=(values,))

        local = strategy.num_replicas_in_sync // self.count

        @tf.function(autograph=False)
        def together(rows):
            def replica(rows):
                context = tf.distribute.get_replica_context()
                place = context.replica_id_in_sync_group % local
                own = tf.reshape(rows, [local, -1, *rows.shape[1:]])[place]
                return context.all_gather(own, axis=0)

            return strategy.run(replica, args=(rows,))

        self._gather, self._together = gather, together

    def gather(self, values):
        """Everybody's values; all workers must call it, in the same order.

        Args:
            values: list of numbers that float32 holds.

        Returns:
            float32 array, a row for each replica or worker, the same on all
            workers.
        """
        values = np.asarray(values, np.float32)
        if not self.several:
            return values[None]
        if self._by_jax:
            return self._strategy.together(values)
        rows = self._gather(tf.constant(values))
        return self._strategy.experimental_local_results(rows)[0].numpy()

    def raise_noted(self):
        """Where one worker has heard a signal, all stop.

        Raises:
            Stopped: one has; all workers must ask, in the same order.
        """
        if self.gather([float(bool(signals.asked()))]).any():
            raise Stopped(signals.asked() or "another worker")

    def together(self, rows):
        """Everybody's rows, in order of the workers; all must call it.

        Args:
            rows: [n, ...] array of floats or int32; n is the same on all
                workers and a multiple of the replicas of each.

        Returns:
            [workers * n, ...] array, the same on all workers.
        """
        if not self.several:
            return rows
        if self._by_jax:
            rows = self._strategy.together(rows)
            return rows.reshape(-1, *rows.shape[2:])
        whole = self._together(tf.constant(rows))
        return self._strategy.experimental_local_results(whole)[0].numpy()
