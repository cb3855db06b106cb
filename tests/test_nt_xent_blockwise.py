"""The blockwise form of NT-Xent against the paper, the dense form and XLA."""

import importlib
import re

import numpy as np
import pytest
import tensorflow as tf

from simclr import collectives
from simclr.losses import nt_xent_blockwise
from simclr.losses.nt_xent import nt_xent
from simclr.lowering import xla
from tests import objectives, reference
from tests.conftest import four_replicas
from tests.objectives import on_replicas, views
from tests.test_lowering import opcodes, problems
from tests.test_nt_xent import CASES, GOLDEN, unit_rows

# The package holds the function of the same name.
module = importlib.import_module("simclr.losses.nt_xent")

ONE = tf.distribute.get_strategy()


def same(ours, expected, gradient=1e-5, value=1e-5):
    """Losses, scalars and gradients are equal to rounding."""
    np.testing.assert_allclose(ours[0].mean(), expected[0].mean(), rtol=value)
    np.testing.assert_allclose(
        ours[1]["accuracy"].mean(), expected[1]["accuracy"].mean(), rtol=1e-6
    )
    scale = np.abs(expected[2]).max()
    np.testing.assert_allclose(
        ours[2], expected[2], rtol=0, atol=gradient * scale
    )


@pytest.mark.parametrize("temperature", [0.01, 0.1, 1.0])
def test_matches_the_paper(strategy, temperature):
    losses, scalars, _ = on_replicas(
        strategy, nt_xent, *views(), temperature=temperature, block=3
    )
    expected = reference.nt_xent(*views(), temperature)
    np.testing.assert_allclose(losses.mean(), expected, rtol=1e-5)
    expected = reference.contrastive_accuracy(*views())
    np.testing.assert_allclose(scalars["accuracy"].mean(), expected, rtol=1e-6)


@pytest.mark.parametrize("block", [1, 4, 5, 26, 1000])
@pytest.mark.parametrize("temperature", [0.01, 0.1, 1.0])
def test_equals_the_dense_form(temperature, block):
    """Blocks that divide the 26 rows and blocks that do not."""
    for dtype, tolerance in ((np.float64, 1e-10), (np.float32, 1e-5)):
        z1, z2 = views(n=13, dtype=dtype)
        dense = on_replicas(
            ONE, nt_xent, z1, z2, temperature=temperature, block=0
        )
        ours = on_replicas(
            ONE, nt_xent, z1, z2, temperature=temperature, block=block
        )
        assert ours[0].dtype == ours[2].dtype == dtype
        same(ours, dense, gradient=tolerance, value=tolerance)


@pytest.mark.parametrize("filled", [None, 12, 7, 0])
@pytest.mark.parametrize("temperature", [0.01, 1.0])
def test_with_a_memory_equals_the_dense_form(strategy, temperature, filled):
    z1, z2 = views(dtype=np.float64)
    options = {
        "temperature": temperature,
        "negatives": unit_rows(),
        "negatives_filled": filled,
    }
    dense = on_replicas(ONE, nt_xent, z1, z2, block=0, **options)
    ours = on_replicas(strategy, nt_xent, z1, z2, block=3, **options)
    same(ours, dense, gradient=1e-10, value=1e-10)


def test_a_near_memory_at_a_small_temperature():
    """exp(1 / T) is more than a float32 holds."""
    z1, z2 = views(dtype=np.float64)
    negatives = z1 / np.linalg.norm(z1, axis=1, keepdims=True)
    options = {"temperature": 0.01, "negatives": negatives}
    dense = on_replicas(ONE, nt_xent, z1, z2, block=0, **options)
    z1, z2 = views()
    ours = on_replicas(ONE, nt_xent, z1, z2, block=3, **options)
    same(ours, dense)


def test_no_gradient_goes_into_the_memory():
    negatives = tf.constant(unit_rows())
    with tf.GradientTape() as tape:
        tape.watch(negatives)
        loss, _ = nt_xent(
            *views(dtype=np.float64), negatives=negatives, block=4
        )
    assert tape.gradient(loss, negatives) is None


@pytest.mark.parametrize("temperature", [0.01, 0.1, 1.0])
def test_gradient_is_that_of_one_big_batch(strategy, temperature):
    z1, z2 = views(n=12, dtype=np.float64)
    dense = on_replicas(ONE, nt_xent, z1, z2, temperature=temperature, block=0)
    ours = on_replicas(
        strategy, nt_xent, z1, z2, temperature=temperature, block=4
    )
    same(ours, dense, gradient=1e-10, value=1e-12)


@pytest.mark.parametrize("weights", [[1, 2, 3, 4], [1, -1, 0, 5]])
def test_replicas_may_weigh_their_losses(weights):
    """Each anchor's upstream gradient travels with it."""

    def weighted(z1, z2, **options):
        loss, scalars = nt_xent(z1, z2, **options)
        weight = tf.constant(weights, loss.dtype)[collectives.replica_id()]
        return weight * loss, scalars

    z1, z2 = views(dtype=np.float64)
    dense = on_replicas(four_replicas(), weighted, z1, z2, block=0)
    ours = on_replicas(four_replicas(), weighted, z1, z2, block=3)
    same(ours, dense, gradient=1e-10, value=1e-12)


def test_gradient_matches_finite_differences():
    z = views(n=3, d=4, dtype=np.float64)
    _, _, gradient = on_replicas(ONE, nt_xent, *z, temperature=0.5, block=4)
    expected = objectives.finite_differences(
        lambda *z: reference.nt_xent(*z, 0.5), z
    )
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-8)


@pytest.mark.parametrize("jit_compile", [False, True])
@pytest.mark.parametrize("case", CASES)
def test_golden(case, jit_compile):
    b, _, temperature, _ = GOLDEN[f"{case}_meta"]

    @tf.function(jit_compile=jit_compile)
    def step(hidden):
        with tf.GradientTape() as tape:
            tape.watch(hidden)
            z1, z2 = hidden[: int(b)], hidden[int(b) :]
            loss, _ = nt_xent(z1, z2, temperature=float(temperature), block=3)
        return loss, tape.gradient(loss, hidden)

    loss, gradient = step(tf.constant(GOLDEN[f"{case}_hidden"]))
    # The published code returns, and so differentiates, twice the mean.
    np.testing.assert_allclose(2 * loss, GOLDEN[f"{case}_loss"], rtol=1e-6)
    np.testing.assert_allclose(
        2 * gradient, GOLDEN[f"{case}_grad"], rtol=0, atol=1e-6
    )


@pytest.mark.parametrize("negatives", [False, True])
def test_compiled_equals_dense(negatives):
    options = (
        {"negatives": unit_rows(), "negatives_filled": 7} if negatives else {}
    )
    z1, z2 = views(n=13, dtype=np.float64)
    compiled = tf.function(
        lambda z1, z2: nt_xent(z1, z2, block=4, **options), jit_compile=True
    )
    ours = on_replicas(ONE, compiled, z1, z2)
    dense = on_replicas(ONE, nt_xent, z1, z2, block=0, **options)
    same(ours, dense, gradient=1e-10, value=1e-12)


@pytest.mark.parametrize("spread", [1.0, 2.0, 3.0, 100.0])
def test_accurate_at_a_small_temperature(spread):
    """From matches so near that the gradient vanishes to strangers."""
    z1, z2 = views(n=64, d=128)
    z2 = z1 + np.float32(spread) * z2
    exact = on_replicas(
        ONE, nt_xent, *np.float64([z1, z2]), temperature=0.01, block=0
    )
    ours = on_replicas(ONE, nt_xent, z1, z2, temperature=0.01, block=16)
    np.testing.assert_allclose(ours[0], exact[0], rtol=1e-5, atol=1e-6)
    # A float32's rounding of 1 / (2n T |z|), the gradient's largest, is 5e-9.
    atol = 1e-5 * np.abs(exact[2]).max() + 5e-9
    np.testing.assert_allclose(ours[2], exact[2], rtol=0, atol=atol)


@pytest.mark.parametrize("columns", [384, 36, 7])
def test_the_first_of_equals_is_found(columns):
    """Over groups of 128, 4 and 1 columns; few values, so that many tie."""
    s = np.random.default_rng(0).integers(0, 9, [50, columns])
    column, value = nt_xent_blockwise._argmax(tf.constant(s, tf.float32))
    np.testing.assert_array_equal(column, s.argmax(1))
    np.testing.assert_array_equal(value, s.max(1))


def test_identical_embeddings_give_log_2n_minus_1(strategy):
    z = np.ones([8, 4], np.float32)
    dense = on_replicas(strategy, nt_xent, z, z, block=0)
    ours = on_replicas(strategy, nt_xent, z, z, block=4)
    np.testing.assert_allclose(ours[0], np.log(2 * 8 - 1), rtol=1e-6)
    # Of equal candidates the first counts as the nearest in both.
    np.testing.assert_array_equal(ours[1]["accuracy"], dense[1]["accuracy"])


def test_zero_projections_are_finite():
    losses, _, gradient = on_replicas(
        ONE, nt_xent, *np.zeros([2, 4, 3], np.float32), block=3
    )
    np.testing.assert_allclose(losses, np.log(7), rtol=1e-6)
    assert np.isfinite(gradient).all()


def test_one_image_alone_gives_zero():
    loss, scalars = nt_xent(*views(n=1), block=1)
    assert (float(loss), float(scalars["accuracy"])) == (0, 1)


def test_not_a_number_stays_one():
    z1, z2 = views()
    z1[3, 2] = np.nan
    losses, _, _ = on_replicas(ONE, nt_xent, z1, z2, block=4)
    assert np.isnan(losses).all()


@pytest.mark.parametrize("dtype", [tf.bfloat16, tf.float32])
def test_computes_in_float32(dtype):
    z1, z2 = (tf.cast(z, dtype) for z in views())
    loss, scalars = nt_xent(z1, z2, block=4)
    assert loss.dtype == scalars["accuracy"].dtype == tf.float32
    np.testing.assert_allclose(loss, nt_xent(z1, z2, block=0)[0], rtol=1e-5)


def largest(block, n=64, d=5):
    """Elements of the largest tensor in the graph of loss and gradient."""

    @tf.function
    def step(z):
        with tf.GradientTape() as tape:
            tape.watch(z)
            loss, _ = nt_xent(z[0], z[1], block=block)
        return loss, tape.gradient(loss, z)

    graph = step.get_concrete_function(tf.TensorSpec([2, n, d])).graph
    graphs, sizes = [graph], []
    for graph in graphs:  # Grows by the bodies of the loops.
        graphs += [f.graph for f in graph._functions.values()]
        sizes += [
            tensor.shape.num_elements() or 0
            for op in graph.get_operations()
            for tensor in op.outputs
        ]
    assert len(graphs) > (3 if block else 0)
    return max(sizes)


def test_never_holds_the_matrix():
    assert largest(block=0) == 128 * 128
    assert largest(block=8) == 8 * 128


@pytest.mark.parametrize(
    "n, block, used", [(16, 8, False), (17, 8, True), (17, 34, False)]
)
def test_the_faster_form_is_chosen(monkeypatch, n, block, used):
    """By the number of candidates, negatives included; never for one strip."""
    blocks = []

    def spy(z, *, block, **options):
        blocks.append(block)
        return dense(z, **options)

    dense = module.dense
    monkeypatch.setattr(module, "blockwise", spy)
    monkeypatch.setattr(module, "DENSE_LIMIT", 32 + 12)
    monkeypatch.setattr(module, "BLOCK", block)
    nt_xent(*views(n=n), negatives=unit_rows())
    assert blocks == [block] * used


def test_rows_unknown_until_run():
    """They take the dense form, and are an error for the blockwise one."""
    spec = tf.TensorSpec([None, 5])
    traced = tf.function(nt_xent).get_concrete_function(spec, spec)
    np.testing.assert_allclose(
        traced(*map(tf.constant, views()))[0],
        reference.nt_xent(*views(), 0.1),
        rtol=1e-5,
    )
    with pytest.raises(ValueError, match=r"block=4 needs a static"):
        tf.function(lambda *z: nt_xent(*z, block=4)).get_concrete_function(
            spec, spec
        )


def test_negative_block_is_an_error():
    with pytest.raises(ValueError, match="block=-1"):
        nt_xent(*views(), block=-1)


def test_lowers_for_many_replicas():
    """As a TPU's step; [2N, d] is summed once, lse and weights as vectors."""

    def step(z):
        with tf.GradientTape() as tape:
            tape.watch(z)
            loss, _ = nt_xent(z[0], z[1], block=4)
        return loss, tape.gradient(loss, z)

    hlo = xla.lower(step, [tf.TensorSpec([2, 6, 5])], num_replicas=4)
    assert problems(hlo) == []
    assert opcodes(hlo)["while"] >= 2
    sums = re.findall(r"= \w+\[([\d,]*)\]\S* all-reduce\(", hlo)
    assert sorted(sums) == ["4,6,10", "4,6,2", "4,6,2"]
    assert "f32[12,48]" not in hlo  # [2n, 2N]
