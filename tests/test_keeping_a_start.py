"""Pretraining from weights: what keeps a run near them (config.Start)."""

import dataclasses
import functools

import keras
import numpy as np
import pytest
import tensorflow as tf

from simclr import config as config_lib
from simclr.config import Config, Loss, Start, Train
from simclr.engines.engine import make_engine
from simclr.engines.strategies import make_strategy
from simclr.lowering import program
from simclr.models import parts
from simclr.models.encoders.resnet import resnet
from simclr.runs import checkpoint, metrics
from simclr.runs import folder as run_folder
from simclr.training import loop
from simclr.training.tasks import Pretrain, pretrain
from tests import tiny, tiny_step
from tests.tiny_step import BATCH, assert_same, run, state_of

ONE = tf.distribute.get_strategy
MICRO = 8
# All of it at once; an epoch is 4 steps, so the heads learn alone in 2.
ALL = Start(head_epochs=0.5, freeze="stem", freeze_norm=True, anchor=10.0)


@pytest.fixture
def small_encoder(monkeypatch):
    monkeypatch.setattr(pretrain, "build_encoder", tiny_step.build_encoder)


def config_of(start, *, microbatch=0, optimizer=(), **changes):
    return dataclasses.replace(
        tiny.CONFIG,
        start=start,
        optimizer=dataclasses.replace(
            tiny.CONFIG.optimizer, warmup_epochs=0.0, **dict(optimizer)
        ),
        train=Train(precision="float64", microbatch=microbatch),
        **changes,
    )


def build(start, strategy=None, **changes):
    """A task whose encoder is not as it was made, as an init leaves it."""
    with (strategy or ONE()).scope():
        task = Pretrain(
            config_of(start, **changes), num_examples=64, num_classes=4
        )
        rng = np.random.default_rng(0)
        for variable in task.encoder.variables:
            variable.assign(rng.uniform(0.5, 1.5, variable.shape) * 0.3)
        if task.anchor is not None:
            pretrain.start_equal(task.anchor, task.encoder)
    return task


def moved(before, after, role):
    """Names of a role's variables that are other numbers now."""
    return {
        name.removeprefix(f"{role}/")
        for name in before
        if name.startswith(f"{role}/")
        and not np.array_equal(before[name], after[name])
    }


def test_heads_learn_alone_at_first(small_encoder):
    """Not a bit of the encoder moves, statistics included; then it does."""
    task = build(Start(head_epochs=0.5), optimizer={"weight_decay": 0.1})
    start = state_of(task)
    rows, after = run(task, ONE(), steps=2)
    assert moved(start, after, "encoder") == set()
    assert moved(start, after, "head") >= {"layer1_dense/kernel"}
    assert moved(start, after, "probe") == {"probe/kernel", "probe/bias"}
    slots = [v for k, v in after.items() if "optimizer" in k and "stem" in k]
    assert slots and not any(np.any(slot) for slot in slots)
    names = [v.path for v in task.variables]
    for name, norm in zip(names, rows[0]["grad_norms"]):
        assert (norm == 0) == name.startswith(("stem", "group1")), name
    _, last = run(task, ONE(), steps=1)
    assert moved(after, last, "encoder") == {
        f"{part}_{name}"
        for part in ("stem", "group1")
        for name in (
            *("conv/kernel", "bn/gamma", "bn/beta"),
            *("bn/moving_mean", "bn/moving_variance"),
        )
    }


def test_heads_alone_see_the_start_s_features(small_encoder):
    """In inference mode: a view's do not depend on its batch."""
    task = build(Start(head_epochs=0.5))
    views = [
        tf.random.stateless_uniform([4, 16, 16, 3], [i, 0]) for i in (0, 1)
    ]
    expected = task.encoder(tf.concat(views, 0), training=False)["h"]
    task._heads_alone = True
    np.testing.assert_array_equal(task.encode(views)[0], expected)
    task._heads_alone = False
    assert np.abs(task.encode(views)[0] - expected).max() > 1e-3


def all_of_it(optimizer):
    """Changes that make a microbatch see what the whole batch does.

    The head has no batch norm, and the encoder's is frozen.
    """
    return {
        "model": dataclasses.replace(
            tiny.CONFIG.model, head_layers=1, head_norm=False
        ),
        "optimizer": {
            "name": optimizer,
            "weight_decay": 0.1,
            "layer_decay": 0.5,
            "base_lr": 0.1,
        },
    }


@functools.cache
def big_steps(optimizer):
    """Two steps of the heads and two of all, on one replica."""
    return run(build(ALL, **all_of_it(optimizer)), ONE(), steps=4)


@pytest.mark.parametrize(
    "name", ["sgd", pytest.param("lars", marks=pytest.mark.slow)]
)
def test_replicas_and_microbatches_are_one_big_step(
    small_encoder, strategy, name
):
    expected, changes = big_steps(name), all_of_it(name)
    assert 0 < expected[0][3]["anchor"] < 2
    if strategy is not ONE():
        assert_same(run(build(ALL, strategy, **changes), strategy, 4), expected)
    cached = build(ALL, strategy, microbatch=MICRO, **changes)
    assert_same(run(cached, strategy, steps=4), expected)


def test_the_anchor_is_one_minus_the_cosine_and_stays(small_encoder):
    task = build(Start(anchor=3.0), loss=Loss(name="barlow_twins"))
    start = state_of(task)
    views = [
        tf.random.stateless_uniform([4, 16, 16, 3], [i, 0]) for i in (0, 1)
    ]
    views = [tf.cast(view, tf.float64) for view in views]
    batch = {
        "view1": views[0],
        "view2": views[1],
        "label": tf.fill([4], -1),
        "replaced": tf.zeros([4], tf.int32),
    }
    task.config = dataclasses.replace(task.config, batch_size=4)
    h0 = task.anchor(tf.concat(views, 0), training=False)["h"].numpy()
    h = task.encode(views)[0].numpy()
    total, scalars = task.losses(views, batch)
    lengths = np.linalg.norm(h, axis=1) * np.linalg.norm(h0, axis=1)
    assert np.mean(lengths > 0) > 0.5  # Features of zeros are at 1.
    cosine = np.sum(h * h0, 1) / np.maximum(lengths, 1e-12)
    np.testing.assert_allclose(scalars["anchor"], np.mean(1 - cosine))
    np.testing.assert_allclose(total, scalars["loss"] + 3 * scalars["anchor"])
    # Called twice by now: batch norm's statistics move, the anchor's do not.
    task.step(batch)
    assert moved(start, state_of(task), "anchor_encoder") == set()
    assert moved(start, state_of(task), "encoder")


def test_the_anchor_holds(small_encoder):
    """With a large weight the features end nearer to the start's."""

    def drift(weight):
        task = build(
            Start(freeze_norm=True, anchor=weight),
            optimizer={"name": "sgd", "base_lr": 0.5, "weight_decay": 0.0},
        )
        rows, _ = run(task, ONE(), steps=8)
        return rows[-1]["anchor"]

    assert drift(100.0) < 0.5 * drift(1e-6)


def test_frozen_parts_and_statistics(small_encoder):
    task = build(Start(freeze="stem"))
    before = state_of(task)
    _, after = run(task, ONE())
    assert {
        name.partition("_")[0] for name in moved(before, after, "encoder")
    } == {"group1"}
    task = build(Start(freeze_norm=True))
    before = state_of(task)
    _, after = run(task, ONE())
    assert moved(before, after, "encoder") == {
        f"{part}_{name}"
        for part in ("stem", "group1")
        for name in ("conv/kernel", "bn/gamma", "bn/beta")
    }


@pytest.mark.parametrize("name", ["sgd", "adam", "adamw", "lars"])
def test_parts_learn_more_slowly_from_the_top_down(small_encoder, name):
    """A first step is as much shorter; a ResNet has four groups."""
    steps = []
    for decay in (1.0, 0.5):
        task = build(
            Start(),
            optimizer={
                "name": name,
                "base_lr": 0.01,
                "weight_decay": 0.1,
                "layer_decay": decay,
            },
        )
        before = state_of(task)
        _, after = run(task, ONE(), steps=1)
        steps.append({k: after[k] - before[k] for k in before})
    for key, whole in steps[0].items():
        if "moving" in key or key.startswith("optimizer/"):
            continue
        share = 1.0
        if key.startswith("encoder/"):
            share = {"stem": 0.5**5, "group1": 0.5**4}[
                key.removeprefix("encoder/").partition("_")[0]
            ]
        np.testing.assert_allclose(
            steps[1][key], share * whole, rtol=1e-6, atol=1e-12, err_msg=key
        )


def test_factors_reach_every_variable_of_an_encoder():
    encoder = resnet(depth=10, width=0.125, stem="cifar")
    names = ("stem", "group1", "group2", "group3", "group4")
    factors = parts.lr_factors(encoder, names, 0.5)
    assert [v.path for v, _ in factors] == [
        v.path for v in encoder.trainable_variables
    ]
    for variable, factor in factors:
        part = variable.path.partition("_")[0]
        assert factor == 0.5 ** (5 - names.index(part))
    parts.freeze(encoder, names, "group3")
    assert {
        v.path.partition("_")[0]
        for v, _ in parts.lr_factors(encoder, names, 0.5)
    } == {"group4"}


def test_the_step_is_lowered_with_both_kinds(small_encoder):
    """One program, which a TPU compiles: the heads' steps are a branch."""
    config = config_of(ALL, batch_size=BATCH)
    config = dataclasses.replace(config, train=Train())
    task = Pretrain(config, num_examples=64, num_classes=4)
    lowered = program.lower_task(task, replicas=4, on_device=False)
    assert {"anchor", "loss", "grad_norms"} <= set(lowered.results)
    names = {id(v.value): name for name, v in task.state.items()}
    read = {names[id(v)] for v in lowered.variables}
    written = {names[id(lowered.variables[i])] for i in lowered.updated}
    assert any(name.startswith("anchor_encoder/") for name in read)
    assert not any(name.startswith("anchor_encoder/") for name in written)
    assert {"encoder/group1_conv/kernel", "head/z_dense/kernel"} <= written
    assert "encoder/stem_conv/kernel" in read - written
    keras.backend.clear_session()


@pytest.mark.slow  # As all that needs jax: make slow installs it.
def test_by_pjrt_on_two_devices(small_encoder):
    """Both branches of the step, with a collective in each."""
    pytest.importorskip("jax")
    devices, _ = make_strategy("cpu", 2, "pjrt")
    expected = run(build(ALL), ONE(), steps=4)
    task = build(ALL)

    def shares(context):
        """A dataset of each device's share, step by step."""
        del context
        batches = [tiny_step.batch_of(ONE(), step) for step in range(4)]
        return tf.data.Dataset.from_tensor_slices(
            {
                name: tf.concat([batch[name] for batch in batches], 0)
                for name in batches[0]
            }
        ).batch(BATCH // 2)

    engine = make_engine(task, devices, on_device=False)
    sums = {
        name: np.zeros([]) for name in ("steps", *task.scalars, *task.measures)
    }
    sums, _, bad = engine.train_steps(engine.batches(shares), 4, sums)
    engine.pull()
    assert bad == -1
    for name in task.scalars:
        total = sum(row[name] for row in expected[0])
        np.testing.assert_allclose(sums[name], total, rtol=1e-7)
    for name, value in state_of(task).items():
        np.testing.assert_allclose(
            value, expected[1][name], rtol=1e-6, atol=1e-9, err_msg=name
        )


@pytest.mark.parametrize(
    "settings, message",
    [
        (["start.freeze=head"], "choose one of none, stem, group1"),
        (["start.anchor=-1"], "start.anchor is -1.0; it must be >= 0"),
        (["start.head_epochs=-1"], "must be >= 0"),
        (["optimizer.layer_decay=0"], "layer_decay is 0.0; it must be > 0"),
        (["optimizer.layer_decay=1.5"], "layer_decay is 1.5; it must lie in"),
        (
            ["task=finetune", "start.anchor=1"],
            "start.anchor is 1.0; it is for pretraining, not for finetune",
        ),
        (
            ["start.freeze_norm=True", "negatives.size=256"],
            "start.freeze_norm is True, and negatives.size 256",
        ),
        (
            ["start.head_epochs=1", "model.head_layers=0"],
            "there is no head to learn",
        ),
        (
            ["start.head_epochs=2", "epochs=2"],
            "the encoder would learn nothing; say --set start.head_epochs=0.2",
        ),
    ],
)
def test_settings_that_do_not_go_together(settings, message):
    with pytest.raises(ValueError, match=message):
        config_lib.override(Config(), settings)


def test_they_need_weights_to_start_from(tmp_path):
    config = tiny.config(tiny.write_photos(tmp_path), start=Start(anchor=1.0))
    with pytest.raises(ValueError, match=r"start\.\* .*say --init=RUN"):
        Pretrain.open_data(config)
    assert Pretrain.open_data(dataclasses.replace(config, init="run"))
    settled = config_lib.settled(config)
    assert config_lib.override(config, ["negatives.size=0"]) == settled


@pytest.mark.slow
def test_killed_and_resumed_to_the_same_bits(tmp_path):
    """In the heads' steps and after; the start itself may be gone."""
    photos = tiny.write_photos(tmp_path / "photos")
    plain = dataclasses.replace(tiny.CONFIG.train, eval_epochs=0)
    first = str(tmp_path / "first")
    loop.train(tiny.config(photos, epochs=1, train=plain), first, ONE())
    config = tiny.config(photos, init=first, start=ALL, train=plain, epochs=2)
    whole, parted = str(tmp_path / "whole"), str(tmp_path / "parted")
    assert loop.train(config, whole, ONE()) == ""
    for step in (1, 3):
        stop = [lambda row, step=step: row["step"] > step]
        assert loop.train(config, parted, ONE(), callbacks=stop)
    (tmp_path / "first").rename(tmp_path / "gone")
    assert loop.train(config, parted, ONE()) == ""
    (_, expected), (_, arrays) = (
        checkpoint.read_newest(run_folder.checkpoints(run))
        for run in (whole, parted)
    )
    assert any(name.startswith("anchor_encoder/") for name in expected)
    for name, array in expected.items():
        np.testing.assert_array_equal(arrays[name], array, err_msg=name)
    curves = [
        [row["anchor"] for row in metrics.read(f"{run}/metrics.jsonl")]
        for run in (whole, parted)
    ]
    assert curves[0] == curves[1] and curves[0][-1] > 0
