"""Gradient caching: the gradient of one batch, seen a microbatch at a time."""

import dataclasses
import functools

import numpy as np
import pytest
import tensorflow as tf

from simclr import config as config_lib
from simclr.config import Loss, Negatives, Train
from simclr.engines.engine import TensorFlowEngine
from simclr.messages.errors import InputError
from simclr.models import backbones
from simclr.runs import metrics
from simclr.training import loop
from simclr.training.tasks import Pretrain, pretrain
from tests import tiny, tiny_step
from tests.conftest import four_replicas
from tests.tiny_step import BATCH, assert_same, run

ONE = tf.distribute.get_strategy
MICRO = 8
COUNT = BATCH // MICRO
CASES = {
    "nt_xent with a memory": {
        "negatives": Negatives(size=2 * BATCH, momentum=0.9),
        "optimizer": dataclasses.replace(
            tiny.CONFIG.optimizer, name="sgd", weight_decay=0.1
        ),
    },
    "barlow_twins, views apart": {
        "loss": Loss(name="barlow_twins"),
        "model": dataclasses.replace(tiny.CONFIG.model, joint_views=False),
    },
    "vicreg": {
        "loss": Loss(name="vicreg"),
        "optimizer": dataclasses.replace(tiny.CONFIG.optimizer, name="sgd"),
    },
}


@pytest.fixture(autouse=True)
def small_encoder(monkeypatch):
    monkeypatch.setattr(pretrain, "build_encoder", tiny_step.build_encoder)


class OneGraph(Pretrain):
    """The plain step, its batch norm of microbatches: all kept for one tape."""

    def encode(self, views):
        parts = [
            super(OneGraph, self).encode([view[i::COUNT] for view in views])
            for i in range(COUNT)
        ]
        h, z1, z2 = (tf.stack(x, 1) for x in zip(*parts))  # [rows, k, ...]
        return tuple(tf.reshape(x, [-1, x.shape[-1]]) for x in (h, z1, z2))

    def after_update(self, views, step):
        if self.negatives is not None:
            self.negatives.follow(step)
            keys = [
                self.negatives.project(views[1][i::COUNT]) for i in range(COUNT)
            ]
            keys = tf.stack(keys, 1)
            self.negatives.remember(tf.reshape(keys, [-1, keys.shape[-1]]))


def build(kind, strategy, microbatch, changes):
    config = dataclasses.replace(
        tiny.CONFIG,
        train=Train(precision="float64", microbatch=microbatch),
        **changes,
    )
    with strategy.scope():
        task = kind(config, num_examples=64, num_classes=4)
        task.optimizer.iterations.assign(2)  # Past the learning rate of 0.
    return task


@functools.cache
def plain_steps(case):
    return run(build(OneGraph, ONE(), 0, CASES[case]), ONE())


@pytest.mark.parametrize(
    "case",
    [
        "nt_xent with a memory",
        pytest.param("vicreg", marks=pytest.mark.slow),
        pytest.param("barlow_twins, views apart", marks=pytest.mark.slow),
    ],
)
def test_is_the_plain_step(strategy, case):
    """Values, gradients, weights and moving statistics, for two steps."""
    expected = plain_steps(case)
    ours = run(build(Pretrain, strategy, MICRO, CASES[case]), strategy)
    assert_same(ours, expected)


@pytest.mark.slow
@pytest.mark.parametrize("on_device", [False, True])
def test_four_replicas_follow_one(tmp_path, on_device):
    """The real loop: the same losses, in a memory and a probe too."""
    config = tiny.config(
        tiny.write_photos(tmp_path / "photos"),
        epochs=1.5,
        augment=dataclasses.replace(
            tiny.CONFIG.augment, place="device" if on_device else "host"
        ),
        negatives=Negatives(size=2 * BATCH),
        train=Train(
            precision="float64", microbatch=MICRO, log_steps=1, eval_epochs=0
        ),
    )
    curves = []
    for name, strategy in (("one", ONE()), ("four", four_replicas())):
        assert loop.train(config, str(tmp_path / name), strategy) == ""
        rows = metrics.read(str(tmp_path / name / "metrics.jsonl"))
        rows = [row for row in rows if "loss" in row]
        curves.append([[r[k] for k in ("loss", "probe_loss")] for r in rows])
    assert len(curves[0]) == 7
    # Colours are float32, and round as the number of rows has it.
    np.testing.assert_allclose(*curves, rtol=1e-4 if on_device else 1e-9)


def test_a_microbatch_must_go_up_in_the_batch():
    for microbatch in (5, 32):
        with pytest.raises(InputError, match=f"microbatch is {microbatch};"):
            config_lib.override(tiny.CONFIG, [f"train.microbatch={microbatch}"])


def test_a_microbatch_divides_by_the_replicas():
    with pytest.raises(InputError, match=r"microbatch is 2; .* 4 replicas"):
        build(Pretrain, four_replicas(), 2, {})


def test_is_for_pretraining():
    with pytest.raises(ValueError, match="it is for pretraining"):
        config_lib.override(
            tiny.CONFIG, ["task=finetune", "train.microbatch=8"]
        )


@pytest.mark.slow
def test_several_steps_in_one_dispatch(monkeypatch):
    """TensorFlow's optimizer once broke the second one, of large tensors."""
    monkeypatch.setattr(pretrain, "build_encoder", backbones.build_encoder)
    config = tiny.config(
        "",
        batch_size=1024,
        loss=Loss(name="barlow_twins"),
        model=dataclasses.replace(
            tiny.CONFIG.model, width=0.25, stem="cifar", joint_views=False
        ),
        train=Train(microbatch=256, probe=False),
    )
    view = tf.random.stateless_uniform([1024, 24, 24, 3], [1, 2])
    zeros = tf.zeros([1024], tf.int32)
    batch = {"view1": view, "view2": view[::-1], "label": zeros}
    images = tf.data.Dataset.from_tensors(batch | {"replaced": zeros})
    task = Pretrain(config, num_examples=10_000)
    engine = TensorFlowEngine(task, ONE())
    sums = {"steps": tf.zeros([]), "loss": tf.zeros([])}
    batches = engine.batches(lambda context: images.repeat())
    for count in (1, 3):
        sums, _, bad = engine.train_steps(batches, count, sums)
    assert sums["steps"] == 4 and bad == -1
