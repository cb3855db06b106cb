"""InfoNCE between two views: the equation, closed forms, replicas."""

import numpy as np
import pytest
import tensorflow as tf

from simclr.losses.info_nce import info_nce
from tests import objectives, reference
from tests.objectives import views


def on_replicas(strategy, z1, z2, temperature):
    return objectives.on_replicas(
        strategy, info_nce, z1, z2, temperature=temperature
    )


@pytest.mark.parametrize("temperature", [0.05, 0.5])
def test_matches_the_equation(strategy, temperature):
    losses, scalars, _ = on_replicas(strategy, *views(), temperature)
    expected = reference.info_nce(*views(), temperature)
    np.testing.assert_allclose(losses.mean(), expected, rtol=1e-5)
    z1, z2 = (z / np.linalg.norm(z, axis=1, keepdims=True) for z in views())
    hits = [
        (s @ o.T).argmax(1) == np.arange(8) for s, o in ((z1, z2), (z2, z1))
    ]
    np.testing.assert_allclose(scalars["accuracy"].mean(), np.mean(hits))


def test_gradient_is_that_of_one_big_batch(strategy):
    z1, z2 = views(dtype=np.float64)
    with tf.GradientTape() as tape:
        both = tf.constant(np.stack([z1, z2]))
        tape.watch(both)
        loss, _ = info_nce(both[0], both[1], temperature=0.2)
    expected = tape.gradient(loss, both)
    _, _, gradient = on_replicas(strategy, z1, z2, 0.2)
    np.testing.assert_allclose(gradient, expected, rtol=1e-9, atol=1e-12)


def test_identical_embeddings_give_log_n(strategy):
    z = np.ones([8, 5], np.float32)
    losses, _, _ = on_replicas(strategy, z, z, 0.1)
    np.testing.assert_allclose(losses, np.log(8), rtol=1e-6)


def test_lengths_and_the_views_order_do_not_matter():
    z1, z2 = views()
    expected, _ = info_nce(z1, z2)
    np.testing.assert_allclose(info_nce(z2, z1)[0], expected, rtol=1e-6)
    scaled, _ = info_nce(z1 * 1e3, z2 / 1e3)
    np.testing.assert_allclose(scaled, expected, rtol=1e-5)


def test_golden():
    loss, _ = info_nce(*views(n=4, d=3), temperature=0.5)
    np.testing.assert_allclose(loss, 2.0447221, rtol=1e-6)


def test_a_temperature_of_zero_is_refused():
    with pytest.raises(ValueError, match="temperature=0 must be above 0"):
        info_nce(*views(), temperature=0)
