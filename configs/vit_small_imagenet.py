"""SimCLR's loss on ViT-S/16 by the recipe of MoCo v3, ImageNet, 300 epochs.

Paper: Chen, Xie and He 2021, arxiv.org/abs/2104.02057. From it and its code:
    AdamW at 1.5e-4 x batch/256, decay 0.1, 40 epochs of warm-up, the patch
    projection frozen, positions by sine and cosine, a 3-layer head 4096-256,
    temperature 0.2, its views. Other than there: no momentum encoder and no
    predictor, for the loss is NT-Xent; its last batch norm keeps a scale; and
    norms, biases and the class token are not decayed.
Command:
    simclr pretrain --config=configs/vit_small_imagenet.py --strategy=tpu
Hardware: a TPU slice with room for 4,096 images (simclr compile says which);
    fewer chips with --set train.microbatch=1024.
Expected: not yet run by us, and no number of this loss with this recipe is
    known to us; MoCo v3 itself reaches 73.2 % linear top-1 with this net.
"""

from simclr.config import BYOL, Config, Data, Loss, Model, Optimizer, Train

config = Config(
    epochs=300,
    batch_size=4096,
    data=Data(
        source="tfds:imagenet2012/train",
        eval_source="tfds:imagenet2012/validation",
        image_size=224,
    ),
    augment=BYOL,  # MoCo v3's is the same.
    model=Model(
        name="vit_small",
        patch=16,
        freeze_patch=True,
        head_layers=3,
        head_hidden=4096,
        head_dim=256,
    ),
    loss=Loss(temperature=0.2),
    optimizer=Optimizer(
        name="adamw",
        base_lr=1.5e-4,
        lr_scaling="linear",
        weight_decay=0.1,
        warmup_epochs=40,
    ),
    train=Train(
        precision="mixed_bfloat16",
        log_steps=100,
        checkpoint_epochs=5.0,
        eval_epochs=20.0,
    ),
)
