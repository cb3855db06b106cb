"""The best weights of a run that starts from others: which, and where."""

import dataclasses

import numpy as np
import pytest
import tensorflow as tf

from simclr.data.images.reader import Reader
from simclr.engines.workers import Workers
from simclr.runs import best, checkpoint, metrics, weights
from simclr.runs import folder as run_folder
from simclr.training import loop, run_facts, start
from simclr.training.monitor import Monitor
from simclr.training.recorder import Recorder
from simclr.training.tasks import Pretrain
from tests import tiny, tiny_encoder

ONE = tf.distribute.get_strategy
START = {"step": 0, "start_knn": 0.8, "start_effective_rank": 50.0}


def scored(step, knn=None, rank=50.0):
    row = {"step": step, "effective_rank": rank}
    return row if knn is None else {**row, "knn": knn}


def test_best_is_by_labels_where_there_are_some():
    compared = best.Comparison([START])
    assert not compared.add(4, scored(4, knn=0.79, rank=90.0))
    assert not compared.add(8, scored(8, knn=0.8))  # Not above the start.
    assert compared.best_step == 0
    assert (
        compared.end(8)
        == "The last weights are no better than those of the start"
    )
    assert compared.add(12, scored(12, knn=0.81, rank=2.0))
    assert compared.best_step == 12 and compared.end(12) == ""
    assert not compared.add(16, scored(16, knn=0.5))
    assert "worse than those of step 12" in compared.end(16)


def test_best_is_by_effective_rank_without_labels():
    compared = best.Comparison([{"step": 0, "start_effective_rank": 50.0}])
    assert not compared.add(4, scored(4, rank=49.0))
    assert compared.add(8, scored(8, rank=51.0))
    assert not compared.add(12, scored(12, rank=float("nan")))
    assert compared.best_step == 8


def test_best_of_a_student_is_by_its_agreement_with_the_teacher():
    start = {"start_effective_rank": 50.0, "start_agreement": 0.1}
    compared = best.Comparison([{"step": 0, **start}])
    assert compared.add(4, {**scored(4, rank=40.0), "agreement": 0.2})
    assert not compared.add(8, {**scored(8, rank=60.0), "agreement": 0.15})
    assert compared.worse({**scored(9, rank=40.0), "agreement": 0.15}) == ""


def test_worse_is_one_line_with_both_and_the_best():
    compared = best.Comparison([START])
    compared.add(4, scored(4, knn=0.75))
    assert compared.worse(scored(4, knn=0.75)) == (
        "Worse than its start: kNN 0.750, the start's 0.800; the best is the "
        "start's, 0.800"
    )
    compared.add(8, scored(8, knn=0.85))
    assert compared.worse(scored(8, knn=0.8)) == ""
    assert compared.worse(scored(12, knn=0.7)).endswith(
        "the best is step 8's, 0.850"
    )
    unknown = best.Comparison([])  # The start's weights were gone.
    assert unknown.add(4, scored(4)) and unknown.worse(scored(4)) == ""


def test_broken_features_are_worse():
    compared = best.Comparison([{"step": 0, "start_effective_rank": 50.0}])
    assert "effective rank nan" in compared.worse(scored(4, rank=np.nan))
    written = best.Comparison([START, scored(4, knn=0.9, rank=None)])
    assert written.best_step == 4


def test_a_resumed_run_knows_its_best_from_its_rows():
    rows = [START, {"step": 2, "loss": 1.0}, scored(4, 0.9), scored(8, 0.85)]
    compared = best.Comparison(rows)
    assert compared.best_step == 4
    assert not compared.add(12, scored(12, knn=0.9))


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return tiny.write_photos(tmp_path_factory.mktemp("photos"), count=40)


def test_a_run_keeps_its_best_as_a_run(photos, tmp_path, monkeypatch, capsys):
    """First the start's; then those of each step that is above all before."""
    first = tiny_encoder.write(tmp_path / "first", photos)
    config = dataclasses.replace(tiny.config(photos), init=first)
    source, names = Pretrain.open_data(config)
    task = Pretrain(config, num_examples=40, num_classes=2)
    start.start_from(
        checkpoint.read(checkpoint.path_of(f"{first}/checkpoints", 4))[1],
        task.models,
    )
    begun = {v.path: v.numpy() for v in task.encoder.variables}
    run = str(tmp_path / "run")
    facts = run_facts.facts_of(source, names, 1, ())
    found = iter(
        [
            ({"knn": 0.5}, {"start_knn": 0.6, "start_effective_rank": 9.0}),
            ({"knn": 0.7}, {}),
            ({"knn": 0.65}, {}),
        ]
    )
    monkeypatch.setattr(Monitor, "run", lambda *_, **__: next(found))

    def of_best():
        trained = weights.load_encoder(best.folder(run))
        encoder = trained.models["encoder"]
        return trained.step, {v.path: v.numpy() for v in encoder.variables}

    with run_folder.open_run(run, config, facts):
        recorder = Recorder(
            *(config, Reader(source), names, task, ONE(), Workers(ONE())),
            *(run, 0),
        )
        with recorder:
            for step in (4, 8, 12):
                for variable in task.encoder.variables:
                    variable.assign(variable * 0.9)
                recorder.evaluate(step)
                if step == 4:
                    its_step, arrays = of_best()
                    assert its_step == 0
                    for name, value in begun.items():
                        np.testing.assert_array_equal(arrays[name], value)
                if step == 8:
                    now = {v.path: v.numpy() for v in task.encoder.variables}
            recorder.finish(12)
    its_step, arrays = of_best()
    assert its_step == 8 and arrays.keys() == now.keys()
    for name, value in now.items():
        np.testing.assert_array_equal(arrays[name], value)
    said = capsys.readouterr().err
    assert said.count("Worse than its start: kNN 0.500") == 1
    assert said.count("its start  knn 0.600  effective_rank 9.000") == 3
    assert f"worse than those of step 8: {run}/best" in said
    assert run_folder.read_facts(best.folder(run))["classes"] == names


@pytest.mark.slow
def test_a_run_from_weights_is_watched_against_them(photos, tmp_path, capsys):
    """By the real monitor: the start's scores are those of the start."""
    first = str(tmp_path / "first")
    loop.train(tiny.config(photos, epochs=2), first, ONE())
    last = metrics.read(f"{first}/metrics.jsonl")[-1]
    run = str(tmp_path / "run")
    loop.train(tiny.config(photos, epochs=2, init=first), run, ONE())
    rows = metrics.read(f"{run}/metrics.jsonl")
    for name in ("knn", "effective_rank", "uniformity"):
        assert rows[0][f"start_{name}"] == pytest.approx(last[name], rel=1e-5)
    assert not any("untrained_knn" in row for row in rows)
    assert "its start  " in capsys.readouterr().err
    knn = {0: rows[0]["start_knn"]} | {
        r["step"]: r["knn"] for r in rows if "knn" in r
    }
    expected = max(knn, key=lambda step: (knn[step], -step))
    assert weights.newest_step(best.folder(run)) == expected
