"""The Barlow Twins loss: the paper's equation, golden numbers, replicas."""

import pathlib

import numpy as np
import pytest
import tensorflow as tf

from simclr import collectives
from simclr.losses.barlow_twins import barlow_twins
from tests import objectives, reference
from tests.objectives import views

GOLDEN = np.load(pathlib.Path(__file__).parent / "golden" / "barlow.npz")
ONE = tf.distribute.get_strategy


def on_replicas(strategy, z1, z2, **options):
    return objectives.on_replicas(strategy, barlow_twins, z1, z2, **options)


@pytest.mark.parametrize("trade_off", [0.0, 0.0051, 1.0])
def test_matches_the_paper(strategy, trade_off):
    losses, _, _ = on_replicas(strategy, *views(), trade_off=trade_off)
    expected = reference.barlow_twins(*views(), trade_off)
    np.testing.assert_allclose(losses, expected, rtol=1e-5)


@pytest.mark.parametrize("scaled", ["features", "none"])
def test_matches_the_ablations(strategy, scaled):
    """Values on 1 and 4 replicas, and the gradient of one big batch."""
    z1, z2 = views(dtype=np.float64)
    losses, _, gradient = on_replicas(strategy, z1, z2, scaled=scaled)
    expected = reference.barlow_twins(z1, z2, 0.0051, scaled)
    np.testing.assert_allclose(losses, expected, rtol=1e-9)
    _, _, whole = on_replicas(ONE(), z1, z2, scaled=scaled)
    np.testing.assert_allclose(gradient, whole, rtol=1e-9, atol=1e-12)
    plain = reference.barlow_twins(z1, z2, 0.0051)
    assert abs(expected - plain) > 1e-3 * plain


@pytest.mark.parametrize("case", ["c0", "c2"])
def test_golden(strategy, case):
    """Loss and gradients of the published code on one device."""
    trade_off = GOLDEN[f"{case}_meta"][2]
    losses, _, gradient = on_replicas(
        strategy,
        GOLDEN[f"{case}_z1"],
        GOLDEN[f"{case}_z2"],
        trade_off=float(trade_off),
    )
    np.testing.assert_allclose(losses, GOLDEN[f"{case}_loss"], rtol=1e-5)
    for ours, name in zip(gradient, ["g1", "g2"]):
        expected = GOLDEN[f"{case}_{name}"]
        np.testing.assert_allclose(
            ours, expected, rtol=0, atol=1e-5 * np.abs(expected).max()
        )


def test_gradient_is_that_of_one_big_batch(strategy):
    z1, z2 = views(dtype=np.float64)
    with tf.GradientTape() as tape:
        both = tf.constant(np.stack([z1, z2]))
        tape.watch(both)
        loss, _ = barlow_twins(both[0], both[1])
    expected = tape.gradient(loss, both)
    losses, _, gradient = on_replicas(strategy, z1, z2)
    assert losses.dtype == gradient.dtype == np.float64
    np.testing.assert_allclose(losses, loss, rtol=1e-12)
    np.testing.assert_allclose(gradient, expected, rtol=1e-9, atol=1e-12)


def test_gradient_matches_finite_differences():
    z = views(n=4, d=3, dtype=np.float64)
    _, _, gradient = on_replicas(ONE(), *z, trade_off=0.3)
    expected = objectives.finite_differences(
        lambda *z: reference.barlow_twins(*z, 0.3), z
    )
    np.testing.assert_allclose(gradient, expected, rtol=0, atol=1e-8)


def test_the_published_gradient_is_smaller_by_the_number_of_devices(strategy):
    """C summed outside the gradient, gradients averaged: 1/R of the true one.

    What barlow_twins.py says of the published code, and loss.weight gives back.
    """
    count = strategy.num_replicas_in_sync

    def published(z1, z2):
        """Each device's loss, whose gradient ends at its own rows."""
        n = z1.shape[0] * count
        z1, z2 = (_batch_norm(z, n) for z in (z1, z2))
        own = tf.matmul(z1, z2, transpose_a=True) / n
        [total] = collectives.sum_over_replicas([own])
        c = own + tf.stop_gradient(total - own)
        diagonal = tf.linalg.diag_part(c)
        off = tf.linalg.set_diag(c, tf.zeros_like(diagonal))
        loss = tf.reduce_sum((diagonal - 1) ** 2)
        return loss + 0.0051 * tf.reduce_sum(off**2), {}

    z1, z2 = views(dtype=np.float64)
    losses, _, exact = on_replicas(strategy, z1, z2)
    theirs, _, gradient = objectives.on_replicas(strategy, published, z1, z2)
    np.testing.assert_allclose(theirs, losses, rtol=1e-12)
    np.testing.assert_allclose(gradient * count, exact, rtol=1e-9, atol=1e-12)


def _batch_norm(z, n):
    """Synchronized batch norm, gradient included, as PyTorch has it."""
    [total] = collectives.sum_over_replicas([tf.reduce_sum(z, 0)])
    z -= total / n
    [squares] = collectives.sum_over_replicas([tf.reduce_sum(z**2, 0)])
    return z / tf.sqrt(squares / n + 1e-5)


def test_projections_that_do_not_vary_give_d(strategy):
    z = np.ones([8, 5], np.float32)
    losses, scalars, gradient = on_replicas(strategy, z, z)
    np.testing.assert_allclose(losses, 5)
    np.testing.assert_allclose(scalars["off_diagonal"], 0)
    np.testing.assert_allclose(gradient, 0)


def test_equal_views_without_redundancy_give_zero(strategy):
    """Columns of a Hadamard matrix: mean 0, variance 1, uncorrelated."""
    two = np.float64([[1, 1], [1, -1]])
    z = np.kron(two, np.kron(two, two))[:, 1:]  # [8, 7]
    losses, _, _ = on_replicas(strategy, z, z)
    np.testing.assert_allclose(losses, 0, atol=1e-8)


def test_equal_dimensions_give_their_redundancy(strategy):
    """All d equal in both views: C is 1 everywhere, d (d - 1) lambda."""
    z = np.tile(views(n=8, d=1, dtype=np.float64)[0] * 100, [1, 4])
    losses, scalars, _ = on_replicas(strategy, z, z, trade_off=0.5)
    np.testing.assert_allclose(losses, 4 * 3 * 0.5, rtol=1e-6)
    np.testing.assert_allclose(scalars["off_diagonal"], 12, rtol=1e-6)
    np.testing.assert_allclose(scalars["on_diagonal"], 0, atol=1e-6)


def test_scale_and_offset_of_a_dimension_do_not_matter():
    z1, z2 = views(dtype=np.float64)
    moved = z1 * [100, 200, 300, -400, 500] + [5, -9, 0, 700, 1]
    there = moved * [1, 1, 1, -1, 1]
    np.testing.assert_allclose(
        barlow_twins(there, z2)[0], barlow_twins(z1, z2)[0], rtol=1e-4
    )


def test_a_far_mean_keeps_the_variance():
    """float32; a variance from sums of squares would be lost at 1e4."""
    z1, z2 = views()
    np.testing.assert_allclose(
        barlow_twins(z1 + 1e4, z2 - 1e4)[0],
        reference.barlow_twins(
            z1 + np.float32(1e4), z2 - np.float32(1e4), 0.0051
        ),
        rtol=1e-3,
    )


@pytest.mark.parametrize("dtype", [tf.bfloat16, tf.float16])
def test_computes_in_float32(dtype):
    z1, z2 = (tf.cast(z, dtype) for z in views())
    loss, scalars = barlow_twins(z1, z2)
    assert loss.dtype == scalars["on_diagonal"].dtype == tf.float32
    expected = reference.barlow_twins(np.float32(z1), np.float32(z2), 0.0051)
    np.testing.assert_allclose(loss, expected, rtol=1e-5)


def test_bad_arguments_are_errors():
    with pytest.raises(ValueError, match="trade_off=-1"):
        barlow_twins(*views(), trade_off=-1)
    with pytest.raises(ValueError, match="'rows'; choose one of images"):
        barlow_twins(*views(), scaled="rows")
    with pytest.raises(ValueError, match=r"\(8, 5\).*\(4, 5\)"):
        barlow_twins(views()[0], views(n=4)[0])
