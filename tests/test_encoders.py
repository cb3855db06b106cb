"""Encoders beside the ResNets: their numbers, parts, gradients and lowering."""

import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from simclr import config as config_lib
from simclr.config import Config
from simclr.lowering import xla
from simclr.models import backbones
from simclr.models.encoders import positions, vit
from simclr.models.encoders.resnet import BLOCKS
from simclr.models.variables import count_parameters
from simclr.optimizers import no_decay_variables
from tests import test_lowering
from tests.conftest import four_replicas

# Parameters that are trained, at 224 pixels, and features. The first four are
# keras.applications' without their top (a test below builds those, too);
# EfficientNet-Lite0's are the published file's; ViT-S/16's and B/16's those of
# timm's, 22,050,664 and 86,567,656, less a classifier of 1,000 and learned
# positions of 197 tokens.
TABLE = {
    "mobilenet_v3_small": (939_120 - 12_112, 576),
    "mobilenet_v3_large": (2_996_352 - 24_400, 960),
    "efficientnet_v2_b0": (5_919_312 - 60_608, 1280),
    "convnext_tiny": (27_820_128, 768),
    "efficientnet_lite0": (3_371_008, 1280),
    "vit_small": (22_050_664 - 385_000 - 197 * 384, 384),
    "vit_base": (86_567_656 - 769_000 - 197 * 768, 768),
    # Three convolutions and a layer on 256 numbers, and their batch norms.
    "conv_n": (9 * (32 + 32 * 64 + 64 * 64) + 256 * 128 + 2 * 288, 128),
}
LARGE = ("convnext_tiny", "efficientnet_v2_b0", "vit_base")


def each(names, slow=LARGE):
    """Names as parameters; the large nets are for `make slow`."""
    return [
        pytest.param(n, marks=[pytest.mark.slow] if n in slow else [])
        for n in names
    ]


def model(name, size=32, **options):
    overrides = [f"model.{key}={value}" for key, value in options.items()]
    return config_lib.override(
        Config(), [f"model.name={name}", f"data.image_size={size}", *overrides]
    ).model


def test_conv_n_is_a_layer_on_all_that_is_left_of_28_pixels():
    """And sees grey: the colours' mean, and the planes behind them."""
    net = backbones.build_encoder(model("conv_n", 28, extra_planes=2), 28)
    images = np.random.default_rng(0).random([4, 28, 28, 5], np.float32)
    ends = net(images)
    assert ends["group3"].shape == (4, 2, 2, 64)
    kernel = net.get_layer("final_conv").kernel.numpy().reshape(256, 128)
    limit = np.sqrt(6 / (256 + 128))
    assert 0.95 * limit < np.abs(kernel).max() <= limit
    norm = net.get_layer("final_bn")
    left = ends["group3"].numpy().reshape(4, 256) @ kernel
    expected = np.maximum(norm(left[:, None, None])[:, 0, 0], 0)
    np.testing.assert_allclose(ends["h"], expected, rtol=1e-4, atol=1e-5)
    grey = np.concatenate(
        [
            images[..., :3].mean(-1, keepdims=True).repeat(3, -1),
            images[..., 3:],
        ],
        axis=-1,
    )
    np.testing.assert_allclose(net(grey)["h"], ends["h"], rtol=1e-4, atol=1e-5)
    other = images.copy()
    other[..., 4] = 1 - other[..., 4]
    assert np.abs(net(other)["h"] - ends["h"]).max() > 1e-3


@functools.cache
def encoder(name, size=32):
    """Its weights at random, none of them 0 or 1: all parts matter."""
    keras.utils.set_random_seed(0)
    net = backbones.build_encoder(model(name, size))
    rng = np.random.default_rng(0)
    for v in net.variables:
        if len(v.shape) == 1 and "variance" not in v.name:
            v.assign(v + rng.uniform(0.05, 0.15, v.shape))
    return net


def images(n=2, size=(32, 32)):
    rng = np.random.default_rng(0)
    return tf.constant(rng.random((n, *size, 3)), tf.float32)


def test_every_backbone_is_in_the_table():
    assert {"resnet", *TABLE} == set(backbones.BACKBONES)
    assert backbones.BACKBONES["resnet"].options["depth"] == tuple(BLOCKS)


@pytest.mark.parametrize("name", each(TABLE))
def test_number_of_parameters(name):
    net = encoder(name, 224)
    parameters, features = TABLE[name]
    assert count_parameters({"encoder": net}) == parameters
    assert net.output["h"].shape == (None, features)


@pytest.mark.parametrize("name", each(TABLE))
@pytest.mark.parametrize("size", [(32, 32), (48, 64)])
def test_parts_and_features(name, size):
    net = encoder(name)
    ends = net(images(size=size))
    assert list(ends) == [*backbones.BACKBONES[name].parts, "h"]
    assert ends["h"].shape == (2, TABLE[name][1])
    assert np.all(np.isfinite(ends["h"]))
    assert np.abs(ends["h"][0] - ends["h"][1]).max() > 1e-6


@pytest.mark.parametrize("name", each(TABLE))
def test_every_layer_with_weights_is_of_a_part(name):
    """So that freezing a part freezes all of it."""
    found = {
        x.name.partition("_")[0] for x in encoder(name).layers if x.weights
    }
    assert found == set(backbones.BACKBONES[name].parts)


@pytest.mark.parametrize("name", each(TABLE))
def test_what_decays_is_what_multiplies(name):
    """Kernels alone; not norms, biases, layer scales or the class token."""
    net = encoder(name)
    spared = {v.path.rpartition("/")[2] for v in no_decay_variables(net)}
    decayed = {v.path.rpartition("/")[2] for v in net.trainable_variables} - (
        spared
    )
    expected = {"gamma", "beta"}
    if name not in ("efficientnet_lite0", "conv_n"):
        expected.add("bias")
    if name.startswith("vit"):
        expected.add("class_token")
    if name == "convnext_tiny":
        expected.add("scale")
    assert spared == expected
    assert decayed == {"kernel"}


@pytest.mark.parametrize("name", each(TABLE, slow=set(TABLE) - {"conv_n"}))
def test_four_replicas_have_the_gradient_of_one(name, float64):
    """Over one batch; batch norm's statistics, too, are those of all of it.

    In float32 the rounding of fifty layers hides what is wrong with one.
    """
    net = backbones.build_encoder(model(name))
    before = [v.numpy() for v in net.variables]
    batch = tf.cast(images(8), tf.float64)
    target = np.random.default_rng(1).normal(size=(8, TABLE[name][1]))
    target = tf.constant(target)

    def gradient(net, batch, target):
        with tf.GradientTape() as tape:
            h = net(batch, training=True)["h"]
            loss = tf.reduce_sum(h * target) / 8
        return tape.gradient(loss, net.trainable_variables)

    expected = gradient(net, batch, target)
    strategy = four_replicas()
    with strategy.scope():
        copy = backbones.build_encoder(model(name))
    for v, value in zip(copy.variables, before, strict=True):
        v.assign(value)
    shards = [
        strategy.experimental_distribute_values_from_function(
            lambda c, x=x: x[2 * c.replica_id_in_sync_group :][:2]
        )
        for x in (batch, target)
    ]

    def step(batch, target):
        context = tf.distribute.get_replica_context()
        return context.all_reduce("SUM", gradient(copy, batch, target))

    results = strategy.run(step, args=tuple(shards))
    # Some gradients are 0 up to rounding: of what the next batch norm takes
    # away again, of a key's bias.
    rounding = 1e-12 * max(np.abs(g).max() for g in expected)
    assert np.mean([np.abs(g).max() > 10 * rounding for g in expected]) > 0.7
    for v, ours, wanted in zip(
        copy.trainable_variables, results, expected, strict=True
    ):
        ours = strategy.experimental_local_results(ours)[0]
        error = max(rounding, 1e-9 * np.abs(wanted).max())
        np.testing.assert_allclose(
            ours, wanted, atol=error, rtol=1e-9, err_msg=v.path
        )
    for v, wanted in zip(
        copy.non_trainable_variables, net.non_trainable_variables, strict=True
    ):
        np.testing.assert_allclose(v, wanted, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("name", each(TABLE, slow=TABLE))
def test_lowers_for_a_tpu(name):
    net = encoder(name)

    def step(batch):
        with tf.GradientTape() as tape:
            loss = tf.reduce_sum(net(batch["x"], training=True)["h"] ** 2)
        return tape.gradient(loss, net.trainable_variables)

    spec = [{"x": tf.TensorSpec([2, 32, 32, 3], tf.float32)}]
    assert test_lowering.problems(xla.lower(step, spec, num_replicas=4)) == []
    traced = xla.replica_function(step, spec, num_replicas=4)
    traced = traced.get_concrete_function(*tf.nest.flatten(spec))
    read, _ = xla.variables(traced)  # Raises where a tensor is captured.
    assert len(read) == len(net.variables)


@pytest.mark.parametrize(
    "name",
    each(TABLE, slow=set(TABLE) - {"efficientnet_lite0", "vit_small"}),
)
def test_mixed_bfloat16_gives_float32_features(name):
    exact = encoder(name)
    keras.config.set_dtype_policy("mixed_bfloat16")
    net = backbones.build_encoder(model(name))
    for v, value in zip(net.variables, exact.variables, strict=True):
        v.assign(value)
    h, wanted = net(images())["h"], exact(images())["h"]
    assert h.dtype == tf.float32
    scale = np.abs(wanted).max()
    np.testing.assert_allclose(h, wanted, atol=0.1 * scale)
    assert np.abs(h - wanted).max() > 0


@pytest.mark.parametrize("name", each(["vit_small", "convnext_tiny"]))
def test_survives_save_and_load(name, tmp_path):
    """Those with layers of our own."""
    net = encoder(name)
    net.save(tmp_path / "encoder.keras")
    loaded = keras.models.load_model(tmp_path / "encoder.keras")
    np.testing.assert_array_equal(loaded(images())["h"], net(images())["h"])


APPLICATIONS = {
    "mobilenet_v3_small": "MobileNetV3Small",
    "mobilenet_v3_large": "MobileNetV3Large",
    "efficientnet_v2_b0": "EfficientNetV2B0",
    "convnext_tiny": "ConvNeXtTiny",
}


@pytest.mark.parametrize(
    "name", each(APPLICATIONS, slow=set(APPLICATIONS) - {"mobilenet_v3_small"})
)
def test_is_the_net_of_keras_applications(name):
    """The same features from the same weights, at an odd size, too."""
    net = encoder(name, 224)

    def weights(of):
        return [v for layer in of.layers for v in layer.weights]

    for size in ((64, 96), (75, 75)):
        theirs = getattr(keras.applications, APPLICATIONS[name])(
            input_shape=(*size, 3),  # Its padding depends on it.
            include_top=False,
            weights=None,
            pooling="avg",
        )
        for ours, other in zip(weights(net), weights(theirs), strict=True):
            value = ours.numpy()
            if value.shape != other.shape:  # Grouped: [h, w, 1, c].
                value = value.transpose(0, 1, 3, 2)
            other.assign(value)
        batch = images(size=size)
        h, wanted = net(batch)["h"], theirs(255.0 * batch)
        scale = np.abs(wanted).max()
        np.testing.assert_allclose(h, wanted, atol=1e-4 * scale, rtol=1e-4)


def test_vit_is_attention_over_patches():
    """Two of its layers in NumPy: places of patches, and attention."""
    places = positions.position_embedding(2, 3, 8).numpy().reshape(2, 3, 8)
    omega = np.array([1, 1e-2])
    for row in range(2):
        for column in range(3):
            expected = [f(x * omega) for x in (column, row) for f in FUNCTIONS]
            np.testing.assert_allclose(
                places[row, column], np.concatenate(expected), atol=1e-6
            )
    query, key, value = np.random.default_rng(0).normal(size=(3, 5, 4))
    heads = []
    for part in (slice(0, 2), slice(2, 4)):
        weights = np.exp(query[:, part] @ key[:, part].T / 2**0.5)
        weights /= weights.sum(1, keepdims=True)
        heads.append(weights @ value[:, part])
    inputs = [tf.constant(x[None], tf.float32) for x in (query, key, value)]
    np.testing.assert_allclose(
        vit.Attention(2)(inputs)[0], np.concatenate(heads, 1), rtol=1e-4
    )


FUNCTIONS = (np.sin, np.cos)


def test_the_patch_projection_is_frozen_unless_told_otherwise():
    """MoCo v3, Section 4."""
    frozen = encoder("vit_small")
    free = backbones.build_encoder(model("vit_small", freeze_patch=False))
    paths = {v.path for v in free.trainable_variables}
    paths -= {v.path for v in frozen.trainable_variables}
    assert paths == {"stem_patch/kernel", "stem_patch/bias"}
    assert model("vit_small", 224).patch == 16
    assert model("vit_small", 64).patch == 8
    assert model("vit_small", 28).patch == 4
    with pytest.raises(ValueError, match=r"multiple of model\.patch, 5"):
        model("vit_small", 32, patch=5)
