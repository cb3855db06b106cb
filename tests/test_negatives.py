"""The queue of negatives: what it holds, and that nothing upsets it."""

import collections
import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from simclr import config as config_lib
from simclr.config import Negatives, Train
from simclr.runs import checkpoint, stopping
from simclr.runs import folder as run_folder
from simclr.training import loop
from simclr.training.negatives import Queue, online_share
from simclr.training.tasks import Pretrain
from tests import tiny
from tests.conftest import four_replicas

ONE = tf.distribute.get_strategy
BATCH = 16


def config(**negatives):
    """Steps in float64, so that replicas differ by next to nothing."""
    return dataclasses.replace(
        tiny.CONFIG,
        negatives=Negatives(**negatives),
        optimizer=dataclasses.replace(tiny.CONFIG.optimizer, base_lr=0.1),
        train=Train(precision="float64"),
    )


def images(step):
    """Both views of a global batch, [2, N, h, w, 3]."""
    rng = np.random.default_rng(step)
    return rng.random([2, BATCH, 16, 16, 3], np.float32)


def run(strategy, settings, steps):
    """Takes steps on equal global batches; returns the task and its losses."""
    with strategy.scope():
        task = Pretrain(settings, num_examples=64)
        task.optimizer.iterations.assign(1)  # Past the learning rate of 0.

    def batch_of(step, context):
        n = BATCH // strategy.num_replicas_in_sync
        start = context.replica_id_in_sync_group * n
        view1, view2 = images(step)[:, start : start + n]
        return {
            "view1": tf.constant(view1),
            "view2": tf.constant(view2),
            "label": tf.fill([n], -1),
            "replaced": tf.zeros([n], tf.int32),
        }

    @tf.function
    def step(batch):
        return strategy.run(task.step, args=(batch,))["loss"]

    losses = []
    for i in range(steps):
        batch = strategy.experimental_distribute_values_from_function(
            lambda context, i=i: batch_of(i, context)
        )
        losses.append(strategy.experimental_local_results(step(batch))[0])
    return task, np.array(losses)


def copies(strategy, variable):
    """Every replica's own value of a variable."""
    return [
        x.numpy() for x in strategy.experimental_local_results(variable.value)
    ]


def momentum_variables(task):
    return [
        v
        for role in ("momentum_encoder", "momentum_head")
        for v in task.models[role].variables
    ]


@pytest.fixture(scope="module")
def five_steps():
    """(task, losses) of five steps on one replica; a queue of 3 batches."""
    return run(ONE(), config(size=48, momentum=0.9, final_momentum=0.99), 5)


def test_first_in_first_out():
    """Over its end and round again, against a deque."""
    queue, twin = Queue(6, 3), collections.deque(maxlen=6)
    rows = np.random.default_rng(0).normal(size=(5, 2, 3)).astype(np.float32)
    for step, keys in enumerate(rows):
        queue.enqueue(tf.constant(keys))
        twin.extendleft(keys[::-1])
        assert int(queue.filled) == min(2 * (step + 1), 6)
        np.testing.assert_array_equal(
            queue.projections[: len(twin)], np.array(twin)
        )
        assert not queue.projections[len(twin) :].numpy().any()


def test_schedule_by_hand():
    """A cosine from the first momentum to the last; constant when equal."""
    for step, momentum in [
        (0, 0.99),
        (25, 1 - 0.01 * (1 + np.sqrt(0.5)) / 2),
        (50, 0.995),
        (75, 1 - 0.01 * (1 - np.sqrt(0.5)) / 2),
        (100, 1),
        (200, 1),
    ]:
        share = online_share(tf.constant(step), 0.99, 1.0, 100)
        np.testing.assert_allclose(share, 1 - momentum, rtol=1e-5, atol=1e-12)
        share = online_share(tf.constant(step), 0.999, 0.999, 100)
        np.testing.assert_allclose(share, 0.001, rtol=1e-6)


def test_first_batch_meets_no_memory(five_steps):
    """The nets start as without one, and keys come in after the loss."""
    plain, expected = run(ONE(), config(), 5)
    assert not any("mem" in role for role in plain.models)
    _, losses = five_steps
    np.testing.assert_allclose(losses[0], expected[0], rtol=1e-12)
    # 2N - 1 others become 2N - 1 + N and so on, none of them far away yet.
    assert np.all(losses[1:] > expected[1:] + 0.1)


@pytest.mark.slow
def test_replicas_hold_the_same_and_what_one_replica_holds(five_steps):
    strategy = four_replicas()
    task, losses = run(
        strategy, config(size=48, momentum=0.9, final_momentum=0.99), 5
    )
    expected, expected_losses = five_steps
    np.testing.assert_allclose(losses, expected_losses, rtol=1e-9)
    for role in ("momentum_encoder", "momentum_head", "negatives"):
        for variable, one in zip(
            task.models[role].variables, expected.models[role].variables
        ):
            first, *rest = copies(strategy, variable)
            assert len(rest) == 3
            for other in rest:
                np.testing.assert_array_equal(other, first, variable.path)
            np.testing.assert_allclose(
                first, one, rtol=1e-6, atol=1e-8, err_msg=variable.path
            )


def test_keys_are_the_second_view_through_the_momentum_nets(five_steps):
    task, _ = five_steps
    keys = task.models["negatives"].projections.numpy()
    assert int(task.models["negatives"].filled) == 48
    np.testing.assert_allclose(np.linalg.norm(keys, axis=1), 1)
    kept = [v.numpy() for v in momentum_variables(task)]
    h = task.models["momentum_encoder"](images(4)[1], training=True)["h"]
    z = task.models["momentum_head"](h, training=True)["z"]
    for variable, value in zip(momentum_variables(task), kept):
        variable.assign(value)  # Moving statistics.
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    np.testing.assert_allclose(keys[:BATCH], z, rtol=1e-9, atol=1e-12)


def test_moving_average_by_hand():
    """After one step it is m old + (1 - m) new, in every weight."""
    settings = config(size=32, momentum=0.75, final_momentum=0.75)
    task = Pretrain(settings, num_examples=64)
    roles = ("encoder", "head")
    online = [v for r in roles for v in task.models[r].variables]
    averages = momentum_variables(task)
    for average, variable in zip(averages, online, strict=True):
        np.testing.assert_array_equal(average, variable)
    old = [v.numpy() for v in averages]
    task, _ = run(ONE(), settings, 1)  # The same start, from the seed.
    online = [v for r in roles for v in task.models[r].variables]
    averages, moved = momentum_variables(task), 0
    for average, variable, before in zip(averages, online, old):
        assert average.path == variable.path
        assert average is not variable
        if not variable.trainable:  # Moving statistics: its own.
            assert np.any(average != before)
            continue
        np.testing.assert_allclose(
            average,
            0.75 * before + 0.25 * variable.numpy(),
            rtol=1e-6,
            atol=1e-12,
        )
        moved += np.any(variable != before)
    assert moved > 10


@pytest.mark.slow
def test_only_the_moving_average_moves_the_momentum_nets():
    """With a momentum of 1 they stay; their batch norm sees the batch."""
    settings = config(size=32, momentum=1.0, final_momentum=1.0)
    start = Pretrain(settings, num_examples=64)
    task, _ = run(ONE(), settings, 3)
    trained = {id(v) for v in task.variables}
    assert len(trained) == len(Pretrain(config(), num_examples=64).variables)
    kinds = set()
    for before, after in zip(
        momentum_variables(start), momentum_variables(task)
    ):
        assert not after.trainable and id(after) not in trained
        moving = "moving" in after.path
        assert np.any(before.numpy() != after.numpy()) == moving, after.path
        kinds.add(moving)
    assert kinds == {True, False}
    assert {id(v) for v in momentum_variables(task)} <= {
        id(v) for v in task.state.values()
    }


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return tiny.write_photos(tmp_path_factory.mktemp("photos"))


@pytest.mark.slow
def test_stops_and_resumes_to_the_same_bits(photos, tmp_path, monkeypatch):
    """Stopped while the queue fills."""
    settings = tiny.config(
        photos,
        epochs=1.5,
        negatives=Negatives(size=32, momentum=0.9, final_momentum=0.99),
        train=dataclasses.replace(tiny.CONFIG.train, eval_epochs=0),
    )
    whole, stopped = str(tmp_path / "whole"), str(tmp_path / "stopped")
    assert loop.train(settings, whole, ONE()) == ""
    monkeypatch.setattr(stopping.Stopper, "reason", lambda self: "a test")
    assert loop.train(settings, stopped, ONE()) == "a test"
    step, arrays = checkpoint.read_newest(run_folder.checkpoints(stopped))
    assert step == 1 and arrays["negatives/queue/filled"] == 16
    monkeypatch.undo()
    assert loop.train(settings, stopped, ONE()) == ""
    step, expected = checkpoint.read_newest(run_folder.checkpoints(whole))
    assert step == 7 and expected["negatives/queue/filled"] == 32
    last, arrays = checkpoint.read_newest(run_folder.checkpoints(stopped))
    assert last == step and arrays.keys() == expected.keys()
    for name, array in expected.items():
        np.testing.assert_array_equal(arrays[name], array, name)


def test_more_than_half_of_the_images_is_refused(photos):
    settings = config_lib.override(
        tiny.config(photos), ["negatives.size=32", "negatives.momentum=0.9"]
    )
    Pretrain.open_data(settings)
    settings = config_lib.override(settings, ["negatives.size=48"])
    with pytest.raises(
        ValueError, match=r"negatives\.size=48 is more than half"
    ):
        Pretrain.open_data(settings)
