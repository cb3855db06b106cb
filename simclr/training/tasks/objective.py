"""The objective of pretraining, as a config asks for it."""

import tensorflow as tf

from simclr.losses import objectives


def objective(task, z1, z2, **more):
    """The objective of a task's config from projections of both views.

    Args:
        task: the Task; its step seeds what an objective draws.
        z1, z2: [n, d].
        **more: what the objective takes beside config.loss.

    Returns:
        loss, scalars: of losses.objectives.call.
    """
    loss = task.config.loss
    step = tf.cast(tf.convert_to_tensor(task.optimizer.iterations), tf.int32)
    return objectives.call(
        loss.name,
        z1,
        z2,
        temperature=loss.temperature,
        normalize=loss.normalize,
        trade_off=loss.trade_off,
        scaled=loss.scaled,
        coefficients=loss.coefficients,
        block=loss.block,
        seed=tf.stack([task.config.seed, step]),
        **more,
    )
