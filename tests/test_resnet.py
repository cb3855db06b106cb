import json
import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from simclr.models.batch_norm import BatchNorm
from simclr.models.encoders.resnet import resnet
from tests import published

FOLDER = pathlib.Path(__file__).parent / "golden"
GOLDEN = np.load(FOLDER / "resnet.npz")
COUNTS = json.loads((FOLDER / "param_counts.json").read_text())
NETS = {
    "r18_cifar": {"depth": 18, "stem": "cifar"},
    "r50_s64": {"depth": 50, "stem": "imagenet"},
    "r50_sk_s64": {"depth": 50, "stem": "imagenet", "sk_ratio": 0.0625},
}
# Batch norm over 4 images of 2 x 2 pixels amplifies rounding; the published
# float32 outputs are this far from ours in float64.
TRAIN_ERROR = {"r18_cifar": 1e-5, "r50_s64": 5e-4, "r50_sk_s64": 4e-3}


def golden_net(net):
    """The net with its golden weights, and the golden input."""
    options = NETS[net]
    model = resnet(**options)
    names = published.encoder_weights(
        options["depth"], sk=bool(options.get("sk_ratio"))
    )
    published.fill(model.variables, names)
    size = 32 if options["stem"] == "cifar" else 64
    images = np.random.Generator(np.random.PCG64(999)).random(
        (4, size, size, 3)
    )
    # The published code saw them in float32.
    return model, images.astype(np.float32)


def assert_close(actual, expected):
    """Equal to float32 accuracy, measured by the largest of all values."""
    scale = np.abs(expected).max()
    np.testing.assert_allclose(actual, expected, rtol=1e-5, atol=1e-5 * scale)


def parameters(variables):
    return sum(int(np.prod(v.shape)) for v in variables)


@pytest.mark.parametrize("net", NETS)
def test_golden_inference(net):
    model, images = golden_net(net)
    ends = model(images, training=False)
    assert_close(ends["h"], GOLDEN[f"{net}_eval"])
    names = {"stem": "initial_max_pool"}
    names |= {f"group{i}": f"block_group{i}" for i in range(1, 5)}
    for ours, theirs in names.items():
        end = ends[ours].numpy()
        stats = GOLDEN[f"{net}_eval_{theirs}_stats"]
        corner = GOLDEN[f"{net}_eval_{theirs}_corner"]
        size = len(corner)
        assert_close([end.mean(), end.std(), end.max()][: len(stats)], stats)
        assert_close(end[0, :size, :size, :8], corner)


@pytest.mark.parametrize("net", NETS)
def test_golden_training(net, float64):
    model, images = golden_net(net)
    error = TRAIN_ERROR[net]
    h = model(images, training=True)["h"]
    assert h.dtype == tf.float64
    np.testing.assert_allclose(
        h, GOLDEN[f"{net}_train"], rtol=error, atol=error
    )
    norms = [x for x in model.layers if isinstance(x, BatchNorm)]
    for layer, mean, variance in (
        (norms[0], "after_mean_first", "after_var_first"),
        (norms[-1], "last_mean", "last_var"),
    ):
        np.testing.assert_allclose(
            layer.moving_mean, GOLDEN[f"{net}_moving_{mean}"], atol=error
        )
        np.testing.assert_allclose(
            layer.moving_variance,
            GOLDEN[f"{net}_moving_{variance}"],
            atol=error,
        )


def test_golden_training_in_float32():
    """The fused batch norm trains as the published one does."""
    model, images = golden_net("r18_cifar")
    h = model(images, training=True)["h"]
    np.testing.assert_allclose(
        h, GOLDEN["r18_cifar_train"], rtol=1e-4, atol=3e-5
    )


def _row(count):
    return pytest.param(
        count,
        id="r{depth}_{width}x_sk{sk}_{stem}".format(**count),
        marks=[pytest.mark.slow] if count["encoder_total"] > 40e6 else [],
    )


@pytest.mark.parametrize("count", map(_row, COUNTS))
def test_number_of_parameters(count):
    model = resnet(
        depth=count["depth"],
        width=count["width"],
        stem=count["stem"],
        sk_ratio=count["sk"],
    )
    trainable = parameters(model.trainable_variables)
    assert trainable == count["encoder_trainable"]
    assert model.count_params() == count["encoder_total"]
    assert len(model.variables) == count["n_vars"]
    assert model.output["h"].shape[-1] == count["feat_dim"]


@pytest.mark.parametrize("stem", ["cifar", "imagenet"])
@pytest.mark.parametrize("depth", [18, 50])
@pytest.mark.parametrize("ratios", [(0, 0), (0.0625, 0), (0, 0.25)])
def test_every_option_trains(depth, stem, ratios):
    """Shapes of all ends, and a gradient in every trainable variable."""
    model = resnet(
        depth=depth,
        width=0.125,
        stem=stem,
        sk_ratio=ratios[0],
        se_ratio=ratios[1],
    )
    for norm in model.layers:  # A block that starts as its shortcut has none.
        if isinstance(norm, BatchNorm):
            norm.gamma.assign(tf.ones_like(norm.gamma))
    # Of 64 x 48 pixels, one gradient ends the process on CPUs with AVX-512
    # alone (docs/design.md, Traps).
    images = np.random.default_rng(0).random((2, 32, 24, 3), np.float32)
    with tf.GradientTape() as tape:
        ends = model(images, training=True)
        loss = tf.reduce_sum(ends["h"] ** 2)
    wide = 1 if depth == 18 else 4
    h, w = (32, 24) if stem == "cifar" else (8, 6)
    expected = {"stem": (2, h, w, 8), "h": (2, 64 * wide)}
    for group in range(4):
        scale = 2**group
        expected[f"group{group + 1}"] = (
            2,
            -(-h // scale),
            -(-w // scale),
            8 * scale * wide,
        )
    assert {name: tuple(end.shape) for name, end in ends.items()} == expected
    for gradient, v in zip(
        tape.gradient(loss, model.trainable_variables),
        model.trainable_variables,
    ):
        assert np.abs(gradient).max() > 0, v.path


@pytest.mark.parametrize(
    ("width", "channels"),
    [(0.01, 8), (0.125, 8), (0.25, 16), (0.3, 16), (0.375, 24), (1.5, 96)],
)
def test_fractional_width(width, channels):
    model = resnet(depth=18, width=width, stem="cifar")
    widths = [model.output[f"group{i}"].shape[-1] for i in range(1, 5)]
    assert widths == [channels * 2**i for i in range(4)]


def test_blocks_start_as_their_shortcut():
    """gamma 0: the second block of a group changes nothing at first."""
    model = resnet(depth=18, width=0.125, stem="cifar")
    images = np.random.default_rng(0).random((2, 8, 8, 3), np.float32)
    blocks = keras.Model(
        model.input,
        [model.get_layer(f"group2_block{i}").output for i in (1, 2)],
    )
    first, second = blocks(images, training=True)
    np.testing.assert_array_equal(first, second)


def test_convolutions_start_as_published():
    """VarianceScaling(1, fan_in), truncated; no two layers alike."""
    keras.utils.set_random_seed(0)
    model = resnet(depth=50, stem="cifar")
    kernels = {
        x.name: x.kernel.numpy()
        for x in model.layers
        if isinstance(x, keras.layers.Conv2D)
    }
    for name, kernel in kernels.items():
        fan_in = np.prod(kernel.shape[:-1])
        if kernel.size > 10_000:
            np.testing.assert_allclose(
                kernel.std(), fan_in**-0.5, rtol=0.03, err_msg=name
            )
        # Cut at two deviations of the normal that is cut.
        assert np.abs(kernel).max() < 2.01 * fan_in**-0.5 / 0.8796
    a, b = (kernels[f"group4_block{i}_conv2"] for i in (2, 3))
    assert np.abs(a - b).max() > 0


@pytest.mark.parametrize("size", [(32, 32), (33, 47), (8, 8)])
def test_any_image_size(size):
    model = resnet(depth=18, width=0.125, stem="imagenet")
    assert model(np.zeros((1, *size, 3)))["h"].shape == (1, 64)


def test_mixed_bfloat16_gives_float32_features():
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        model = resnet(depth=18, width=0.125, stem="cifar")
    finally:
        keras.config.set_dtype_policy("float32")
    images = np.random.default_rng(0).random((2, 32, 32, 3), np.float32)
    for training in (False, True):
        ends = model(images, training=training)
        assert ends["h"].dtype == tf.float32
        assert ends["group4"].dtype == tf.bfloat16
        np.testing.assert_allclose(
            ends["h"],
            tf.reduce_mean(tf.cast(ends["group4"], tf.float32), [1, 2]),
            rtol=1e-5,
        )


@pytest.mark.slow
def test_survives_save_and_load(tmp_path):
    model = resnet(depth=50, width=0.125, stem="imagenet", sk_ratio=0.0625)
    images = np.random.default_rng(0).random((2, 32, 32, 3), np.float32)
    model(images, training=True)
    model.save(tmp_path / "encoder.keras")
    loaded = keras.models.load_model(tmp_path / "encoder.keras")
    np.testing.assert_array_equal(loaded(images)["h"], model(images)["h"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"depth": 20}, "depth=20; choose one of 10, 18, 34"),
        (
            {"stem": "small"},
            "stem='small'; choose one of cifar, half, imagenet",
        ),
        ({"width": 0.0}, "width=0.0"),
        ({"sk_ratio": -1.0}, "sk_ratio=-1.0"),
        ({"se_ratio": -1.0}, "se_ratio=-1.0"),
    ],
)
def test_bad_options_are_errors(options, message):
    with pytest.raises(ValueError, match=message):
        resnet(**{"depth": 18, **options})


def test_half_stem_is_every_second_pixel_of_the_small_one():
    """A convolution with a stride pads all four sides, as published."""
    full, half = (
        resnet(depth=10, width=0.125, stem=stem) for stem in ("cifar", "half")
    )
    half.set_weights(full.get_weights())
    images = keras.random.uniform([2, 28, 28, 3], seed=1)
    stem = full(images)["stem"][:, ::2, ::2]
    np.testing.assert_allclose(half(images)["stem"], stem, atol=1e-6)
    assert half(images)["group1"].shape == (2, 14, 14, 8)


def test_torchvision_stem_pools_as_pytorch_does():
    """A row and a column of padding on every side, whatever the size."""
    model = resnet(depth=18, width=0.125, stem="torchvision")
    images = np.random.default_rng(0).random((1, 32, 32, 3), np.float32)
    pooled = model(images, training=False)["stem"].numpy()
    before = keras.Model(model.input, model.get_layer("stem_relu").output)
    x = np.pad(before(images)[0], [[1, 1], [1, 1], [0, 0]])
    expected = [
        [x[2 * i : 2 * i + 3, 2 * j : 2 * j + 3].max((0, 1)) for j in range(8)]
        for i in range(8)
    ]
    np.testing.assert_array_equal(pooled[0], expected)


def test_normalization_is_part_of_the_net():
    mean, deviation = np.float32([[0.485, 0.456, 0.406], [0.229, 0.224, 0.225]])
    plain = resnet(depth=18, width=0.125)
    net = resnet(depth=18, width=0.125, normalization="imagenet")
    assert len(net.variables) == len(plain.variables)
    for ours, theirs in zip(net.variables, plain.variables):
        ours.assign(theirs)
    images = np.random.default_rng(0).random((2, 64, 64, 3), np.float32)
    np.testing.assert_allclose(
        net(images)["h"],
        plain((images - mean) / deviation)["h"],
        rtol=1e-4,
        atol=1e-5,
    )


@pytest.mark.slow
def test_the_largest_net_is_built_and_traced():
    """ResNet-152 3x+SK, 795 million parameters, forward and backward."""
    model = resnet(depth=152, width=3, sk_ratio=0.0625)
    assert parameters(model.trainable_variables) == 794_704_160

    @tf.function
    def step(images):
        with tf.GradientTape() as tape:
            loss = tf.reduce_mean(model(images, training=True)["h"] ** 2)
        return tape.gradient(loss, model.trainable_variables)

    traced = step.get_concrete_function(
        tf.TensorSpec([2, 224, 224, 3], tf.float32)
    )
    assert len(traced.structured_outputs) == len(model.trainable_variables)
    assert all(g is not None for g in traced.structured_outputs)
