"""What watches a run in training: the same scores by either engine."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from simclr.data.images.reader import Reader
from simclr.engines.strategies import make_strategy
from simclr.engines.workers import Workers
from simclr.inference import forward
from simclr.training.classifier_monitor import ClassifierMonitor
from simclr.training.monitor import Monitor
from simclr.training.recorder import Recorder
from simclr.training.tasks import TASKS
from tests import tiny


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return tiny.write_photos(tmp_path_factory.mktemp("photos"), count=39)


@pytest.fixture(scope="module")
def devices():
    pytest.importorskip("jax")
    return make_strategy("cpu", 0, "pjrt")[0]


def build(config):
    """(task, its source, its classes)."""
    kind = TASKS[config.task]
    source, names = kind.open_data(config)
    task = kind(config, num_examples=len(source), num_classes=len(names))
    return task, source, names


def shake(task):
    """Other weights in the same variables, as after some steps."""
    rng = np.random.default_rng(7)
    for variable in task.models["encoder"].variables:
        factor = rng.uniform(0.5, 1.5, variable.shape).astype(np.float32)
        variable.assign(variable * factor)


def turn(task):
    """Weights of a classifier that names the other of two classes."""
    for variable in task.models["classifier"].variables:
        variable.assign(-variable)


def assert_same_scores(task, change, one, other, monkeypatch, expected):
    """Of both monitors, before and after the weights move."""
    scores = []
    for _ in range(2):
        by_tensorflow, _ = one.run(lambda text: None)
        assert by_tensorflow.keys() >= expected
        with monkeypatch.context() as patch:
            patch.setattr(forward._TensorFlow, "run", None)
            scores_by_jax, _ = other.run(lambda text: None)
        assert scores_by_jax == pytest.approx(by_tensorflow, rel=1e-4)
        scores.append(by_tensorflow)
        change(task)
    assert scores[0] != scores[1], "the test needs weights that matter"


@pytest.mark.slow
def test_an_encoders_scores_by_pjrt(photos, devices, monkeypatch):
    config = tiny.config(photos)
    task, source, _ = build(config)
    one, other = (
        Monitor(config, Reader(source), task, strategy, Workers(strategy))
        for strategy in (tf.distribute.get_strategy(), devices)
    )
    (_, found), (_, same) = (
        monitor.run(lambda text: None, with_baselines=True)
        for monitor in (one, other)
    )
    assert {"untrained_knn", "raw_pixels_knn"} <= found.keys()
    assert same == pytest.approx(found, rel=1e-4)
    assert_same_scores(
        *(task, shake, one, other, monkeypatch),
        expected={"knn", "effective_rank", "alignment"},
    )


@pytest.mark.slow  # As all that needs jax: make slow installs it.
def test_a_classifiers_scores_by_pjrt(photos, devices, monkeypatch):
    config = tiny.config(photos, task="finetune")
    config = dataclasses.replace(
        config,
        data=dataclasses.replace(config.data, eval_source=str(photos)),
    )
    task, _, names = build(config)
    one, other = (
        ClassifierMonitor(config, names, task, strategy, Workers(strategy))
        for strategy in (tf.distribute.get_strategy(), devices)
    )
    assert_same_scores(
        *(task, turn, one, other, monkeypatch), expected={"test_accuracy"}
    )


@pytest.mark.parametrize("task", ["pretrain", "finetune"])
def test_held_out_images_that_cannot_be_read_are_listed(
    task, photos, tmp_path, capsys
):
    """And the score says of how many images it is: those that were read."""
    held = tiny.write_photos(tmp_path / "held", count=8, seed=1)
    path = held / "dog/003.png"
    path.write_bytes(path.read_bytes()[:60])
    config = tiny.config(photos, task=task)
    config = dataclasses.replace(
        config,
        data=dataclasses.replace(config.data, eval_source=str(held)),
    )
    task, source, names = build(config)
    strategy = tf.distribute.get_strategy()
    recorder = Recorder(
        *(config, Reader(source), names, task, strategy, Workers(strategy)),
        *(str(tmp_path), 1),
    )
    with recorder:
        for step in (1, 2):
            recorder.evaluate(step)
    said = capsys.readouterr().err
    listed = tmp_path / "unreadable_eval.tsv"
    assert f"1 unreadable held-out image left out, see {listed}" in said
    assert said.count("left out") == said.count("the score is of 7 images") == 1
    assert listed.read_text().startswith("dog/003.png\t")
