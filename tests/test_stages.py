"""From a pretrained run to a teacher to a student, by the commands."""

import dataclasses
import json
import os

import numpy as np
import pytest
import tensorflow as tf

from simclr import __main__ as cli
from simclr import config as config_lib
from simclr.config import Classifier, Distill, Train
from simclr.data.images.reader import Reader
from simclr.data.sources.registry import open_source
from simclr.engines.workers import Workers
from simclr.models.variables import named_variables
from simclr.runs import checkpoint, weight_arrays, weights
from simclr.runs import folder as run_folder
from simclr.runs.stopping import Stopper
from simclr.training import loop
from simclr.training.tasks import Distill as DistillTask
from simclr.training.teachers import probabilities
from tests import tiny, tiny_pretrained
from tests.conftest import four_replicas

ONE = tf.distribute.get_strategy
FAST = ["--set=epochs=2", "--set=batch_size=16", "--strategy=cpu"]


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("stages")


@pytest.fixture(scope="module")
def photos(folder):
    return tiny.write_photos(folder / "photos")


@pytest.fixture(scope="module")
def pretrained(photos, folder):
    model = dataclasses.replace(tiny.CONFIG.model, head_layers=3)
    return tiny_pretrained.write(
        folder / "pretrained", model, size=16, source=photos
    )


@pytest.fixture(scope="module")
def teacher(pretrained, folder):
    run = str(folder / "teacher")
    command = ["finetune", f"--init={pretrained}", f"--workdir={run}", *FAST]
    assert cli.main([*command, "--label_fraction=0.5"]) == 0
    return run


@pytest.fixture(scope="module")
def student(teacher, folder):
    run = str(folder / "student")
    command = ["distill", f"--teacher={teacher}", f"--workdir={run}", *FAST]
    smaller = ["--set=model.width=0.13", "--set=model.stem=cifar"]
    assert cli.main([*command, *smaller, "--set=classifier.from_layer=0"]) == 0
    return run


def arrays(run):
    return checkpoint.read_newest(run_folder.checkpoints(run))[1]


def weights_of(run):
    return {
        name: array
        for name, array in arrays(run).items()
        if not name.startswith("optimizer/")
    }


def test_teacher_starts_from_the_runs_weights(pretrained, teacher, photos):
    config = run_folder.read_config(teacher)
    assert config.init == pretrained and config.task == "finetune"
    assert config.classifier.from_layer == 1, "the paper's, by default"
    assert config.data.source == str(photos)
    named = weights_of(teacher)
    assert "head/layer1_dense/kernel" in named
    assert "head/layer2_dense/kernel" not in named
    # Few steps of a small learning rate away from where it started.
    ours, theirs = (
        x["encoder/group1_block1_conv1/kernel"]
        for x in (named, weights_of(pretrained))
    )
    away = np.linalg.norm(ours - theirs) / np.linalg.norm(theirs)
    assert 0 < away < 0.1


def test_few_labels_are_saved_for_the_later_stages(teacher, student):
    path = os.path.join(teacher, "labels.csv")
    with open(path) as file:
        assert len(file.readlines()) == 1 + 32
    assert run_folder.read_config(teacher).data.labels == path
    assert run_folder.read_config(student).data.labels == path
    assert run_folder.read_facts(teacher)["data"]["images"] == 32
    assert run_folder.read_facts(student)["data"]["images"] == 64
    assert run_folder.read_facts(student)["classes"] == ["cat", "dog"]


def test_other_labels_in_the_same_folder_are_refused(
    pretrained, teacher, capsys
):
    command = ["finetune", f"--init={pretrained}", f"--workdir={teacher}"]
    assert cli.main([*command, *FAST, "--label_fraction=0.25"]) == 2
    assert "holds other labels" in capsys.readouterr().err


def test_supervised_baseline_is_the_same_net_from_fresh_weights(
    pretrained, teacher, folder
):
    run = str(folder / "supervised")
    # The seed of the pretraining would give the weights that it began with.
    command = ["finetune", f"--init={pretrained}", "--from_scratch"]
    command += ["--set=seed=9"]
    labels = f"--labels={teacher}/labels.csv"
    assert cli.main([*command, labels, f"--workdir={run}", *FAST]) == 0
    ours, theirs = weights_of(run), weights_of(teacher)
    assert {k: v.shape for k, v in ours.items()} == {
        k: v.shape for k, v in theirs.items()
    }
    assert run_folder.read_config(run).init == ""
    kernel = "encoder/group1_block1_conv1/kernel"
    far = np.linalg.norm(ours[kernel] - weights_of(pretrained)[kernel])
    assert far > np.linalg.norm(ours[kernel])


def test_new_classes(pretrained, photos, tmp_path):
    """Other labels, and another number of them, than it was pretrained with."""
    path = tmp_path / "labels.csv"
    names = sorted(p.relative_to(photos) for p in photos.rglob("*.png"))
    lines = [f"{name},{'abc'[i % 3]}\n" for i, name in enumerate(names[:48])]
    path.write_text("id,label\n" + "".join(lines))
    run = str(tmp_path / "run")
    command = ["finetune", f"--init={pretrained}", f"--labels={path}"]
    assert cli.main([*command, f"--workdir={run}", *FAST]) == 0
    assert run_folder.read_facts(run)["classes"] == ["a", "b", "c"]
    assert weights_of(run)["classifier/classifier/kernel"].shape[1] == 3


def test_loads_as_it_was_saved(teacher):
    trained = weights.load_classifier(teacher)
    named = named_variables(**trained.models)
    for name, variable in named.items():
        np.testing.assert_array_equal(variable, arrays(teacher)[name])
    assert trained.class_names == ["cat", "dog"]


def test_student_and_teacher_of_other_nets_in_one_process(teacher, student):
    config = run_folder.read_config(student)
    assert config.distill.teachers == (teacher,)
    assert config.model.stem == "cifar"
    assert not any(name.startswith("head/") for name in weights_of(student))


def test_a_chain_and_several_teachers(teacher, student, tmp_path):
    run = str(tmp_path / "run")
    command = ["distill", f"--teacher={teacher}", f"--teacher={student}"]
    assert cli.main([*command, f"--workdir={run}", *FAST]) == 0
    assert run_folder.read_config(run).distill.teachers == (teacher, student)


def distill_config(photos, teachers, **settings):
    return tiny.config(
        photos,
        task="distill",
        epochs=3,
        classifier=Classifier(from_layer=0),
        distill=Distill(teachers=tuple(teachers), **settings),
        train=Train(log_steps=2, eval_epochs=0, checkpoint_epochs=1.0),
    )


def batch(n=16, seed=0):
    rng = np.random.default_rng(seed)
    return {
        "view1": tf.constant(rng.uniform(size=[n, 16, 16, 3]), tf.float32),
        "label": tf.constant(rng.integers(-1, 2, [n]), tf.int32),
        "replaced": tf.zeros([n], tf.int32),
    }


def test_teachers_are_averaged_and_left_alone(photos, teacher, student):
    config = distill_config(photos, [teacher, student], temperature=2.0)
    task = DistillTask(config, num_examples=64, num_classes=2)
    before = [
        [v.numpy() for m in t.models.values() for v in m.variables]
        for t in task.teachers
    ]
    x = batch()["view1"]
    expected = np.mean(
        [tf.nn.softmax(t.model(x) / 2.0) for t in task.teachers],
        axis=0,
    )
    np.testing.assert_allclose(task._ask(x), expected, rtol=1e-5)
    task.optimizer.iterations.assign(5)
    task.step(batch())
    for old, t in zip(before, task.teachers):
        new = [v for m in t.models.values() for v in m.variables]
        for a, b in zip(old, new):
            np.testing.assert_array_equal(a, b)
    assert not any("teacher" in name for name in task.state)


@pytest.mark.parametrize(
    ("precision", "cache"), [("float32", False), ("mixed_bfloat16", True)]
)
def test_distills_cached_and_not(photos, teacher, tmp_path, cache, precision):
    config = distill_config(photos, [teacher], cache=cache)
    train = dataclasses.replace(config.train, precision=precision)
    config = dataclasses.replace(config, train=train)
    run = str(tmp_path / "run")
    assert loop.train(config, run, ONE()) == ""
    path = os.path.join(run, "teacher_probabilities.npy")
    assert os.path.exists(path) == cache
    if cache:
        p = np.load(path, allow_pickle=False)
        assert p.shape == (64, 2)
        np.testing.assert_allclose(p.sum(axis=1), 1, rtol=1e-5)


def alone(max_hours=0.0):
    """The only worker, and who stops it."""
    workers = Workers(ONE())
    return workers, Stopper(workers, max_hours)


def test_cached_answers_are_those_of_the_images_centres(
    photos, teacher, tmp_path
):
    """And of those mirrored, averaged."""
    from simclr.data.images.center_crop import center_view

    reader = Reader(open_source(str(photos)))
    config = distill_config(photos, [teacher], cache=True, temperature=3.0)
    workers, stopper = alone()
    p = probabilities.cached_probabilities(
        config, reader, ONE(), workers, str(tmp_path), stopper
    )
    trained = weights.load_classifier(teacher)
    for row in (0, 7, 63):
        view = center_view(reader.load(row)[0], 16)
        both = np.stack([view, np.array(view)[:, ::-1]])
        logits = trained.model(both).numpy() / 3.0
        expected = np.exp(logits) / np.exp(logits).sum(1, keepdims=True)
        np.testing.assert_allclose(p[row], expected.mean(0), rtol=1e-4)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["finetune", "distill", "cached"])
def test_four_replicas_follow_one(photos, teacher, tmp_path, kind):
    config = distill_config(
        photos, [teacher], cache=kind == "cached", alpha=0.7
    )
    config = dataclasses.replace(
        config,
        task="finetune" if kind == "finetune" else "distill",
        train=dataclasses.replace(config.train, log_steps=1),
    )
    curves = []
    for name, strategy in (("one", ONE()), ("four", four_replicas())):
        loop.train(config, str(tmp_path / name), strategy)
        with open(tmp_path / name / "metrics.jsonl") as file:
            curves.append([json.loads(line)["loss"] for line in file])
    assert len(curves[0]) == 13
    np.testing.assert_allclose(curves[0], curves[1], rtol=2e-4)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["finetune", "distill", "cached"])
def test_stops_and_resumes_to_the_same_bits(photos, teacher, tmp_path, kind):
    config = distill_config(photos, [teacher], cache=kind == "cached")
    if kind == "finetune":
        config = dataclasses.replace(config, task="finetune")
    whole, parts = str(tmp_path / "whole"), str(tmp_path / "parts")
    loop.train(config, whole, ONE())
    assert loop.train(config, parts, ONE(), max_hours=1e-9)
    assert loop.train(config, parts, ONE()) == ""
    for name, array in arrays(whole).items():
        np.testing.assert_array_equal(array, arrays(parts)[name], name)


def test_folders_that_are_no_classes_are_no_labels(teacher, tmp_path):
    """Photos by month: the teacher's classes are not their folders."""
    other = tiny.write_photos(tmp_path / "p", count=32, classes=("may", "june"))
    run = str(tmp_path / "run")
    command = ["distill", f"--teacher={teacher}", f"--data={other}"]
    assert cli.main([*command, f"--workdir={run}", *FAST]) == 0
    assert run_folder.read_facts(run)["classes"] == ["cat", "dog"]


@pytest.mark.parametrize(
    "words, message",
    [
        (["finetune"], "Say --init=RUN"),
        (["finetune", "--init=/nowhere"], "is no run folder"),
        (["distill"], "say --teacher=ENCODER"),
        (
            ["distill", "--teacher={pretrained}", "--set=task=distill"],
            "is no classifier",
        ),
        (
            ["finetune", "--init={pretrained}", "--labels=none"],
            "has no labels",
        ),
        (
            ["distill", "--teacher={teacher}", "--set=distill.alpha=0.5",
             "--data={plain}"],
            "needs labels",
        ),
        (
            [
                "finetune",
                "--init={pretrained}",
                "--set=classifier.from_layer=4",
            ],
            "has 3 layers",
        ),
        (
            ["finetune", "--init={pretrained}", "--set=classifier.freeze=all"],
            "choose one of none, stem",
        ),
        (
            ["finetune", "--config=configs/demo.py"],
            "is a recipe for simclr pretrain",
        ),
    ],
)  # fmt: skip
def test_bad_input_is_one_line(
    words, message, pretrained, teacher, tmp_path, capsys
):
    plain = tiny.write_photos(tmp_path / "plain", count=4, classes=("x",))
    given = {"pretrained": pretrained, "teacher": teacher, "plain": plain}
    words = [word.format(**given) for word in words]
    workdir = tmp_path / "run"
    assert cli.main([*words, f"--workdir={workdir}"]) == 2
    error = capsys.readouterr().err.strip().splitlines()[-1]
    assert message in error and error.startswith("simclr: ")
    assert not (workdir / "checkpoints").exists()


def test_old_configs_read(pretrained):
    """A run from before these stages has none of their settings."""
    config = run_folder.read_config(pretrained)
    text = json.loads(config_lib.to_json(config))
    for key in ("task", "classifier", "distill"):
        del text[key]
    assert config_lib.from_json(json.dumps(text)) == config


def test_cached_answers_are_of_these_teachers_and_images(
    photos, teacher, student, tmp_path
):
    path = tmp_path / "teacher_probabilities.npy"
    reader = Reader(open_source(str(photos)))
    workers, stopper = alone()

    def cached(teachers=(teacher,), temperature=1.0):
        config = distill_config(
            photos, teachers, cache=True, temperature=temperature
        )
        p = probabilities.cached_probabilities(
            config,
            reader,
            ONE(),
            workers,
            str(tmp_path),
            stopper,
        )
        return np.array(p)

    first = cached()
    np.save(path, np.zeros_like(first))  # To be told from a new one.
    assert not cached().any()  # It goes on: taken over.
    warm = cached(temperature=4.0)
    assert warm.any() and np.abs(warm - first).max() > 1e-6
    np.save(path, np.zeros_like(first))
    assert np.abs(cached(teachers=(student,)) - first).max() > 1e-6
    np.save(path, np.zeros_like(first))
    newer = weight_arrays.read_weights(teacher)
    folder = run_folder.checkpoints(teacher)
    added = checkpoint.save(folder, 999, newer, keep=9)
    try:
        assert cached().any()
    finally:
        os.unlink(added)
    [*_, newest] = checkpoint.paths(folder)
    step, old = checkpoint.read(newest)
    bias = old["classifier/classifier/bias"] + [100, 0]
    checkpoint.save(
        folder, step, {**old, "classifier/classifier/bias": bias}, keep=9
    )
    try:  # Trained again, to the same step.
        np.testing.assert_allclose(cached()[:, 0], 1, atol=1e-6)
    finally:
        checkpoint.save(folder, step, old, keep=9)
    np.save(path, np.zeros_like(first))
    cached()
    assert sorted(os.listdir(tmp_path)) == [
        "teacher_probabilities.json",
        "teacher_probabilities.npy",
    ]
