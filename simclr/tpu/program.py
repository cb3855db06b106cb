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
        hlo: bytes, a serialized HLO module. Its parameters are the flattened
            batch, then `variables`; its results those in `results`, then the
            updated variables.
        graph: tf.Graph that it was lowered from.
        results: names of what the step returns, in order.
        variables: list of tf.Variable that it reads.
        updated: list of int, which of them it writes.
    """

    hlo: bytes
    graph: tf.Graph
    results: list
    variables: list
    updated: list


def build_task(config, *, num_examples, num_classes):
    """The config's task, built outside any strategy, to be lowered.

    Args:
        config: Config.
        num_examples: images in an epoch.
        num_classes: classes among the labels; 0: there are none.
    """
    policy = keras.config.dtype_policy()
    try:
        return TASKS[config.task](
            config, num_examples=num_examples, num_classes=num_classes
        )
    finally:
        keras.config.set_dtype_policy(policy)


def lower_task(task, *, replicas, on_device=True):
    """Lowers the very step that simclr/training/loop.py repeats.

    Augmentation of the views' colours, encoder, batch norm over all replicas,
    loss over the global batch, optimizer; with train.microbatch, gradient
    caching.

    Args:
        task: a task that was built outside any strategy.
        replicas: R.
        on_device: bool, colour the views in the step.

    Returns:
        Program.

    Raises:
        ValueError: a batch that the replicas cannot share, or an operation
            that XLA cannot run, with the line that made it.
    """
    config = task.config
    for name, images in (
        ("batch_size", config.batch_size),
        ("train.microbatch", config.train.microbatch),
    ):
        if images % replicas:
            raise ValueError(
                f"{name}={images} does not divide by {replicas} replicas."
            )
    spec = pipeline.batch_spec(
        config.batch_size // replicas,
        image_size=config.data.image_size,
        on_device=on_device,
        views=task.views,
        classes=task.num_classes if config.distill.cache else 0,
    )
    policy = keras.config.dtype_policy()
    keras.config.set_dtype_policy(config.train.precision)
    try:
        function = lowering.replica_function(
            lambda batch: task.train_step(lowering.InReplica(), batch),
            [spec],
            num_replicas=replicas,
        )
        hlo = lowering.hlo(function, [spec], stage="hlo_serialized")
        traced = function.get_concrete_function(*tf.nest.flatten(spec))
    finally:
        keras.config.set_dtype_policy(policy)
    variables, updated = lowering.variables(traced)
    return Program(
        hlo=hlo,
        graph=traced.graph,
        results=sorted(traced.structured_outputs),
        variables=variables,
        updated=updated,
    )
