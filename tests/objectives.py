"""Runs an objective on replicas, each with its share of the views."""

import numpy as np
import tensorflow as tf


def views(n=8, d=5, seed=0, dtype=np.float32):
    """Projections of both views, [2, n, d]."""
    rng = np.random.default_rng(seed)
    return rng.normal(size=(2, n, d)).astype(dtype)


def on_replicas(strategy, objective, z1, z2, **options):
    """An objective on shards of the views, and the global loss's gradient.

    Args:
        strategy: its replicas divide the rows among them.
        objective: as in simclr/losses/objectives.py.
        z1, z2: [N, d] arrays, the views of the global batch.
        **options: of the objective, the same on every replica.

    Returns:
        losses: [R], each replica's.
        scalars: dict of [R].
        gradient: [2, N, d] in z1 and z2, of the mean of the losses.
    """
    count = strategy.num_replicas_in_sync
    shards = np.split(np.stack([z1, z2]), count, axis=1)  # R x [2, n, d]
    shards = strategy.experimental_distribute_values_from_function(
        lambda context: tf.constant(shards[context.replica_id_in_sync_group])
    )

    @tf.function
    def step(z):
        with tf.GradientTape() as tape:
            tape.watch(z)
            loss, scalars = objective(z[0], z[1], **options)
            share = loss / count
        return loss, scalars, tape.gradient(share, z)

    losses, scalars, gradients = strategy.run(step, args=(shards,))
    local = strategy.experimental_local_results
    return (
        np.array(local(losses)),
        {name: np.array(local(values)) for name, values in scalars.items()},
        np.concatenate(local(gradients), axis=1),
    )


def finite_differences(function, z, step=1e-6):
    """Central differences of `function` of float64 views [2, n, d]."""
    gradient = np.zeros_like(z)
    for index in np.ndindex(*z.shape):
        up, down = z.copy(), z.copy()
        up[index] += step
        down[index] -= step
        gradient[index] = (function(*up) - function(*down)) / (2 * step)
    return gradient
