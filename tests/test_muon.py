import keras
import numpy as np
import pytest
import tensorflow as tf

from simclr.optimizers.muon import Muon, orthogonalized
from simclr.optimizers.schedules import WarmupCosine
from tests import reference

SHAPES = [(3, 3, 8, 4), (1, 1, 4, 8), (6, 6), (5, 3), (3, 3, 7, 1)]


def variable(value, name="w"):
    return keras.Variable(np.asarray(value, np.float32), name=name)


def normal(seed, shape):
    rng = np.random.Generator(np.random.PCG64(seed))
    return rng.standard_normal(shape).astype(np.float32)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("excluded", [True, False])
def test_matches_the_equations(shape, excluded):
    weight = variable(normal(0, shape))
    expected, v = weight.numpy().astype(np.float64), 0.0
    options = {"momentum": 0.8, "excluded_lr_factor": 0.4}
    optimizer = Muon(0.3, excluded=[weight] if excluded else [], **options)
    optimizer.build([weight])
    for step in range(5):
        g = normal(1 + step, shape)
        optimizer.apply([tf.constant(g)], [weight])
        expected, v = reference.muon_step(
            expected, g, v, learning_rate=0.3, excluded=excluded, **options
        )
        np.testing.assert_allclose(weight, expected, rtol=1e-4, atol=1e-5)


def test_one_step_by_hand():
    """Of a column all directions are one: w = (3, 4), u = (0, 5)."""
    w = variable([[3], [4]])
    optimizer = Muon(1.0)
    optimizer.build([w])
    optimizer.apply([tf.constant([[0.0], [2.0]])], [w])
    turned = np.array([[3.0], [-1.0]])
    turned *= 5 / np.sqrt(10)
    np.testing.assert_allclose(w, turned, rtol=1e-6)
    np.testing.assert_allclose(optimizer.momentums[0], [[0], [2]])


@pytest.mark.parametrize("shape", [(40, 8), (8, 40), (16, 16)])
def test_singular_values_come_near_1(shape):
    """Directions stay, and sizes from 0.01 to 1 nearly go."""
    u, _, v = np.linalg.svd(normal(0, shape).astype(np.float64), False)
    sizes = np.geomspace(0.01, 1, min(shape))
    given = (u * sizes / np.linalg.norm(sizes)) @ v
    out = orthogonalized(tf.constant(given, tf.float32)).numpy()
    inside = u.T @ out @ v.T
    assert np.diag(inside).min() > 0.6 and np.diag(inside).max() < 1.3
    np.testing.assert_allclose(
        inside, np.diag(np.diag(inside)), rtol=0, atol=1e-4
    )


@pytest.mark.parametrize("shape", [(300, 30), (30, 300), (64, 64), (90, 5)])
def test_low_precision_does_not_grow(shape):
    """As in the products of a TPU, which are of bfloat16, of few directions."""
    left, right = normal(0, (shape[0], 3)), normal(1, (3, shape[1]))
    given = tf.constant(left @ right, tf.bfloat16)
    out = tf.cast(orthogonalized(given), tf.float32).numpy()
    sizes = np.linalg.svd(out, compute_uv=False)
    assert sizes[2] > 0.5 and sizes[0] < 1.5
    assert sizes[3] < 1.5


def test_zeros_stay_zeros():
    np.testing.assert_array_equal(orthogonalized(tf.zeros([3, 2])), 0.0)


@pytest.mark.parametrize("rate", [0.01, 0.3])
def test_turns_by_the_rate_and_keeps_the_norm(rate):
    """At right angles to the kernel, the first step is arctan(rate)."""
    w, g = normal(0, (4, 4)), np.zeros([4, 4], np.float32)
    w[0], g[0] = 0, 1  # A row that w does not have yet: its u is that row.
    weight = variable(w)
    optimizer = Muon(rate)
    optimizer.build([weight])
    optimizer.apply([tf.constant(g)], [weight])
    norm = np.linalg.norm(w)
    after = weight.numpy()
    np.testing.assert_allclose(np.linalg.norm(after), norm, rtol=1e-6)
    angle = np.arccos(np.sum(w * after) / norm**2)
    np.testing.assert_allclose(angle, np.arctan(rate), rtol=1e-3)


@pytest.mark.parametrize("scale", [1e-6, 1e6])
def test_scale_of_the_gradient_does_not_matter(scale):
    a, b = variable(normal(0, (4, 3))), variable(normal(0, (4, 3)))
    optimizer = Muon(0.1)
    optimizer.build([a, b])
    for step in range(3):
        g = tf.constant(normal(1 + step, (4, 3)))
        optimizer.apply([g, scale * g], [a, b])
    np.testing.assert_allclose(a, b, rtol=1e-4)


def test_what_is_not_a_kernel_takes_sgd_steps():
    """Too few axes, or zeros."""
    shapes = [(), (3,), (2, 3)]
    mine = [variable(np.zeros(s), f"w{i}") for i, s in enumerate(shapes)]
    others = [variable(np.zeros(s), f"w{i}") for i, s in enumerate(shapes)]
    muon = Muon(0.01, excluded_lr_factor=10.0)
    sgd = keras.optimizers.SGD(0.1, momentum=0.9, nesterov=True)
    muon.build(mine)
    sgd.build(others)
    for step in range(3):
        # The third is a kernel of zeros in its first step alone.
        few = slice(None) if step == 0 else slice(2)
        g = [tf.constant(normal(step, s)) for s in shapes]
        if step:
            g[2] = tf.zeros(shapes[2])
        muon.apply(g, mine)
        sgd.apply(g, others)
        for a, b in zip(mine[few], others[few]):
            np.testing.assert_allclose(a, b, rtol=1e-6)


def test_no_gradient_and_no_momentum_is_no_step():
    w = variable(normal(0, (4, 3)))
    optimizer = Muon(0.5)
    optimizer.build([w])
    optimizer.apply([tf.zeros([4, 3])], [w])
    np.testing.assert_allclose(w, normal(0, (4, 3)), rtol=1e-6)


def test_reaches_a_minimum():
    """Of a loss that only the direction of each filter changes."""
    target = normal(0, (6, 3))
    target /= np.linalg.norm(target, axis=0)
    w = variable(normal(1, (6, 3)))
    optimizer = Muon(WarmupCosine(0.2, 10, 300))
    optimizer.build([w])
    for _ in range(300):
        with tf.GradientTape() as tape:
            unit = tf.math.l2_normalize(w.value, axis=0)
            loss = -tf.reduce_sum(unit * target)
        optimizer.apply([tape.gradient(loss, w.value)], [w])
    np.testing.assert_allclose(unit, target, atol=2e-2)
