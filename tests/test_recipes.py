"""Every recipe builds at a tiny size and takes a step."""

import dataclasses
import glob
import json
import pathlib

import numpy as np
import pytest
import tensorflow as tf

from simclr import config as config_lib
from simclr.config import stages
from simclr.data.views import view_draws
from simclr.training.tasks import TASKS

RECIPES = sorted(glob.glob("configs/*.py"))
PIPELINES = sorted(glob.glob("configs/pipelines/*.py"))
COUNTS = json.loads(
    (pathlib.Path(__file__).parent / "golden" / "param_counts.json").read_text()
)
SIZE = 32


def tiny(config):
    """The recipe with narrow layers, small views and 4 images in a batch.

    ResNet-18 has two blocks in a group where ResNet-10 has one of them.
    """
    size = SIZE - SIZE % (config.model.patch or 1)  # Patches fill a view.
    return dataclasses.replace(
        config,
        batch_size=4,
        data=dataclasses.replace(config.data, image_size=size),
        model=dataclasses.replace(
            config.model,
            depth=10 if config.model.depth == 18 else config.model.depth,
            width=0.125,
            head_dim=8,
            head_hidden=min(config.model.head_hidden, 16),
        ),
        train=dataclasses.replace(config.train, precision="float32"),
    )


def recipe(path):
    """A wider net is the same here; a deeper one takes long."""
    model = config_lib.load(path).model
    long = model.depth > 50 or model.width > 1
    marks = [pytest.mark.slow] if long else []
    return pytest.param(path, marks=marks)


@pytest.mark.parametrize("path", map(recipe, RECIPES))
def test_takes_a_step(path):
    takes_a_step(tiny(config_lib.load(path)))


@pytest.mark.parametrize("path", PIPELINES)
def test_every_stage_takes_a_step(path):
    pipeline = stages.load(path)
    assert not next(iter(pipeline.stages.values())).classifies
    for config in pipeline.stages.values():
        takes_a_step(tiny(config))


def takes_a_step(config):
    # The teachers' answers come with the batch, as cached ones do.
    config = dataclasses.replace(
        config,
        distill=dataclasses.replace(config.distill, cache=True),
        distill_encoder=dataclasses.replace(config.distill_encoder, dims=3),
    )
    task = TASKS[config.task](config, num_examples=40, num_classes=3)
    rng = np.random.default_rng(0)
    shape = [2, 4, *[config.data.image_size] * 2, 3]
    images = rng.integers(0, 256, shape, dtype=np.uint8)
    draws = view_draws.draw(0, seed=0, batch_size=4, views=config.augment.views)
    finetune = config.task == "finetune"
    batch = {
        "view1": tf.constant(images[0]),
        "view2": tf.constant(images[1]),
        "draws": {name: x[:, : task.views] for name, x in draws.items()},
        "label": tf.constant([0, 1, 2, 0 if finetune else -1]),
        "target": tf.constant(rng.dirichlet([1, 1, 1], 4), tf.float32),
        "replaced": tf.zeros([4], tf.int32),
    }
    before = [v.numpy() for v in task.variables]
    task.optimizer.iterations.assign(1)  # Past the learning rate of 0.
    result = task.step(batch)
    for name, value in result.items():
        assert np.all(np.isfinite(value)), name
    moved = [np.any(v.numpy() != old) for v, old in zip(task.variables, before)]
    # With zero gammas at the end of a branch, no gradient goes into it yet.
    assert np.mean(moved) > 0.3


def test_published_rows_are_all_there():
    """SimCLRv2's 13 encoders of Table 1 and SimCLR's three."""
    models = {}
    for path in RECIPES:
        m = config_lib.load(path).model
        models[pathlib.Path(path).stem] = (m.depth, m.width, m.sk_ratio)
    v2 = {k: v for k, v in models.items() if k.startswith("simclrv2_")}
    assert len(set(v2.values())) == len(v2) == 13
    for name, (depth, width, sk_ratio) in v2.items():
        sk = int(sk_ratio == 0.0625)
        assert name == f"simclrv2_r{depth}_{width:g}x_sk{sk}"
        assert any(
            (c["depth"], c["width"], c["sk"]) == (depth, width, sk_ratio)
            for c in COUNTS
        )
    for width in (1, 2, 4):
        assert models[f"simclr_r50_{width}x"] == (50, width, 0)
