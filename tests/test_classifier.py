"""Classifiers: which layer they take, what is frozen, what a run gives back."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from simclr.config import Classifier, Model
from simclr.models import classifier
from simclr.models.variables import named_variables
from simclr.training.tasks import Finetune
from tests import tiny

CONFIG = dataclasses.replace(
    tiny.CONFIG,
    task="finetune",
    model=Model(
        depth=18, width=0.125, stem="cifar", head_layers=3, head_dim=16
    ),
)


def build(num_classes=3, **settings):
    config = dataclasses.replace(CONFIG, classifier=Classifier(**settings))
    return classifier.build(config, num_classes)


def images(n=4, seed=0):
    rng = np.random.default_rng(seed)
    return tf.constant(rng.uniform(size=[n, 16, 16, 3]), tf.float32)


@pytest.mark.parametrize("layer", [0, 1, 2, 3])
def test_takes_a_layer_of_the_head(layer):
    """The same numbers as the whole head gives at that layer."""
    from simclr.models.heads import build_head

    net = build(from_layer=layer)
    h = net.models["encoder"](images())["h"]
    expected = h
    if layer:
        head = build_head(CONFIG.model, h.shape[-1])
        whole = named_variables(head=head)
        part = named_variables(head=net.models["head"])
        assert set(part) <= set(whole)
        for name, variable in part.items():
            variable.assign(
                np.random.default_rng(1).uniform(0.5, 1, variable.shape)
            )
            whole[name].assign(variable)
        end = "z" if layer == 3 else f"layer{layer}"
        expected = head(h)[end]
    linear = net.models["classifier"]
    expected = expected @ linear.kernel + linear.bias
    np.testing.assert_allclose(net.logits(images()), expected, atol=1e-5)


def test_classifier_may_start_at_zero():
    assert not np.any(build(zero_init=True).models["classifier"].kernel)
    assert np.any(build().models["classifier"].kernel)


PARTS = ["stem", "group1", "group2", "group3", "group4", "head"]


def part_of(name):
    """encoder/group2_block1_conv1/kernel -> group2"""
    role, _, path = name.partition("/")
    return role if role != "encoder" else path.split("_")[0]


@pytest.mark.parametrize("freeze", ["none", *PARTS])
def test_frozen_parts_stay_bit_equal_and_the_rest_learns(freeze):
    """Weights and batch norm's statistics alike, which the published TF2 code
    goes on updating."""
    config = dataclasses.replace(
        CONFIG, classifier=Classifier(from_layer=1, freeze=freeze)
    )
    task = Finetune(config, num_examples=8, num_classes=3)
    variables = named_variables(**task.models)
    rng = np.random.default_rng(0)
    for name, variable in variables.items():
        if name.endswith("gamma"):  # No branch starts at zero.
            variable.assign(rng.uniform(0.5, 1, variable.shape))
    before = {name: v.numpy() for name, v in variables.items()}
    task.optimizer.iterations.assign(1)
    for seed in range(2):
        task.step(
            {
                "view1": images(seed=seed),
                "label": tf.constant([0, 1, 2, 0]),
                "replaced": tf.zeros([4], tf.int32),
            }
        )
    frozen = PARTS[: PARTS.index(freeze) + 1] if freeze != "none" else []
    for name, variable in variables.items():
        same = np.array_equal(variable.numpy(), before[name])
        assert same == (part_of(name) in frozen), name
    trained = {id(v) for v in task.variables}
    assert all(id(v) in trained for v in task.models["classifier"].variables)


def test_a_frozen_net_runs_batch_norm_in_inference_mode():
    """A row's logits do not depend on the batch it is trained in."""
    net = build(freeze="group4")
    alone = net.logits(images(4)[:1], training=True)
    together = net.logits(images(4), training=True)[:1]
    np.testing.assert_allclose(alone, together, rtol=1e-5, atol=1e-6)
    free = build()
    for variable in free.models["encoder"].variables:
        if variable.path.endswith("gamma"):
            variable.assign(np.ones(variable.shape))
    alone = free.logits(images(4)[:1], training=True)
    together = free.logits(images(4), training=True)[:1]
    assert np.abs(alone - together).max() > 1e-4


def test_lars_neither_decays_nor_adapts_the_classifier():
    config = dataclasses.replace(CONFIG, classifier=Classifier(from_layer=1))
    task = Finetune(config, num_examples=8, num_classes=3)
    excluded = set(task.optimizer.excluded)
    assert {"classifier/kernel", "classifier/bias"} <= excluded
    assert "layer1_dense/kernel" not in excluded
    assert [v.path for v in task.decayed] == ["classifier/kernel"]
