import math
import pathlib

import keras
import numpy as np
import pytest
import tensorflow as tf

from simclr.config import Model
from simclr.models.heads import build_head, linear_probe, projection_head
from tests import published

GOLDEN = np.load(pathlib.Path(__file__).parent / "golden" / "model.npz")


@pytest.mark.parametrize("num_layers", [2, 3])
def test_golden(num_layers):
    head = projection_head(32, 128, num_layers)
    published.fill(head.variables, published.head_weights(num_layers))
    case = f"proj_nl{num_layers}"
    x = GOLDEN[f"{case}_x"]
    ends = head(x, training=False)
    assert list(ends) == [f"layer{i}" for i in range(num_layers)] + ["z"]
    for i, end in enumerate(ends.values()):
        np.testing.assert_allclose(
            end, GOLDEN[f"{case}_eval_sel{i}"], rtol=1e-5, atol=2e-6
        )
    np.testing.assert_allclose(
        head(x, training=True)["z"],
        GOLDEN[f"{case}_train_out"],
        rtol=1e-5,
        atol=5e-6,
    )


@pytest.mark.parametrize(
    ("num_layers", "weights"),
    [(0, 0), (1, 16 * 4 + 4), (2, 16 * 16 + 2 * 16 + 16 * 4 + 4)],
)
def test_number_of_layers(num_layers, weights):
    head = projection_head(16, 4, num_layers)
    count = sum(int(np.prod(v.shape)) for v in head.trainable_variables)
    assert count == weights
    h = np.random.default_rng(0).normal(size=(8, 16)).astype(np.float32)
    ends = head(h, training=True)
    np.testing.assert_array_equal(ends["layer0"], h)
    assert ends["z"].shape == (8, 4 if num_layers else 16)


def test_no_layers_leave_h_as_it_is():
    h = np.random.default_rng(0).normal(size=(8, 16)).astype(np.float32)
    np.testing.assert_array_equal(projection_head(16, 4, 0)(h)["z"], h)


@pytest.mark.parametrize(
    ("init", "deviation"),
    [("normal", 0.01), ("glorot", math.sqrt(2 / (256 + 256)))],
)
def test_how_the_kernels_start(init, deviation):
    head = build_head(Model(head_dim=256, head_layers=2, head_init=init), 256)
    kernels = [v for v in head.variables if v.name == "kernel"]
    for kernel in kernels:
        assert np.std(kernel) == pytest.approx(deviation, rel=0.03)
    assert len(kernels) == 2
    probe = linear_probe(512, 512, init=init)
    wide = deviation * (1 if init == "normal" else math.sqrt(0.5))
    assert np.std(probe.kernel) == pytest.approx(wide, rel=0.03)


@pytest.mark.parametrize(
    ("in_dim", "count"), [(512, 592_000), (2048, 8_659_072)]
)
def test_published_number_of_parameters(in_dim, count):
    head = projection_head(in_dim)
    trainable = sum(int(np.prod(v.shape)) for v in head.trainable_variables)
    assert trainable == count


def test_weights_start_small():
    keras.utils.set_random_seed(0)
    head, probe = projection_head(256), linear_probe(256, 100)
    for kernel in (head.get_layer("layer1_dense").kernel, probe.kernel):
        np.testing.assert_allclose(np.std(kernel), 0.01, rtol=0.03)
    np.testing.assert_array_equal(probe.bias, np.zeros(100))


@pytest.mark.parametrize("num_layers", [0, 1, 3])
def test_mixed_bfloat16_gives_float32_projections(num_layers):
    keras.config.set_dtype_policy("mixed_bfloat16")
    try:
        head, probe = projection_head(16, 4, num_layers), linear_probe(16, 3)
    finally:
        keras.config.set_dtype_policy("float32")
    h = np.random.default_rng(0).normal(size=(8, 16)).astype(np.float32)
    ends = head(h, training=True)
    assert ends["z"].dtype == probe(h).dtype == tf.float32
    if num_layers == 3:
        assert ends["layer1"].dtype == tf.bfloat16


def test_float64_keeps_its_precision(float64):
    head, probe = projection_head(16, 4), linear_probe(16, 3)
    h = np.random.default_rng(0).normal(size=(8, 16))
    assert head(h, training=True)["z"].dtype == tf.float64
    np.testing.assert_allclose(probe(h), h @ probe.kernel.numpy(), rtol=1e-12)


def test_negative_number_of_layers_is_an_error():
    with pytest.raises(ValueError, match="num_layers=-1"):
        projection_head(16, 4, -1)


def test_a_head_without_batch_norm():
    head = projection_head(8, 4, 3, last_norm=False, hidden_norm=False)
    assert [v.path for v in head.variables] == [
        f"{layer}_dense/kernel" for layer in ("layer1", "layer2", "z")
    ]


def test_barlow_twins_projector():
    """Three layers of 8192; the last is Dense alone (Zbontar et al. 2021)."""
    head = projection_head(2048, 8192, 3, hidden_dim=8192, last_norm=False)
    trainable = sum(int(np.prod(v.shape)) for v in head.trainable_variables)
    assert trainable == 151_027_712
    assert [end.shape[-1] for end in head.output.values()] == [
        2048,
        8192,
        8192,
        8192,
    ]
