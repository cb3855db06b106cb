"""SimCLRv2's three stages on a folder of your own photos, on a CPU.

Paper: Chen et al. 2020b, arxiv.org/abs/2006.10029.
Command:
    simclr pipeline configs/pipelines/photos_cpu.py --data=PHOTOS \
        --labels=labels.csv --eval_data=LABELLED --workdir=runs/photos
    labels.csv holds id,label of a few of the photos; --eval_data, a labelled
    folder to score on, may be left out.
Hardware: 2 CPU cores; about as long again as the pretraining.
Expected: not measured; CIFAR-10's numbers are in
    docs/results.md.
"""

import dataclasses
import os

from simclr import config as config_lib
from simclr.config import Classifier, Config, Distill, Optimizer, Train
from simclr.config.stages import Pipeline

_HERE = os.path.dirname(__file__)
pretrain = config_lib.load(
    os.path.join(_HERE, "..", "photos_resnet18_cpu.py"),
    ["model.head_layers=3"],
)
teacher = Config(
    task="finetune",
    init="pretrain",
    epochs=50,
    batch_size=32,
    data=pretrain.data,
    # Crops and flips are all that the later stages do to an image.
    augment=dataclasses.replace(
        pretrain.augment,
        jitter_prob=0.0,
        gray_prob=0.0,
        blur_probs=(0.0, 0.0),
    ),
    model=pretrain.model,
    classifier=Classifier(from_layer=1),
    optimizer=Optimizer(
        name="sgd", base_lr=0.02, weight_decay=0.0, warmup_epochs=0
    ),
    train=Train(eval_epochs=25.0, checkpoint_epochs=25.0),
)
self_distilled = dataclasses.replace(
    teacher,
    task="distill",
    init="pretrain",
    epochs=10,
    batch_size=128,
    distill=Distill(teachers=("teacher",)),
    optimizer=Optimizer(
        name="sgd", base_lr=0.03, weight_decay=5e-4, warmup_epochs=0.5
    ),
    train=Train(eval_epochs=5.0, checkpoint_epochs=1.0),
)
student = dataclasses.replace(
    self_distilled,
    init="",
    epochs=20,
    model=dataclasses.replace(pretrain.model, width=pretrain.model.width / 2),
    classifier=Classifier(from_layer=0),
    distill=Distill(teachers=("self_distilled",), cache=True),
    optimizer=Optimizer(
        name="sgd", base_lr=0.2, weight_decay=5e-4, warmup_epochs=1
    ),
)

pipeline = Pipeline(
    stages={
        "pretrain": pretrain,
        "teacher": teacher,
        "self_distilled": self_distilled,
        "student": student,
    },
)
