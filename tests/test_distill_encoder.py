"""A student of an encoder: its targets, its steps, its command."""

import dataclasses
import os
import shutil

import numpy as np
import pytest
import tensorflow as tf

import simclr
from simclr import __main__ as cli
from simclr import config as config_lib
from simclr.config import DistillEncoder as Wanted
from simclr.config import Optimizer, Train
from simclr.data.images.reader import Reader
from simclr.data.sources.registry import open_source
from simclr.engines.workers import Workers
from simclr.evaluation.agreement import neighbour_agreement
from simclr.inference import shard_writer
from simclr.inference.features import embed
from simclr.messages.errors import InputError, Stopped
from simclr.runs import checkpoint, weights
from simclr.runs import folder as run_folder
from simclr.runs.stopping import Stopper
from simclr.training import loop
from simclr.training.tasks import DistillEncoder, distill_encoder
from simclr.training.teachers import features as teacher_features
from tests import (
    killed,
    tiny,
    tiny_classifier,
    tiny_encoder,
    tiny_step,
    weight_files,
)
from tests.conftest import four_replicas
from tests.test_lower import run_pyz
from tests.test_pjrt import assert_same_run, train
from tests.test_training import final_arrays, losses, rows

ONE = tf.distribute.get_strategy
WANTED = Wanted(dims=8, queue=40)


@pytest.fixture(scope="module")
def photos(tmp_path_factory):
    return tiny.write_photos(tmp_path_factory.mktemp("photos"))


@pytest.fixture(scope="module")
def teacher(photos, tmp_path_factory):
    return tiny_encoder.write(tmp_path_factory.mktemp("teacher"), photos)


def student(photos, teacher, **changes):
    """A Config; changes are of distill_encoder, or whole parts."""
    own = {f.name for f in dataclasses.fields(Wanted)}
    wanted = {k: v for k, v in changes.items() if k in own}
    rest = {k: v for k, v in changes.items() if k not in own}
    return tiny.config(
        photos,
        **{
            "task": "distill_encoder",
            "distill_encoder": dataclasses.replace(
                WANTED, teacher=teacher, **wanted
            ),
            "optimizer": Optimizer(
                name="sgd", base_lr=0.5, weight_decay=1e-4, warmup_epochs=0
            ),
            **rest,
        },
    )


def targets(config, workdir, max_hours=0.0):
    reader = Reader(open_source(config.data.source))
    strategy = ONE()
    found = teacher_features.targets(
        config,
        reader,
        strategy,
        Workers(strategy),
        str(workdir),
        Stopper(Workers(strategy), max_hours),
    )
    return found, reader


def test_targets_are_the_principal_components(photos, teacher, tmp_path):
    """Of the features of each image and its mirror image, less their mean."""
    found, reader = targets(student(photos, teacher), tmp_path / "run")
    trained = weights.load_encoder(teacher)

    def both(x):
        return (trained.model(x) + trained.model(x[:, :, ::-1])) / 2

    _, h = embed(both, reader, image_size=trained.image_size)
    h = h.astype(np.float64) - h.mean(0)
    u, s, _ = np.linalg.svd(h, full_matrices=False)
    z = u[:, :8] * s[:8]
    z /= np.linalg.norm(z, axis=1, keepdims=True)
    assert found.shape == (64, 8) and found.dtype == np.float16
    np.testing.assert_allclose(found @ found.T, z @ z.T, atol=0.01)


def test_few_features_have_zeros_behind_them(photos, teacher, tmp_path):
    found, _ = targets(student(photos, teacher, dims=100), tmp_path / "run")
    assert found.shape == (64, 100)
    assert not found[:, 64:].any()
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1, atol=1e-2)


def test_each_image_is_looked_at_once(photos, teacher, tmp_path, monkeypatch):
    """By all students beside each other, also after a kill half-way."""
    written = []
    write = shard_writer._write

    def killed(folder, index, *rest):
        if len(written) == 2:
            raise KeyboardInterrupt
        written.append(index)
        write(folder, index, *rest)

    monkeypatch.setattr(teacher_features, "_SHARD", 16)
    monkeypatch.setattr(shard_writer, "_write", killed)
    config = student(photos, teacher)
    with pytest.raises(KeyboardInterrupt):
        targets(config, tmp_path / "run")
    monkeypatch.setattr(
        shard_writer,
        "_write",
        lambda folder, i, *rest: written.append(i) or write(folder, i, *rest),
    )
    first, _ = targets(config, tmp_path / "run")
    assert written == [0, 1, 2, 3]
    again, _ = targets(config, tmp_path / "another run")
    fewer, _ = targets(student(photos, teacher, dims=4), tmp_path / "third")
    assert written == [0, 1, 2, 3]
    np.testing.assert_array_equal(first, again)
    assert fewer.shape == (64, 4)


def test_a_look_stops_when_it_is_asked_to(photos, teacher, tmp_path):
    """--max_hours counts from the look on; the same command resumes."""
    config = student(photos, teacher)
    whole, _ = targets(config, tmp_path / "a" / "run")
    with pytest.raises(Stopped, match="--max_hours"):
        targets(config, tmp_path / "b" / "run", max_hours=1e-9)
    run = str(tmp_path / "b" / "run")
    stopped = loop.train(config, run, ONE(), max_hours=1e-9)
    assert stopped.startswith("--max_hours")
    assert not checkpoint.paths(run_folder.checkpoints(run))
    found, _ = targets(config, run)
    np.testing.assert_array_equal(found, whole)


def test_another_teacher_or_other_images_are_looked_at_anew(
    photos, teacher, tmp_path
):
    other = tiny_encoder.write(tmp_path / "other", photos, seed=2)
    pixels = shutil.copytree(teacher, tmp_path / "pixels")
    run = run_folder.read_config(str(pixels))
    model = dataclasses.replace(run.model, normalization="inception")
    run = dataclasses.replace(run, model=model)
    (pixels / "config.json").write_text(config_lib.to_json(run))
    fewer = tiny.write_photos(tmp_path / "fewer", count=32)
    same_names = tiny.write_photos(tmp_path / "same names", seed=1)
    for config in (
        student(photos, teacher),
        student(photos, teacher, mirror=False),
        student(photos, other),
        student(photos, str(pixels)),
        student(fewer, teacher),
        student(same_names, teacher),
    ):
        targets(config, tmp_path / "runs" / "run")
    folders = os.listdir(tmp_path / "runs" / "teacher_features")
    assert len(folders) == 6


@pytest.mark.parametrize("target", ["similarities", "features"])
def test_a_run_does_not_go_on_with_another_teacher(photos, tmp_path, target):
    teacher = tiny_encoder.write(tmp_path / "teacher", photos)
    config = student(photos, teacher, target=target)
    task = DistillEncoder(config, num_examples=64)
    reader = Reader(open_source(config.data.source))
    workers = Workers(ONE())
    more = (reader, ONE(), workers, str(tmp_path / "run"))

    def begin(step):
        task.targets(*more, step, Stopper(workers))

    begin(step=0)
    begin(step=3)
    tiny_encoder.write(tmp_path / "trained on", photos, step=9, seed=2)
    shutil.rmtree(teacher)
    (tmp_path / "trained on").rename(teacher)
    with pytest.raises(InputError, match="began with another teacher than"):
        begin(step=3)


def test_preprocessing_is_of_a_file(photos, teacher, tmp_path, capsys):
    line = ["distill", f"--teacher={teacher}", f"--data={photos}"]
    line += ["--preprocessing=inception", f"--workdir={tmp_path / 'run'}"]
    assert cli.main(line) == 2
    said = capsys.readouterr().err
    assert "--preprocessing goes with a .keras or .onnx file" in said


def test_an_image_that_cannot_be_read_has_no_features(teacher, tmp_path):
    photos = tiny.write_photos(tmp_path / "photos", count=40)
    (photos / "cat" / "002.png").write_bytes(b"no image")
    found, _ = targets(student(photos, teacher), tmp_path / "run")
    assert np.flatnonzero(~found.any(1)).tolist() == [1]  # Of cat's, second.
    queue = teacher_features.queue_of(found, 40, seed=0)
    assert np.linalg.norm(queue, axis=1).min() > 0.9


def test_the_queue_is_each_image_once(photos, teacher, tmp_path):
    found, _ = targets(student(photos, teacher), tmp_path / "run")
    queue = teacher_features.queue_of(found, 64, seed=0)
    assert queue.dtype == np.float32
    assert {tuple(q) for q in queue} == {
        tuple(x) for x in found.astype(np.float32)
    }


@pytest.fixture
def small_encoder(monkeypatch):
    monkeypatch.setattr(
        distill_encoder, "build_encoder", tiny_step.build_encoder
    )


@pytest.mark.parametrize(
    "changes",
    [
        {},  # A queue smaller than the set.
        pytest.param({"queue": 1000, "contrast": 0.5}, marks=pytest.mark.slow),
        pytest.param({"target": "features"}, marks=pytest.mark.slow),
    ],
)
def test_four_replicas_follow_one(
    photos, teacher, tmp_path, small_encoder, changes
):
    """In float64: the gradient is that of one big batch."""
    config = student(
        photos,
        teacher,
        epochs=1,
        train=Train(precision="float64", log_steps=1, eval_epochs=0),
        **changes,
    )
    curves = []
    for name, strategy in (("one", ONE()), ("four", four_replicas())):
        loop.train(config, str(tmp_path / name), strategy)
        curves.append([row for row in rows(tmp_path / name) if "loss" in row])
    assert len(curves[0]) == 5
    for one, four in zip(*curves):
        for key in one:
            np.testing.assert_allclose(one[key], four[key], rtol=1e-8)


def test_goes_on_to_the_same_bits(photos, teacher, tmp_path, small_encoder):
    """The queue is in the checkpoint, the targets beside the runs."""
    config = student(photos, teacher)
    at_6 = killed.copied(tmp_path / "whole", 6, tmp_path / "run")
    loop.train(config, str(tmp_path / "whole"), ONE(), callbacks=at_6)
    assert loop.train(config, str(tmp_path / "run"), ONE()) == ""
    whole = final_arrays(tmp_path / "whole")
    assert whole["queue/queue/features"].shape == (40, 8)
    for name, array in final_arrays(tmp_path / "run").items():
        np.testing.assert_array_equal(whole[name], array, err_msg=name)
    assert rows(tmp_path / "run") == rows(tmp_path / "whole")


@pytest.mark.parametrize("target", ["similarities", "features"])
def test_learns(photos, teacher, tmp_path, target):
    config = student(photos, teacher, epochs=8, target=target)
    loop.train(config, str(tmp_path / "run"), ONE())
    curve = losses(tmp_path / "run")
    assert np.mean(curve[-3:]) < np.mean(curve[:3])
    last = rows(tmp_path / "run")[-1]
    assert "knn" in last, "scored as an encoder is"
    if target == "features":  # The cosine itself is what is learned.
        cosines = [r["cosine"] for r in rows(tmp_path / "run") if "cosine" in r]
        np.testing.assert_allclose(
            curve, (1 - np.array(cosines)) / 0.1, rtol=1e-4
        )
        return
    found, reader = targets(config, tmp_path / "run")
    trained = weights.load_encoder(str(tmp_path / "run"))
    h = embed(trained.model, reader, image_size=trained.image_size)[1]
    np.testing.assert_allclose(
        last["agreement"], neighbour_agreement(h, found), atol=0.01
    )


def test_a_teacher_without_classes_teaches_its_features(
    photos, teacher, tmp_path, capsys
):
    run = tmp_path / "run"
    small = ["--set=model.depth=10", "--set=model.width=0.125"]
    small += ["--set=epochs=1", "--set=batch_size=16"]
    command = ["distill", f"--teacher={teacher}", f"--workdir={run}"]
    assert cli.main([*command, *small]) == 0
    said = capsys.readouterr().err
    assert "cosine to the teacher" in said
    assert f"simclr finetune --init={run}" in said
    config = run_folder.read_config(str(run))
    assert config.task == "distill_encoder"
    assert config.distill_encoder.teacher == teacher
    assert config.data.source == str(photos)
    results = simclr.evaluate(str(run), quiet=True)
    assert "knn_top1" in results["rows"][-1]
    tuned = simclr.finetune(
        init=str(run),
        workdir=str(tmp_path / "tuned"),
        epochs=1,
        quiet=True,
    )
    assert tuned.config.classifier.from_layer == 0, "there is no trained head"


def test_published_weights_teach_as_their_import_does(photos, tmp_path):
    file = weight_files.write(
        tmp_path / "resnet18.safetensors", weight_files.state("resnet18")
    )
    run = str(tmp_path / "imported")
    assert cli.main(["import", str(file), f"--workdir={run}"]) == 0
    one, other = (
        targets(
            student(photos, str(path), teacher_size=32, mirror=False),
            tmp_path / "runs" / "run",
        )[0]
        for path in (file, run)
    )
    np.testing.assert_array_equal(one, other)
    assert len(os.listdir(tmp_path / "runs" / "teacher_features")) == 1


@pytest.mark.slow
def test_a_classifier_can_teach_its_features(photos, tmp_path):
    """Where the user says so; by itself it teaches its classes."""
    taught = tiny_classifier.write(tmp_path / "taught", photos)
    run = simclr.distill(
        teacher=taught,
        workdir=str(tmp_path / "run"),
        set=("task=distill_encoder", "epochs=0.5", "model.width=0.125"),
        quiet=True,
    )
    assert run.config.task == "distill_encoder"


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--teacher=/no/such"], "There is no /no/such."),
        ([], "There is no teacher: say --teacher=ENCODER."),
        (
            ["--teacher=/none.pth", "--data=sample"],
            "There is no /none.pth.",
        ),
        (
            [
                "--config=configs/photos_distill.py",
                *("--teacher=/none.onnx", "--data=sample"),
            ],
            "There is no /none.onnx",
        ),
    ],
)
def test_no_teacher(arguments, message, tmp_path, capsys):
    line = ["distill", *arguments, f"--workdir={tmp_path / 'run'}"]
    assert cli.main(line) != 0
    assert message in capsys.readouterr().err
    assert not (tmp_path / "run").exists()


def test_a_pipeline_needs_no_teacher_for_what_is_trained(teacher, capsys):
    line = ["pipeline", "configs/pipelines/photos_distill.py", "--data=/none"]
    assert cli.main(line) == 2
    assert "has no teacher: say --teacher=" in capsys.readouterr().err
    assert cli.main([*line, f"--pretrained={teacher}"]) == 2
    assert "/none" in capsys.readouterr().err


def test_two_encoders_are_refused(teacher):
    with pytest.raises(InputError, match="One encoder can be the teacher"):
        simclr.distill(teacher=(teacher, teacher), workdir="/nowhere")


def write_recipe(path, config):
    path.write_text(
        "from simclr import config as c\n"
        f"config = c.from_json({simclr.config.to_json(config)!r})\n"
    )
    return path


@pytest.mark.slow
def test_same_run_by_pjrt(photos, teacher, tmp_path):
    """From the same targets; those that PJRT finds are the same, except for
    float16."""
    pytest.importorskip("jax")
    exact = Train(log_steps=1, eval_epochs=3, precision="float64")
    config = student(
        photos, teacher, epochs=6.25, batch_size=8, train=exact, contrast=0.5
    )
    recipe = write_recipe(tmp_path / "recipe.py", config)
    pjrt = ("--engine=pjrt", "--replicas=4")
    folders = [tmp_path / "run", tmp_path / "again", tmp_path / "apart" / "run"]
    for folder, flags in zip(folders, ((), pjrt, pjrt)):
        train(recipe, folder, *flags, command="distill")
    assert_same_run(*folders[:2])
    one, other = (
        np.load(next(run.parent.glob("teacher_features/*/targets_8.npy")))
        for run in folders[1:]
    )
    np.testing.assert_allclose(one @ one.T, other @ other.T, atol=0.01)


@pytest.mark.slow
def test_lowered_it_trains_without_tensorflow(photos, teacher, tmp_path):
    """As on TensorFlow's own devices except for the order of the images."""
    pytest.importorskip("jax")
    train = Train(log_steps=1, eval_epochs=100.0, precision="float64")
    config = student(photos, teacher, epochs=8, train=train)
    recipe = write_recipe(tmp_path / "recipe.py", config)
    run = str(tmp_path / "run")
    command = ["lower", f"--config={recipe}", f"--workdir={run}", "--side=27"]
    assert cli.main(command) == 0
    signature = run_folder.read_json(f"{run}/lowered", "signature.json")
    assert "queue/queue/features" in signature["step"]["state"]
    run_pyz(run)
    curve = losses(run)
    assert len(curve) == 33
    assert np.mean(curve[-5:]) < np.mean(curve[:5])
    step, arrays = checkpoint.read_newest(run_folder.checkpoints(run))
    assert step == 33 and arrays["queue/queue/features"].any()
