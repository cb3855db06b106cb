"""The untrained encoder and raw pixels: scored late, of the first weights."""

import dataclasses
import os
import threading

import pytest
import tensorflow as tf
from tensorflow.python.autograph.impl import api as autograph

from simclr.data.images.reader import Reader
from simclr.engines.workers import Workers
from simclr.evaluation.split import split
from simclr.runs import metrics
from simclr.training import baselines, loop
from simclr.training.monitor import Monitor
from simclr.training.tasks import TASKS
from tests import tiny

ONE = tf.distribute.get_strategy


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return tiny.write_photos(tmp_path_factory.mktemp("photos"), count=48)


@pytest.fixture(autouse=True)
def own_cache(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))


def rows(workdir):
    return metrics.read(os.path.join(workdir, "metrics.jsonl"))


def silent(text):
    """Warnings of a collapse are nobody's here."""


def test_late_scores_are_those_of_the_weights_at_the_start(photos):
    config = tiny.config(photos)
    source, names = TASKS[config.task].open_data(config)
    task = TASKS[config.task](
        config, num_examples=len(source), num_classes=len(names)
    )
    monitor = Monitor(config, Reader(source), task, ONE(), Workers(ONE()))
    before, nothing = monitor.run(silent)
    assert not nothing
    for variable in task.encoder.variables:
        variable.assign(variable * 0.5 + 0.1)  # As training would.
    after, beside = monitor.run(silent, with_baselines=True)
    assert 0 <= beside.pop("raw_pixels_knn") <= 1
    assert beside == {f"untrained_{k}": v for k, v in before.items()}
    assert after != before


def test_a_run_stopped_before_they_were_scored_gets_them(
    photos, tmp_path, monkeypatch
):
    rewritten = []

    def note(entity, *rest):
        rewritten.append(entity)
        return convert(entity, *rest)

    # AutoGraph would take seconds for it, and find nothing to change.
    convert = autograph._convert_actual
    monkeypatch.setattr(autograph, "_convert_actual", note)
    config = tiny.config(photos, epochs=2)
    workdir = str(tmp_path / "run")
    stopped = loop.train(
        config, workdir, ONE(), callbacks=[lambda row: row["step"] == 2]
    )
    assert stopped
    assert [row["step"] for row in rows(workdir)] == [2]
    assert loop.train(config, workdir, ONE()) == ""
    assert rewritten == []
    first, *rest = rows(workdir)
    assert {"untrained_knn", "untrained_alignment", "raw_pixels_knn"} <= set(
        first
    )
    assert [row["step"] for row in rest] == [2, 3, 4, 7, 7]
    assert not any("untrained_knn" in row for row in rest)

    # Another run of these images and this net: from the cache, at once.
    def not_again(config, strategy):
        raise AssertionError("scored twice")

    monkeypatch.setattr(baselines, "untrained", not_again)
    seen = []
    config = dataclasses.replace(
        config, loss=dataclasses.replace(config.loss, temperature=0.2)
    )
    again = str(tmp_path / "again")
    loop.train(config, again, ONE(), callbacks=[seen.append])
    assert rows(again)[0] == seen[0] == first


def test_what_changes_them_changes_their_place(photos):
    config = tiny.config(photos)
    source, _ = TASKS[config.task].open_data(config)

    def place(config, limit=0):
        return baselines.place(
            config,
            split(Reader(source), limit=limit),
            image_size=16,
            total_steps=9,
            strategy=ONE(),
        )

    assert place(config) == place(dataclasses.replace(config, batch_size=8))
    others = [
        place(dataclasses.replace(config, seed=4)),
        place(
            dataclasses.replace(
                config, model=dataclasses.replace(config.model, width=0.25)
            )
        ),
        place(config, limit=5),
    ]
    assert len({place(config), *others}) == 4
    assert place(dataclasses.replace(config, init="a/run")) == ""


def threads():
    return len(os.listdir("/proc/self/task")), threading.enumerate()


@pytest.mark.slow
def test_trainings_leave_no_threads(photos, tmp_path):
    counts = []
    for i in range(6):
        workdir = str(tmp_path / str(i))
        loop.train(tiny.config(photos, epochs=1), workdir, ONE())
        counts.append(threads())
    (first, names), *others = counts  # The first starts TensorFlow's own.
    assert all(count <= first and now == names for count, now in others)
