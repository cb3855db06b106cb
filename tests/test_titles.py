"""Titles: the objective, the net and the images, as a reader knows them."""

import dataclasses

import pytest

from simclr.commands.train import launch
from simclr.commands.use import evaluate_encoder
from simclr.config import Loss, words
from simclr.losses.objectives import OBJECTIVES
from simclr.messages.names import short_name
from tests import tiny


def config(**changes):
    return tiny.config("/home/someone/data/cifar10/train", **changes)


def test_every_objective_has_a_title_of_its_own():
    titles = {words.method(config(loss=Loss(name=name))) for name in OBJECTIVES}
    assert len(titles) == len(OBJECTIVES)
    assert {"SimCLR", "Barlow Twins"} < titles
    assert not any("_" in title for title in titles)


@pytest.mark.parametrize(
    "task, init, title",
    [
        ("finetune", "runs/a", "fine-tuned"),
        ("finetune", "", "supervised"),
        ("distill", "", "distilled"),
    ],
)
def test_later_stages_are_not_their_objective(task, init, title):
    assert words.method(config(task=task, init=init)) == title


def test_a_title_says_the_run_the_objective_and_the_images_alone():
    barlow = config(loss=Loss(name="barlow_twins"))
    title = evaluate_encoder._title("/home/someone/runs/mine", barlow, None, {})
    assert title == "mine: Barlow Twins on cifar10/train"


def test_a_title_says_what_the_features_know():
    row = {"knn_top1": 0.6666, "linear_top1": 0.7}
    title = evaluate_encoder._title("runs/mine", config(), None, row)
    assert title == "mine: 66.7 % by kNN, 70.0 % by a linear probe"


def test_a_subtitle_has_the_whole_net():
    model = dataclasses.replace(tiny.CONFIG.model, sk_ratio=0.0625)
    assert evaluate_encoder._subtitle(config(model=model), 1200, None) == (
        "SimCLR on cifar10/train, ResNet-10 x0.125+SK, 16 pixels, batch 16, "
        "4 epochs, step 1,200"
    )
    imported = {"path": "/home/someone/simclr_r50.ckpt"}
    assert evaluate_encoder._subtitle(config(), 0, imported) == (
        "ResNet-10 x0.125, 16 pixels, from simclr_r50.ckpt"
    )
    assert evaluate_encoder._title("runs/r50", config(), imported, {}) == (
        "r50: imported weights"
    )


@pytest.mark.parametrize(
    "spec, name",
    [
        ("/tmp/data/cifar10/train", "cifar10/train"),
        ("folder:/tmp/photos/", "photos"),
        ("tfds:cifar10/test", "cifar10/test"),
        ("tfrecord:gs://b/x/train-*", "x"),
        ("sample/train", "sample/train"),
        ("/tmp/photos without labels.csv", "photos without labels.csv"),
        (".", "."),
    ],
)
def test_short_names(spec, name):
    assert short_name(spec) == name


def test_what_comes_next_can_be_done():
    """A classifier without held-out images has nothing to be scored on."""
    data = dataclasses.replace(config().data, eval_source="")
    for task in ("finetune", "distill"):
        alone = launch.scoring("run", config(task=task, data=data))
        assert alone.startswith("simclr evaluate run --eval_data=")
    assert launch.scoring("run", config(data=data)) == "simclr evaluate run"
    held_out = dataclasses.replace(data, eval_source="photos")
    known = config(task="finetune", data=held_out)
    assert launch.scoring("run", known) == "simclr evaluate run"
