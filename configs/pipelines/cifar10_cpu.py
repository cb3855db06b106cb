"""SimCLRv2's three stages on CIFAR-10, narrow ResNet-18, two CPU cores.

Paper: Chen et al. 2020b, arxiv.org/abs/2006.10029.
Command:
    simclr pipeline configs/pipelines/cifar10_cpu.py \
        --data=cifar10/train --eval_data=cifar10/test --label_fraction=0.01
    With 10 % of the labels: --label_fraction=0.1 --set supervised.epochs=60
    --set self_distilled.init=teacher, and epochs=30 for teacher, layer0 and
    layer2. An hour of pretraining is saved by --pretrained=RUN the second time.
Hardware: 2 cores with bfloat16; pretraining takes forty minutes, each later
    stage at most twenty.
Expected: docs/results.md.
"""

import dataclasses
import os

from simclr import config as config_lib
from simclr.config import Classifier, Config, Distill, Optimizer, Train
from simclr.config.stages import Pipeline

_HERE = os.path.dirname(__file__)
pretrain = config_lib.load(
    os.path.join(_HERE, "..", "cifar10_resnet18_cpu.py"),
    [
        "epochs=40",
        "model.head_layers=3",
        "optimizer.name=muon",
        "optimizer.base_lr=0.02",
        "optimizer.bias_lr_factor=12.5",
        "train.precision=mixed_bfloat16",
    ],
)
# Crops and flips are all that the later stages do to an image.
crops = dataclasses.replace(pretrain.augment, jitter_prob=0.0, gray_prob=0.0)
teacher = Config(
    task="finetune",
    init="pretrain",
    epochs=50,  # Of 500 labelled images; twice as many lost a point.
    batch_size=32,
    data=pretrain.data,
    augment=crops,
    model=pretrain.model,
    classifier=Classifier(from_layer=1),
    optimizer=Optimizer(
        name="sgd", base_lr=0.02, weight_decay=0.0, warmup_epochs=0
    ),
    train=Train(
        precision="mixed_bfloat16", eval_epochs=25.0, checkpoint_epochs=25.0
    ),
)
supervised = dataclasses.replace(
    teacher,
    init="",
    epochs=600,
    batch_size=64,
    optimizer=Optimizer(
        name="sgd", base_lr=0.1, weight_decay=5e-4, warmup_epochs=5
    ),
    train=dataclasses.replace(teacher.train, eval_epochs=200.0),
)
self_distilled = dataclasses.replace(
    teacher,
    task="distill",
    init="pretrain",
    epochs=25,  # Of 50,000 images.
    batch_size=256,
    augment=dataclasses.replace(crops, crop_area=(0.25, 1.0)),
    distill=Distill(teachers=("layer0", "teacher", "layer2"), cache=True),
    optimizer=Optimizer(
        # The first epochs lose points, the last win more: 63.9 % after 5 of 25,
        # 64.6 after 15, 67.0 after 20. Smaller rates and shorter runs gained
        # nothing (docs/measurements.md).
        name="sgd",
        base_lr=0.1,
        weight_decay=5e-4,
        warmup_epochs=0.5,
    ),
    train=Train(
        precision="mixed_bfloat16", eval_epochs=5.0, checkpoint_epochs=1.0
    ),
)
student = dataclasses.replace(
    self_distilled,
    init="",
    epochs=30,
    batch_size=128,
    # Weak crops: so small a net is too small for them before it is too big.
    augment=dataclasses.replace(crops, crop_area=(0.4, 1.0)),
    model=dataclasses.replace(pretrain.model, width=0.125),
    classifier=Classifier(from_layer=0),
    distill=Distill(teachers=("self_distilled",), cache=True),
    optimizer=Optimizer(
        name="sgd", base_lr=0.2, weight_decay=5e-4, warmup_epochs=1
    ),
    # Eight channels are slow in bfloat16: 706 images/s a step, not 3,214.
    train=Train(eval_epochs=5.0, checkpoint_epochs=1.0),
)

pipeline = Pipeline(
    label_fraction=0.01,
    stages={
        "pretrain": pretrain,
        "supervised": supervised,
        "layer0": dataclasses.replace(
            teacher, classifier=Classifier(from_layer=0)
        ),
        "teacher": teacher,
        "layer2": dataclasses.replace(
            teacher, classifier=Classifier(from_layer=2)
        ),
        "self_distilled": self_distilled,
        "student": student,
    },
)
