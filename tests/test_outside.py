"""Keras models that are not in the table: made by a function, or handed in."""

import dataclasses
import json

import keras
import numpy as np
import pytest
import tensorflow as tf
from keras import layers

import simclr
from simclr import config as config_lib
from simclr.commands.train import launch
from simclr.config import Config
from simclr.lowering import program
from simclr.messages.errors import InputError
from simclr.models import backbones
from simclr.models.encoders import outside
from simclr.models.variables import named_variables
from simclr.training.tasks import Pretrain
from tests import tiny, tiny_encoder

# Functions that a user's own file might hold, by tests.test_outside:NAME.


def small_net():
    return keras.Sequential(
        [
            keras.Input((None, None, 3)),
            layers.Conv2D(8, 3, 2, use_bias=False),
            layers.BatchNormalization(),
            layers.Dropout(0.9),
            layers.ReLU(),
            layers.GlobalAveragePooling2D(),
        ]
    )


def sized_net(image_size):
    return keras.Sequential(
        [keras.Input((image_size, image_size, 3)), layers.Flatten()]
    )


def no_model():
    return 3


def unpooled():
    return keras.Sequential([keras.Input((None, None, 3)), layers.Conv2D(8, 3)])


def random_net():
    return keras.Sequential(
        [
            keras.Input((None, None, 3)),
            layers.GaussianNoise(0.1),
            layers.GlobalAveragePooling2D(),
        ]
    )


def broken():
    raise RuntimeError("no luck")


def fixed_net():
    return sized_net(24)


HERE = "tests.test_outside"


def build(name, size=16):
    return backbones.build_encoder(
        dataclasses.replace(tiny.CONFIG.model, name=name), size
    )


def test_a_function_from_outside():
    """Global batch norm, no dropout, and names that stay."""
    first, second = build(f"{HERE}:small_net"), build(f"{HERE}:small_net")
    assert [v.path for v in first.variables] == [
        v.path for v in second.variables
    ]
    assert set(named_variables(encoder=first)) >= {
        "encoder/000/sequential/conv2d/kernel",
        "encoder/001/sequential/batch_normalization/gamma",
    }
    found = first._flatten_layers()
    [norm] = [x for x in found if isinstance(x, layers.BatchNormalization)]
    assert norm.synchronized
    images = np.random.default_rng(0).random((4, 16, 16, 3), np.float32)
    one, two = (first(images, training=True)["h"] for _ in range(2))
    np.testing.assert_array_equal(one, two)
    assert one.shape == (4, 8) and np.count_nonzero(one) > 16
    assert build(f"{HERE}:sized_net").output["h"].shape == (None, 16 * 16 * 3)


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("nowhere.at_all:net", "No module named 'nowhere'"),
        (f"{HERE}:smal_net", "no function smal_net. Did you mean small_net"),
        (f"{HERE}:no_model", "made int, no keras.Model"),
        (f"{HERE}:unpooled", "an encoder goes from images"),
        (f"{HERE}:random_net", "draws random numbers"),
        (f"{HERE}:broken", "the function failed: no luck"),
        (f"{HERE}:fixed_net", "takes images of 24 pixels"),
        ("handed_in:my_net", "'my_net', that was handed in from Python"),
    ],
)
def test_what_is_no_encoder_is_refused(name, message):
    with pytest.raises(ValueError, match=message):
        build(name)


def test_a_model_that_is_handed_in():
    """Encoders start from its weights, and leave it alone."""
    net = small_net()
    for v in net.weights:
        if v.path.endswith("kernel"):
            v.assign(np.random.default_rng(1).normal(size=v.shape))
    name = outside.hand_in(net)
    images = np.random.default_rng(0).random((4, 16, 16, 3), np.float32)
    one, two = build(name), build(name)
    np.testing.assert_array_equal(one(images)["h"], net(images))
    one.variables[0].assign(tf.zeros_like(one.variables[0]))
    np.testing.assert_array_equal(two(images)["h"], net(images))
    assert net.layers[2].rate == 0.9
    with pytest.raises(ValueError, match=r"no keras\.Model"):
        outside.hand_in(small_net)

    class Own(keras.Model):
        def __init__(self, unit):
            super().__init__()
            self.unit = unit

        def call(self, x):
            return x[:, 0, 0]

    with pytest.raises(ValueError, match="cannot be copied"):
        outside.hand_in(Own(object()))


def test_python_takes_a_model_or_a_function(tmp_path, monkeypatch):
    """A function is kept by its name, where it has one that others find."""
    monkeypatch.setattr(outside, "_models", {})
    assert launch.overrides(["epochs=1"], {"model": small_net}) == [
        "epochs=1",
        f"model.name={HERE}:small_net",
    ]
    net = small_net()
    for model in (net, lambda: net):
        named = launch.overrides([], {"model": model})
        assert named == [f"model.name=handed_in:{net.name}"]
    assert list(outside._models) == [f"handed_in:{net.name}"]
    with pytest.raises(InputError, match=r"RUN, model=model"):
        build("handed_in:another")
    other = keras.Sequential(net.layers, name="another")
    run = tiny_encoder.write(tmp_path / "run", tmp_path)
    assert simclr.load(run, model=other).workdir == run
    assert build("handed_in:another").output["h"].shape == (None, 8)
    with pytest.raises(InputError, match=r"no keras\.Model"):
        simclr.load(run, model=3)
    assert "keras.Model" in simclr.pretrain.__doc__


def test_a_step_with_a_net_from_outside(strategy):
    """The same update on one replica and on four."""
    config = config_lib.override(
        dataclasses.replace(tiny.CONFIG, batch_size=8),
        [f"model.name={HERE}:small_net", "optimizer.name=adamw"],
    )
    with strategy.scope():
        task = Pretrain(config, num_examples=64, num_classes=0)
    task.optimizer.iterations.assign(5)
    replicas = strategy.num_replicas_in_sync
    images = np.random.default_rng(0).random((2, 8, 16, 16, 3), np.float32)

    def share(context):
        rows = 8 // replicas
        part = images[:, context.replica_id_in_sync_group * rows :][:, :rows]
        return {
            "view1": tf.constant(part[0]),
            "view2": tf.constant(part[1]),
            "label": tf.fill([rows], -1),
            "replaced": tf.zeros([rows], tf.int32),
        }

    batch = strategy.experimental_distribute_values_from_function(share)
    result = task.train_step(strategy, batch)
    results = strategy.experimental_local_results(result["loss"])
    sums = [float(np.sum(np.abs(v))) for v in task.variables]
    assert np.all(np.isfinite(sums))
    EXPECTED.append([float(results[0]), *sums])
    np.testing.assert_allclose(EXPECTED[0], EXPECTED[-1], rtol=1e-4)


EXPECTED = []  # Of the first of the two strategies.


def test_a_run_says_what_it_was_made_of(tmp_path):
    config = config_lib.override(Config(), [f"model.name={HERE}:small_net"])
    text = json.loads(config_lib.to_json(config))
    assert text["model"]["name"] == f"{HERE}:small_net"
    assert config_lib.from_json(json.dumps(text)) == config


@pytest.mark.parametrize("name", ["adamw", "muon"])
def test_a_step_of_the_optimizer_lowers(name):
    config = config_lib.override(
        dataclasses.replace(tiny.CONFIG, batch_size=8),
        [f"model.name={HERE}:small_net", f"optimizer.name={name}"],
    )
    task = Pretrain(config, num_examples=64, num_classes=0)
    lowered = program.lower_task(task, replicas=4)
    written = {id(lowered.variables[i]) for i in lowered.updated}
    assert {id(v.value) for v in task.variables} <= written
