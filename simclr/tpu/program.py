"""A config's training step as the program of one replica among many."""

import dataclasses

import keras
import tensorflow as tf

from simclr.data import pipeline
from simclr.tpu import lowering
from simclr.training.tasks import TASKS


@dataclasses.dataclass(frozen=True)
class Program:
    """A training step, lowered.

    Attributes:
        hlo: bytes, a serialized HLO module: see lowering.lower.
        total_steps: steps of the config's run.
        graph: tf.Graph that it was lowered from.
    """

    hlo: bytes
    total_steps: int
    graph: tf.Graph


def lower(config, *, replicas, num_examples, num_classes):
    """Lowers the very step that simclr/training/loop.py repeats.

    Augmentation of the views' colours, encoder, batch norm over all replicas,
    loss over the global batch, optimizer; with train.microbatch, gradient
    caching.

    Args:
        config: Config.
        replicas: R.
        num_examples: images in an epoch.
        num_classes: classes among the labels; 0: there are none.

    Returns:
        Program.

    Raises:
        ValueError: a batch that the replicas cannot share, or an operation
            that XLA cannot run, with the line that made it.
    """
    if config.batch_size % replicas:
        raise ValueError(
            f"batch_size={config.batch_size} does not divide by {replicas} "
            "replicas."
        )
    policy = keras.config.dtype_policy()
    try:
        task = TASKS[config.task](
            config, num_examples=num_examples, num_classes=num_classes
        )
        batch = pipeline.batch_spec(
            config.batch_size // replicas,
            image_size=config.data.image_size,
            on_device=config.augment.place != "host",
            views=task.views,
            classes=num_classes if config.distill.cache else 0,
        )
        function = lowering.replica_function(
            lambda batch: task.train_step(lowering.InReplica(), batch),
            [batch],
            num_replicas=replicas,
        )
        hlo = lowering.hlo(function, [batch], stage="hlo_serialized")
        traced = function.get_concrete_function(*tf.nest.flatten(batch))
    finally:
        keras.config.set_dtype_policy(policy)
    return Program(hlo, task.total_steps, traced.graph)
