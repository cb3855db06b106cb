import keras
import numpy as np
import pytest
import tensorflow as tf

from simclr.models.encoders.resnet import resnet
from simclr.models.heads import linear_probe, projection_head
from simclr.optimizers import build_optimizer, no_decay_variables
from simclr.optimizers.lars import LARS
from simclr.optimizers.muon import Muon

PLAIN = {
    "lars": lambda: LARS(0.1, momentum=0.8, weight_decay=0.1),
    "muon": lambda: Muon(0.1, momentum=0.8),
    "sgd": lambda: keras.optimizers.SGD(0.1, momentum=0.8, nesterov=True),
    "adam": lambda: keras.optimizers.Adam(0.1),
    "adamw": lambda: keras.optimizers.AdamW(0.1, weight_decay=0.1),
}


def build(name, excluded=()):
    return build_optimizer(
        name,
        learning_rate=0.1,
        momentum=0.8,
        weight_decay=0.1,
        excluded=excluded,
    )


@pytest.mark.parametrize("name", PLAIN)
def test_does_not_sum_over_replicas(strategy, name):
    """Gradients, the same on every replica, are applied as they are."""
    start = np.array([[3.0, 4.0]], np.float32)
    with strategy.scope():
        w = keras.Variable(start, name="w")
        optimizer = build(name)
        optimizer.build([w])

    @tf.function
    def step(gradient):
        optimizer.apply([gradient], [w])

    expected, plain = keras.Variable(start, name="w"), PLAIN[name]()
    plain.build([expected])
    for gradient in np.random.default_rng(0).normal(size=(3, 1, 2)):
        gradient = tf.constant(gradient, tf.float32)
        strategy.run(step, args=(gradient,))
        plain.apply([gradient], [expected])
    np.testing.assert_allclose(w, expected, rtol=1e-6)


@pytest.mark.parametrize(("name", "ahead"), [("lars", 1.0), ("muon", 1.8)])
def test_the_excluded_are_not_adapted(name, ahead):
    """Muon looks a step ahead, as SGD does: 1 + momentum at first."""
    w = keras.Variable([[3.0, 4.0]], name="w")
    optimizer = build(name, excluded=[w])
    optimizer.build([w])
    optimizer.apply([tf.constant([[1.0, 2.0]])], [w])
    expected = [[3 - 0.1 * ahead, 4 - 0.2 * ahead]]
    np.testing.assert_allclose(w, expected, rtol=1e-6)


def test_adamw_does_not_decay_the_excluded(strategy):
    """By learning rate x decay, beside the gradient, where it does."""
    with strategy.scope():
        w, bias = (keras.Variable([3.0, 4.0], name=n) for n in ("w", "bias"))
        optimizer = build("adamw", excluded=[bias])
        optimizer.build([w, bias])

    @tf.function
    def step():
        zero = tf.zeros([2])
        optimizer.apply([zero, zero], [w, bias])

    strategy.run(step)
    np.testing.assert_allclose(w, [3 * 0.99, 4 * 0.99], rtol=1e-6)
    np.testing.assert_array_equal(bias, [3, 4])


def test_unknown_name_is_an_error():
    with pytest.raises(ValueError, match="'adagrad'; choose one of lars"):
        build("adagrad")


def test_no_decay_variables_are_norms_and_biases():
    keras.utils.set_random_seed(0)
    encoder = resnet(depth=18, width=0.125, stem="cifar", se_ratio=0.25)
    inputs = keras.Input((16,))
    nested = keras.Model(inputs, projection_head(16, 4)(inputs)["z"])
    probe = linear_probe(8, 3)
    found = no_decay_variables(encoder, nested, probe)
    everything = [
        *encoder.trainable_variables,
        *nested.trainable_variables,
        *probe.trainable_variables,
    ]
    assert {id(v) for v in found} == {
        id(v) for v in everything if not v.path.endswith("kernel")
    }
    assert len(found) == len({id(v) for v in found})
