"""The demo: SimCLRv2's three stages on the embedded Fashion-MNIST sample.

Paper: Chen et al. 2020b, arxiv.org/abs/2006.10029.
Command:
    make demo
Hardware: 2 CPU cores, five minutes.
Expected: probe 74.8 %, supervised 66.6, teacher 74.0, self-distilled 74.5,
    student 72.6.
"""

import dataclasses
import os

from simclr import config as config_lib
from simclr.config import Classifier, Config, Distill, Optimizer, Train
from simclr.config.stages import Pipeline

_HERE = os.path.dirname(__file__)
pretrain = config_lib.load(os.path.join(_HERE, "..", "demo.py"))
pretrain = dataclasses.replace(
    pretrain, model=dataclasses.replace(pretrain.model, head_layers=3)
)
# Crops and flips are all that the later stages do to an image.
crops = dataclasses.replace(
    pretrain.augment, crop_area=(0.4, 1.0), jitter_prob=0.0, gray_prob=0.0
)
teacher = Config(
    task="finetune",
    init="pretrain",
    epochs=200,  # Of 120 labelled images.
    batch_size=32,
    data=pretrain.data,
    augment=crops,
    model=pretrain.model,
    classifier=Classifier(from_layer=1),
    optimizer=Optimizer(
        name="sgd", base_lr=0.05, weight_decay=0.0, warmup_epochs=0
    ),
    train=Train(eval_epochs=100.0, checkpoint_epochs=50.0),
)
supervised = dataclasses.replace(
    teacher,
    init="",
    optimizer=Optimizer(
        name="sgd", base_lr=0.2, weight_decay=5e-4, warmup_epochs=5
    ),
)
self_distilled = dataclasses.replace(
    teacher,
    task="distill",
    init="pretrain",
    epochs=4,
    batch_size=128,
    distill=Distill(teachers=("teacher",)),
    optimizer=Optimizer(
        name="sgd", base_lr=0.03, weight_decay=5e-4, warmup_epochs=0.5
    ),
    train=Train(eval_epochs=2.0, checkpoint_epochs=1.0),
)
student = dataclasses.replace(
    self_distilled,
    init="",
    epochs=8,
    model=dataclasses.replace(pretrain.model, width=0.125),
    classifier=Classifier(from_layer=0),
    distill=Distill(teachers=("self_distilled",), cache=True),
    optimizer=Optimizer(
        name="sgd", base_lr=0.4, weight_decay=1e-4, warmup_epochs=1
    ),
)

pipeline = Pipeline(
    label_fraction=0.01,
    stages={
        "pretrain": pretrain,
        "supervised": supervised,
        "teacher": teacher,
        "self_distilled": self_distilled,
        "student": student,
    },
)
