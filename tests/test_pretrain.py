"""`simclr pretrain`: the recipe it picks, the names and paths it keeps."""

import dataclasses
import json
import os

import numpy as np
import pytest

from simclr import __main__ as cli
from simclr import config as config_lib
from simclr.commands.train import launch
from simclr.config import suggest_tasks, validate
from simclr.config.suggest import suggest
from simclr.data.sources.registry import absolute, open_source
from simclr.messages.names import run_name
from simclr.runs import folder as run_folder
from simclr.training.tasks import Pretrain
from tests import tiny
from tests.images import ListSource, encoded

TINY = [
    "--set=model.depth=10",
    "--set=model.width=0.125",
    "--set=data.image_size=16",
    "--set=train.eval_epochs=0",
]


def source(count, side):
    return ListSource([encoded(0, size=(side, side))] * count)


@pytest.mark.parametrize(
    ("count", "side", "accelerator", "expected"),
    [
        (20, 40, False, (32, 18, 0.25, "cifar", 16)),
        # On a CPU 64 pixels with the small stem would take hours.
        (4000, 128, False, (64, 18, 0.5, "imagenet", 128)),
        (12_000, 28, False, (32, 18, 0.25, "cifar", 256)),
        (50_000, 32, True, (32, 18, 1.0, "cifar", 256)),
        (300_000, 500, True, (224, 50, 1.0, "imagenet", 256)),
    ],
)
def test_recipe_fits_images_and_device(count, side, accelerator, expected):
    config, notes = suggest(
        source(count, side), accelerator=accelerator, replicas=1
    )
    model = config.model
    found = (config.data.image_size, model.depth, model.width, model.stem)
    assert (*found, config.batch_size) == expected
    assert validate(config) == config
    assert f"{count:,} images" in notes[""]


def test_the_recipe_for_photos_is_the_choice_for_photos():
    config, _ = suggest(source(4000, 128), accelerator=False, replicas=1)
    recipe = config_lib.read("configs/photos_resnet18_cpu.py")
    data = dataclasses.replace(config.data, source=recipe.data.source)
    assert recipe == dataclasses.replace(config, data=data)
    assert recipe.augment.crop_area == (0.4, 1.0), "as measured"
    assert recipe.optimizer.name == "muon", "as measured"


def test_an_accelerator_keeps_the_optimizer_that_was_tried_on_one():
    for replicas, name in ((1, "sgd"), (8, "lars")):
        config, notes = suggest(
            source(300_000, 224), accelerator=True, replicas=replicas
        )
        assert config.optimizer.name == name
        assert "optimizer" not in notes


@pytest.mark.parametrize("accelerator", [False, True])
@pytest.mark.parametrize("count", [100, 2062, 50_000, 1_000_000])
def test_no_stage_costs_more_than_pretraining(count, accelerator):
    """Views that pass a net forward and back; a third for forward alone."""
    images = source(count, 64)
    images.labels = np.arange(count) % 10
    devices = {"accelerator": accelerator, "replicas": 1}
    first, _ = suggest(images, **devices)
    most = 2 * first.epochs
    student, _ = suggest_tasks.distill(first, images, **devices)
    assert most / 2 < student.epochs * 4 / 3 <= most * 1.34
    for scratch in (False, True):
        teacher, _ = suggest_tasks.finetune(
            first, images, from_scratch=scratch, **devices
        )
        assert 1 <= teacher.epochs <= max(most, 1)


def test_recipe_takes_the_precision_that_the_device_is_fast_in():
    for precision in ("mixed_bfloat16", "mixed_float16", "float32"):
        config, notes = suggest(
            source(100, 32), accelerator=False, replicas=1, precision=precision
        )
        assert config.train.precision == precision
        assert notes["train.precision"].startswith(f"{precision}: this device")
        assert "bfloat16" in notes["train.precision"]


def test_recipe_batches_divide_among_replicas():
    for count in (20, 33, 100, 5000):
        config, _ = suggest(source(count, 32), accelerator=False, replicas=3)
        assert config.batch_size % 3 == 0 and config.batch_size <= count


def test_too_few_images():
    with pytest.raises(ValueError, match="has 3 images"):
        suggest(source(3, 32), accelerator=False, replicas=1)


@pytest.mark.slow
def test_the_same_command_goes_on_on_another_device(tmp_path):
    """The suggested recipe depends on the replicas; the run's does not."""
    photos = tiny.write_photos(tmp_path / "photos")
    run = str(tmp_path / "run")
    command = ["pretrain", f"--data={photos}", f"--workdir={run}", *TINY]
    command += ["--set=epochs=2", "--strategy=cpu"]
    assert cli.main([*command, "--max_hours=1e-9"]) == 75
    config = run_folder.read_config(run)
    suggested, _ = suggest(
        open_source(str(photos)), accelerator=False, replicas=3
    )
    assert suggested.batch_size != config.batch_size
    assert cli.main(command) == 0
    assert run_folder.read_config(run) == config


def test_runs_inside_the_folder_of_photos(tmp_path, monkeypatch):
    """Its own pictures are no photos; paths are kept absolute."""
    photos = tiny.write_photos(tmp_path / "photos")
    monkeypatch.chdir(photos)
    command = ["pretrain", "--data=.", *TINY, "--max_hours=1e-9"]
    assert cli.main(command) == 75
    [run] = os.listdir("runs")
    assert run == "photos"
    with open(f"runs/{run}/config.json") as file:
        assert json.load(file)["data"]["source"] == str(photos)


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("sample", "sample"),
        ("sample/train", "sample_train"),
        ("tfds:cifar10/train", "cifar10_train"),
        ("/x/cifar10/train/", "cifar10_train"),
        ("configs/demo.py", "demo"),
        ("tfrecord:/a/shards/*", "shards"),
        ("tfrecord:gs://b/x/train-*", "x"),
        ("/x/2024.06 trip", "2024.06_trip"),
        ("..", "run"),
        ("~/Fotos/Müll", "M_ll"),
    ],
)
def test_names_of_runs(spec, name):
    assert run_name(spec) == name


def test_absolute_names_of_sources(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for spec in ("", "sample/test", "tfds:x/train", "gs://b/x", "tfrecord:"):
        assert absolute(spec) == spec
    for folder in ("x", "tfds", "folder"):
        assert absolute(folder) == f"{tmp_path}/{folder}"
    assert absolute("folder:./x") == f"folder:{tmp_path}/x"
    assert absolute("tfrecord:x/*") == f"tfrecord:{tmp_path}/x/*"
    assert absolute("tfrecord:gs://b/*") == "tfrecord:gs://b/*"
    assert absolute("~/x") == os.path.expanduser("~/x")


def test_choices_that_a_setting_replaces_are_not_told(tmp_path):
    """Nor a setting that a later one replaces."""
    notes = {"": "100 images", "model": "a net", "epochs": "100 epochs"}
    _, told = launch.chosen(
        None,
        [],
        str(tmp_path),
        ["model.depth=50", "seed=1"],
        lambda: (tiny.CONFIG, notes),
    )
    assert told == ["100 images", "100 epochs"]
    said = launch.in_force(["epochs=1", "seed=3", "epochs=2"])
    assert said == {"epochs": "epochs=2", "seed": "seed=3"}


def test_few_images_are_told_of_published_encoders(tmp_path):
    """Not where the run starts from weights."""
    photos = tiny.write_photos(tmp_path / "photos")
    config = tiny.config(photos)
    told, _ = Pretrain.open_data(config)
    assert any("64 images are few" in note for note in told.notes)
    started = dataclasses.replace(config, init=str(tmp_path / "run"))
    source, _ = Pretrain.open_data(started)
    assert not any("few" in note for note in source.notes)
