"""Gradient caching: the gradient of one batch, seen a microbatch at a time."""

import dataclasses
import functools

import numpy as np
import pytest
import tensorflow as tf

from simclr.config import Loss, Memory, Train
from simclr.training.tasks import Pretrain
from tests import tiny

ONE = tf.distribute.get_strategy
BATCH, MICRO = 16, 8
CASES = {
    "nt_xent with a memory": {
        "memory": Memory(size=2 * BATCH, momentum=0.9),
        "optimizer": dataclasses.replace(
            tiny.CONFIG.optimizer, name="sgd", weight_decay=0.1
        ),
    },
    "barlow_twins, views apart": {
        "loss": Loss(name="barlow_twins"),
        "model": dataclasses.replace(tiny.CONFIG.model, joint_views=False),
    },
}


class OneGraph(Pretrain):
    """The plain step, its batch norm of microbatches: all kept for one tape."""

    def encode(self, views):
        count = BATCH // MICRO
        parts = [
            super(OneGraph, self).encode(part)
            for part in zip(*(tf.split(view, count) for view in views))
        ]
        h, z1, z2 = (tf.concat(x, 0) for x in zip(*parts))
        # Rows of [view 1; view 2] of each part, to those of the whole.
        h = tf.reshape(h, [count, 2, -1, h.shape[-1]])
        h = tf.transpose(h, [1, 0, 2, 3])
        return tf.reshape(h, [-1, h.shape[-1]]), z1, z2

    def after_update(self, views, step):
        if self.memory is not None:
            self.memory.follow(step)
            parts = tf.split(views[1], BATCH // MICRO)
            keys = [self.memory.keys(part) for part in parts]
            self.memory.remember(tf.concat(keys, 0))


def build(kind, strategy, microbatch, changes):
    config = dataclasses.replace(
        tiny.CONFIG,
        train=Train(precision="float64", microbatch=microbatch),
        **changes,
    )
    with strategy.scope():
        task = kind(config, num_examples=64, num_classes=3)
        task.optimizer.iterations.assign(2)  # Past the learning rate of 0.
    return task


def batch_of(strategy, step):
    rng = np.random.default_rng(step)
    images = rng.random([2, BATCH, 16, 16, 3], np.float32)
    label = np.int32(np.arange(BATCH) % 4 - 1)  # A quarter has none.

    def of_replica(context):
        n = BATCH // strategy.num_replicas_in_sync
        # A microbatch's rows lie together on a replica, but its statistics
        # are of the same images on any number of replicas.
        count = BATCH // MICRO
        rows = np.arange(BATCH).reshape(
            count, strategy.num_replicas_in_sync, -1
        )
        rows = rows[:, context.replica_id_in_sync_group].ravel()
        assert len(rows) == n
        return {
            "view1": tf.constant(images[0, rows]),
            "view2": tf.constant(images[1, rows]),
            "label": tf.constant(label[rows]),
            "replaced": tf.zeros([n], tf.int32),
        }

    return strategy.experimental_distribute_values_from_function(of_replica)


def run(task, strategy, steps=2):
    """Scalars of each step, and all that the run leaves."""
    train_step = tf.function(lambda batch: task.train_step(strategy, batch))
    rows = []
    for step in range(steps):
        result = train_step(batch_of(strategy, step))
        rows.append(
            {
                name: strategy.experimental_local_results(value)[0].numpy()
                for name, value in result.items()
            }
        )
    return rows, {name: v.numpy() for name, v in task.state.items()}


@functools.cache
def plain_steps(case):
    return run(build(OneGraph, ONE(), 0, CASES[case]), ONE())


@pytest.mark.parametrize("case", CASES)
def test_is_the_plain_step(strategy, case):
    """Values, gradients, weights and moving statistics, for two steps."""
    expected = plain_steps(case)
    ours = run(build(Pretrain, strategy, MICRO, CASES[case]), strategy)
    for row, plain in zip(ours[0], expected[0], strict=True):
        assert set(row) == set(plain)
        for name in plain:
            np.testing.assert_allclose(
                row[name], plain[name], rtol=1e-7, atol=1e-10, err_msg=name
            )
    assert set(ours[1]) == set(expected[1])
    for name, value in expected[1].items():
        np.testing.assert_allclose(
            ours[1][name],
            value,
            rtol=1e-6,
            atol=1e-7 * np.abs(value).max(),
            err_msg=name,
        )
