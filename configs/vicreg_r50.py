"""VICReg, ResNet-50, ImageNet, 1,000 epochs at batch 2,048.

Paper: Bardes, Ponce and LeCun 2022, arxiv.org/abs/2105.04906; the numbers are
    those of the published code.
Command:
    simclr pretrain --config=configs/vicreg_r50.py --strategy=tpu
Hardware: 32 GPUs or a TPU slice with room for 2,048 images (the authors took 4
    nodes of 8 GPUs); fewer chips with --set train.microbatch=256.
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
    augment=BYOL,  # The published code's is the same.
    model=Model(
        depth=50,
        stem="torchvision",
        normalization="imagenet",
        head_layers=3,  # The "expander", 8192-8192-8192.
        head_hidden=8192,
        head_dim=8192,
        head_norm=False,
        joint_views=False,
    ),
    loss=Loss(name="vicreg", coefficients=(25.0, 25.0, 1.0)),
    optimizer=Optimizer(
        name="lars",
        lars_variant="barlow",  # Its LARS is that of Barlow Twins' code, ...
        base_lr=0.2,  # ... with one learning rate for all variables.
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
