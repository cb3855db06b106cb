"""Convolutions: Keras's, and the gradient of a kernel by matrix products."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from simclr.export.plain import plain
from simclr.lowering.xla import lower
from simclr.models import convolution
from simclr.models.encoders.resnet import resnet

PLACES = [(1, "same"), (2, "valid")]


@pytest.fixture
def slow(monkeypatch):
    """A CPU whose kernels' gradients are slow in bfloat16."""
    monkeypatch.setattr(convolution, "_slow_here", lambda: True)


def numpy_gradient(x, dy, stride):
    """The gradient of a 3 x 3 kernel, output by output, in float64."""
    if stride == 1:
        x = np.pad(x, [(0, 0), (1, 1), (1, 1), (0, 0)])
    kernel = np.zeros([3, 3, x.shape[-1], dy.shape[-1]])
    for n, row, column in np.ndindex(dy.shape[:3]):
        top, left = stride * row, stride * column
        seen = x[n, top : top + 3, left : left + 3]
        kernel += seen[..., None] * dy[n, row, column]
    return kernel


def example(stride, side, channels=5, outputs=4):
    rng = np.random.default_rng(side + stride)
    before = side if stride == 1 else 2 * side + 2
    x = rng.integers(-3, 4, (2, before, before, channels))
    return x.astype("float32"), rng.integers(-3, 4, (2, side, side, outputs))


@pytest.mark.parametrize("side", [1, 2, 5, 8])
@pytest.mark.parametrize("stride", [1, 2])
def test_products_are_the_gradient(stride, side):
    """Sums of small integers are exact."""
    x, dy = example(stride, side)
    found = convolution.kernel_gradient(
        tf.constant(x), tf.constant(dy, tf.float32), stride=stride
    )
    np.testing.assert_array_equal(found, numpy_gradient(x, dy, stride))


def gradients(layer, x, dy):
    """y, and the gradients of x and of the variables; types of operations."""

    @tf.function
    def step(x, dy):
        with tf.GradientTape() as tape:
            tape.watch(x)
            y = layer(x)
        to = [x, *(v.value for v in layer.trainable_variables)]
        return y, *tape.gradient(y, to, output_gradients=dy)

    x, dy = tf.constant(x, tf.bfloat16), tf.constant(dy, tf.bfloat16)
    graph = step.get_concrete_function(x, dy).graph
    kinds = {operation.type for operation in graph.get_operations()}
    return [np.float32(found) for found in step(x, dy)], kinds


@pytest.mark.parametrize(("stride", "padding"), PLACES)
@pytest.mark.parametrize("bias", [False, True])
def test_the_layer_is_keras_s(stride, padding, bias, slow):
    x, dy = example(stride, 4, channels=64)
    config = {
        "filters": 4,
        "kernel_size": 3,
        "strides": stride,
        "padding": padding,
        "use_bias": bias,
        "dtype": "mixed_bfloat16",
    }
    ours, theirs = convolution.Conv2D(**config), keras.layers.Conv2D(**config)
    for layer in (ours, theirs):
        layer.build(x.shape)
    theirs.set_weights(ours.get_weights())
    found, kinds = gradients(ours, x, dy)
    expected, plain_kinds = gradients(theirs, x, dy)
    assert "Conv2DBackpropFilter" in plain_kinds
    assert "Conv2DBackpropFilter" not in kinds
    assert "MatMul" in kinds
    for a, b in zip(found, expected, strict=True):
        np.testing.assert_allclose(a, b, rtol=2**-7, atol=0.05)
    np.testing.assert_allclose(
        found[2], numpy_gradient(x, dy, stride), rtol=2**-8
    )


@pytest.mark.parametrize(
    ("channels", "side", "config"),
    [
        (64, 12, {}),  # Its rows are long enough.
        (32, 4, {}),
        (64, 4, {"dtype": "float32"}),
        (64, 4, {"kernel_size": 1}),
        (64, 4, {"groups": 2}),
        (64, 4, {"dilation_rate": 2}),
        (64, 9, {"strides": 2, "padding": "valid"}),  # Odd.
        (64, 8, {"strides": 2}),
        (64, None, {}),
    ],
)
def test_where_products_are_no_gain_or_cannot_be(channels, side, config, slow):
    given = {"kernel_size": 3, "padding": "same", "dtype": "bfloat16"}

    def chosen(side, channels, **options):
        given_here = {**given, **options}
        layer = convolution.Conv2D(64, **given_here)
        shape = [2, side, side, channels]
        return layer._by_products(tf.TensorSpec(shape, given_here["dtype"]))

    assert not chosen(side, channels, **config)
    assert chosen(4, 64)
    assert chosen(10, 64, strides=2, padding="valid")


@pytest.mark.parametrize(
    ("flags", "slow_here"),
    [
        ({"avx512_bf16"}, True),
        ({"avx512_bf16", "amx_bf16"}, False),
        ({"avx512f"}, False),
        (set(), False),
    ],
)
def test_which_cpus(flags, slow_here, monkeypatch):
    monkeypatch.setattr(convolution.cpus, "flags", lambda: flags)
    assert convolution._slow_here() is slow_here


def test_not_beside_an_accelerator(monkeypatch):
    monkeypatch.setattr(convolution.cpus, "flags", lambda: {"avx512_bf16"})
    devices = [
        tf.config.LogicalDevice(f"/device:{x}:0", x) for x in ("CPU", "GPU")
    ]
    monkeypatch.setattr(tf.config, "list_logical_devices", lambda: devices)
    assert not convolution._slow_here()


def test_a_lowered_step_has_convolutions_alone(slow):
    """It runs anywhere, whatever CPU lowers it."""
    layer = convolution.Conv2D(8, 3, padding="same", dtype="bfloat16")
    layer.build([2, 4, 4, 64])

    def step(x):
        with tf.GradientTape() as tape:
            y = tf.reduce_sum(layer(x))
        return tape.gradient(y, layer.kernel.value)

    spec = tf.TensorSpec([2, 4, 4, 64], tf.bfloat16)
    text = lower(step, [spec], num_replicas=1)
    assert "convolution(" in text
    assert " dot(" not in text
    traced = tf.function(step).get_concrete_function(spec).graph
    assert "MatMul" in {x.type for x in traced.get_operations()}


def test_encoders_use_it_and_exports_do_not():
    net = resnet(depth=10, stem="cifar", width=0.125)

    def kinds(model):
        return {
            type(layer)
            for layer in model._flatten_layers()
            if isinstance(layer, keras.layers.Conv2D)
        }

    assert kinds(net) == {convolution.Conv2D}
    assert kinds(plain(net)) == {keras.layers.Conv2D}
