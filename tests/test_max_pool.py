"""Max pooling, and that oneDNN's pass cannot tell two processes apart."""

import keras
import numpy as np
import pytest
import tensorflow as tf

from simclr.config import Model
from simclr.export.plain import plain
from simclr.models import backbones
from simclr.models.encoders.resnet import resnet
from simclr.models.max_pool import MaxPool


def numpy_pool(x, dy, size, stride, padding):
    """Maxima and gradient, window by window; the first of equals gets it."""
    n, h, w, c = x.shape
    if padding == "same":
        out = [-(-side // stride) for side in (h, w)]
        before = [
            max((o - 1) * stride + size - side, 0) // 2
            for o, side in zip(out, (h, w), strict=True)
        ]
    else:
        out, before = [(side - size) // stride + 1 for side in (h, w)], (0, 0)
    y, dx = np.empty((n, *out, c), x.dtype), np.zeros_like(x)
    for at in np.ndindex(y.shape):
        i, row, column, k = at
        top, left = row * stride - before[0], column * stride - before[1]
        places = [
            (i, p, q, k)
            for p in range(max(top, 0), min(top + size, h))
            for q in range(max(left, 0), min(left + size, w))
        ]
        best = max(places, key=lambda place: x[place])
        y[at] = x[best]
        dx[best] += dy[at]
    return y, dx


@pytest.mark.parametrize(
    ("size", "stride", "padding"),
    [(3, 2, "same"), (3, 2, "valid"), (2, 2, "valid"), (3, 1, "same")],
)
def test_max_pool_against_numpy(size, stride, padding):
    """With equals, as ReLU leaves them; sums of small integers are exact."""
    rng = np.random.default_rng(size + stride)
    x = np.maximum(rng.integers(-3, 4, (2, 7, 8, 3)), 0).astype(np.float32)
    pool = MaxPool(size, stride, padding)
    dy = rng.integers(-4, 5, pool(x).shape).astype(np.float32)
    for dtype in ("float32", "bfloat16"):
        pool = MaxPool(size, stride, padding, dtype=dtype)
        given = tf.cast(x, dtype)
        with tf.GradientTape() as tape:
            tape.watch(given)
            y = pool(given)
        dx = tape.gradient(y, given, output_gradients=tf.cast(dy, dtype))
        for ours, theirs in zip(
            (y, dx), numpy_pool(x, dy, size, stride, padding), strict=True
        ):
            assert ours.dtype == dtype
            np.testing.assert_array_equal(tf.cast(ours, "float32"), theirs)


def operations(graph_def):
    """Types of operations by function, and the functions of their own."""
    own = {
        f.signature.name
        for f in graph_def.library.function
        if f.attr["_noinline"].b
    }
    kinds = {
        f.signature.name: [node.op for node in f.node_def]
        for f in graph_def.library.function
    }
    kinds[""] = [node.op for node in graph_def.node]
    return kinds, own


def test_a_loop_has_no_gradient_that_the_pass_may_leave():
    """MaxPoolGrad stands beside its MaxPool, in a function without a loop."""
    pool = MaxPool(3, 2, "same")

    @tf.function
    def steps(x):
        for _ in tf.range(3):
            with tf.GradientTape() as tape:
                tape.watch(x)
                y = tf.reduce_sum(pool(x) ** 2)
            x -= 0.1 * tape.gradient(y, x)
        return x

    traced = steps.get_concrete_function(tf.TensorSpec((2, 8, 8, 3)))
    kinds, own = operations(traced.graph.as_graph_def())
    holders = {name for name, ops in kinds.items() if "MaxPoolGrad" in ops}
    assert holders and holders <= own
    for name in holders:
        assert "MaxPool" in kinds[name]
        assert not {"While", "StatelessWhile"} & set(kinds[name])


def overlapping():
    return keras.Sequential(
        [
            keras.Input((16, 16, 3)),
            keras.layers.MaxPooling2D(3, 2),
            keras.layers.GlobalAveragePooling2D(),
        ]
    )


def pools(model):
    return [
        layer
        for layer in model._flatten_layers()
        if isinstance(layer, keras.layers.MaxPooling2D)
    ]


def test_every_encoder_pools_so():
    """Ours, and those that others make; an export is plain Keras."""
    stems = [resnet(depth=10, stem=s) for s in ("imagenet", "torchvision")]
    outside = backbones.build_encoder(Model(name=f"{__name__}:overlapping"), 16)
    for model in (*stems, outside):
        [pool] = pools(model)
        assert type(pool) is MaxPool
    [pool] = pools(plain(stems[0]))
    assert type(pool) is keras.layers.MaxPooling2D
