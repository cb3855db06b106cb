"""Barlow Twins, ResNet-50, ImageNet, 1,000 epochs at batch 2,048.

Paper: Zbontar et al. 2021, arxiv.org/abs/2103.03230; the numbers are those of
    the published code.
Command:
    simclr pretrain --config=configs/barlow_twins_r50.py --strategy=tpu
Hardware: 32 GPUs or a TPU slice with room for 2,048 images (the authors took
    about 124 hours on 32 V100); fewer chips with --set train.microbatch=256.
Expected: linear top-1 73.2 as published; not yet run by us.
"""

from simclr.config import BYOL, Config, Data, Loss, Model, Optimizer, Train

config = Config(
    epochs=1000,
    batch_size=2048,
    data=Data(
        source="tfds:imagenet2012/train",
        eval_source="tfds:imagenet2012/validation",
        image_size=224,
    ),
    augment=BYOL,  # Barlow Twins' is the same.
    model=Model(
        depth=50,
        stem="torchvision",
        normalization="imagenet",
        head_layers=3,
        head_hidden=8192,
        head_dim=8192,
        head_norm=False,  # The loss normalizes.
        joint_views=False,
    ),
    loss=Loss(
        name="barlow_twins",
        trade_off=0.0051,
        # The published gradient on 32 devices (simclr/losses/barlow_twins.py).
        # With the exact one, weight 1, biases learn alike at bias_lr_factor
        # 0.024 / 32 = 0.00075.
        weight=1 / 32,
    ),
    optimizer=Optimizer(
        name="lars",
        lars_variant="barlow",
        base_lr=0.2,
        bias_lr_factor=0.024,  # 0.0048 / 0.2: biases and batch norm.
        weight_decay=1e-6,
        warmup_epochs=10,
        final_lr_share=0.001,
    ),
    train=Train(
        precision="mixed_bfloat16",
        log_steps=100,
        checkpoint_epochs=5.0,
        eval_epochs=20.0,
    ),
)
