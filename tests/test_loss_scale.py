"""Dynamic loss scaling: what it skips, and that it changes nothing else."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from simclr.config import Train
from simclr.engines import precisions
from simclr.messages.errors import InputError
from simclr.runs import checkpoint, metrics
from simclr.runs import folder as run_folder
from simclr.training import loop, loss_scale
from simclr.training.tasks import Pretrain
from tests import killed, tiny
from tests.conftest import four_replicas
from tests.test_gradient_cache import small_encoder
from tests.tiny_step import batch_of

ONE = tf.distribute.get_strategy
__all__ = ["small_encoder"]  # A fixture: one convolution, for every test.


def build(strategy=None, **changes):
    config = dataclasses.replace(tiny.CONFIG, **changes)
    with (strategy or ONE()).scope():
        task = Pretrain(config, num_examples=64, num_classes=4)
        task.optimizer.iterations.assign(2)  # Past the learning rate of 0.
    return task


def arrays(task):
    return {name: v.numpy().copy() for name, v in task.state.items()}


def test_the_scale_follows_the_steps(monkeypatch):
    monkeypatch.setattr(loss_scale, "GROWS_AFTER", 3)
    scale = loss_scale.LossScale()
    assert (scale.scale.numpy(), scale.good_steps.numpy()) == (2.0**15, 0)
    seen = []
    for taken in (True, True, True, True, False, True, True, True):
        scale.follow(tf.constant(taken))
        seen.append((float(scale.scale), int(scale.good_steps)))
    base = 2.0**15
    assert seen == [
        (base, 1),
        (base, 2),
        (2 * base, 0),
        (2 * base, 1),
        (base, 0),
        (base, 1),
        (base, 2),
        (2 * base, 0),
    ]
    scale.scale.assign(1.0)
    scale.follow(tf.constant(False))
    assert float(scale.scale) == 1.0


def test_what_is_not_finite_at_scale_1_is_not_hidden():
    scale = loss_scale.LossScale()
    bad = [tf.constant([1.0, np.nan]), tf.constant([2.0])]
    gradients, take = scale.unscaled(bad)
    assert not take and all(np.all(g == 0) for g in gradients)
    scale.scale.assign(1.0)
    gradients, take = scale.unscaled(bad)
    assert take and np.isnan(gradients[0][1])


@pytest.mark.parametrize("name", ["lars", "sgd", "adam", "adamw", "muon"])
def test_a_skipped_step_leaves_all_but_the_count(name):
    """Weights, momenta and decay: nothing moves, though momentum would."""
    optimizer = dataclasses.replace(
        tiny.CONFIG.optimizer, name=name, base_lr=0.1, weight_decay=0.1
    )
    task = build(train=Train(precision="mixed_float16"), optimizer=optimizer)
    assert {v.dtype for v in task.variables} == {"float32"}
    task.loss_scale.scale.assign(2.0**8)
    batch = batch_of(ONE(), 0)
    first = arrays(task)
    assert task.step(batch)["skipped"] == 0
    before = arrays(task)
    assert {f"encoder/{task.encoder.trainable_variables[0].path}"} < {
        name for name in before if np.any(before[name] != first[name])
    }
    task.loss_scale.scale.assign(2.0**60)  # Past what float16 holds.
    result = task.step(batch)
    after = arrays(task)
    assert result["skipped"] == 1 and result["loss_scale"] == 2.0**60
    assert result["angle"] == 0
    assert np.isfinite([result["loss"], result["grad_norm"]]).all()
    assert {
        name.rpartition("/")[2]
        for name in after
        if np.any(after[name] != before[name]) and "moving_" not in name
    } == {"iteration", "scale", "good_steps"}
    assert float(task.loss_scale.scale) == 2.0**59


def test_one_replicas_overflow_is_skipped_by_all():
    strategy = four_replicas()
    task = build(strategy, train=Train(precision="mixed_float16"))
    before = arrays(task)
    batch = batch_of(strategy, 0)

    @tf.function
    def update(batch):
        def one(batch):
            bad = tf.where(
                tf.distribute.get_replica_context().replica_id_in_sync_group
                == 2,
                np.float32(np.inf),
                1.0,
            )
            gradients = [tf.ones(v.shape) * bad for v in task.variables]
            scalars = {n: tf.zeros([]) for n in task.scalars}
            return task.update(gradients, scalars, batch)

        return strategy.run(one, args=(batch,))

    result = update(batch)
    values = strategy.experimental_local_results(result["skipped"])
    assert [float(v) for v in values] == [1.0] * 4
    for variable in task.variables:
        name = next(n for n, v in task.state.items() if v is variable)
        for copy in strategy.experimental_local_results(variable.value):
            np.testing.assert_array_equal(copy, before[name])
    assert task.loss_scale.scale.numpy() == loss_scale.FIRST / 2


@pytest.mark.parametrize(
    ("strategy", "microbatch"),
    [
        (ONE, 0),
        (ONE, 8),
        pytest.param(four_replicas, 0, marks=pytest.mark.slow),
        pytest.param(four_replicas, 8, marks=pytest.mark.slow),
    ],
)
def test_a_scale_that_overflows_nothing_changes_no_bit(strategy, microbatch):
    """It is a power of 2; in float64 the step is the step without it."""
    strategy = strategy()
    ends = []
    for scaled in (False, True):
        task = build(
            strategy, train=Train(precision="float64", microbatch=microbatch)
        )
        if scaled:
            with strategy.scope():
                task.loss_scale = loss_scale.LossScale()
        step = tf.function(lambda b, task=task: task.train_step(strategy, b))
        for i in range(2):
            result = step(batch_of(strategy, i))
        ends.append((arrays(task), result))
    (plain, _), (scaled, result) = ends
    for name, value in plain.items():
        np.testing.assert_array_equal(scaled[name], value, err_msg=name)
    skipped = strategy.experimental_local_results(result["skipped"])
    assert not any(map(float, skipped))


def test_a_run_in_float16_resumes_exactly(tmp_path, monkeypatch):
    """The scale begins too high and grows often: its steps are state."""
    monkeypatch.setattr(loss_scale, "FIRST", 2.0**12)
    monkeypatch.setattr(loss_scale, "GROWS_AFTER", 2)
    photos = tiny.write_photos(tmp_path / "photos", count=48)
    config = tiny.config(
        photos,
        epochs=4,
        train=Train(
            precision="mixed_float16",
            log_steps=1,
            eval_epochs=0,
            checkpoint_epochs=1.0,
        ),
    )
    whole, cut = str(tmp_path / "whole"), str(tmp_path / "cut")
    at_5 = killed.copied(whole, 5, cut)
    assert loop.train(config, whole, ONE(), callbacks=at_5) == ""
    assert loop.train(config, cut, ONE()) == ""
    ends = [
        checkpoint.read_newest(run_folder.checkpoints(w))[1]
        for w in (whole, cut)
    ]
    assert ends[0].keys() == ends[1].keys()
    assert any("good_steps" in name for name in ends[0])
    for name, value in ends[0].items():
        np.testing.assert_array_equal(ends[1][name], value, err_msg=name)
    rows = [r for r in metrics.read(f"{whole}/metrics.jsonl") if "loss" in r]
    assert {r["skipped"] for r in rows} == {0.0, 1.0}
    steps = np.diff([r["loss_scale"] for r in rows])
    assert (steps < 0).any() and (steps > 0).any()
    assert all(np.isfinite(r["loss"]) for r in rows)


def test_float16_stays_near_float32():
    results = []
    for precision in ("float32", "mixed_float16"):
        task = build(train=Train(precision=precision))
        if task.loss_scale:
            task.loss_scale.scale.assign(2.0**8)
        results.append(task.step(batch_of(ONE(), 0)))
    exact, mixed = results
    assert mixed["skipped"] == 0
    np.testing.assert_allclose(mixed["loss"], exact["loss"], rtol=2e-3)
    norms = mixed["grad_norm"], exact["grad_norm"]
    np.testing.assert_allclose(*norms, rtol=0.02)


@pytest.mark.parametrize(
    ("capabilities", "precision"),
    [
        ([(8, 0)], "mixed_bfloat16"),
        ([(9, 0), (9, 0)], "mixed_bfloat16"),
        ([(7, 5), (7, 5)], "mixed_float16"),  # T4 x 2, as Kaggle lends.
        ([(6, 0)], "mixed_float16"),  # P100.
        ([(6, 1)], "float32"),  # Its float16 is slow.
        ([(8, 6), (7, 5)], "mixed_float16"),
        ([], "float32"),
    ],
)
def test_each_gpu_has_its_precision(monkeypatch, capabilities, precision):
    monkeypatch.setattr(precisions, "is_accelerator", lambda strategy: True)
    monkeypatch.setattr(precisions, "_capabilities", lambda s: capabilities)
    assert precisions.fastest(ONE()) == precision


def test_a_tpu_refuses_float16(monkeypatch, tmp_path):
    monkeypatch.setattr(precisions, "_is_tpu", lambda strategy: True)
    assert precisions.fastest(ONE()) == "mixed_bfloat16"
    config = tiny.config(tmp_path, train=Train(precision="mixed_float16"))
    with pytest.raises(InputError, match=r"train\.precision=mixed_bfloat16"):
        loop.train(config, str(tmp_path / "run"), ONE())
    assert not (tmp_path / "run").exists()
