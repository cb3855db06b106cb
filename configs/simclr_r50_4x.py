"""SimCLR v1, ResNet-50 4x, ImageNet, 1,000 epochs.

Paper: Chen et al. 2020, arxiv.org/abs/2002.05709, Section 6.
Command:
    simclr pretrain --config=configs/simclr_r50_4x.py --strategy=tpu
Hardware: the authors used 128 Cloud TPU v3 cores.
Expected: as published, linear top-1 76.6. Not yet run by us.
"""

from simclr.config import derive

config = derive(
    __file__,
    "imagenet_resnet50.py",
    epochs=1000,
    model={"width": 4.0},
    # The paper's; the published command of 100 epochs has 1e-4.
    optimizer={"base_lr": 0.3, "lr_scaling": "linear", "weight_decay": 1e-6},
)
