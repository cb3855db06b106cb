"""Collectives over replicas that carry gradients.

All of them go through the replica context of tf.distribute, so that they mean
the same under every strategy and in the context that lowers a step for a TPU
(simclr/lowering/xla.py). With one replica they cost nothing.

Letters: R replicas, n rows per replica, d columns.
"""

import tensorflow as tf


def num_replicas():
    """How many replicas step together, an int; 1 outside a strategy."""
    context = tf.distribute.get_replica_context()
    return 1 if context is None else context.num_replicas_in_sync


def for_xla():
    """Whether this is traced for XLA, to run anywhere (lowering/xla.py)."""
    return getattr(tf.distribute.get_replica_context(), "for_xla", False)


def replica_id():
    """Index of this replica, an int32 scalar; 0 outside a strategy."""
    context = tf.distribute.get_replica_context()
    if context is None:
        return tf.zeros([], tf.int32)
    return tf.cast(context.replica_id_in_sync_group, tf.int32)


def gather(x):
    """Concatenates `x` from every replica, in order of replica id.

    Args:
        x: [n, d] rows of this replica; n and d are the same on every replica.

    Returns:
        [R * n, d], the same on every replica. Each row's gradient returns to
        the replica it came from, summed over the replicas that used it.
    """
    replicas = num_replicas()
    if replicas == 1:
        return x
    # Each replica fills its own slot and sums with the rest. The gradient of a
    # sum over replicas is a sum over replicas, so nothing is lost on the way.
    own_slot = tf.one_hot(replica_id(), replicas, dtype=x.dtype)  # [R]
    slots = tf.einsum("r,nd->rnd", own_slot, x)
    [slots] = sum_over_replicas([slots])
    return tf.reshape(slots, [-1, x.shape[1]])


def sum_over_replicas(tensors):
    """Sums each of `tensors` over the replicas, in one collective.

    Args:
        tensors: list of dense tensors, in the same order on every replica.

    Returns:
        list of tensors of the same shapes and dtypes; the gradient of each is
        again summed over the replicas.
    """
    tensors = list(tensors)
    if not tensors or num_replicas() == 1:
        return tensors
    context = tf.distribute.get_replica_context()
    return list(context.all_reduce(tf.distribute.ReduceOp.SUM, tensors))
