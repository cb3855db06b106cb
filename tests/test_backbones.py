"""The table of backbones, and Keras models that are not in it."""

import dataclasses
import subprocess
import sys

import numpy as np
import pytest
import tensorflow as tf

from simclr import config as config_lib
from simclr.config import Classifier, Config
from simclr.models import backbones, classifier
from simclr.models.variables import named_variables
from simclr.runs import checkpoint
from simclr.runs import folder as run_folder
from simclr.training.tasks import Distill
from tests import tiny


def configured(*overrides):
    return config_lib.override(Config(), overrides)


def test_configs_are_read_without_tensorflow():
    code = (
        "import sys; from simclr import config; "
        "c = config.override(config.Config(), ['model.name=vit_small']); "
        "from simclr.models import backbones; "
        "print(backbones.describe(c.model), 'keras' in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True
    )
    assert done.stdout.split() == ["ViT-S/4", "False"]


@pytest.mark.parametrize(
    ("overrides", "words"),
    [
        (["model.depth=50", "model.width=2"], "ResNet-50 x2"),
        (["model.depth=152", "model.sk_ratio=0.0625"], "ResNet-152 x1+SK"),
        (["model.name=vit_base", "data.image_size=224"], "ViT-B/16"),
        (["model.name=vit_small", "model.patch=8"], "ViT-S/8"),
        (["model.name=mobilenet_v3_large"], "MobileNetV3-Large"),
        (["model.name=my.package:net"], "my.package:net"),
    ],
)
def test_words(overrides, words):
    assert backbones.describe(configured(*overrides).model) == words


@pytest.mark.parametrize(
    ("overrides", "message"),
    [
        (["model.name=vit"], "'vit'; choose one of resnet, .*vit_small"),
        (["model.name=mobilenet_v3"], "Did you mean mobilenet_v3"),
        (["model.depth=20"], "model.depth is 20; choose one of 10, 18"),
        (["model.width=0"], "model.width is 0.0; it must be > 0"),
        (["model.se_ratio=-1"], "model.se_ratio is -1.0; it must be >= 0"),
        (
            ["model.depth=50", "model.name=vit_small"],
            "model.depth is not for vit_small, which takes model.patch",
        ),
        (
            ["model.name=a.b:c", "model.stem=cifar"],
            "model.stem is not for a.b:c, which takes no option",
        ),
        (["model.name=vit_small", "model.patch=3"], "model.patch is 3; choose"),
        (
            ["model.name=vit_small", "data.eval_image_size=30"],
            "multiple of model.patch, 4 pixels, not of 30",
        ),
        (
            ["model.name=vit_small", "classifier.freeze=group1"],
            "choose one of none, stem, block1, .*, block12, final, head",
        ),
        (
            ["model.name=a.b:c", "classifier.freeze=stem"],
            "choose one of none, encoder, head",
        ),
        (
            ["model.name=mobilenet_v3_small", "model.stem=torchvision"],
            "choose one of auto, cifar, imagenet",
        ),
    ],
)
def test_bad_values_say_what_the_backbone_takes(overrides, message):
    with pytest.raises(ValueError, match=message):
        configured(*overrides)


def test_options_of_other_backbones_are_put_back():
    """Another net on a recipe of a narrow ResNet is no narrow net."""
    narrow = configured("model.width=0.25", "model.depth=50")
    student = config_lib.override(narrow, ["model.name=mobilenet_v3_small"])
    assert student.model == configured("model.name=mobilenet_v3_small").model
    assert student.model.stem == "cifar"


@pytest.mark.parametrize("last", ["stem", "group2", "final", "head"])
def test_freezes_up_to_a_part(last):
    config = dataclasses.replace(
        configured("model.name=mobilenet_v3_small"),
        classifier=Classifier(from_layer=1, freeze=last),
    )
    net = classifier.build(config, 3)
    parts = backbones.parts(config.model)
    index = parts.index(last) if last in parts else len(parts)
    frozen = parts[: index + 1]
    for layer in net.models["encoder"].layers:
        if layer.weights:
            part = layer.name.partition("_")[0]
            assert bool(layer.trainable_variables) == (part not in frozen)
    trained = bool(net.models["head"].trainable_variables)
    assert trained == (last != "head")
    assert net.models["classifier"].trainable_variables


def test_teacher_and_student_may_be_any_two(tmp_path):
    """A ResNet and a ViT, averaged, teach a MobileNetV3."""
    photos = tiny.write_photos(tmp_path / "photos", count=4)
    runs = []
    for name in ("resnet", "vit_small"):
        config = config_lib.override(
            tiny.config(photos, task="finetune"), [f"model.name={name}"]
        )
        net = classifier.build(config, 2)
        runs.append(str(tmp_path / name))
        facts = {
            "data": {"images": 0, "fingerprint": ""},
            "classes": ["cat", "dog"],
        }
        with run_folder.open_run(runs[-1], config, facts):
            checkpoint.save(
                run_folder.checkpoints(runs[-1]),
                4,
                named_variables(**net.models),
            )
    config = config_lib.override(
        tiny.config(photos, task="distill"),
        ["model.name=mobilenet_v3_small", f"distill.teachers={runs!r}"],
    )
    task = Distill(config, num_examples=64, num_classes=2)
    task.optimizer.iterations.assign(5)
    before = [v.numpy() for v in task.variables]
    teachers = [v for t in task.teachers for v in all_variables(t)]
    kept = [v.numpy() for v in teachers]
    images = np.random.default_rng(0).random((4, 16, 16, 3), np.float32)
    result = task.step(
        {
            "view1": tf.constant(images),
            "label": tf.fill([4], -1),
            "replaced": tf.zeros([4], tf.int32),
        }
    )
    assert np.isfinite(result["loss"]) and result["grad_norm"] > 0
    moved = [np.any(v != old) for v, old in zip(task.variables, before)]
    assert np.mean(moved) > 0.9
    for v, old in zip(teachers, kept, strict=True):
        np.testing.assert_array_equal(v, old)


def all_variables(trained):
    return named_variables(**trained.models).values()


def test_the_size_of_the_images_settles_what_is_open():
    """stem="auto": without a size there is no telling."""
    model = dataclasses.replace(Config().model, depth=10, width=0.125)
    ends_of = {
        size: backbones.build_encoder(model, size)(np.zeros([1, 64, 64, 3]))
        for size in (32, 224)
    }
    small, large = (ends["group1"].shape[1] for ends in ends_of.values())
    assert (small, large) == (64, 16)
    with pytest.raises(ValueError, match="auto"):
        backbones.build_encoder(model)
