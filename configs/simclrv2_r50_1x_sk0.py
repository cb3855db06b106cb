"""SimCLRv2, ResNet-50 1x, ImageNet.

Paper: Chen et al. 2020, arxiv.org/abs/2006.10029, Table 1.
Command:
    simclr pretrain --config=configs/simclrv2_r50_1x_sk0.py --strategy=tpu
Hardware: the authors used 128 Cloud TPU cores.
Expected: as published, linear 71.7, and fine-tuned on 1 / 10 / 100 % of the
    labels 57.9 / 68.4 / 76.3 (supervised 76.6). Not yet run by us.
"""

from simclr.config import Config, Data, Loss, Model, Optimizer, Train

config = Config(
    epochs=800,
    batch_size=4096,
    data=Data(
        source="tfds:imagenet2012/train",
        eval_source="tfds:imagenet2012/validation",
        image_size=224,
    ),
    model=Model(depth=50, stem="imagenet", head_layers=3),
    # The published loss is twice the paper's mean; batch norm's parameters
    # are outside LARS and feel the factor.
    loss=Loss(temperature=0.1, weight=2.0),
    optimizer=Optimizer(
        name="lars",
        base_lr=0.1,  # x sqrt(4096) = 6.4, the paper's peak.
        lr_scaling="sqrt",
        weight_decay=1e-4,
        warmup_epochs=40,  # The first 5 % of the epochs.
    ),
    train=Train(precision="mixed_bfloat16", log_steps=100, eval_epochs=20.0),
)
