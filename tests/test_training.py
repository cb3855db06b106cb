"""The loop: replicas do not matter, resuming is exact, nothing is lost."""

import dataclasses
import json
import os

import numpy as np
import pytest
import tensorflow as tf

from simclr.config import Train
from simclr.data.images.reader import Reader
from simclr.engines.workers import Workers
from simclr.messages.errors import Stopped
from simclr.runs import checkpoint, metrics, stopping
from simclr.runs import folder as run_folder
from simclr.runs.unreadable import UnreadableImages
from simclr.training import loop
from simclr.training.monitor import Monitor
from tests import tiny
from tests.conftest import four_replicas
from tests.images import ListSource

ONE = tf.distribute.get_strategy
TIMES = {"images_per_second"}


@pytest.fixture(scope="session")
def photos(tmp_path_factory):
    return tiny.write_photos(tmp_path_factory.mktemp("photos"))


def rows(workdir):
    """Metrics of a run without what depends on the clock."""
    return [
        {k: v for k, v in row.items() if k not in TIMES}
        for row in metrics.read(os.path.join(workdir, "metrics.jsonl"))
    ]


def losses(workdir):
    return [row["loss"] for row in rows(workdir) if "loss" in row]


def final_arrays(workdir):
    return checkpoint.read_newest(run_folder.checkpoints(workdir))[1]


@pytest.fixture(scope="session")
def whole_run(photos, tmp_path_factory):
    """A run on one replica from start to end; 17 steps."""
    workdir = str(tmp_path_factory.mktemp("whole"))
    assert loop.train(tiny.config(photos), workdir, ONE()) == ""
    return workdir


@pytest.mark.parametrize(
    "precision, tolerance",
    [
        ("float64", 1e-9),
        ("float32", 1e-4),
    ],
)
@pytest.mark.slow
def test_four_replicas_follow_one(photos, tmp_path, precision, tolerance):
    """The same global batch gives the same losses for 20 steps."""
    config = tiny.config(
        photos,
        epochs=4.9,
        # A larger step would blow the last bits of the first losses up.
        optimizer=dataclasses.replace(tiny.CONFIG.optimizer, base_lr=0.1),
        train=Train(precision=precision, log_steps=1, eval_epochs=0),
    )
    curves = []
    for name, strategy in (("one", ONE()), ("four", four_replicas())):
        loop.train(config, str(tmp_path / name), strategy)
        curves.append(losses(tmp_path / name))
    assert len(curves[0]) == 20
    np.testing.assert_allclose(curves[0], curves[1], rtol=tolerance)


@pytest.mark.slow
def test_one_replica_goes_on_where_four_were(photos, tmp_path):
    workdir = str(tmp_path / "run")
    config = tiny.config(
        photos,
        epochs=4.9,
        optimizer=dataclasses.replace(tiny.CONFIG.optimizer, base_lr=0.1),
        train=Train(precision="float64", log_steps=1, eval_epochs=0),
    )
    loop.train(config, workdir, four_replicas())
    expected = losses(workdir)
    *_, before, last = checkpoint.paths(run_folder.checkpoints(workdir))
    os.remove(last)
    assert before.endswith("016.npz")
    loop.train(config, workdir, ONE())
    assert checkpoint.read_newest(run_folder.checkpoints(workdir))[0] == 20
    assert len(expected) == 20
    np.testing.assert_allclose(losses(workdir), expected, rtol=1e-9)


def test_writes_what_it_promises(whole_run):
    names = set(os.listdir(whole_run))
    assert {"config.json", "run.json", "metrics.jsonl"} <= names
    assert any(name.startswith("events.") for name in names)
    assert "views.png" in names
    assert sorted(os.listdir(run_folder.checkpoints(whole_run))) == [
        f"step_{step:09d}.npz" for step in (8, 12, 17)
    ]
    steps = [row["step"] for row in rows(whole_run) if "loss" in row]
    assert steps == [2, 4, 6, 8, 10, 12, 14, 17]
    evaluated = [r["step"] for r in rows(whole_run) if "effective_rank" in r]
    assert evaluated == [8, 17]
    assert all(
        "knn" in r
        for r in rows(whole_run)
        if r["step"] in (8, 16, 17) and "effective_rank" in r
    )
    for row in rows(whole_run):
        if "loss" in row:
            assert {
                "grad_norm",
                "weight_norm",
                "learning_rate",
                "accuracy",
                "probe_loss",
                "replaced",
            } <= set(row)


def test_learns(whole_run):
    curve = losses(whole_run)
    assert np.mean(curve[-4:]) < np.mean(curve[:4])


@pytest.fixture
def stop_after(monkeypatch):
    """Sets after how many device calls a run is asked to stop."""

    def set_calls(calls):
        left = iter([""] * (calls - 1) + ["a test"])
        monkeypatch.setattr(
            stopping.Stopper, "reason", lambda self: next(left, "a test")
        )

    yield set_calls


def test_stops_and_resumes_to_the_same_bits(
    photos, whole_run, tmp_path, stop_after, monkeypatch
):
    """Stopped in the middle of rows of metrics and at their ends."""
    config = tiny.config(photos)
    stop_after(1)
    for steps in (1, 2):
        assert loop.train(config, str(tmp_path), ONE()) == "a test"
        newest, arrays = checkpoint.read_newest(
            run_folder.checkpoints(tmp_path)
        )
        assert newest == steps
        in_a_row = any(name.startswith("row/") for name in arrays)
        assert in_a_row == (steps % 2 == 1)
    monkeypatch.undo()
    assert loop.train(config, str(tmp_path), ONE()) == ""
    for name, array in final_arrays(whole_run).items():
        np.testing.assert_array_equal(final_arrays(tmp_path)[name], array)
    assert rows(tmp_path) == rows(whole_run)


@pytest.mark.slow
def test_max_hours_stops_with_everything_saved(photos, tmp_path):
    config = tiny.config(photos)
    stopped = loop.train(config, str(tmp_path), ONE(), max_hours=1e-9)
    assert stopped == "--max_hours=1e-09"
    assert checkpoint.read_newest(run_folder.checkpoints(tmp_path))[0] == 1


def test_a_finished_run_is_left_alone(photos, whole_run):
    before = rows(whole_run)
    assert loop.train(tiny.config(photos), whole_run, ONE()) == ""
    assert rows(whole_run) == before


def test_another_config_is_refused(photos, whole_run):
    config = dataclasses.replace(tiny.config(photos), seed=4)
    with pytest.raises(ValueError, match=r"another run \(seed: 3 -> 4"):
        loop.train(config, whole_run, ONE())


def test_other_images_are_refused(photos, whole_run, tmp_path):
    """The folder of photos has changed since the run's checkpoint."""
    more = tiny.write_photos(tmp_path / "photos", count=65)
    run = str(tmp_path / "run")
    with run_folder.open_run(
        run, tiny.config(more), run_folder.read_facts(whole_run)
    ):
        checkpoint.save(run_folder.checkpoints(run), 1, {})
    with pytest.raises(ValueError, match="other images"):
        loop.train(tiny.config(more), run, ONE())


def test_a_folder_is_trained_into_by_one_process_only(photos, tmp_path):
    config = tiny.config(photos)
    with (
        run_folder.open_run(str(tmp_path), config, {"data": {}}),
        pytest.raises(ValueError, match="Another process trains into"),
    ):
        loop.train(config, str(tmp_path), ONE())


def test_somebody_elses_config_is_left_alone(photos, tmp_path):
    (tmp_path / "config.json").write_text('{"my": "precious"}')
    with pytest.raises(ValueError, match="is not a run's"):
        loop.train(tiny.config(photos), str(tmp_path), ONE())
    assert "precious" in (tmp_path / "config.json").read_text()


def test_workers_that_do_not_start_alike_are_stopped(photos, tmp_path):
    workers = Workers(ONE())
    config = tiny.config(photos)
    loop._require_same_start(workers, 3, config, 24)
    for other in ([0, 1, 1], [1, 0, 1], [1, 1, 0]):  # Step, config, side.
        workers.gather = lambda mine, other=other: np.float32(
            [mine, np.multiply(mine, other)]
        )
        with pytest.raises(ValueError, match="must lie on a disk"):
            loop._require_same_start(workers, 3, config, 24)


def test_a_device_call_takes_about_five_seconds():
    pace = stopping.Pace(Workers(ONE()))
    assert pace.steps(20) == 1
    assert not pace.measured(1, 60.0)  # It compiled.
    assert pace.steps(20) == 1
    pace.measured(1, 0.5)
    assert (pace.steps(20), pace.steps(7)) == (10, 7)
    pace.measured(10, 100.0)
    assert pace.steps(20) == 1


def test_not_finite_stops_with_the_last_good_checkpoint(photos, tmp_path):
    config = tiny.config(
        photos,
        optimizer=dataclasses.replace(
            tiny.CONFIG.optimizer, name="sgd", base_lr=1e25, warmup_epochs=1.5
        ),
        train=dataclasses.replace(tiny.CONFIG.train, eval_epochs=0),
    )
    with pytest.raises(FloatingPointError) as error:
        loop.train(config, str(tmp_path), ONE())
    for words in ("not finite at step", "learning rate", "largest gradients"):
        assert words in str(error.value)
    for path in checkpoint.paths(run_folder.checkpoints(tmp_path)):
        for name, array in checkpoint.read(path)[1].items():
            assert np.isfinite(array).all(), f"{path}: {name}"


@pytest.mark.slow
def test_unreadable_images_are_replaced_counted_and_listed(tmp_path):
    folder = tiny.write_photos(tmp_path / "photos")
    (folder / "cat" / "000.png").write_bytes(b"no image")
    config = tiny.config(
        folder,
        epochs=2,
        train=dataclasses.replace(tiny.CONFIG.train, eval_epochs=0),
        data=dataclasses.replace(
            tiny.CONFIG.data, source=str(folder), max_bad_share=0.5
        ),
    )
    loop.train(config, str(tmp_path / "run"), ONE())
    listed = (tmp_path / "run" / "unreadable_images.tsv").read_text()
    assert listed.startswith("cat/000.png\t")
    shares = [r["replaced"] for r in rows(tmp_path / "run") if "loss" in r]
    # Rows are means over two steps of 16; each epoch is four steps.
    assert sum(shares[:4]) * 2 * 16 == pytest.approx(2)

    # Another session adds to the list.
    unreadable = UnreadableImages(
        Reader(ListSource([b""])), tmp_path / "run", 2.0
    )
    unreadable._reader.bad["late.png"] = "truncated"
    unreadable.check()
    listed = (tmp_path / "run" / "unreadable_images.tsv").read_text()
    assert listed.splitlines()[1] == "late.png\ttruncated"
    assert listed.startswith("cat/000.png\t")

    strict = dataclasses.replace(config.data, max_bad_share=0.0)
    for _ in range(2):  # The same command again does not get past it.
        with pytest.raises(ValueError, match="1 of 64 images are unreadable"):
            loop.train(
                dataclasses.replace(config, data=strict),
                str(tmp_path / "strict"),
                ONE(),
            )
    # What was trained until then is saved. With a larger share allowed the run
    # ends as if that had been allowed from the beginning.
    strict_run = tmp_path / "strict"
    assert checkpoint.read_newest(run_folder.checkpoints(strict_run))
    assert loop.train(config, str(strict_run), ONE()) == ""
    resumed = final_arrays(strict_run)
    for name, array in final_arrays(tmp_path / "run").items():
        np.testing.assert_array_equal(resumed[name], array, name)


def test_a_folder_that_is_deleted_ends_the_run(photos, tmp_path):
    run = str(tmp_path / "run")
    config = tiny.config(photos, epochs=3)
    with pytest.raises(ValueError, match="was moved or deleted"):
        loop.train(
            config,
            run,
            ONE(),
            callbacks=[lambda row: os.rename(run, f"{run}2")],
        )
    assert not os.path.exists(run)


def test_metrics_file_is_plain_json(whole_run):
    with open(os.path.join(whole_run, "metrics.jsonl")) as file:
        for line in file:
            json.loads(line, parse_constant=lambda name: pytest.fail(name))


def test_a_stop_while_it_is_scored_loses_no_step(photos, tmp_path, monkeypatch):
    """Where no checkpoint was due; and the same command goes on."""
    train = dataclasses.replace(
        tiny.CONFIG.train, eval_epochs=1.0, checkpoint_epochs=4.0
    )
    config, run = tiny.config(photos, epochs=2, train=train), str(tmp_path)

    def signalled(*_, **__):
        raise Stopped("SIGTERM")

    monkeypatch.setattr(Monitor, "run", signalled)
    for _ in range(2):  # The second finds the evaluation that is due.
        assert loop.train(config, run, ONE()) == "SIGTERM"
        step, _ = checkpoint.read_newest(run_folder.checkpoints(run))
        assert step == 4 and not run_folder.is_finished(run)
    monkeypatch.undo()
    assert loop.train(config, run, ONE()) == ""
    assert next(row["step"] for row in rows(run) if "knn" in row) == 4


def test_finished_is_after_the_last_evaluation(photos, tmp_path, monkeypatch):
    """Killed between the last checkpoint and the last row: not finished."""
    config = tiny.config(photos, epochs=1)
    run = str(tmp_path)

    def kill(*_, **__):
        raise KeyboardInterrupt

    monkeypatch.setattr(Monitor, "run", kill)
    with pytest.raises(KeyboardInterrupt):
        loop.train(config, run, ONE())
    step, _ = checkpoint.read_newest(run_folder.checkpoints(run))
    assert step == 5 and not run_folder.is_finished(run)
    monkeypatch.undo()
    assert loop.train(config, run, ONE()) == ""
    assert run_folder.is_finished(run)
    assert "knn" in rows(run)[-1] and rows(run)[-1]["step"] == 5
    told = []  # Once more: nothing is left to do.
    monkeypatch.setattr(Monitor, "run", kill)
    assert loop.train(config, run, ONE(), callbacks=[told.append]) == ""
    assert told == []
    os.remove(f"{run_folder.checkpoints(run)}/step_000000005.npz")
    assert not run_folder.is_finished(run)
