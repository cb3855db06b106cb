"""Steps of a task on a net so small that they are traced at once."""

import keras
import numpy as np
import tensorflow as tf

from simclr.models.batch_norm import BatchNorm

BATCH = 16


def build_encoder(model, image_size):
    """Two convolutions in place of a ResNet, which takes half a minute."""
    x = inputs = keras.Input([16, 16, 3])
    for part, filters, stride in (("stem", 4, 4), ("group1", 8, 2)):
        x = keras.layers.Conv2D(
            filters, 3, stride, use_bias=False, name=f"{part}_conv"
        )(x)
        x = keras.layers.ReLU()(BatchNorm(name=f"{part}_bn")(x))
    h = keras.layers.GlobalAveragePooling2D()(x)
    return keras.Model(inputs, {"h": h})


def batch_of(strategy, step):
    """Each replica's share of a batch of noise; a fifth has no label."""
    rng = np.random.default_rng(step)
    images = rng.random([2, BATCH, 16, 16, 3], np.float32)
    label = np.int32(np.arange(BATCH) % 5 - 1)

    def of_replica(context):
        n = BATCH // strategy.num_replicas_in_sync
        start = context.replica_id_in_sync_group * n
        return {
            "view1": tf.constant(images[0, start : start + n]),
            "view2": tf.constant(images[1, start : start + n]),
            "label": tf.constant(label[start : start + n]),
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
    return rows, state_of(task)


def state_of(task):
    """dict of name -> array, all that a checkpoint keeps."""
    return {name: v.numpy() for name, v in task.state.items()}


def assert_same(ours, expected):
    """Of two runs: values, gradients, weights and moving statistics."""
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
