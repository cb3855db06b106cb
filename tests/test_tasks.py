"""What a task builds: which variables are decayed, and by whom."""

import dataclasses

import keras
import numpy as np
import pytest
import tensorflow as tf

from simclr.training.tasks import Pretrain
from tests import tiny


def task(**optimizer):
    config = dataclasses.replace(
        tiny.CONFIG,
        optimizer=dataclasses.replace(tiny.CONFIG.optimizer, **optimizer),
    )
    return Pretrain(config, num_examples=64, num_classes=3)


def test_keras_precision_is_as_before_and_that_of_the_thread_does_not_count():
    """Keras has one a thread; replicas are traced in threads of their own."""
    config = dataclasses.replace(
        tiny.CONFIG,
        train=dataclasses.replace(
            tiny.CONFIG.train, precision="mixed_bfloat16"
        ),
    )
    built = Pretrain(config, num_examples=64, num_classes=3)
    assert keras.config.dtype_policy().name == "float32"
    nets = {n: m for n, m in built.models.items() if n != "probe"}
    names = {
        layer.dtype_policy.name
        for net in nets.values()
        for layer in net.layers
        if "conv" in layer.name
    }
    assert names == {"mixed_bfloat16"}
    views = {f"view{i}": np.zeros([2, 16, 16, 3], np.float32) for i in (1, 2)}
    assert {v.dtype for v in built.coloured(views)} == {tf.bfloat16}


def probe(task, h, label):
    return task.probe(h, label, task.labelled({"label": label}))


@pytest.mark.parametrize("name", ["lars", "muon"])
def test_norms_biases_and_the_probe_are_not_adapted(name):
    """As published, where the probe's kernel is decayed by the loss."""
    built = task(name=name)
    assert [v.path for v in built.decayed] == ["probe/kernel"]
    plain = set(built.optimizer.excluded)
    for v in built.variables:
        kind = v.path.rpartition("/")[2]
        is_plain = kind in ("gamma", "beta", "bias") or "probe" in v.path
        assert (v.path in plain) == is_plain, v.path


@pytest.mark.parametrize("name", ["sgd", "adam"])
def test_other_optimizers_decay_all_but_norms_through_the_loss(name):
    other = task(name=name)
    decayed = {v.path for v in other.decayed}
    for v in other.variables:
        is_norm = v.path.rpartition("/")[2] in ("gamma", "beta")
        assert (v.path in decayed) != is_norm, v.path
    assert "probe/bias" in decayed, "biases are, as published"


def test_probe_counts_only_images_with_labels():
    """The mean over labelled rows; the encoder feels nothing of it."""
    lars = task(name="lars")
    lars.linear.kernel.assign(np.eye(64, 3))
    h = tf.constant(np.random.default_rng(0).normal(size=(8, 64)), tf.float32)
    label = tf.constant([2, -1, 0, -1])
    with tf.GradientTape() as tape:
        tape.watch(h)
        scores = probe(lars, h, label)
    assert tape.gradient(scores["probe_loss"], h) is None
    logits = h.numpy()[[0, 2, 4, 6], :3].astype(np.float64)
    own = logits[np.arange(4), [2, 0, 2, 0]]
    losses = np.log(np.exp(logits).sum(1)) - own
    np.testing.assert_allclose(scores["probe_loss"], losses.mean(), rtol=1e-5)
    hits = logits.argmax(1) == [2, 0, 2, 0]
    np.testing.assert_allclose(scores["probe_accuracy"], hits.mean())


def test_without_a_label_the_probe_is_silent():
    scores = probe(task(name="lars"), tf.ones([4, 64]), tf.constant([-1, -1]))
    assert scores["probe_loss"] == scores["probe_accuracy"] == 0


@pytest.mark.parametrize(
    "model",
    [
        {"depth": 18},
        pytest.param({"depth": 34, "stem": "cifar"}, marks=pytest.mark.slow),
        pytest.param({"depth": 50, "sk_ratio": 0.0625}, marks=pytest.mark.slow),
        pytest.param(
            {"depth": 50, "se_ratio": 0.25, "head_layers": 1},
            marks=pytest.mark.slow,
        ),
    ],
)
def test_mixed_bfloat16_stays_near_float32(model):
    """The same first step; weights, losses and slots are float32 in both."""
    rng = np.random.default_rng(0)
    images = rng.random([2, 16, 32, 32, 3], np.float32)
    batch = {
        "view1": tf.constant(images[0]),
        "view2": tf.constant(images[0] + 0.1 * images[1]),
        "label": tf.range(16) % 3,
        "replaced": tf.zeros([16], tf.int32),
    }
    results = []
    for precision in ("float32", "mixed_bfloat16"):
        config = dataclasses.replace(
            tiny.CONFIG,
            model=dataclasses.replace(tiny.CONFIG.model, **model),
            train=dataclasses.replace(tiny.CONFIG.train, precision=precision),
        )
        one = Pretrain(config, num_examples=64, num_classes=3)
        results.append(one.step(batch))
        assert all(v.dtype == "float32" for v in one.variables)
        assert all(v.dtype == "float32" for v in one.optimizer.momentums)
    exact, mixed = results
    assert all(x.dtype == tf.float32 for x in mixed.values())
    np.testing.assert_allclose(mixed["loss"], exact["loss"], rtol=0.02)
    np.testing.assert_allclose(
        mixed["probe_loss"], exact["probe_loss"], rtol=0.01
    )
    np.testing.assert_allclose(mixed["grad_norm"], exact["grad_norm"], rtol=0.1)
