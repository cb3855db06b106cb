"""SimCLR v1, ResNet-50, ImageNet, 100 epochs at batch 4,096.

Paper: Chen et al. 2020, arxiv.org/abs/2002.05709; the numbers are those of
    the published code's README command.
Command:
    simclr pretrain --config=configs/imagenet_resnet50.py --strategy=tpu
Hardware: a TPU slice with room for 4,096 images (32 v3 cores took the authors
    about 6 hours).
Expected: linear top-1 64.5 as published; not yet run by us.
"""

from simclr.config import Augment, Config, Data, Loss, Model, Optimizer, Train

config = Config(
    epochs=100,
    batch_size=4096,
    data=Data(
        source="tfds:imagenet2012/train",
        eval_source="tfds:imagenet2012/validation",
        image_size=224,
    ),
    augment=Augment(color_strength=1.0, blur_probs=(0.5, 0.5)),
    model=Model(
        depth=50,
        stem="imagenet",
        head_layers=2,  # v1's head; SimCLRv2 has 3.
        head_dim=128,
    ),
    # The published loss is twice the paper's mean; batch norm's parameters
    # are outside LARS and feel the factor.
    loss=Loss(temperature=0.1, weight=2.0),
    optimizer=Optimizer(
        name="lars",
        base_lr=0.075,  # x sqrt(4096) = 4.8, as 0.3 x 4096/256 is.
        lr_scaling="sqrt",
        weight_decay=1e-4,  # The README's; the paper's text says 1e-6.
        warmup_epochs=10,
    ),
    train=Train(precision="mixed_bfloat16", log_steps=100, eval_epochs=10.0),
)
