"""`simclr lower`, and the runner that trains from it without TensorFlow.

In processes of their own: jax fixes the number of its CPU devices once, and
the runner must not find TensorFlow.
"""

import json
import os
import subprocess
import sys
import types
import zipfile

import numpy as np
import pytest
import tensorflow as tf

from simclr import __main__ as cli
from simclr import config as config_lib
from simclr.commands.tools.bundle import bundle_runner
from simclr.config import Train
from simclr.data.views import device_crop, view_draws
from simclr.pjrt import devices as jax_devices
from simclr.pjrt import image_store, runner
from simclr.runs import checkpoint, metrics
from simclr.runs import folder as run_folder
from simclr.training.tasks import TASKS
from tests import tiny, tiny_classifier
from tests.test_pjrt import train as pretrain
from tests.test_pjrt import write_recipe

# Runs train.pyz as a machine without TensorFlow would.
WITHOUT = (
    "import runpy, sys; sys.modules['tensorflow'] = None; "
    "sys.modules['keras'] = None; sys.argv = sys.argv[1:]; "
    "runpy.run_path(sys.argv[0], run_name='__main__')"
)


def lower(recipe, run, *flags):
    """`simclr lower`, the photos (24 x 27 pixels) as they are."""
    command = ["lower", f"--config={recipe}", f"--workdir={run}", "--side=27"]
    assert cli.main([*command, *flags]) == 0


def run_pyz(run, *flags, status=0):
    """The runner, to its end or to where it stops; returns what it said."""
    path = os.path.join(run, "train.pyz")
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, path, "--platform=cpu", *flags],
        capture_output=True,
        text=True,
        cwd=run,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
    )
    assert done.returncode == status, done.stderr[-3000:]
    return done.stderr


def rows(run):
    """Rows of metrics with a loss."""
    found = metrics.read(os.path.join(run, "metrics.jsonl"))
    return [row for row in found if "loss" in row]


@pytest.fixture(scope="module")
def recipe(tmp_path_factory):
    pytest.importorskip("jax")
    folder = tmp_path_factory.mktemp("lower")
    photos = tiny.write_photos(folder / "photos")
    train = Train(log_steps=1, eval_epochs=100.0, precision="float64")
    return write_recipe(folder / "recipe.py", photos, train=train)


@pytest.fixture(scope="module")
def lowered(recipe, tmp_path_factory):
    """A run, lowered for one device and trained by the runner."""
    run = str(tmp_path_factory.mktemp("one") / "run")
    lower(recipe, run)
    run_pyz(run)
    return run


@pytest.mark.slow
def test_the_runner_trains_as_tensorflow_does(recipe, lowered):
    """The same images, boxes and draws through the task, eagerly built."""
    config = config_lib.load(str(recipe))
    task = TASKS[config.task](config, num_examples=64, num_classes=2)
    images = np.load(f"{lowered}/lowered/images.npy")
    kept = np.load(f"{lowered}/lowered/images_rows.npz")
    order = image_store.Order(config.seed, len(images))
    numbers = {"seed": config.seed, "batch_size": config.batch_size}
    step_of = tf.function(task.step)
    found = rows(lowered)
    assert len(found) == 51
    for step in range(12):
        index = order.rows(step, config.batch_size)
        draws = view_draws.draw(step, **numbers)
        view1, view2 = device_crop.random_crops(
            images[index],
            tf.constant(kept["extents"][index]),
            device_crop.draw(step, **numbers),
            draws["flip"],
            size=config.data.image_size,
            views=config.augment.views,
        )
        result = step_of(
            {
                "view1": view1,
                "view2": view2,
                "draws": draws,
                "label": tf.constant(kept["label"][index]),
                "replaced": tf.constant(kept["replaced"][index]),
            }
        )
        for name in ("loss", "grad_norm", "learning_rate", "probe_loss"):
            # A pixel half-way between two levels may be rounded either way.
            np.testing.assert_allclose(
                found[step][name], result[name], rtol=1e-4, err_msg=name
            )


@pytest.mark.slow
def test_four_devices_are_as_one(recipe, lowered, tmp_path):
    run = str(tmp_path / "run")
    lower(recipe, run, "--replicas=4")
    assert "4 x cpu" in run_pyz(run)
    for row, same in zip(rows(lowered), rows(run), strict=True):
        np.testing.assert_allclose(same["loss"], row["loss"], rtol=1e-6)


@pytest.mark.slow
def test_another_backbone(recipe, tmp_path):
    run = str(tmp_path / "run")
    lower(
        recipe,
        run,
        "--set=model.name=mobilenet_v3_small",
        "--set=train.precision=float32",
        "--set=epochs=1",
    )
    _, before = checkpoint.read_newest(run_folder.checkpoints(run))
    run_pyz(run)
    step, after = checkpoint.read_newest(run_folder.checkpoints(run))
    assert step > 2
    moved = [
        np.any(array != after[name])
        for name, array in before.items()
        if name.startswith("encoder/")
    ]
    assert len(moved) > 200 and np.mean(moved) > 0.9
    assert np.all(np.isfinite([row["loss"] for row in rows(run)]))


@pytest.mark.slow
def test_stops_resumes_and_goes_home(recipe, lowered, tmp_path):
    run = str(tmp_path / "run")
    lower(recipe, run)
    said = run_pyz(run, "--max_hours=1e-9", status=75)
    assert "The same command resumes" in said
    step, _ = checkpoint.read_newest(run_folder.checkpoints(run))
    assert 0 < step < 51
    run_pyz(run, "--images=host")
    for row, same in zip(rows(lowered), rows(run), strict=True):
        assert same["loss"] == row["loss"], row["step"]
    assert "51/51" not in run_pyz(run)  # There is nothing left to do.
    assert cli.main(["evaluate", run, "--nobaselines"]) == 0
    with open(f"{run}/results.json") as file:
        scores = json.load(file)["rows"]
    knn = next(r for r in scores if r["name"] == "trained encoder")["knn_top1"]
    [row] = [r for r in metrics.read(f"{run}/metrics.jsonl") if "knn" in r]
    assert row["step"] == 51
    assert row["knn"] == pytest.approx(knn, abs=1e-6)


@pytest.mark.slow
def test_tensorflow_goes_on_where_the_runner_stopped(recipe, tmp_path):
    run = str(tmp_path / "run")
    lower(recipe, run)
    run_pyz(run, "--max_hours=1e-9", status=75)
    pretrain(recipe, run)
    assert rows(run)[-1]["step"] == 51


@pytest.mark.slow
def test_a_classifier_with_a_frozen_teacher(recipe, tmp_path):
    """Distillation: the teacher's weights travel beside the checkpoint."""
    photos = recipe.parent / "photos"
    teacher = tiny_classifier.write(tmp_path / "teacher", photos)
    run = str(tmp_path / "student")
    flags = ["epochs=2", "batch_size=16", "distill.cache=False"]
    stopped = cli.main(
        ["distill", f"--teacher={teacher}", f"--workdir={run}"]
        + ["--strategy=cpu", "--max_hours=1e-9"]
        + [f"--set={flag}" for flag in flags]
    )
    assert stopped == 75
    assert cli.main(["lower", f"--workdir={run}"]) == 0
    run_pyz(run)
    assert [row["step"] for row in rows(run)][-1] == 9
    assert all(0 <= row["agreement"] <= 1 for row in rows(run))
    with np.load(f"{run}/lowered/frozen.npz") as frozen:
        assert len(frozen.files) > 20


def test_an_unreadable_image_is_neither_fitted_on_nor_scored(
    tmp_path, capsys, monkeypatch
):
    """Another's pixels are stored for it; it is listed, not scored."""
    photos = tiny.write_photos(tmp_path / "photos")
    held = tiny.write_photos(tmp_path / "held", count=8, seed=1)
    for path in (photos / "cat/002.png", held / "dog/003.png"):
        path.write_bytes(path.read_bytes()[:60])
    net = types.SimpleNamespace(variables=[])
    for name, answer in {
        "simclr.pjrt.executable.require": None,
        "simclr.lowering.program.lower_encoder": net,
        "simclr.commands.tools.lowered._write_step": {},
        "simclr.commands.tools.lowered._write_program": {},
    }.items():  # All that needs jax.
        monkeypatch.setattr(name, lambda *_, answer=answer, **__: answer)
    recipe = write_recipe(tmp_path / "recipe.py", photos)
    run = tmp_path / "run"
    lower(
        recipe,
        str(run),
        f"--eval_data={held}",
        "--set=epochs=2",
        "--set=data.max_bad_share=0.1",
    )
    said = capsys.readouterr()
    assert "the score is of 7 images only" in said.err
    assert f"overruled: data.eval_source: '' -> {str(held)!r}" in said.err
    assert "overruled: epochs" not in said.err
    assert "1 unreadable image left out, see" in said.out
    assert (run / "unreadable_images.tsv").read_text().startswith("cat/002.png")
    assert (run / "unreadable_eval.tsv").read_text().startswith("dog/003.png")
    folder = run / "lowered"
    parts = np.load(folder / "parts.npz")
    for part, name, count in (
        ("fit", "images", 63),
        ("score", "eval_images", 7),
    ):
        kept = np.load(folder / f"{name}_rows.npz")
        rows = parts[f"{part}_rows"]
        assert len(set(rows)) == count and not kept["replaced"][rows].any()
        np.testing.assert_array_equal(
            parts[f"{part}_label"], kept["label"][rows]
        )
    notes = run_folder.read_facts(str(run))["notes"]
    assert any(note.startswith("overruled: data.eval_source") for note in notes)


def test_the_bundle_has_all_it_needs_and_no_tensorflow(tmp_path):
    path = tmp_path / "train.pyz"
    bundle_runner(str(path))
    with zipfile.ZipFile(path) as bundle:
        assert "simclr/pjrt/runner.py" in bundle.namelist()
    done = subprocess.run(
        [sys.executable, "-c", WITHOUT, str(path), "--help"],
        capture_output=True,
        text=True,
        cwd=tmp_path,
        env={k: v for k, v in os.environ.items() if k != "PYTHONPATH"},
    )
    assert done.returncode == 0, done.stderr
    assert "--images" in done.stdout
    assert "finetune" in done.stdout and "--config=RECIPE" not in done.stdout


def test_every_epoch_holds_every_image_once():
    order = image_store.Order(5, 10)
    seen = np.concatenate([order.rows(step, 4) for step in range(5)])
    np.testing.assert_array_equal(np.sort(seen[:10]), np.arange(10))
    np.testing.assert_array_equal(np.sort(seen[10:]), np.arange(10))
    assert (seen[:10] != seen[10:]).any()
    np.testing.assert_array_equal(
        image_store.Order(5, 10).rows(3, 4), seen[12:16]
    )
    assert (image_store.Order(6, 10).rows(0, 10) != seen[:10]).any()


def test_what_cannot_be_lowered(capsys, tmp_path, monkeypatch):
    monkeypatch.setattr("simclr.pjrt.executable.require", lambda: None)
    assert cli.main(["lower"]) == 2
    assert "--config=RECIPE" in capsys.readouterr().err
    recipe = "configs/imagenet_finetune_1pct.py"
    assert cli.main(["lower", f"--config={recipe}"]) == 2
    assert "simclr finetune" in capsys.readouterr().err
    assert cli.main(["lower", f"--workdir={tmp_path}"]) == 2
    assert "no run folder" in capsys.readouterr().err


def test_a_run_without_a_whole_checkpoint(tmp_path, capsys, monkeypatch):
    (tmp_path / "lowered").mkdir()
    (tmp_path / "lowered" / "signature.json").write_text('{"replicas": 1}')
    device = types.SimpleNamespace(device_kind="cpu")
    monkeypatch.setattr(jax_devices, "devices", lambda *_: [device])
    config = tiny.config(tmp_path)
    (tmp_path / "config.json").write_text(config_lib.to_json(config))
    (tmp_path / "run.json").write_text('{"data": {}}')
    assert runner.main([str(tmp_path)]) == 2
    assert "no whole checkpoint" in capsys.readouterr().err


def test_a_folder_that_is_not_lowered(tmp_path, capsys):
    assert runner.main([str(tmp_path)]) == 2
    assert "is not lowered" in capsys.readouterr().err
